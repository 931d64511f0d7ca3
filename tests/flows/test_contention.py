"""When two transactions meet: no ring of waits, and a row whose work met trouble is not locked away."""

from __future__ import annotations

import threading

import psycopg
import pytest

from gateway.core.model import InstallationId
from gateway.core.ports import Lane
from gateway.core.records import Connection, LedgerCount, Topic
from gateway.core.repositories import StoreDown
from gateway.services import work
from gateway.services.context import calendar_mailbox, crm_mailbox
from tests.flows.acts import edit_task, synced_task
from tests.flows.house import House, Person
from tests.patience import until


def connection_of(house: House, who: Person) -> tuple[InstallationId, Connection]:
    inst = house.gateway_installation()
    with house.ctx.store.begin() as uow:
        found = uow.connections.of_user(inst, who.user_id)  # type: ignore[arg-type]
    assert found is not None
    return inst, found


def somebody_waits(house: House) -> bool:
    with psycopg.connect(house.environment["DATABASE_URL"]) as connection:
        waiting = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
    return waiting is not None and waiting[0] > 0


def test_a_push_that_comes_while_a_look_ends_waits_and_nothing_more(house: House, ada: Person) -> None:
    synced_task(house, ada)
    inst, connection = connection_of(house, ada)
    mailbox, now = calendar_mailbox(connection.id), house.ctx.clock.now()
    with house.ctx.store.begin() as uow:
        uow.outbox.request(inst, Topic.PULL, connection.id, mailbox=mailbox, now=now)
        uow.commit()
    house.advance(seconds=2)
    looks = threading.Thread(
        target=work.drain, args=(house.ctx, inst, mailbox, Lane.NOW), kwargs={"keep_going": lambda: True}
    )
    with house.ctx.store.begin() as push:  # what the door does, step by step
        push.connections.heard(inst, connection.id, now)
        looks.start()
        until(lambda: somebody_waits(house))
        push.connections.count(inst, connection.id, LedgerCount(pushes=1))
        push.outbox.request(inst, Topic.PULL, connection.id, mailbox=mailbox, now=house.ctx.clock.now())
        push.commit()
    looks.join(20)
    house.settle()
    with house.ctx.store.begin() as uow:
        assert uow.connections.ledger(inst, connection.id).pushes >= 1


def test_work_that_the_database_refused_once_is_done_at_once_afterwards(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced_task(house, ada)
    inst, connection = connection_of(house, ada)
    mailbox = calendar_mailbox(connection.id)
    tried: list[int] = []

    def refused(*_: object) -> None:
        tried.append(1)
        raise StoreDown("the database asks to try again: DeadlockDetected 40P01")

    with house.ctx.store.begin() as uow:
        uow.outbox.request(inst, Topic.PULL, connection.id, mailbox=mailbox, now=house.ctx.clock.now())
        uow.commit()
    house.advance(seconds=2)
    with monkeypatch.context() as patched:
        patched.setattr(work, "HANDLERS", {Topic.PULL: refused})
        with pytest.raises(StoreDown):
            work.drain(house.ctx, inst, mailbox, Lane.NOW, keep_going=lambda: True)
    assert tried == [1]
    with house.ctx.store.begin() as uow:
        lease = uow.outbox.lease(inst, mailbox, Lane.NOW, house.ctx.clock.now())
    assert lease is not None
    assert (lease.topic, lease.attempts) == (Topic.PULL, 0)


def test_looks_at_a_calendar_follow_each_other_faster_than_writes(house: House, ada: Person) -> None:
    inst, connection = connection_of(house, ada)
    mailbox, now = calendar_mailbox(connection.id), house.ctx.clock.now()
    house.settle()
    waits = {}
    for topic in (Topic.PULL, Topic.SYNC):
        house.advance(minutes=1)
        now = house.ctx.clock.now()
        with house.ctx.store.begin() as uow:
            lease = uow.outbox.take(inst, topic, "somebody", mailbox, now)
            assert lease is not None
            uow.outbox.settle(lease, now)
            due = uow.outbox.request(inst, topic, "somebody", mailbox=mailbox, now=now)
            waits[topic] = (due - now).total_seconds()
            uow.outbox.cancel(inst, topic, "somebody")
            uow.commit()
    assert waits == {Topic.PULL: 0.25, Topic.SYNC: 1.0}


def test_what_a_banner_shows_waits_behind_what_people_do(house: House, ada: Person) -> None:
    """A thousand state reports would else keep every thread that serves people busy."""
    task = synced_task(house, ada)
    house.advance(minutes=1)
    edit_task(ada, task, due=None)
    until(lambda: not house.crm.sender.busy)
    inst, connection = connection_of(house, ada)
    work.drain(house.ctx, inst, calendar_mailbox(connection.id), Lane.NOW, keep_going=lambda: True)
    with house.ctx.store.begin() as uow:
        due = uow.outbox.due(house.ctx.clock.now(), 10)
    lanes = {one.mailbox: one.lane for one in due}
    lanes.pop(calendar_mailbox(connection.id), None)  # the echo's push may have come by now
    assert lanes == {crm_mailbox(inst): Lane.BACKFILL}
    house.settle()
    assert house.task(task)["reports"][-1]["reason"] == "no_due_date"
