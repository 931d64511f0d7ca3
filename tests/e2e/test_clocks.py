"""Two clocks at once."""

from __future__ import annotations

import pytest

from tests.e2e.world import Marks, World
from tests.flows.acts import new_task

pytestmark = pytest.mark.process
PEOPLE = 4
DAYS = 22
"""A subscription lives for 30 days and is renewed at about two thirds of that."""


def watches(world: World, since: Marks) -> dict[str, int]:
    """How many subscriptions were made since then, by calendar."""
    made = [e["path"] for e in world.ledger("google", since) if e["path"].endswith("/events/watch")]
    return {path: made.count(path) for path in made}


def test_two_clocks_renew_each_subscription_once(world: World) -> None:
    people = [world.somebody() for _ in range(PEOPLE)]
    for who in people:
        new_task(who, calendar_sync=True, title="Call Ada")
        world.eventually(lambda who=who: "Call Ada" in world.events(who))  # type: ignore[misc]
    second = world.start("second clock", "-m", "workers.clock")
    world.eventually(lambda: second.log.exists() and "ready" in second.log.read_text())
    mine = [f"/calendar/v3/calendars/{who.email}/events/watch" for who in people]
    mark = world.mark()
    world.google_admin.call("POST", "/clock", json={"advance_s": DAYS * 86400})
    world.eventually(lambda: all(path in watches(world, mark) for path in mine), 30)
    world.eventually(lambda: _live(world) == _connected(world), 30)
    assert second.stop() == 0, second.last_words()
    assert {path: watches(world, mark)[path] for path in mine} == dict.fromkeys(mine, 1)


def _connected(world: World) -> int:
    return world.count("SELECT count(*) FROM connections WHERE status = 'connected'")


def _live(world: World) -> int:
    """Connections with a subscription that is not due for renewal."""
    return world.count(
        "SELECT count(DISTINCT connection_id) FROM subscriptions WHERE state = 'live' AND created_at > now()"
        " + interval '21 days'"
    )
