"""Whoever can write to Redis runs no code here: a job is exactly a ring of ours, or it does not exist."""

from __future__ import annotations

import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from rq import Queue

from gateway.core.ports import Lane
from tests.patience import until
from tests.workers.conftest import Bench
from workers.ring import read

OURS: list[object] = ["workers.jobs.drain", None, ["inst", "cal:c1", "now"], {}]


def test_our_own_is_read_packed_or_not() -> None:
    plain = json.dumps(OURS).encode()
    assert read(plain) == read(zlib.compress(plain)) == ("inst", "cal:c1", Lane.NOW)


@pytest.mark.parametrize(
    "payload",
    [
        ["os.system", None, ["true"], {}],
        ["workers.jobs.drain", "workers.jobs.Room", ["inst", "cal:c1", "now"], {}],
        ["workers.jobs.drain", None, ["inst", "cal:c1"], {}],
        ["workers.jobs.drain", None, ["inst", "cal:c1", "now", "more"], {}],
        ["workers.jobs.drain", None, ["inst", "cal:c1", "soon"], {}],
        ["workers.jobs.drain", None, ["inst", 7, "now"], {}],
        ["workers.jobs.drain", None, ["", "cal:c1", "now"], {}],
        ["workers.jobs.drain", None, ["inst", "cal:\u0000", "now"], {}],
        ["workers.jobs.drain", None, ["inst", "c" * 256, "now"], {}],
        {"workers.jobs.drain": None},
        None,
    ],
)
def test_anything_else_is_not(payload: Any) -> None:
    assert read(json.dumps(payload).encode()) is None
    assert read(zlib.compress(json.dumps(payload).encode())) is None


def test_a_payload_that_unpacks_without_end_is_not_unpacked() -> None:
    bomb = zlib.compress(b"[" + b" " * 200_000_000)
    assert read(bomb) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(payload: bytes) -> None:
    assert read(payload) is None
    assert read(zlib.compress(payload)) is None


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_strangers_jobs_are_dropped_and_counted_and_ours_is_done(redis_url: str, bench: Bench, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    with redis.Redis.from_url(redis_url) as client:
        Queue("now", connection=client).enqueue(os.mkdir, str(trap))  # pickled, as RQ does by default
        Queue("now", connection=client, serializer="json").enqueue("os.mkdir", str(trap))
        ours = zlib.compress(json.dumps(OURS).encode())
        hostile = {"data": ours, "failure_callback_name": "os.abort", "timeout": "x"}
        for name, fields in {
            "pickled": {"data": zlib.compress(pickle.dumps(Trap(trap)))},
            "empty": {"status": "queued"},
            "odd": hostile,
        }.items():
            client.hset(f"rq:job:{name}", mapping=fields)
            client.rpush("rq:queue:now", name)
        client.set("rq:job:a-text", "not a hash")
        client.rpush("rq:queue:now", "a-text", "no-such-job", "../../etc", b"\xff\xfe", b"x" * 1_000_000, "a:b:c", "")
        bench.ring("cal:mine")
        bench.pool.start()
        until(lambda: bench.done == [("inst", "cal:mine", Lane.NOW)])
        until(lambda: client.llen("rq:queue:now") + client.llen("rq:queue:now:intermediate") == 0)
    assert not trap.exists()
    refused = bench.counted("rings_refused")
    # RQ's own tidying may come by one of them as well, and is told the same.
    assert all(refused[why] >= times for why, times in {"payload": 4, "fields": 1, "type": 1, "id": 5}.items())


def test_a_strangers_fields_on_a_ring_of_ours_are_not_looked_at(redis_url: str, bench: Bench, tmp_path: Path) -> None:
    bench.ring("cal:mine")
    trap = tmp_path / "trap"
    with redis.Redis.from_url(redis_url) as client:
        (name,) = client.lrange("rq:queue:now", 0, -1)
        more = {
            "success_callback_name": "os.abort",
            "dependency_ids": '["x"]',
            "retries_left": "1000",
            "repeats_left": "1000",
            "webhooks": json.dumps([{"url": f"file://{trap}", "job_status": "finished"}]),
        }
        client.hset(f"rq:job:{name.decode()}", mapping=more)
        bench.pool.start()
        until(lambda: len(bench.done) == 1)
        until(lambda: client.exists(f"rq:job:{name.decode()}") == 0)
    assert bench.counted("rings_refused") == {}
