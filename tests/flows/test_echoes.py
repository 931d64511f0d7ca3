"""B23: that our own write came back from the calendar is told in the task's timeline, once for each write."""

from __future__ import annotations

import pytest

from gateway.services import sweep
from tests.flows.acts import LATER, codes, edit_task, synced_task
from tests.flows.house import House, Person
from tests.flows.outlook_house import OutlookHouse
from tests.flows.test_outlook import house as outlook_house  # noqa: F401 - a fixture

EDITED = ["task_changed", "event_updated", "event_echo"]


@pytest.fixture
def outlook(outlook_house: OutlookHouse) -> OutlookHouse:  # noqa: F811
    return outlook_house


@pytest.fixture
def ola(outlook: OutlookHouse) -> Person:
    who = outlook.outlook_person("ola@example.com", private_events=1)
    outlook.connect_outlook(who)
    return who


def told(house: House, task: str) -> list[str]:
    """What of the timeline is about edits. A push may be faster than our own commit; then it is told as well."""
    return [code for code in codes(house, task) if code in (*EDITED, "task_updated")]


def a_day_goes_by(house: House) -> None:
    """With its safety read."""
    house.advance(hours=25)
    sweep.tick(house.ctx)
    house.settle()


def test_b23_a_crm_edits_echo_at_google(house: House, ada: Person) -> None:
    first, second = synced_task(house, ada), synced_task(house, ada, title="Second")
    assert (told(house, first).count("event_echo"), told(house, second).count("event_echo")) == (1, 1)
    before, others = told(house, first), told(house, second)
    edit_task(ada, first, title="Call Bob")
    house.settle()
    assert told(house, first)[len(before) :] == EDITED
    assert told(house, second) == others, "the list told of this one, too, and nothing of it is new"
    a_day_goes_by(house)
    edit_task(ada, second, due=LATER)
    house.settle()
    assert told(house, first)[len(before) :] == EDITED, "neither a safety read nor another's echo says it again"
    assert told(house, second)[len(others) :] == EDITED


def test_b23_a_persons_edit_is_no_echo_of_ours(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    before = told(house, task)
    event = house.event(ada)
    ada.calendar.call("PATCH", f"/calendars/{ada.calendar_id}/events/{event['id']}", json={"summary": "Call Eve"})
    house.settle()
    a_day_goes_by(house)
    found = told(house, task)[len(before) :]
    assert "task_updated" in found
    assert "event_echo" not in found


def test_b23_a_crm_edits_echo_at_outlook(outlook: OutlookHouse, ola: Person) -> None:
    task = synced_task(outlook, ola)
    before = told(outlook, task)  # a push may name a new event before we know its id, and is dropped then
    edit_task(ola, task, title="Call Bob")
    outlook.settle()
    assert told(outlook, task)[len(before) :] == EDITED, "known by its change key, and two to four notices are one echo"
    a_day_goes_by(outlook)
    assert told(outlook, task)[len(before) :] == EDITED


def test_b23_an_echo_that_had_to_be_read_is_told_once(outlook: OutlookHouse, ola: Person) -> None:
    outlook.quirks(etags="restless")
    task = synced_task(outlook, ola)
    before = told(outlook, task)
    mark = outlook.graph_mark()
    edit_task(ola, task, title="Call Bob")
    outlook.settle()
    a_day_goes_by(outlook)
    assert told(outlook, task)[len(before) :] == EDITED
    assert outlook.graph_calls(mark).count("PATCH event") == 1


def test_b23_a_persons_edit_over_ours_uses_up_the_echo(outlook: OutlookHouse, ola: Person) -> None:
    task = synced_task(outlook, ola)
    outlook.quirks(gather=True)
    before = told(outlook, task)
    edit_task(ola, task, due=LATER)
    outlook.settle()
    outlook.edit_outlook(ola, outlook.outlook_event(ola), subject="Call Eve")
    outlook.graph_admin.call("POST", "/deliver", json={})
    outlook.settle()
    a_day_goes_by(outlook)
    found = told(outlook, task)[len(before) :]
    assert "task_updated" in found
    assert found.index("event_echo") < found.index("task_updated"), "told with the notices of our own write"
    assert found.count("event_echo") == 1
