"""The vault: what goes in comes out, in its place and unaltered, or not at all."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.vault import PREFIX_BYTES, Vault, VaultError

OLD, NEW = b"o" * 32, b"n" * 32
WHERE = ("tenant", "row", "table.column")

places = st.tuples(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)] * 3)


@given(plain=st.binary(max_size=300), where=places)
def test_round_trip(plain: bytes, where: tuple[str, str, str]):
    assert Vault((NEW,)).decrypt(Vault((NEW,)).encrypt(plain, *where), *where) == plain


@given(where=places, other=places)
def test_opens_nowhere_else(where: tuple[str, str, str], other: tuple[str, str, str]):
    sealed = Vault((NEW,)).encrypt(b"secret", *where)
    if where != other:
        with pytest.raises(VaultError):
            Vault((NEW,)).decrypt(sealed, *other)


def test_any_altered_byte_is_noticed():
    vault = Vault((NEW,))
    sealed = vault.encrypt(b"secret", *WHERE)
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(VaultError) as caught:
            vault.decrypt(bytes(altered), *WHERE)
        assert "secret" not in repr(caught.value)
        assert caught.value.__cause__ is None
    for length in range(len(sealed)):
        with pytest.raises(VaultError):
            vault.decrypt(sealed[:length], *WHERE)


def test_never_the_same_twice():
    vault = Vault((NEW,))
    assert len({vault.encrypt(b"secret", *WHERE) for _ in range(1000)}) == 1000


def test_keys_newest_first():
    old, both = Vault((OLD,)), Vault((NEW, OLD))
    sealed = old.encrypt(b"secret", *WHERE)
    assert both.decrypt(sealed, *WHERE) == b"secret"
    assert both.needs_rotation(sealed)
    assert not old.needs_rotation(sealed)
    fresh = both.encrypt(b"secret", *WHERE)
    assert not both.needs_rotation(fresh)
    assert fresh[:PREFIX_BYTES] == both.newest_prefix != sealed[:PREFIX_BYTES]
    with pytest.raises(VaultError, match="TOKEN_KEYS"):
        old.decrypt(fresh, *WHERE)


def test_keys_as_settings_hold_them():
    key = bytes(range(224, 256))
    plain, safe = base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode()
    assert plain != safe
    sealed = Vault.of([plain]).encrypt(b"secret", *WHERE)
    assert Vault.of([base64.b64encode(NEW).decode(), f" {safe}\n"]).decrypt(sealed, *WHERE) == b"secret"


@pytest.mark.parametrize("keys", [[], [""], ["short"], [base64.b64encode(b"k" * 31).decode()], ["k" * 44 + "!"]])
def test_what_is_no_key(keys: list[str]):
    with pytest.raises(ValueError, match="vault") as caught:
        Vault.of(keys)
    assert "kkk" not in str(caught.value)


def test_its_representation_tells_nothing():
    assert "nnn" not in repr(Vault((NEW,)))
