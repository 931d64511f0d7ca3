"""What people do, in words."""

from __future__ import annotations

from typing import Any

from tests.flows.house import House, Person

DUE = {"date_time": "2030-03-05T09:00:00+01:00", "time_zone": "Europe/Berlin"}
LATER = {"date_time": "2030-03-06T15:00:00+01:00", "time_zone": "Europe/Berlin"}


def new_task(who: Person, **fields: Any) -> str:
    """A task of this person's, made in the CRM; its switch is off unless said otherwise."""
    body = {"title": "Call Ada", "description": "Bring the quote", "due": DUE, **fields}
    made: dict[str, Any] = who.crm.call("POST", "/tasks", json=body)
    return str(made["id"])


def edit_task(who: Person, task_id: str, **fields: Any) -> dict[str, Any]:
    """The person edits the task in the CRM."""
    done: dict[str, Any] = who.crm.call(
        "PATCH", f"/tasks/{task_id}", json=fields, headers={"Content-Type": "application/merge-patch+json"}
    )
    return done


def synced_task(house: House, who: Person, **fields: Any) -> str:
    """A task that is on, with its event in the calendar."""
    task_id = new_task(who, calendar_sync=True, **fields)
    house.settle()
    assert house.state(task_id)["state"] == "synced", house.state(task_id)
    return task_id


def the_task(who: Person, task_id: str) -> dict[str, Any]:
    """The task as the person sees it in the CRM."""
    found: dict[str, Any] = who.crm.call("GET", f"/tasks/{task_id}")
    return found


def codes(house: House, task_id: str) -> list[str]:
    """The task's timeline, oldest first."""
    told = house.api.call("GET", f"/v1/tasks/{task_id}/timeline")
    entries = told["entries"] if isinstance(told, dict) else told
    return [e["code"] for e in reversed(entries)]
