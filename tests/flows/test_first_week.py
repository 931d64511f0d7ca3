"""B32 to B36: cases of the first week."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.acts import DUE, LATER, edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Person


def test_b32_the_target_calendar_is_deleted(house: House) -> None:
    who = house.person("ada@example.com")
    own = who.calendar.call("POST", "/calendars", json={"summary": "Tasks"})["id"]
    house.connect(who, calendar=own)
    tasks = [synced_task(house, who, title=f"Task {n}") for n in range(3)]
    who.calendar.call("DELETE", f"/calendars/{own}")
    edit_task(who, tasks[0], title="Edited meanwhile")
    house.settle()
    told = house.api.call("GET", f"/v1/users/{who.user_id}/connection")
    assert told["status"] == "calendar_gone"
    assert all(the_task(who, task)["calendar_sync"] for task in tasks), "switches stay on"
    notices = [r for r in house.crm_admin.call("GET", f"/users/{who.user_id}")["reports"] if "calendar_gone" in str(r)]
    assert len(notices) == 1
    house.api.call("PUT", f"/v1/users/{who.user_id}/calendar", json={"calendar_id": who.email})
    house.settle()
    assert sorted(e["summary"] for e in house.events(who, who.email)) == ["Edited meanwhile", "Task 1", "Task 2"]


def test_b33_the_crm_refuses_the_calendars_value(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.edit_event(ada, house.event(ada), summary="x" * 300)
    house.settle()
    assert house.event(ada)["summary"] == "Call Ada"
    state = house.state(task)
    assert (state["state"], state["reason"]) == ("error", "refused")
    edit_task(ada, task, title="Call Bob")
    house.settle()
    assert house.state(task)["state"] == "synced"


def test_b34_an_empty_title_never_flows_back(house: House, ada: Person) -> None:
    task = synced_task(house, ada, title=" ")
    assert house.event(ada)["summary"] == "(no title)"
    house.edit_event(
        ada,
        house.event(ada),
        start={"dateTime": "2030-03-05T10:00:00+01:00"},
        end={"dateTime": "2030-03-05T10:30:00+01:00"},
    )
    house.settle()
    assert the_task(ada, task)["title"] == " "
    assert the_task(ada, task)["due"]["date_time"] == "2030-03-05T09:00:00Z"


@pytest.mark.parametrize("due", [{"date": "1969-12-31"}, {"date": "2101-01-01"}])
def test_b34_a_due_date_out_of_range_leaves_the_event_alone(house: House, ada: Person, due: dict[str, str]) -> None:
    task = synced_task(house, ada)
    before = house.event(ada)
    edit_task(ada, task, due=due)
    house.settle()
    assert house.event(ada) == before
    state = house.state(task)
    assert (state["state"], state["reason"]) == ("error", "invalid_value")
    edit_task(ada, task, due=LATER)
    house.settle()
    assert house.state(task)["state"] == "synced"


def test_b35_a_completed_and_archived_task_keeps_its_event_as_history(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    edit_task(ada, task, status="completed")
    house.settle()
    ada.crm.call("DELETE", f"/tasks/{task}", params={"cause": "archived"})
    house.settle()
    assert house.event(ada)["summary"].startswith("C̶a̶")


def test_b35_an_open_and_archived_task_does_not(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    ada.crm.call("DELETE", f"/tasks/{task}", params={"cause": "archived"})
    house.settle()
    assert house.events(ada) == []


def test_b35_restored_with_the_switch_on_is_a_new_generation(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    first = house.event(ada)["id"]
    ada.crm.call("DELETE", f"/tasks/{task}")
    house.settle()
    ada.crm.call("POST", f"/tasks/{task}/restore")
    house.settle()
    assert the_task(ada, task)["calendar_sync"] is True
    assert house.event(ada)["id"] != first


def test_b35_a_deactivated_user_is_disconnected_without_patching_tasks(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    mark = house.mark()
    house.crm_admin.call("POST", "/deactivate", json={"user_id": ada.user_id})
    house.settle()
    assert house.api.call("GET", f"/v1/users/{ada.user_id}/connection")["status"] == "disconnected"
    assert [c for c in house.calls(mark, which="crm") if c["method"] == "PATCH"] == []
    assert len(house.events(ada)) == 1, "the event stays as a static copy"
    assert the_task_as_kept(house, task)["calendar_sync"] is True


def the_task_as_kept(house: House, task_id: str) -> dict[str, Any]:
    """The task in the CRM's own books: its person cannot ask any more."""
    kept = house.task(task_id)
    found: dict[str, Any] = kept.get("task", kept)
    return found


def test_b36_versions_going_backwards(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.crm_admin.call("POST", "/backup")
    for title in ("Call Bob", "Call Eve", "Call Zoe"):
        edit_task(ada, task, title=title)
        house.settle()
    assert house.event(ada)["summary"] == "Call Zoe"
    house.crm_admin.call("POST", "/restore-backup")
    house.advance(seconds=30)
    edit_task(ada, task, title="Call Joe")
    house.settle()
    assert the_task(ada, task)["title"] == "Call Joe"
    assert house.event(ada)["summary"] == "Call Joe"


def test_a_task_that_was_on_before_anybody_listened_is_found(house: House) -> None:
    who = house.person("ada@example.com")
    house.crm_admin.call("POST", "/faults", json={"match": {"direction": "out"}, "do": "drop", "times": 1})
    new_task(who, calendar_sync=True, due=DUE)
    house.settle()
    house.connect(who)
    house.advance(hours=7)
    house.tick()
    assert house.event(who)["summary"] == "Call Ada"
