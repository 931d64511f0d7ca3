"""The order of locks: the watcher sees what breaks it, and leaving does not meet a look at the calendar half-way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, create_engine, text

from gateway.core.errors import LeaseLost
from gateway.core.model import UserId
from gateway.core.records import Topic
from gateway.services import connect, pull
from gateway.services.context import calendar_mailbox
from tests.flows.acts import synced_task
from tests.flows.house import House, Person
from tests.flows.lock_order import LockOrder, locked_table


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE links SET state = 'off'", "links"),
        ("WITH a AS (\n UPDATE links SET state = 'off' RETURNING id) DELETE FROM inbox", "links"),
        ("SELECT 1 FROM outbox WHERE key = 'a'\nFOR KEY SHARE", "outbox"),
        ("SELECT id FROM connections FOR NO KEY UPDATE", "connections"),
        ("INSERT INTO outbox AS o (key) VALUES ('a')", "outbox"),
        ("INSERT INTO connections (id) VALUES ('a')", None),
        ("SELECT id FROM links", None),
        ("UPDATE one_use SET kind = 'a'", None),
    ],
)
def test_what_a_statement_locks(statement: str, table: str | None) -> None:
    assert locked_table(statement) == table


def test_the_watcher_sees_what_breaks_the_order(database_url: str) -> None:
    def run(*statements: str) -> list[str]:
        locks.broken.clear()
        with engine.begin() as transaction:
            for number, statement in enumerate(statements):
                transaction.execute(text(statement), {"link": str(9 - number)} if ":link" in statement else {})
        return list(locks.broken)

    engine: Engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    locks = LockOrder()
    link, work = "UPDATE links SET state = 'off' WHERE id = :link", "DELETE FROM outbox"
    try:
        assert run("DELETE FROM connections", link, work) == []
        assert len(run(work, link)) == 1
        assert len(run(link, "DELETE FROM connections", work)) == 1
        assert len(run(link, link)) == 1, "the second has the smaller id"
    finally:
        locks.stop()
        engine.dispose()


def test_leaving_while_a_pull_commits(house: House, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pull has locked what it remembers; whoever leaves waits for it and does not hold what it still needs."""
    synced_task(house, ada)
    house.edit_event(ada, house.event(ada), summary="Call Bob")
    inst, ctx = house.gateway_installation(), house.ctx
    with ctx.store.begin() as uow:
        connection = uow.connections.of_user(inst, UserId(ada.user_id))
        installation = uow.installations.get(inst)
    assert connection is not None
    assert installation is not None
    with ctx.store.begin() as uow:
        lease = uow.outbox.take(inst, Topic.PULL, connection.id, calendar_mailbox(connection.id), ctx.clock.now())
        uow.commit()
    assert lease is not None
    half_way, nobody = threading.Event(), threading.Event()
    remember = pull._remember

    def slow(*given: object, **named: bool) -> None:
        half_way.set()
        nobody.wait(0.15)
        remember(*given, **named)  # type: ignore[arg-type]
        nobody.wait(0.15)

    monkeypatch.setattr(pull, "_remember", slow)
    with ThreadPoolExecutor(2) as pool:
        pulling = pool.submit(pull.pull, ctx, lease, installation)
        assert half_way.wait(10)
        leaving = pool.submit(connect.disconnect, ctx, installation, UserId(ada.user_id))
        leaving.result(10)
        assert isinstance(pulling.exception(10), LeaseLost | None)
    house.settle()
    assert house.api.call("GET", f"/v1/users/{ada.user_id}/connection")["status"] == "disconnected"
