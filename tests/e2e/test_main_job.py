"""The main job through real processes, both ways."""

from __future__ import annotations

import pytest

from tests.e2e.world import World
from tests.flows.acts import edit_task, new_task, the_task
from tests.flows.house import Person

pytestmark = pytest.mark.process
MANY = 120


def test_both_ways_and_back(world: World, ada: Person) -> None:
    task = new_task(ada, calendar_sync=True, title="Call Ada")
    world.eventually(lambda: "Call Ada" in world.events(ada))
    edit_task(ada, task, title="Call Bob")
    world.eventually(lambda: "Call Bob" in world.events(ada))
    event = world.events(ada)["Call Bob"]
    ada.calendar.call("PATCH", f"/calendars/{ada.email}/events/{event['id']}", json={"summary": "Call Eve"})
    world.eventually(lambda: the_task(ada, task)["title"] == "Call Eve")
    ada.calendar.call("DELETE", f"/calendars/{ada.email}/events/{event['id']}")
    world.eventually(lambda: the_task(ada, task)["calendar_sync"] is False)
    edit_task(ada, task, calendar_sync=True)
    world.eventually(lambda: "Call Eve" in world.events(ada))
    ada.crm.call("DELETE", f"/tasks/{task}")
    world.eventually(lambda: world.events(ada) == {})


def test_a_persons_edit_does_not_wait_for_anothers_backfill(world: World, ada: Person) -> None:
    """Many tasks that were on before their person connected; the edit made in the middle is written in the middle."""
    many = world.person("many@example.com", connected=False)
    for number in range(MANY):
        new_task(many, calendar_sync=True, title=f"Task {number}")
    task = new_task(ada, calendar_sync=True, title="Call Ada")
    world.eventually(lambda: "Call Ada" in world.events(ada))
    mark = world.mark()
    world.connect(many)
    world.eventually(lambda: len(world.writes(mark)) > 5)
    edit_task(ada, task, title="Call Bob")
    world.eventually(lambda: len(world.events(many)) == MANY, 60)
    written = [call["body"]["summary"] for call in world.writes(mark)]
    assert written.count("Call Bob") == 1
    assert len(written) == MANY + 1
    left = len(written) - written.index("Call Bob")
    assert left > MANY / 2, f"only {left - 1} of the backfill came after the edit"
