"""A worker killed at the worst moments: its work runs again within 30 s, and nothing is written twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.world import Marks, World
from tests.flows.acts import edit_task, new_task, the_task
from tests.flows.house import Person

pytestmark = pytest.mark.process
AGAIN_SECONDS = 30


@dataclass(frozen=True)
class Death:
    """A worker dies at this point over what this act brings about."""

    point: str
    act: Callable[[], object]
    is_done: Callable[[], bool]
    writes: Callable[[Marks], int]


@pytest.mark.parametrize("point", ["worker_popped", "worker_before_lease"])
def test_a_ring_that_died_with_its_worker_is_rung_again(world: World, ada: Person, point: str) -> None:
    mark = world.mark()
    _die(world, point, lambda: new_task(ada, calendar_sync=True, title="Call Ada"))
    world.start_worker()
    world.eventually(lambda: "Call Ada" in world.events(ada))
    assert len(world.writes(mark)) == 1


def test_work_that_died_with_its_worker_runs_again_and_is_written_once(world: World) -> None:
    """All deaths first, each with a calendar of its own, then a worker that lives: every row has to wait until the
    lease of its dead holder is cold."""
    deaths = [
        _inserted(world, "worker_before_write"),
        _inserted(world, "worker_after_write"),
        _changed(world, "worker_after_write"),
        _moved(world, "worker_after_write"),
        _deleted(world, "worker_after_write"),
    ]
    mark = world.mark()
    for death in deaths:
        _die(world, death.point, death.act)
    world.start_worker()
    began = time.monotonic()
    for death in deaths:
        world.eventually(death.is_done, AGAIN_SECONDS - (time.monotonic() - began))
    world.eventually(lambda: _owed(world) == 0, AGAIN_SECONDS)
    assert [death.writes(mark) for death in deaths] == [1] * len(deaths)


def _die(world: World, point: str, act: Callable[[], object]) -> None:
    """The worker is replaced by one that will die, and does."""
    world.stop_worker()
    worker = world.start_worker(point)
    act()
    assert worker.wait(20) == -signal.SIGKILL, worker.last_words()


def _owed(world: World) -> int:
    """Rows that somebody still has to work off, now or in a while, the regular visits aside."""
    return world.count("SELECT count(*) FROM outbox WHERE topic = 'sync' AND due_at IS NOT NULL")


def _inserted(world: World, point: str) -> Death:
    who = world.somebody()
    return Death(
        point,
        lambda: new_task(who, calendar_sync=True, title="Inserted"),
        lambda: "Inserted" in world.events(who),
        lambda mark: len(world.writes(mark, who=who)),
    )


def _changed(world: World, point: str) -> Death:
    who = world.somebody()
    task = _synced(world, who)
    return Death(
        point,
        lambda: edit_task(who, task, title="Changed"),
        lambda: "Changed" in world.events(who),
        lambda mark: len(world.writes(mark, who=who)),
    )


def _moved(world: World, point: str) -> Death:
    who = world.somebody()
    task = _synced(world, who)
    path = f"/calendars/{who.email}/events/{world.events(who)['Call Ada']['id']}"
    return Death(
        point,
        lambda: who.calendar.call("PATCH", path, json={"summary": "Moved"}),
        lambda: the_task(who, task)["title"] == "Moved",
        lambda _: the_task(who, task)["version"] - 1,
    )


def _deleted(world: World, point: str) -> Death:
    who = world.somebody()
    task = _synced(world, who)
    return Death(
        point,
        lambda: edit_task(who, task, calendar_sync=False),
        lambda: world.events(who) == {},
        lambda mark: len(world.writes(mark, who=who)),
    )


def _synced(world: World, who: Person) -> str:
    task = new_task(who, calendar_sync=True, title="Call Ada")
    world.eventually(lambda: "Call Ada" in world.events(who) and world.state(task) == "synced")
    return task
