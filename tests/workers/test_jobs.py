"""What a ring does: takes the ring back, works the mailbox off, raises nothing, and goes round in no circles."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from gateway import settings, wiring
from gateway.core.errors import TryLater
from gateway.core.model import InstallationId
from gateway.core.ports import Lane
from gateway.core.records import Installation, Lease, Topic
from gateway.core.repositories import StoreDown
from gateway.services import work
from gateway.services.context import Context
from gateway.store.unit_of_work import PgStore
from tests.fakes_store import HandClock, clock, store, store_database, store_engine
from tests.workers.conftest import environment
from workers import jobs
from workers.jobs import Room

__all__ = ["clock", "store", "store_database", "store_engine"]

INSTALLATION = InstallationId("inst")
MAILBOX = "cal:c1"

Alarms = list[tuple[str, str, str, float]]


@pytest.fixture
def alarms() -> Alarms:
    return []


@pytest.fixture
def ctx(store: PgStore, store_database: str, clock: HandClock, alarms: Alarms) -> Iterator[Context]:
    gateway = wiring.build(settings.load(environment(store_database, "redis://127.0.0.1:1")))
    with store.begin() as uow:
        uow.installations.add(Installation(INSTALLATION, "key", "CRM", "generic", "http://127.0.0.1:9"), b"hash")
        uow.commit()
    yield dataclasses.replace(gateway.ctx, store=store, clock=clock, alarm=lambda *ring: alarms.append(ring))
    gateway.store.close()  # type: ignore[attr-defined]


def owe(ctx: Context, count: int, lane: Lane = Lane.NOW, after: float = 0) -> None:
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        for number in range(count):
            due = now + timedelta(seconds=after) if after else None
            uow.outbox.request(
                INSTALLATION, Topic.SYNC, f"{lane}-{after}-{number}", mailbox=MAILBOX, now=now, lane=lane, due_at=due
            )
        uow.commit()


def pay(ctx: Context, lease: Lease, _installation: Installation) -> None:
    with ctx.store.begin() as uow:
        uow.outbox.settle(lease, ctx.clock.now())
        uow.commit()


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Sets what is done with a row that was taken."""

    def set_handler(handler: Callable[..., None]) -> None:
        monkeypatch.setattr(work, "HANDLERS", dict.fromkeys(Topic, handler))

    set_handler(pay)
    return set_handler


def room(ctx: Context, heard: list[Any] | None = None, *, stopping: Callable[[], bool] = lambda: False) -> Room:
    return Room(ctx, lambda *ring: (heard if heard is not None else []).append(ring), stopping)


def left(ctx: Context) -> int:
    with ctx.store.begin() as uow:
        return len(uow.outbox.due(ctx.clock.now() + timedelta(days=1), 100))


@pytest.mark.usefixtures("handle")
def test_the_ring_is_taken_back_before_the_look(ctx: Context) -> None:
    heard: list[Any] = []
    owe(ctx, 1)

    def look() -> bool:
        assert heard == [(MAILBOX, Lane.NOW)]
        return True

    room(ctx, heard, stopping=look).drain(INSTALLATION, MAILBOX, Lane.NOW)
    assert left(ctx) == 1


@pytest.mark.usefixtures("handle")
def test_all_that_is_due_is_worked_off(ctx: Context, alarms: Alarms) -> None:
    owe(ctx, 5)
    room(ctx).drain(INSTALLATION, MAILBOX, Lane.NOW)
    assert left(ctx) == 0
    assert alarms == []


@pytest.mark.usefixtures("handle")
def test_what_is_due_later_is_rung_for_in_time(ctx: Context, alarms: Alarms) -> None:
    owe(ctx, 1, after=7)
    room(ctx).drain(INSTALLATION, MAILBOX, Lane.NOW)
    assert alarms == [(INSTALLATION, MAILBOX, Lane.NOW, 7.0)]


@pytest.mark.usefixtures("handle")
def test_asked_to_stop_it_leaves_the_rest_to_others(ctx: Context, alarms: Alarms) -> None:
    owe(ctx, 3)
    answers = iter([False, True])
    room(ctx, stopping=lambda: next(answers)).drain(INSTALLATION, MAILBOX, Lane.NOW)
    assert left(ctx) == 1
    assert alarms == [(INSTALLATION, MAILBOX, Lane.NOW, 0.0)]


@pytest.mark.usefixtures("handle")
def test_after_its_turn_it_lets_others_go_first(
    ctx: Context, alarms: Alarms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "TURN_SECONDS", 0.0)
    owe(ctx, 3)
    room(ctx).drain(INSTALLATION, MAILBOX, Lane.NOW)
    assert left(ctx) == 1  # one mailbox
    assert alarms == [(INSTALLATION, MAILBOX, Lane.NOW, 0.0)]


@pytest.mark.usefixtures("handle")
def test_a_mailbox_at_its_limit_is_not_rung_for_in_circles(ctx: Context, alarms: Alarms) -> None:
    owe(ctx, 3)
    with ctx.store.begin() as uow:  # two others are at it
        taken = [uow.outbox.lease(INSTALLATION, MAILBOX, Lane.NOW, ctx.clock.now()) for _ in range(3)]
        uow.commit()
    assert [lease is None for lease in taken] == [False, False, True]
    room(ctx).drain(INSTALLATION, MAILBOX, Lane.NOW)
    assert alarms == []


@pytest.mark.usefixtures("handle")
def test_the_other_lane_is_rung_for(ctx: Context, alarms: Alarms) -> None:
    owe(ctx, 1, Lane.BACKFILL)
    room(ctx).drain(INSTALLATION, MAILBOX, Lane.NOW)
    assert alarms == [(INSTALLATION, MAILBOX, Lane.BACKFILL, 0.0)]


def test_work_that_fails_stays_owed(ctx: Context, alarms: Alarms, handle: Callable[..., None]) -> None:
    def fail(*_: object) -> None:
        raise TryLater("not now")

    handle(fail)
    owe(ctx, 1)
    room(ctx).drain(INSTALLATION, MAILBOX, Lane.NOW)
    assert left(ctx) == 1
    assert 0.8 <= alarms[-1][3] <= 1.2


@pytest.mark.parametrize("error", [StoreDown("away"), RuntimeError("a bug")])
def test_nothing_is_raised(ctx: Context, error: Exception) -> None:
    class Away:
        def begin(self) -> Any:
            raise error

    room(dataclasses.replace(ctx, store=Away())).drain(INSTALLATION, MAILBOX, Lane.NOW)
