"""The database is away, silent, full, read-only or cut off: callers hear ``StoreDown`` soon, and it heals by itself."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from gateway.core.errors import AlreadyExists, NotReadable
from gateway.core.model import ConnectionId, UserId
from gateway.core.records import Entry
from gateway.core.repositories import Store, StoreDown
from gateway.store.engine import make_engine
from gateway.store.unit_of_work import PgStore
from gateway.store.vault import Vault
from sandbox import embedded
from tests.conftest import migrate
from tests.fakes_store import KEYS
from tests.store.rows import HERE, NOW, a_connection, a_link, furnish, hashed


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Servers]:
    """A PostgreSQL that may be killed."""
    given = {"PATH": os.environ["PATH"], "REDIS_URL": "redis://nobody.invalid"}
    folder: Path = tmp_path_factory.mktemp("own")
    with embedded.start(folder, given, durable=False) as servers:
        migrate(servers.database_url)
        yield servers


@pytest.fixture
def own_engine(own_servers: embedded.Servers) -> Iterator[Engine]:
    engine = make_engine(own_servers.database_url, pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture
def own_store(own_engine: Engine) -> PgStore:
    return PgStore(own_engine, Vault(KEYS))


def works(store: Store) -> bool:
    with store.begin() as uow:
        return uow.installations.by_key("nobody's") is None


@contextmanager
def within(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


def answers(store: PgStore) -> bool:
    try:
        return works(store)
    except StoreDown:
        return False


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "postgresql://nobody@/none?host=/nowhere"])
def test_refused(url: str):
    engine = make_engine(url)
    with within(3), pytest.raises(StoreDown) as caught:
        works(PgStore(engine, Vault(KEYS)))
    assert "nobody" not in str(caught.value)
    engine.dispose()


def test_killed_and_started_again(own_servers: embedded.Servers, own_store: PgStore):
    assert works(own_store)
    own_servers.kill("postgres")
    for _ in range(3):
        with within(3), pytest.raises(StoreDown):
            works(own_store)
    own_servers.start_again("postgres")
    assert works(own_store)


def test_restarted_while_idle_costs_nobody_an_error(own_servers: embedded.Servers, own_store: PgStore):
    with own_store.begin(), own_store.begin():
        pass  # two idle connections in the pool
    own_servers.kill("postgres")
    own_servers.start_again("postgres")
    with own_store.begin() as one, own_store.begin() as other:
        assert one.installations.all() == other.installations.all()


def test_cut_off_in_the_middle(own_servers: embedded.Servers, own_store: PgStore):
    rung: list[int] = []

    def work() -> None:
        with own_store.begin() as uow:
            uow.after_commit(lambda: rung.append(1))
            uow.timeline.add(HERE, a_link().task_id, Entry(NOW, "gateway", "x"))
            own_servers.kill("postgres")
            uow.commit()

    with pytest.raises(StoreDown):
        work()
    own_servers.start_again("postgres")
    assert rung == []
    with own_store.begin() as uow:
        assert uow.timeline.of_task(HERE, a_link().task_id, 1) == []


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_silent(own_servers: embedded.Servers, own_store: PgStore):
    with own_store.begin() as uow:
        pid = uow._transaction.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()  # type: ignore[union-attr]
    with stopped(own_servers.pids["postgres"], pid):
        with within(3), pytest.raises(StoreDown):
            works(own_store)  # no answer on a connection that stands
        with within(3), pytest.raises(StoreDown):
            works(own_store)  # no answer to a new one
    eventually(lambda: answers(own_store))


def test_all_connections_taken(own_servers: embedded.Servers, own_store: PgStore):
    """By ourselves: the wait for one that comes free has an end."""
    with own_store.begin(), own_store.begin(), within(3), pytest.raises(StoreDown):
        works(own_store)
    assert works(own_store)


def test_too_many_connections(own_servers: embedded.Servers):
    """By others: the server says so."""
    url = embedded.create_database(own_servers, "narrow")
    with psycopg.connect(own_servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
    engine = make_engine(url.replace("postgres@", "few@"), pool_size=2)
    with engine.connect(), pytest.raises(StoreDown), engine.connect():
        pass
    engine.dispose()


def test_read_only_after_a_failover(own_engine: Engine, own_store: PgStore):
    with own_engine.begin() as transaction:
        transaction.exec_driver_sql("ALTER DATABASE postgres SET default_transaction_read_only = on")
    own_engine.dispose()
    try:
        with pytest.raises(StoreDown), own_store.begin() as uow:
            uow.timeline.add(HERE, a_link().task_id, Entry(NOW, "gateway", "x"))
        assert works(own_store)
    finally:
        with own_engine.begin() as transaction:
            transaction.exec_driver_sql("SET TRANSACTION READ WRITE")
            transaction.exec_driver_sql("ALTER DATABASE postgres RESET default_transaction_read_only")
        own_engine.dispose()


def test_a_statement_that_takes_too_long(own_servers: embedded.Servers):
    """Given up by us at once, by the server when its own limit has come."""
    engine = make_engine(
        own_servers.database_url,
        patience=timedelta(seconds=0.2),
        statement_timeout=timedelta(seconds=0.5),
        application_name="impatient",
    )
    with within(1), pytest.raises(StoreDown), engine.connect() as transaction:
        transaction.exec_driver_sql("SELECT pg_sleep(30)")
    engine.dispose()
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'impatient'"
    with psycopg.connect(own_servers.database_url, autocommit=True) as connection:
        eventually(lambda: connection.execute(query).fetchone() == (0,))


def test_text_that_no_database_stores(store: PgStore):
    for text in ("a\0b", "a\ud800b"):
        with pytest.raises(NotReadable), store.begin() as uow:
            uow.installations.by_key(text)
        with store.begin() as uow:
            assert uow.one_use.peek("connect", text, NOW) is None
    assert works(store)


def test_taken_names_the_constraint_and_no_value(store: PgStore):
    furnish(store)
    with pytest.raises(AlreadyExists) as caught, store.begin() as uow:
        uow.connections.add(a_connection("c2", email="secret@example.org"))
    assert "connections_one_live_per_user" in str(caught.value)
    assert "secret" not in repr(caught.value)
    assert "secret" not in repr(caught.value.__cause__)


# --- one transaction ------------------------------------------------------------------------------------------------


def test_rolls_back_unless_committed(store: PgStore):
    furnish(store)
    with store.begin() as uow:
        uow.links.add(a_link())
    with contextlib.suppress(KeyError), store.begin() as uow:
        uow.links.add(a_link())
        raise KeyError
    with store.begin() as uow:
        assert uow.links.get(HERE, a_link().id) is None


def test_what_waits_runs_after_the_commit_in_order_and_cannot_undo_it(store: PgStore, caplog: pytest.LogCaptureFixture):
    furnish(store)
    said: list[Any] = []

    def look() -> None:
        with store.begin() as uow:
            said.append(uow.links.get(HERE, a_link().id) is not None)

    def fail() -> None:
        raise RuntimeError("the bell is broken")

    with store.begin() as uow:
        uow.links.add(a_link())
        for act in (look, fail, look):
            uow.after_commit(act)
        assert said == []
        uow.commit()
    assert said == [True, True]
    assert "waited for a commit" in caplog.text


def test_never_runs_without_a_commit(store: PgStore):
    said: list[int] = []
    with store.begin() as uow:
        uow.after_commit(lambda: said.append(1))
    furnish(store)
    with contextlib.suppress(AlreadyExists), store.begin() as uow:
        uow.after_commit(lambda: said.append(1))
        uow.connections.add(a_connection("c2"))
        uow.commit()
    assert said == []


def test_a_transaction_ends_with_its_commit(store: PgStore):
    with store.begin() as uow:
        uow.commit()
        with pytest.raises(RuntimeError, match="begin another"):
            uow.commit()


def test_run_commits_and_gives_the_result(store: PgStore):
    furnish(store)
    assert store.run(lambda uow: uow.links.add(a_link()).id) == "l1"
    assert store.run(lambda uow: uow.commit()) is None  # by itself is fine too
    with store.begin() as uow:
        assert uow.links.get(HERE, a_link().id) is not None


def test_secrets_are_not_in_the_representation_of_anything(store: PgStore):
    furnish(store)
    with store.begin() as uow:
        installation = uow.installations.by_token(hashed("token of here"))
        connection = uow.connections.get(HERE, ConnectionId("c1"))
        shown = f"{store!r} {uow!r} {installation!r} {connection!r} {Vault(KEYS)!r}"
    assert UserId("ada") in shown
    for secret in ("refresh token", "crm token", "whsec_", "kkkk"):
        assert secret not in shown
