"""The pool: lanes, stopping, and a Redis that is emptied, away, killed or silent."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from gateway.core.ports import Lane
from gateway.tally import Tally
from sandbox import embedded
from tests.patience import until
from tests.workers.conftest import Bench
from workers.pool import Pool, lanes


def nothing(*_: object) -> None:
    """Work that is none."""


@pytest.mark.parametrize(("size", "backfill"), [(2, 1), (4, 1), (7, 1), (8, 2), (16, 4)])
def test_a_quarter_of_the_threads_is_for_backfills(size: int, backfill: int) -> None:
    assert (lanes(size).count(Lane.BACKFILL), lanes(size).count(Lane.NOW)) == (backfill, size - backfill)


def test_a_pool_has_a_thread_for_each_lane() -> None:
    with pytest.raises(ValueError, match="each lane"):
        lanes(1)


def test_every_ring_is_answered_in_its_lane(bench: Bench) -> None:
    bench.pool.start()
    for number in range(40):
        bench.ring(f"cal:{number}", Lane.BACKFILL if number % 4 == 0 else Lane.NOW)
    until(lambda: len(bench.done) == 40)
    assert {(mailbox, lane) for _, mailbox, lane in bench.done} == {
        (f"cal:{number}", Lane.BACKFILL if number % 4 == 0 else Lane.NOW) for number in range(40)
    }


def test_backfills_never_take_the_threads_of_those_who_wait(bench: Bench) -> None:
    bench.hold.clear()
    bench.pool.start()
    for number in range(20):
        bench.ring(f"cal:{number}", Lane.BACKFILL)
    assert bench.begun.acquire(timeout=10)  # the one thread for backfills is busy
    bench.ring("cal:person")
    assert bench.begun.acquire(timeout=2)
    bench.hold.set()


def test_work_that_fails_takes_no_thread_along(redis_url: str, bench: Bench) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    pool = Pool(redis_url, 2, broken, bench.meter, threading.Event())
    pool.start()
    for number in range(5):
        bench.ring(f"cal:{number}")
    with redis.Redis.from_url(redis_url) as client:
        until(lambda: client.llen("rq:queue:now") == 0)
    assert pool.close(10)


def test_done_jobs_leave_nothing_behind(redis_url: str, bench: Bench) -> None:
    bench.pool.start()
    for number in range(10):
        bench.ring(f"cal:{number}")
    until(lambda: len(bench.done) == 10)
    assert bench.pool.close(10)
    with redis.Redis.from_url(redis_url) as client:
        # "first_seen": RQ's tidying came by between the pop and the start; the key ends by itself.
        found = [key.decode() for key in client.keys("rq:*") if b":first_seen:" not in key]
        left = {key.split(":")[1] for key in found}
    assert left <= {"queues", "worker", "clean_registries", "group", "group-maintenance"}


def test_stopping_finishes_what_is_under_way_and_begins_nothing(bench: Bench) -> None:
    bench.hold.clear()
    bench.pool.start()
    for number in range(6):
        bench.ring(f"cal:{number}")
    for _ in range(2):  # both threads of the lane
        assert bench.begun.acquire(timeout=10)
    closing = threading.Thread(target=lambda: bench.pool.close(20))
    closing.start()
    until(bench.stop.is_set)
    assert bench.done == []
    bench.hold.set()
    closing.join(10)
    assert not closing.is_alive()
    assert len(bench.done) == 2
    assert bench.bell.waiting()["now"] == 4


def test_an_idle_pool_stops_within_two_seconds(bench: Bench) -> None:
    bench.pool.start()
    bench.ring("cal:c1")
    until(lambda: len(bench.done) == 1)
    began = time.monotonic()
    assert bench.pool.close(10)
    assert time.monotonic() - began < 2


def test_a_pool_that_is_not_done_in_time_says_so(bench: Bench) -> None:
    bench.hold.clear()
    bench.pool.start()
    bench.ring("cal:c1")
    assert bench.begun.acquire(timeout=10)
    assert not bench.pool.close(0.1)
    bench.hold.set()


def test_emptied_mid_way_the_next_rings_are_answered(redis_url: str, bench: Bench) -> None:
    bench.hold.clear()
    bench.pool.start()
    for number in range(10):
        bench.ring(f"cal:{number}")
    assert bench.begun.acquire(timeout=10)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    bench.hold.set()
    for number in range(10, 15):
        bench.ring(f"cal:{number}")
    wanted = {f"cal:{number}" for number in range(10, 15)}
    until(lambda: wanted <= {mailbox for _, mailbox, _ in bench.done})


def test_with_no_redis_at_the_start_it_waits_for_it(own_queue: embedded.Servers) -> None:
    own_queue.kill("valkey")
    bench = Bench(own_queue.redis_url)
    bench.pool.start()
    own_queue.start_again("valkey")
    bench.ring("cal:c1")
    until(lambda: len(bench.done) == 1, 15)
    assert bench.pool.close(10)


def test_a_redis_that_dies_under_work_and_comes_back(own_queue: embedded.Servers) -> None:
    bench = Bench(own_queue.redis_url)
    bench.hold.clear()
    bench.pool.start()
    bench.ring("cal:c1")
    assert bench.begun.acquire(timeout=10)
    own_queue.kill("valkey")
    bench.hold.set()
    until(lambda: len(bench.done) == 1)
    own_queue.start_again("valkey")
    bench.ring("cal:c2")
    until(lambda: bench.done[-1][1] == "cal:c2", 15)
    assert bench.pool.close(10)


def test_threads_without_redis_do_not_spin(dead_url: str) -> None:
    pool = Pool(dead_url, 4, nothing, Tally(), threading.Event())
    began = time.process_time()
    pool.start()
    assert not pool._stop.wait(1.5)
    assert time.process_time() - began < 0.75
    assert pool.close(5)


def test_a_silent_redis_does_not_keep_it_from_stopping(silent_url: str) -> None:
    pool = Pool(silent_url, 2, nothing, Tally(), threading.Event())
    pool.start()
    began = time.monotonic()
    assert pool.close(20)
    assert time.monotonic() - began < 15
