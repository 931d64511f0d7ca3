"""A deploy: SIGTERM while calls are in flight."""

from __future__ import annotations

import time

import pytest

from tests.e2e.world import World
from tests.flows.acts import new_task
from tests.flows.house import Person

pytestmark = pytest.mark.process
SLOW_MS = 3000


def test_a_call_in_flight_is_finished_and_committed(world: World, ada: Person) -> None:
    slow = {"match": {"direction": "in", "method": "POST", "path": f"{ada.email}/events$"}, "do": "delay"}
    world.google_admin.call("POST", "/faults", json={**slow, "times": 2, "delay_ms": SLOW_MS})
    mark = world.mark()
    for number in range(6):
        new_task(ada, calendar_sync=True, title=f"Task {number}")
    taken = "SELECT count(*) FROM outbox WHERE topic = 'sync' AND lease_until > clock_timestamp()"
    world.eventually(lambda: world.count(taken) == 2)
    worker, began = world.children["worker"], time.monotonic()
    assert worker.stop(grace=28) == 0, worker.last_words()
    assert time.monotonic() - began < SLOW_MS / 1000 + 5
    done = world.writes(mark, ada)
    assert len(done) == 2, "those in flight, and no others"
    assert world.count(taken) == 0, "and what they did is committed"
    world.start_worker()
    world.eventually(lambda: len(world.events(ada)) == 6)
    assert len(world.writes(mark, ada)) == 6
