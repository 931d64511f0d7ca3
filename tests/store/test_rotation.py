"""Keys rotate: everything is found, nothing is lost, it may stop half-way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, LargeBinary, inspect, text, update
from sqlalchemy.dialects.postgresql import BYTEA

from gateway.core.model import ConnectionStatus, Field, FieldConflict, LinkStatus, TaskId
from gateway.core.records import Arrival
from gateway.core.vitals import KeyState
from gateway.store.rotation import ENCRYPTED, key_state, left, rotate
from gateway.store.schema import LINKS, metadata
from gateway.store.unit_of_work import PgStore
from gateway.store.vault import Vault, VaultError
from tests.fakes_store import KEYS
from tests.store.rows import HERE, NOW, THERE, a_link, a_place, a_task, an_event, furnish

OLD = KEYS[0]
NEW = b"n" * 32
NOT_SECRET = {"installations.api_token_hash", "subscriptions.secret_hash", "inbox.digest", "one_use.token_hash"}


def fill(store: PgStore, links: int = 3) -> None:
    """Something in every encrypted column."""
    furnish(store, HERE, THERE)
    with store.begin() as uow:
        for number in range(links):
            link = uow.links.add(a_link(f"l{number}", place=a_place(f"e{number}")))
            uow.links.hint_task(HERE, link.id, a_task(), version=8, owner_id=None, status=LinkStatus.LIVE)
            uow.links.hint_event(HERE, link.id, an_event(), expected_rev=None)
            uow.conflicts.open(link, FieldConflict(Field.TITLE, "theirs", "ours"), version=7, at=NOW)
        uow.inbox.record(HERE, Arrival("crm", "d1", b"digest", NOW, raw=b"raw body", tasks=(TaskId("t-l0"),)))
        uow.one_use.put("connect", "token", {"user": "ada"}, NOW + timedelta(hours=1), HERE)
        uow.commit()


def test_every_column_of_bytes_is_known_as_ciphertext_or_hash():
    columns = {
        f"{table}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, BYTEA | LargeBinary)
    }
    assert columns == {which.name for which in ENCRYPTED} | NOT_SECRET


def test_no_plaintext_anywhere(store: PgStore, store_engine: Engine):
    fill(store)
    words = [b"Call Ada", b"theirs", b"raw body", b"refresh token", b"crm token of", b"whsec_"]
    with store_engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            rows = connection.execute(text(f"SELECT CAST(t AS text) AS line FROM {name} AS t")).scalars()  # noqa: S608
            for line in rows:
                assert not any(word.decode() in line or word.hex() in line for word in words), name


def test_rotation_leaves_nothing_under_the_old_key(store: PgStore, store_engine: Engine):
    fill(store)
    both, new = Vault((NEW, OLD)), Vault((NEW,))
    before = left(store_engine, both)
    assert before == 4 + 2 + 3 * 4 + 2
    steps = list(rotate(store_engine, both, batch=2))
    assert [step.left for step in steps] == sorted((step.left for step in steps), reverse=True)
    assert (steps[-1].done, steps[-1].failed, steps[-1].left) == (before, 0, 0)
    assert list(rotate(store_engine, both)) == []
    with PgStore(store_engine, new).begin() as uow:
        link = uow.links.get(HERE, a_link("l0").id)
        assert link is not None
        assert (link.memory, link.task_hint, link.event_hint) == (a_link().memory, a_task(), an_event())
        assert [conflict.what.calendar for conflict in uow.conflicts.of_link(HERE, link.id)] == ["theirs"]
        assert uow.one_use.peek("connect", "token", NOW) == {"user": "ada"}
        for name in (HERE, THERE):
            installation = uow.installations.get(name)
            assert installation is not None
            assert installation.credentials == f"crm token of {name}"
            assert installation.webhook_secrets == (f"whsec_{name}",)
            (connection,) = uow.connections.with_status(name, ConnectionStatus.CONNECTED)
            assert connection.credential == b"refresh token"


def test_stopped_and_begun_again(store: PgStore, store_engine: Engine):
    fill(store)
    both = Vault((NEW, OLD))
    first = next(rotate(store_engine, both, batch=1))
    assert left(store_engine, both) == first.left
    assert list(rotate(store_engine, both))[-1].left == 0


def test_a_row_that_no_key_opens_is_counted_and_passed_over(store: PgStore, store_engine: Engine):
    fill(store)
    with store_engine.begin() as transaction:
        lost = Vault((b"x" * 32,)).encrypt(b"{}", HERE, "l1", "links.memory")
        transaction.execute(update(LINKS).where(LINKS.c.id == "l1").values(memory=lost))
    last = list(rotate(store_engine, Vault((NEW, OLD)), batch=1))[-1]
    assert (last.failed, last.left) == (1, 1)


def test_while_the_old_key_is_still_the_only_one_of_another_process(store: PgStore, store_engine: Engine):
    """The order of a rotation: first every process knows both keys, then the walk. Too early, and it says so."""
    fill(store)
    assert list(rotate(store_engine, Vault((NEW, OLD))))[-1].left == 0
    with store.begin() as uow, pytest.raises(VaultError, match="TOKEN_KEYS"):
        uow.links.get(HERE, a_link("l0").id)


def test_what_is_older_and_what_is_lost_is_counted(store: PgStore, store_engine: Engine):
    fill(store)
    every = left(store_engine, Vault((NEW,)))
    assert key_state(store_engine, Vault((OLD,))) == KeyState(0, 0)
    assert key_state(store_engine, Vault((NEW, OLD))) == KeyState(every, 0)
    assert key_state(store_engine, Vault((NEW,))) == KeyState(0, every)
