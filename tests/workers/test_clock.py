"""The clock process' rounds: often, now and then, after a failure, and when time jumps."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gateway import settings, wiring
from gateway.core.repositories import StoreDown
from gateway.services import sweep
from gateway.services.context import Context
from tests.fakes_store import HandClock
from tests.patience import until
from tests.workers.conftest import environment
from workers import clock as clock_process
from workers.clock import Rounds


@pytest.fixture
def hands() -> HandClock:
    return HandClock()


@pytest.fixture
def ctx(hands: HandClock) -> Iterator[Context]:
    gateway = wiring.build(settings.load(environment("postgresql://x@/x?host=/nowhere", "redis://127.0.0.1:1")))
    yield dataclasses.replace(gateway.ctx, clock=hands)
    gateway.store.close()  # type: ignore[attr-defined]


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    monkeypatch.setattr(sweep, "ring_due", lambda _ctx: done.append("ring"))
    monkeypatch.setattr(sweep, "tick", lambda _ctx: done.append("tick"))
    monkeypatch.setattr(sweep, "look_for_missed", lambda _ctx: done.append("look"))
    monkeypatch.setattr(sweep, "follow_clock_back", lambda _ctx, by: done.append(f"back {by.total_seconds():.0f}"))
    return done


def test_rings_often_and_ticks_now_and_then(ctx: Context, hands: HandClock, did: list[str]) -> None:
    rounds = Rounds(ctx, lambda: did.append("begin"))
    for _ in range(31):
        rounds.once()
        hands.advance(timedelta(seconds=1))
    assert (did.count("begin"), did.count("ring"), did.count("tick")) == (1, 31, 3)
    assert did[:4] == ["begin", "look", "ring", "tick"]
    assert did.count("look") == 1


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_when_time_jumps_it_looks_at_once(ctx: Context, hands: HandClock, did: list[str], jump: timedelta) -> None:
    rounds = Rounds(ctx, lambda: None)
    rounds.once()
    hands.advance(jump)
    rounds.once()
    assert [one for one in did if not one.startswith("back")] == ["look", "ring", "tick"] * 2


def test_the_beginning_is_tried_until_it_succeeds_and_the_rounds_wait_for_it(ctx: Context, did: list[str]) -> None:
    failures = iter([StoreDown("away")])

    def begin() -> None:
        for failure in failures:
            raise failure
        did.append("begin")

    rounds = Rounds(ctx, begin)
    with pytest.raises(StoreDown):
        rounds.once()
    rounds.once()
    assert did == ["begin", "look", "ring", "tick"]


@pytest.mark.parametrize("error", [StoreDown("away"), RuntimeError("a bug")])
def test_failures_end_nothing_and_are_not_hurried(
    ctx: Context, did: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(clock_process, "RING_SECONDS", 0.01)
    monkeypatch.setattr(clock_process, "_FIRST_PAUSE", 0.05)
    failures = [error, error]

    def ring(_ctx: Context) -> None:
        if failures:
            raise failures.pop()
        did.append("ring")

    monkeypatch.setattr(sweep, "ring_due", ring)
    stop = threading.Event()
    thread = threading.Thread(target=Rounds(ctx, lambda: None).keep_going, args=(stop,), daemon=True)
    began = time.monotonic()
    thread.start()
    until(lambda: did.count("ring") >= 3)
    assert did.count("look") == (3 if isinstance(error, StoreDown) else 1)
    assert time.monotonic() - began > 0.12
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_55_what_was_about_to_be_done_follows_a_clock_that_is_put_back(
    ctx: Context, hands: HandClock, did: list[str]
) -> None:
    rounds = Rounds(ctx, lambda: None)
    for jump in (timedelta(seconds=-2), timedelta(hours=3), timedelta(hours=-1)):
        rounds.once()
        hands.advance(jump)
    rounds.once()
    rounds.once()
    assert [one for one in did if one.startswith("back")] == ["back 3600"]
