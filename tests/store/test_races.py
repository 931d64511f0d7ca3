"""Many at once: nothing is taken twice, limits hold, nobody waits in a ring, one of two is told no."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, text

from gateway.core.errors import AlreadyExists, LeaseLost
from gateway.core.model import ConnectionId, LinkStatus, TaskId, UserId
from gateway.core.ports import Lane
from gateway.core.records import Arrival, Lease, Link, Topic
from gateway.core.repositories import Contended
from gateway.store.outbox import limits
from gateway.store.unit_of_work import PgStore, PgUnitOfWork
from tests.fakes_store import THREADS
from tests.store.rows import (
    CAL,
    HERE,
    NOW,
    SECOND,
    a_connection,
    a_link,
    a_task,
    an_event,
    chill,
    furnish,
    lease,
    must_lease,
    owe,
    settle,
)


@pytest.fixture(autouse=True)
def tenant(store: PgStore):
    furnish(store)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run all, as near to the same moment as threads can, and give what each gave back (or raised)."""
    start = threading.Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - for the test to look at
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


class Watched:
    """Counts what runs at the same time, and remembers the order."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.running: Counter[tuple[str, str]] = Counter()
        self.worst: Counter[tuple[str, str]] = Counter()
        self.done: dict[tuple[str, Lane], list[str]] = defaultdict(list)

    def enter(self, taken: Lease) -> None:
        with self.guard:
            self.done[taken.mailbox, taken.lane].append(taken.key)
            for kind in ("all", taken.lane.value):
                self.running[taken.mailbox, kind] += 1
                self.worst[taken.mailbox, kind] = max(
                    self.worst[taken.mailbox, kind], self.running[taken.mailbox, kind]
                )

    def leave(self, taken: Lease) -> None:
        with self.guard:
            for kind in ("all", taken.lane.value):
                self.running[taken.mailbox, kind] -= 1


def test_eight_threads_never_take_the_same_work_twice(store: PgStore):
    mailboxes = [f"cal:{n}" for n in range(3)] + ["crm:here"]
    for mailbox, n in product(mailboxes, range(20)):
        lane = Lane.BACKFILL if n % 3 == 0 else Lane.NOW
        owe(store, f"{mailbox}-{n:02}", mailbox=mailbox, now=NOW - (50 - n) * SECOND, lane=lane)
    watched = Watched()

    def work() -> None:
        while store.run(lambda uow: uow.outbox.due(NOW, 100)):
            for mailbox, lane in product(mailboxes, Lane):
                taken = lease(store, mailbox, lane=lane)
                if taken is not None:
                    watched.enter(taken)
                    watched.leave(taken)
                    settle(store, taken, NOW)

    assert at_once(*[work] * THREADS) == [None] * THREADS
    everything = [key for keys in watched.done.values() for key in keys]
    assert len(everything) == len(set(everything)) == 80
    for mailbox in mailboxes:
        total, backfill = limits(mailbox)
        assert watched.worst[mailbox, "all"] <= total
        assert watched.worst[mailbox, "backfill"] <= backfill
    for keys in watched.done.values():  # by age; two that are taken at once may be seen the other way round
        assert all(abs(place - sorted(keys).index(key)) < THREADS for place, key in enumerate(keys))


@pytest.mark.parametrize(
    ("mailbox", "lane", "most"),
    [(CAL, Lane.NOW, 2), (CAL, Lane.BACKFILL, 1), ("crm:here", Lane.NOW, 8), ("crm:here", Lane.BACKFILL, 8)],
)
def test_limit_of_a_mailbox_when_all_come_at_once(store: PgStore, mailbox: str, lane: Lane, most: int):
    for n in range(12):
        owe(store, f"l{n}", mailbox=mailbox, lane=lane)
    found = at_once(*[lambda: lease(store, mailbox, lane=lane)] * THREADS)
    assert len([one for one in found if isinstance(one, Lease)]) == most
    assert {one.key for one in found if one is not None} <= {f"l{n}" for n in range(12)}
    assert len({one.number for one in found if one is not None}) == most


def test_backfill_leaves_room_for_a_person(store: PgStore):
    for n in range(4):
        owe(store, f"b{n}", lane=Lane.BACKFILL)
    owe(store, "person")
    must_lease(store, lane=Lane.BACKFILL)
    assert lease(store, lane=Lane.BACKFILL) is None
    assert must_lease(store).key == "person"


def test_take_by_name_is_given_once(store: PgStore):
    found = at_once(*[lambda: store.run(lambda uow: uow.outbox.take(HERE, Topic.SYNC, "l1", CAL, NOW))] * THREADS)
    assert len([one for one in found if isinstance(one, Lease)]) == 1
    assert found.count(None) == THREADS - 1


def test_requests_during_runs_are_never_lost(store: PgStore):
    """Writers bump a number and ask for a run; whoever runs remembers the number it saw: the last one must be seen."""
    asked = seen = 0
    guard = threading.Lock()
    writers_left = 4

    def write() -> None:
        nonlocal asked, writers_left
        for _ in range(25):
            with guard:
                asked += 1
            owe(store, now=NOW)
        with guard:
            writers_left -= 1

    def run() -> None:
        nonlocal seen
        time = NOW
        while True:
            with guard:
                finished = writers_left == 0
            taken = lease(store, now=time)
            if taken is not None:
                with guard:
                    seen = max(seen, asked)
                settle(store, taken, time)
            elif finished and store.run(lambda uow: uow.outbox.next_due(HERE, CAL)) is None:
                return
            time += 2 * SECOND

    assert at_once(*[write] * 4, run) == [None] * 5
    assert seen == asked == 100


@contextmanager
def half_way(store: PgStore, begin: Callable[[PgUnitOfWork], None]):
    """A transaction that has done this much and goes on when the block ends."""
    with store.begin() as uow:
        begin(uow)
        yield uow
        uow.commit()


def test_a_request_does_not_wait_for_a_run_that_commits(store: PgStore):
    link = store.run(lambda uow: uow.links.add(a_link()))
    owe(store)
    taken = must_lease(store)
    with half_way(store, lambda uow: uow.outbox.hold(taken)):
        owe(store, now=NOW + SECOND)  # would wait for ever if it had to
    assert settle(store, taken, NOW + SECOND) == NOW + 2 * SECOND
    assert link.id == "l1"


def test_nobody_takes_over_while_the_holder_commits(store: PgStore):
    owe(store)
    taken = must_lease(store)
    store.run(chill)
    with half_way(store, lambda uow: uow.outbox.hold(taken)) as uow:
        assert lease(store) is None
        uow.outbox.settle(taken, NOW)
    assert lease(store) is None


@pytest.mark.parametrize("act", ["take", "cancel", "cancel_mailbox"])
def test_take_and_cancel_wait_for_the_holder(store: PgStore, act: str):
    def interfere() -> None:
        with store.begin() as uow:
            match act:
                case "take":
                    uow.outbox.take(HERE, Topic.SYNC, "l1", CAL, NOW)
                case "cancel":
                    uow.outbox.cancel(HERE, Topic.SYNC, "l1")
                case _:
                    uow.outbox.cancel_mailbox(HERE, CAL)
            uow.commit()
        finished.set()

    owe(store)
    taken = must_lease(store)
    store.run(chill)
    finished = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with half_way(store, lambda uow: uow.outbox.hold(taken)) as uow:
            waiting = pool.submit(interfere)
            assert not finished.wait(0.1)
            assert uow.outbox.settle(taken, NOW) is None
        waiting.result()


def test_ingest_pull_and_runs_on_one_link_never_wait_in_a_ring(store: PgStore):
    store.run(lambda uow: uow.links.add(a_link()))
    link_id, task_id = a_link().id, a_link().task_id

    def ingest(uow: PgUnitOfWork) -> None:
        assert uow.links.by_task(HERE, task_id)
        uow.links.hint_task(HERE, link_id, a_task(), version=None, owner_id=None, status=LinkStatus.LIVE)
        uow.outbox.request(HERE, Topic.SYNC, link_id, mailbox=CAL, now=NOW)

    def pull(uow: PgUnitOfWork) -> None:
        uow.links.hint_event(HERE, link_id, an_event(), expected_rev=None)
        uow.outbox.request(HERE, Topic.SYNC, link_id, mailbox=CAL, now=NOW)

    def run(now: datetime) -> None:
        taken = lease(store, now=now)
        link = store.run(lambda uow: uow.links.get(HERE, link_id))
        if taken is None or link is None:
            return
        with store.begin() as uow:
            uow.links.save(link, read_task_seq=link.task_seq, read_event_seq=link.event_seq)
            uow.outbox.hold(taken)
            uow.outbox.settle(taken, now)
            uow.commit()

    def again_and_again(act: Callable[[int], object]) -> None:
        for n in range(25):
            act(n)

    acts: list[Callable[[int], object]] = [
        lambda _: store.run(ingest, attempts=1),
        lambda _: store.run(pull, attempts=1),
        lambda n: run(NOW + n * 2 * SECOND),
    ]
    assert at_once(*[partial(again_and_again, act) for act in acts * 2]) == [None] * 6


def test_fifty_copies_of_one_delivery_are_one_row(store: PgStore):
    arrival = Arrival("crm", "d1", b"digest", NOW, raw=b"body")
    found = at_once(*[lambda: [store.run(lambda uow: uow.inbox.record(HERE, arrival)) for _ in range(7)]] * THREADS)
    assert len([id_ for ids in found for id_ in ids if id_ is not None]) == 1


def add_link(link: Link, uow: PgUnitOfWork) -> Link:
    return uow.links.add(link)


def test_two_ingests_of_a_new_task_make_one_link(store: PgStore):
    links = [a_link(f"l{n}", task_id=TaskId("t1")) for n in range(THREADS)]
    found = at_once(*[partial(store.run, partial(add_link, link)) for link in links])
    assert len({link.id for link in found}) == 1


def test_second_ingest_waits_for_the_first(store: PgStore):
    store.run(lambda uow: uow.links.add(a_link()))
    read = threading.Event()

    def second() -> int | None:
        with store.begin() as uow:
            read.set()
            link = uow.links.by_task(HERE, a_link().task_id)
            return None if link is None else link.task_version

    with ThreadPoolExecutor(1) as pool:
        with store.begin() as uow:
            link = uow.links.by_task(HERE, a_link().task_id)
            assert link is not None
            waiting = pool.submit(second)
            assert read.wait(5)
            uow.links.hint_task(HERE, link.id, a_task(), version=99, owner_id=None, status=LinkStatus.LIVE)
            uow.commit()
        assert waiting.result() == 99


def test_one_refresh_at_a_time(store: PgStore):
    def begin() -> int | None:
        return store.run(lambda uow: uow.connections.begin_refresh(HERE, ConnectionId("c1")))

    found = at_once(*[begin] * THREADS)
    (number,) = [one for one in found if one is not None]
    store.run(lambda uow: uow.connections.end_refresh(HERE, ConnectionId("c1"), number - 1))  # not the holder's
    assert begin() is None
    store.run(lambda uow: uow.connections.end_refresh(HERE, ConnectionId("c1"), number))
    again = begin()
    assert again is not None
    assert again > number


def test_a_refresh_that_died_is_taken_over_after_15_seconds(store: PgStore, store_engine: Engine):
    def begin() -> int | None:
        return store.run(lambda uow: uow.connections.begin_refresh(HERE, ConnectionId("c1")))

    def chill_refresh(seconds: int) -> None:
        with store_engine.begin() as transaction:
            transaction.execute(
                text("UPDATE connections SET refresh_until = refresh_until - CAST(:by AS interval)"),
                {"by": timedelta(seconds=seconds)},
            )

    assert begin() is not None
    chill_refresh(14)
    assert begin() is None
    chill_refresh(2)
    assert begin() is not None


def test_two_first_connections_of_one_user(store: PgStore):
    def connect(n: int) -> None:
        store.run(lambda uow: uow.connections.add(a_connection(f"new{n}", user_id=UserId("eve"))))

    found = at_once(*[partial(connect, n) for n in range(THREADS)])
    assert found.count(None) == 1
    assert all(isinstance(error, AlreadyExists) for error in found if error is not None)


def test_a_ring_of_two_is_tried_again_and_nobody_notices(store: PgStore):
    a, b = TaskId("a"), TaskId("b")
    for task_id in (a, b):
        store.run(partial(add_link, a_link(task_id, task_id=task_id)))
    both_hold_one = threading.Barrier(2)
    tries: list[str] = []

    def cross(first: TaskId, second: TaskId) -> str:
        def work(uow: PgUnitOfWork) -> str:
            tries.append(first)
            assert uow.links.by_task(HERE, first)
            if len(tries) <= 2:
                both_hold_one.wait(5)
            assert uow.links.by_task(HERE, second)
            return first

        return store.run(work)

    assert at_once(partial(cross, a, b), partial(cross, b, a)) == [a, b]
    assert len(tries) >= 3, "at least one was in the other's way"


def test_a_ring_is_given_up_after_the_last_attempt(store: PgStore):
    tries: list[int] = []

    def work(uow: PgUnitOfWork) -> None:
        tries.append(1)
        raise Contended("as if")

    with pytest.raises(Contended):
        store.run(work, attempts=3)
    assert len(tries) == 3


def test_lost_lease_is_not_tried_again(store: PgStore):
    owe(store)
    taken = must_lease(store)
    settle(store, taken, NOW)
    tries: list[int] = []

    def work(uow: PgUnitOfWork) -> None:
        tries.append(1)
        uow.outbox.hold(taken)

    with pytest.raises(LeaseLost):
        store.run(work)
    assert len(tries) == 1
