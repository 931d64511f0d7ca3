"""Redis is emptied, goes away and comes back: the doors stay open, and all that is due is done."""

from __future__ import annotations

import pytest
import redis

from tests.e2e.world import World
from tests.flows.acts import new_task
from tests.flows.house import Person

pytestmark = pytest.mark.process
MANY = 20


TITLES = {f"Task {number}" for number in range(MANY)}


def make_tasks(who: Person) -> list[str]:
    return [new_task(who, calendar_sync=True, title=title) for title in sorted(TITLES)]


def recorded(world: World, tasks: list[str]) -> int:
    """How many of these tasks the door has taken in."""
    named = ", ".join(f"'{task}'" for task in tasks)
    return world.count(f"SELECT count(*) FROM links WHERE task_id IN ({named})")  # noqa: S608 - a test's own ids


def test_rings_that_are_forgotten_are_rung_again(world: World, ada: Person) -> None:
    """Nobody works, everything is taken in and rung for, then every ring is lost."""
    world.stop_worker()
    tasks = make_tasks(ada)
    world.eventually(lambda: recorded(world, tasks) == MANY)
    with redis.Redis.from_url(world.servers.redis_url) as client:
        assert client.exists("rq:queue:now")
        client.flushall()
    world.start_worker()
    world.eventually(lambda: set(world.events(ada)) == TITLES, 60)


def test_emptied_in_the_middle_of_the_work(world: World, ada: Person) -> None:
    make_tasks(ada)
    with redis.Redis.from_url(world.servers.redis_url) as client:
        for wanted in (1, MANY // 2):
            world.eventually(lambda wanted=wanted: len(world.events(ada)) >= wanted)  # type: ignore[misc]
            client.flushall()
    world.eventually(lambda: set(world.events(ada)) == TITLES, 60)


def test_away_and_back(world: World, ada: Person) -> None:
    mark = world.mark()
    world.servers.kill("valkey")
    tasks = make_tasks(ada)
    world.eventually(lambda: recorded(world, tasks) == MANY)
    told = [entry["status"] for entry in world.ledger("crm", mark) if entry["direction"] == "out"]
    assert set(told) == {202}, "the door takes in what it is told, queue or no queue"
    world.servers.start_again("valkey")
    world.eventually(lambda: set(world.events(ada)) == TITLES, 60)
    assert len(world.writes(mark, ada)) == MANY
