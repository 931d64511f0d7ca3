"""Secrets and people's text at rest: AES-256-GCM, bound to the row and column they belong to.

Form: one version byte, four bytes that name the key, a random nonce of 12 bytes, the ciphertext with its tag. Tenant,
row and column are authenticated along, so that a ciphertext copied to another row or column does not open. Nonces are
random: one key is good for 2**32 encryptions (https://csrc.nist.gov/pubs/sp/800/38/d/final, section 8.3).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
PREFIX_BYTES = 5
"""How many leading bytes of a ciphertext say under which key it was made."""

_VERSION = b"\x01"
_NONCE_BYTES = 12
_SHORTEST = PREFIX_BYTES + _NONCE_BYTES + 16


class VaultError(Exception):
    """A ciphertext that does not open: altered, moved to another row, or of a key we do not have.

    The text names the column at most; neither plaintext nor ciphertext is ever in it.
    """


class Vault:
    """Encrypts with the newest key, decrypts with any. Thread-safe."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """``keys``: 32 bytes each, newest first."""
        if not keys:
            raise ValueError("the vault needs at least one key")
        if any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a vault key has {KEY_BYTES} bytes")
        self._ciphers = {_prefix(key): AESGCM(key) for key in keys}
        self.newest_prefix = _prefix(keys[0])
        self._newest = self._ciphers[self.newest_prefix]

    @classmethod
    def of(cls, token_keys: Sequence[str]) -> Vault:
        """A vault out of ``TOKEN_KEYS``: each a base64 (or URL-safe base64) text of 32 bytes, newest first."""
        return cls([_decoded(text) for text in token_keys])

    def encrypt(self, plain: bytes, tenant: str, row: str, column: str) -> bytes:
        """``plain`` under the newest key, readable only for this tenant, row and column."""
        nonce = os.urandom(_NONCE_BYTES)
        prefix = self.newest_prefix
        return prefix + nonce + self._newest.encrypt(nonce, plain, _context(prefix, tenant, row, column))

    def decrypt(self, sealed: bytes, tenant: str, row: str, column: str) -> bytes:
        """The plaintext. Raises ``VaultError``."""
        prefix = sealed[:PREFIX_BYTES]
        cipher = self._ciphers.get(prefix)
        if cipher is None or len(sealed) < _SHORTEST:
            raise VaultError(f"{column}: made with a key that is not in TOKEN_KEYS, or not ours")
        body = PREFIX_BYTES + _NONCE_BYTES
        try:
            return cipher.decrypt(sealed[PREFIX_BYTES:body], sealed[body:], _context(prefix, tenant, row, column))
        except InvalidTag:
            raise VaultError(f"{column}: altered, or copied from another row") from None

    def knows(self, prefix: bytes) -> bool:
        """Whether the key that a ciphertext's first bytes name is one of ours."""
        return prefix in self._ciphers

    def needs_rotation(self, sealed: bytes) -> bool:
        """Whether it was made under an older key."""
        return sealed[:PREFIX_BYTES] != self.newest_prefix


def _prefix(key: bytes) -> bytes:
    """Names a key without telling anything of it."""
    digest = hmac.new(key, b"calendar gateway: name of a vault key", hashlib.sha256).digest()
    return _VERSION + digest[: PREFIX_BYTES - len(_VERSION)]


def _context(prefix: bytes, tenant: str, row: str, column: str) -> bytes:
    # PostgreSQL's text cannot hold NUL, so the parts cannot run into each other.
    return prefix + f"{tenant}\0{row}\0{column}".encode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip().translate(_URL_SAFE), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a vault key is the base64 text of 32 bytes") from None


_URL_SAFE = str.maketrans("-_", "+/")
