"""B27 in the store: what each process measured is told as one, before and after it is folded."""

from __future__ import annotations

from datetime import timedelta

from gateway.core.reflecting import SLOT, Direction, Slot, step_of, together
from gateway.store.unit_of_work import PgStore
from tests.fakes_store import HandClock
from tests.store.rows import HERE, NOW, SECOND, furnish, must_lease, owe, settle

QUICK, SLOW = timedelta(milliseconds=300), timedelta(seconds=90)
DAY = timedelta(days=1)


def measure(store: PgStore, clock: HandClock, took: timedelta, provider: str = "google", times: int = 1) -> None:
    with store.begin() as uow:
        for _ in range(times):
            uow.reflections.add(provider, Direction.TO_CALENDAR, took, clock.now())
        uow.commit()


def told(store: PgStore, clock: HandClock) -> list[Slot]:
    with store.begin() as uow:
        return list(uow.reflections.slots(clock.now() - DAY, SLOT))


def test_folding_changes_nothing_that_is_told(store: PgStore, clock: HandClock) -> None:
    measure(store, clock, QUICK, times=5)
    measure(store, clock, SLOW)
    measure(store, clock, QUICK, "outlook")
    clock.advance(SLOT)
    measure(store, clock, QUICK)
    before = told(store, clock)
    assert [(slot.provider, sum(slot.steps.values())) for slot in before] == [
        ("google", 6),
        ("outlook", 1),
        ("google", 1),
    ]
    assert together(before) == {step_of(QUICK): 7, step_of(SLOW): 1}
    clock.advance(timedelta(seconds=1))
    for folded in (7, 0):  # the second time there is nothing left to do
        with store.begin() as uow:
            assert uow.reflections.fold(clock.now() - SLOT + timedelta(seconds=1), SLOT, 100) == folded
            uow.commit()
    assert told(store, clock) == before
    clock.advance(DAY)
    with store.begin() as uow:
        assert uow.reflections.drop_old(clock.now() - timedelta(hours=23), 100) == 4
        uow.commit()


def test_work_is_owed_since_it_was_heard_of_even_while_it_runs(store: PgStore) -> None:
    """The wait for a run in progress counts: its end is not when the door heard."""
    furnish(store, HERE)
    heard = NOW - 3 * SECOND
    owe(store, since=heard)
    taken = must_lease(store)
    assert taken.first_owed_at == heard
    owe(store, now=NOW + SECOND)
    owe(store, now=NOW + 2 * SECOND)
    settle(store, taken, NOW + 3 * SECOND)
    assert must_lease(store, now=NOW + 9 * SECOND).first_owed_at == NOW + SECOND


def test_what_is_for_later_counts_from_then_unless_it_is_asked_for_before(store: PgStore) -> None:
    furnish(store, HERE)
    owe(store, due_at=NOW + 3600 * SECOND)
    owe(store, now=NOW + SECOND)
    assert must_lease(store, now=NOW + 2 * SECOND).first_owed_at == NOW + SECOND
