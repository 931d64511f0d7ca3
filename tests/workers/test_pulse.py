"""Who is alive, as Redis knows it: worker threads by lane, and a clock that goes its rounds."""

from __future__ import annotations

from datetime import UTC, datetime

from redis import Redis

from tests.patience import until
from tests.workers.conftest import Bench
from workers import queue


def test_threads_are_seen_while_they_serve_and_not_after(redis_url: str, bench: Bench) -> None:
    bench.pool.start()
    until(lambda: sum(bench.bell.pulse().threads.values()) >= bench.size)
    found = bench.bell.pulse()
    assert dict(found.threads) == {"backfill": 1, "now": 2}
    assert abs((found.at - datetime.now(UTC)).total_seconds()) < 5
    assert found.eviction == "noeviction"
    with Redis.from_url(redis_url) as redis:  # one that died without a word, 50 s ago
        redis.expire(next(key for key in redis.smembers("rq:workers") if redis.hget(key, "queues") == b"backfill"), 40)
    assert dict(bench.bell.pulse().threads) == {"now": 2}
    assert bench.pool.close(20)
    assert dict(bench.bell.pulse().threads) == {}


def test_a_clock_is_alive_for_a_minute_after_a_round(redis_url: str, bench: Bench) -> None:
    assert not bench.bell.pulse().has_clock
    bench.bell.went_round()
    assert bench.bell.pulse().has_clock
    with Redis.from_url(redis_url) as redis:
        assert 0 < int(redis.ttl(queue.CLOCK_KEY)) <= queue.CLOCK_SECONDS


def test_a_lost_heartbeat_raises_nothing(dead_url: str, bench: Bench) -> None:
    queue.RedisDoorbell(dead_url, bench.meter).went_round()
