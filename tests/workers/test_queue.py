"""The doorbell: rings coalesce, carry ids alone, and cost a busy process next to nothing when Redis is away."""

from __future__ import annotations

import json
import time
import zlib
from typing import Any

import pytest
import redis

from gateway.core.counts import Series
from gateway.core.ports import Lane
from gateway.tally import Tally
from tests.workers.conftest import Bench
from workers import queue
from workers.queue import RedisDoorbell


def entries(url: str, lane: str = "now") -> list[bytes]:
    with redis.Redis.from_url(url) as client:
        found: Any = client.lrange(f"rq:queue:{lane}", 0, -1)
        return list(found)


def test_a_ring_is_one_job_with_ids_and_nothing_else(redis_url: str, bench: Bench) -> None:
    bench.ring("cal:c1")
    (job_id,) = entries(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        held: Any = client.hgetall(f"rq:job:{job_id.decode()}")
    payload = json.loads(zlib.decompress(held[b"data"]))
    assert payload == ["workers.jobs.drain", None, ["inst", "cal:c1", "now"], {}]
    assert held[b"description"] == b"drain"
    assert held[b"result_ttl"] == b"0"


def test_rings_for_one_mailbox_coalesce(redis_url: str, bench: Bench) -> None:
    for _ in range(1000):
        bench.ring("cal:c1")
    assert len(entries(redis_url)) == 1
    assert bench.counted("rings") == {"rung": 1, "coalesced": 999}


def test_lanes_and_mailboxes_do_not_coalesce_with_each_other(redis_url: str, bench: Bench) -> None:
    bench.ring("cal:c1")
    bench.ring("cal:c2")
    bench.ring("cal:c1", Lane.BACKFILL)
    assert (len(entries(redis_url)), len(entries(redis_url, "backfill"))) == (2, 1)


def test_once_heard_a_ring_is_new(redis_url: str, bench: Bench) -> None:
    bench.ring("cal:c1")
    bench.bell.heard("cal:c1", Lane.NOW)
    bench.ring("cal:c1")
    assert len(entries(redis_url)) == 2


def test_a_lost_ring_keeps_others_away_for_seconds_only(redis_url: str, bench: Bench) -> None:
    bench.ring("cal:c1")
    with redis.Redis.from_url(redis_url) as client:
        left = client.ttl("nudge:now:cal:c1")
    assert 0 < left <= 10


def test_the_queue_does_not_grow_without_end(
    redis_url: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST_WAITING", 3)
    for number in range(10):
        bench.ring(f"cal:{number}")
    assert len(entries(redis_url)) == 3
    assert bench.counted("rings") == {"rung": 3, "full": 7}
    assert bench.bell.waiting() == {"now": 3, "backfill": 0}


def test_a_refused_connection_raises_nothing_and_takes_no_time(dead_url: str) -> None:
    meter = Tally()
    bell = RedisDoorbell(dead_url, meter)
    began = time.monotonic()
    bell.ring("inst", "cal:c1", Lane.NOW)  # type: ignore[arg-type]
    bell.heard("cal:c1", Lane.NOW)
    assert time.monotonic() - began < 0.4
    assert meter.waiting() == {Series("rings", (("outcome", "failed"),)): 1}


def test_a_silent_redis_costs_half_a_second_once_and_then_nothing_for_a_while(silent_url: str) -> None:
    now = [0.0]
    meter = Tally()
    bell = RedisDoorbell(silent_url, meter, monotonic=lambda: now[0])
    began = time.monotonic()
    bell.ring("inst", "cal:c1", Lane.NOW)  # type: ignore[arg-type]
    assert 0.3 < time.monotonic() - began < 0.9
    began = time.monotonic()
    for _ in range(100):
        bell.ring("inst", "cal:c1", Lane.NOW)  # type: ignore[arg-type]
    assert time.monotonic() - began < 0.1
    now[0] = 1.5
    bell.ring("inst", "cal:c1", Lane.NOW)  # type: ignore[arg-type]
    assert meter.waiting() == {
        Series("rings", (("outcome", "failed"),)): 2,
        Series("rings", (("outcome", "not_tried"),)): 100,
    }


def test_a_full_redis_is_a_lost_ring(redis_url: str, bench: Bench) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "1")
        try:
            bench.ring("cal:c1")
        finally:
            client.config_set("maxmemory", "0")
    assert bench.counted("rings") == {"failed": 1}


def test_a_certificate_of_its_own_making_is_taken_only_when_asked_for() -> None:
    loose = queue.client("rediss://127.0.0.1:1", tls_verify=False).connection_pool.connection_kwargs
    strict = queue.client("rediss://127.0.0.1:1").connection_pool.connection_kwargs
    assert loose["ssl_check_hostname"] is False
    assert "ssl_cert_reqs" not in strict
