"""The outbox, one request at a time: when a row is due, taken, settled, postponed, parked, cancelled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.core.errors import LeaseLost
from gateway.core.ports import Lane
from gateway.core.records import LEASE_FOR, Due, InstallationStatus, ParkReason, Topic
from gateway.store.unit_of_work import PgStore
from tests.fakes_store import HandClock
from tests.store.rows import (
    CAL,
    HERE,
    NOW,
    SECOND,
    THERE,
    chill,
    furnish,
    lease,
    must_lease,
    owe,
    park,
    postpone,
    settle,
)

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def tenants(store: PgStore):
    furnish(store, HERE, THERE)


def test_first_request_is_due_at_once(store: PgStore):
    assert owe(store) == NOW
    taken = must_lease(store)
    assert (taken.topic, taken.key, taken.mailbox, taken.lane) == (Topic.SYNC, "l1", CAL, Lane.NOW)
    assert (taken.generation, taken.attempts, taken.first_owed_at) == (1, 0, NOW)
    assert lease(store) is None


def test_a_burst_is_one_run(store: PgStore):
    assert [owe(store, now=NOW + n * SECOND / 10) for n in range(5)] == [NOW] * 5
    taken = must_lease(store)
    assert settle(store, taken, NOW) is None
    assert lease(store, now=NOW + MINUTE) is None


def test_oldest_first_and_not_before_its_time(store: PgStore):
    owe(store, "second", now=NOW - SECOND)
    owe(store, "first", now=NOW - 2 * SECOND)
    owe(store, "later", due_at=NOW + MINUTE)
    assert must_lease(store).key == "first"
    assert must_lease(store).key == "second"
    assert lease(store) is None


def test_lease_lasts_in_database_time(store: PgStore):
    owe(store)
    far = NOW + timedelta(days=300)  # whatever a machine's clock says
    taken = must_lease(store, now=far)
    assert lease(store, now=far) is None
    store.run(chill)
    again = must_lease(store, now=far)
    assert again.until - taken.until < LEASE_FOR


def test_asked_for_again_while_it_runs_is_one_more_run_a_second_after(store: PgStore):
    owe(store)
    taken = must_lease(store)
    asked = NOW + SECOND / 10
    assert owe(store, now=asked) == asked + SECOND
    assert owe(store, now=asked) == asked + SECOND
    end = NOW + 2 * SECOND
    assert settle(store, taken, end) == end + SECOND
    assert lease(store, now=end) is None
    again = must_lease(store, now=end + SECOND)
    assert (again.generation, again.attempts, again.first_owed_at) == (3, 0, asked)
    assert settle(store, again, end + 2 * SECOND) is None


def test_asked_for_later_while_it_runs_is_not_due_before(store: PgStore):
    owe(store)
    taken = must_lease(store)
    assert owe(store, due_at=NOW + MINUTE) == NOW + MINUTE
    assert settle(store, taken, NOW) == NOW + MINUTE


@pytest.mark.parametrize(
    ("after", "due"),
    [(0.2, 1.0), (1.0, 1.0), (5.0, 5.0), (-3600.0, -3599.0)],
    ids=["within a second", "a second after", "later", "a clock set back"],
)
def test_coalescing_after_a_run(store: PgStore, after: float, due: float):
    owe(store)
    taken = must_lease(store)
    settle(store, taken, NOW)
    assert owe(store, now=NOW + after * SECOND) == NOW + due * SECOND


def test_earlier_of_two_due_times_counts(store: PgStore):
    assert owe(store, due_at=NOW + MINUTE) == NOW + MINUTE
    assert owe(store, due_at=NOW + 2 * MINUTE) == NOW + MINUTE
    assert owe(store) == NOW


def test_a_person_overtakes_the_waiting_backfill_and_not_the_other_way_round(store: PgStore):
    owe(store, lane=Lane.BACKFILL)
    owe(store, lane=Lane.NOW)
    owe(store, lane=Lane.BACKFILL)
    assert lease(store, lane=Lane.BACKFILL) is None
    taken = must_lease(store, lane=Lane.NOW)
    settle(store, taken, NOW)
    owe(store, lane=Lane.BACKFILL, now=NOW + MINUTE)
    assert lease(store, now=NOW + MINUTE, lane=Lane.NOW) is None
    assert must_lease(store, now=NOW + MINUTE, lane=Lane.BACKFILL).key == "l1"


def test_postponed_work_keeps_its_age_and_counts_its_failures(store: PgStore):
    owe(store)
    for attempt in range(3):
        taken = must_lease(store, now=NOW + attempt * MINUTE)
        assert (taken.attempts, taken.first_owed_at) == (attempt, NOW)
        until = NOW + (attempt + 1) * MINUTE
        postpone(store, taken, until)
        assert lease(store, now=until - SECOND) is None
    taken = must_lease(store, now=NOW + 3 * MINUTE)
    store.run(lambda uow: uow.outbox.postpone(taken, NOW, counts=False, reason="quota"))
    assert must_lease(store).attempts == 3


def test_postponed_to_another_mailbox(store: PgStore):
    owe(store)
    taken = must_lease(store)
    store.run(lambda uow: uow.outbox.postpone(taken, NOW, counts=False, reason="moved", mailbox="cal:eve"))
    assert lease(store) is None
    assert must_lease(store, "cal:eve").key == "l1"


def test_a_fresh_edit_ends_the_waiting_of_a_failed_one(store: PgStore):
    owe(store)
    taken = must_lease(store)
    postpone(store, taken, NOW + MINUTE)
    assert owe(store, now=NOW + 10 * SECOND) == NOW + 10 * SECOND
    again = must_lease(store, now=NOW + 10 * SECOND)
    assert (again.attempts, again.first_owed_at) == (1, NOW)


def test_a_fresh_edit_does_not_hurry_a_paused_mailbox(store: PgStore):
    owe(store)
    taken = must_lease(store)
    postpone(store, taken, NOW + MINUTE)
    store.run(lambda uow: uow.outbox.pause(CAL, NOW + MINUTE))
    assert owe(store, now=NOW + SECOND) == NOW + MINUTE


@pytest.mark.parametrize("wake", ["replay", "request"])
def test_parked_work_waits_for_a_replay_or_a_request(store: PgStore, wake: str):
    owe(store)
    park(store, must_lease(store), NOW + SECOND)
    assert lease(store, now=NOW + MINUTE) is None
    with store.begin() as uow:
        (parked,) = uow.outbox.parked(HERE, 10)
        assert (parked.key, parked.reason, parked.parked_at) == ("l1", "refused", NOW + SECOND)
        assert uow.outbox.parked(THERE, 10) == []
        assert uow.outbox.parked(None, 10) == [parked]
        assert uow.outbox.next_due(HERE, CAL) is None
    later = NOW + 10 * MINUTE
    if wake == "replay":
        assert store.run(lambda uow: uow.outbox.replay(HERE, Topic.SYNC, "l1", later))
        assert not store.run(lambda uow: uow.outbox.replay(HERE, Topic.SYNC, "l1", later))
        again = must_lease(store, now=later, lane=Lane.BACKFILL)
    else:
        assert owe(store, now=later) == later
        again = must_lease(store, now=later)
    assert (again.attempts, again.first_owed_at) == (0, later)
    assert store.run(lambda uow: uow.outbox.parked(HERE, 10)) == []


def test_asked_for_again_while_it_failed_for_good_is_not_parked(store: PgStore):
    owe(store)
    taken = must_lease(store)
    owe(store, now=NOW + SECOND)
    store.run(lambda uow: uow.outbox.park(taken, ParkReason.REFUSED, NOW + SECOND))
    assert store.run(lambda uow: uow.outbox.parked(HERE, 10)) == []
    assert must_lease(store, now=NOW + 2 * SECOND).attempts == 0


def test_taken_by_name(store: PgStore):
    taken = store.run(lambda uow: uow.outbox.take(HERE, Topic.SYNC, "l1", CAL, NOW))
    assert taken is not None
    assert store.run(lambda uow: uow.outbox.take(HERE, Topic.SYNC, "l1", CAL, NOW)) is None
    assert lease(store) is None
    owe(store, now=NOW)
    assert settle(store, taken, NOW) == NOW + SECOND
    early = store.run(lambda uow: uow.outbox.take(HERE, Topic.SYNC, "l1", CAL, NOW))
    assert early is not None
    assert early.number > taken.number
    store.run(lambda uow: uow.outbox.park(early, ParkReason.REFUSED, NOW))
    unparked = store.run(lambda uow: uow.outbox.take(HERE, Topic.SYNC, "l1", CAL, NOW))
    assert unparked is not None
    assert store.run(lambda uow: uow.outbox.parked(HERE, 10)) == []


def test_work_taken_by_name_and_left_is_found_by_a_worker(store: PgStore):
    taken = store.run(lambda uow: uow.outbox.take(HERE, Topic.SYNC, "l1", CAL, NOW))
    assert taken is not None
    store.run(chill)
    again = must_lease(store)
    assert (again.key, again.attempts) == ("l1", 1)


def test_old_lease_changes_nothing(store: PgStore):
    owe(store)
    old = must_lease(store)
    store.run(chill)
    new = must_lease(store)
    assert new.number > old.number
    assert new.attempts == 1  # whoever held it was killed, perhaps by this very work
    acts = [
        lambda uow: uow.outbox.hold(old),
        lambda uow: uow.outbox.settle(old, NOW),
        lambda uow: uow.outbox.postpone(old, NOW, counts=True, reason="x"),
        lambda uow: uow.outbox.park(old, ParkReason.REFUSED, NOW),
    ]
    for act in acts:
        with pytest.raises(LeaseLost):
            store.run(act)
    store.run(lambda uow: uow.outbox.hold(new))
    assert settle(store, new, NOW) is None
    with pytest.raises(LeaseLost):
        store.run(lambda uow: uow.outbox.hold(new))


def test_a_cold_lease_that_nobody_took_still_commits(store: PgStore):
    owe(store)
    taken = must_lease(store)
    store.run(chill)
    with store.begin() as uow:
        uow.outbox.hold(taken)
        assert uow.outbox.settle(taken, NOW) is None
        uow.commit()


@pytest.mark.parametrize("whole_mailbox", [False, True])
def test_cancelled(store: PgStore, whole_mailbox: bool):
    def cancel() -> None:
        if whole_mailbox:
            store.run(lambda uow: uow.outbox.cancel_mailbox(HERE, CAL))
        else:
            store.run(lambda uow: uow.outbox.cancel(HERE, Topic.SYNC, "l1"))

    owe(store)
    cancel()
    assert lease(store) is None
    owe(store)
    taken = must_lease(store)
    owe(store, "other", mailbox="cal:eve")
    cancel()
    with pytest.raises(LeaseLost):
        store.run(lambda uow: uow.outbox.hold(taken))
    owe(store, now=NOW + MINUTE)
    assert lease(store, now=NOW + MINUTE) is None  # the run that was cancelled may still be calling
    store.run(chill)
    again = must_lease(store, now=NOW + MINUTE)
    assert (again.key, again.attempts) == ("l1", 0)
    assert must_lease(store, "cal:eve").key == "other"


def test_due_and_next_due(store: PgStore, clock: HandClock):
    owe(store, "a", now=NOW - MINUTE)
    owe(store, "b", lane=Lane.BACKFILL)
    owe(store, "c", mailbox="cal:eve", due_at=NOW + MINUTE)
    owe(store, "d", installation_id=THERE, now=NOW - 2 * MINUTE)
    with store.begin() as uow:
        assert uow.outbox.due(NOW, 10) == [
            Due(THERE, CAL, Lane.NOW, NOW - 2 * MINUTE),
            Due(HERE, CAL, Lane.NOW, NOW - MINUTE),
            Due(HERE, CAL, Lane.BACKFILL, NOW),
        ]
        assert uow.outbox.due(NOW, 1) == [Due(THERE, CAL, Lane.NOW, NOW - 2 * MINUTE)]
        assert uow.outbox.next_due(HERE, "cal:eve") == Due(HERE, "cal:eve", Lane.NOW, NOW + MINUTE)
        assert uow.outbox.next_due(THERE, "cal:eve") is None
    must_lease(store)
    with store.begin() as uow:
        assert uow.outbox.next_due(HERE, CAL) == Due(HERE, CAL, Lane.BACKFILL, NOW)
        assert Due(HERE, CAL, Lane.NOW, NOW - MINUTE) not in uow.outbox.due(NOW, 10)
        chill(uow)
        assert Due(HERE, CAL, Lane.NOW, NOW - MINUTE) in uow.outbox.due(NOW, 10)


def test_paused_mailbox_is_passed_over(store: PgStore, clock: HandClock):
    owe(store)
    store.run(lambda uow: uow.outbox.pause(CAL, NOW + MINUTE))
    store.run(lambda uow: uow.outbox.pause(CAL, NOW + SECOND))  # the later of the two counts
    assert lease(store, now=NOW + 2 * SECOND) is None
    with store.begin() as uow:
        assert uow.outbox.due(NOW + 2 * SECOND, 10) == []
        assert uow.outbox.next_due(HERE, CAL) == Due(HERE, CAL, Lane.NOW, NOW + MINUTE)
    store.run(lambda uow: uow.outbox.pause(CAL, clock.now()))  # ended by hand
    assert must_lease(store).key == "l1"


@pytest.mark.parametrize("status", [InstallationStatus.PAUSED, InstallationStatus.REMOVED])
def test_paused_installation_is_passed_over(store: PgStore, status: InstallationStatus):
    owe(store)
    owe(store, installation_id=THERE)
    store.run(lambda uow: uow.installations.set_status(HERE, status, "by hand"))
    assert lease(store) is None
    assert must_lease(store, installation_id=THERE).key == "l1"
    with store.begin() as uow:
        assert uow.outbox.due(NOW, 10) == []
        assert uow.outbox.next_due(HERE, CAL) is None
    store.run(lambda uow: uow.installations.set_status(HERE, InstallationStatus.ACTIVE, None))
    assert must_lease(store).key == "l1"


def test_settled_rows_are_dropped_later_and_others_never(store: PgStore):
    for number, key in enumerate(("settled", "parked", "taken", "due")):
        owe(store, key, now=NOW + number * SECOND / 10)
    settled, parked = must_lease(store, now=NOW + SECOND), must_lease(store, now=NOW + SECOND)
    settle(store, settled, NOW)
    store.run(lambda uow: uow.outbox.park(parked, ParkReason.REFUSED, NOW))
    taken = must_lease(store, now=NOW + SECOND)
    assert store.run(lambda uow: uow.outbox.drop_settled(NOW, 10)) == 0
    assert store.run(lambda uow: uow.outbox.drop_settled(NOW + MINUTE, 10)) == 1
    assert store.run(lambda uow: uow.outbox.drop_settled(NOW + MINUTE, 10)) == 0
    store.run(lambda uow: uow.outbox.hold(taken))
    assert [one.key for one in store.run(lambda uow: uow.outbox.parked(HERE, 10))] == ["parked"]
    assert must_lease(store, now=NOW + SECOND).key == "due"


def test_dropping_is_in_portions(store: PgStore):
    for key in "abcd":
        owe(store, key)
        taken = must_lease(store)
        settle(store, taken, NOW)
    assert [store.run(lambda uow: uow.outbox.drop_settled(NOW + MINUTE, 3)) for _ in range(3)] == [3, 1, 0]


def test_55_after_the_clock_went_back_nothing_waits_longer_than_it_was_to(store: PgStore):
    hour = timedelta(hours=1)
    owe(store, "soon", now=NOW, due_at=NOW + SECOND)
    owe(store, "later", now=NOW, due_at=NOW + 2 * hour)
    store.run(lambda uow: uow.outbox.pause("cal:other", NOW + SECOND))
    then = NOW - hour
    assert store.run(lambda uow: uow.outbox.time_went_back(hour, then)) == 2
    assert [one.due_at for one in store.run(lambda uow: uow.outbox.due(NOW + hour, 10))] == [then + SECOND]
    assert lease(store, now=then + SECOND) is not None
    assert lease(store, now=then + 2 * hour - SECOND) is None
    assert lease(store, now=then + 2 * hour) is not None


def test_work_of_many_steps_keeps_its_lease_for_as_long_as_it_goes_on(store: PgStore):
    owe(store)
    taken = must_lease(store)
    for _ in range(4):
        store.run(lambda uow: chill(uow, 20))
        store.run(lambda uow: uow.outbox.extend(taken))
        assert lease(store) is None
    store.run(chill)
    assert lease(store) is not None
    with pytest.raises(LeaseLost):
        store.run(lambda uow: uow.outbox.extend(taken))
