"""Bad input through the whole house: refused with the field's name, or brought to a state that says why."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from tests.flows.acts import DUE, edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Marks, Person
from tests.flows.trouble import nothing_is_left, until_quiet


def deliver(house: House, body: Any, *, key: str | None = None, secret: str | None = None) -> requests.Response:
    """A webhook as this CRM would sign it."""
    raw = body if isinstance(body, str) else json.dumps(body)
    at = house.ctx.clock.now()
    number = f"msg_{at.timestamp()}"
    signed = Webhook(secret or house.installation["webhook_secret"]).sign(number, at, raw)
    url = house.installation["webhook_url"].replace(house.installation["key"], key or house.installation["key"])
    headers = {
        "webhook-id": number,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signed,
        "Content-Type": "application/json",
    }
    return requests.post(url, data=raw.encode(), headers=headers, timeout=10)


def task_event(who: Person, **fields: Any) -> dict[str, Any]:
    """A delivery about a task that the CRM itself would never send."""
    task = {
        "id": "t-odd",
        "version": 1,
        "title": "Call Ada",
        "description": "",
        "status": "open",
        "priority": "normal",
        "due": DUE,
        "owner": {"id": who.user_id},
        "url": "https://crm.example/tasks/t-odd",
        "calendar_sync": True,
        **fields,
    }
    return {"type": "task.updated", "timestamp": "2026-01-01T00:00:00Z", "data": {"task": task}}


UNREADABLE: list[tuple[dict[str, Any], str]] = [
    ({"due": {"date_time": "2030-03-05T09:00:00"}}, "data.task.due.date_time"),
    ({"due": {"date_time": "2030-03-05T09:00:00+01:00", "time_zone": "Mars/Base"}}, "data.task.due.time_zone"),
    ({"due": {"date": "2030-02-29"}}, "data.task.due.date"),
    ({"due": {"date": "2030-03-05", "date_time": "2030-03-05T09:00:00Z"}}, "data.task.due"),
    ({"due": {"date_time": "2030-03-05T24:00:00Z"}}, "data.task.due.date_time"),
    ({"version": -1}, "data.task.version"),
    ({"version": "7"}, "data.task.version"),
    ({"title": None}, "data.task.title"),
    ({"title": "Call\u0000Ada"}, "data.task.title"),
    ({"url": "javascript:alert(1)"}, "data.task.url"),
    ({"owner": {"id": ""}}, "data.task.owner.id"),
    ({"priority": "highest"}, "data.task.priority"),
    ({"duration_minutes": 0}, "data.task.duration_minutes"),
    ({"calendar_sync": "yes"}, "data.task.calendar_sync"),
]


def test_a_delivery_that_cannot_be_read_is_400_and_names_the_field(house: House, ada: Person) -> None:
    for fields, named in UNREADABLE:
        answer = deliver(house, task_event(ada, **fields))
        assert answer.status_code == 400, fields
        assert named in answer.text, fields
    for body in ("not json", "", "[]", "null", '"text"', '{"type": NaN}', '{"a": 1, "a": 2}', "[" * 100_000):
        assert deliver(house, body).status_code == 400, body[:20]
    assert deliver(house, {"type": "invoice.paid", "data": {}}).status_code == 202, "unknown, recorded and ignored"
    house.settle()
    assert house.events(ada) == []
    nothing_is_left(house)


def test_an_id_that_looks_like_a_path_leads_nowhere(house: House, ada: Person) -> None:
    assert deliver(house, task_event(ada, id="../etc", calendar_sync=True, due=None)).status_code == 202
    house.settle()
    paths = [c["path"] for c in house.calls(Marks(0, 0), which="crm")]
    assert not [path for path in paths if path.endswith("/etc") and not path.startswith("/tasks/")]


def test_an_unknown_installation_and_a_wrong_signature_look_the_same(house: House, ada: Person) -> None:
    stranger = deliver(house, task_event(ada), key="no-such-installation")
    forged = deliver(house, task_event(ada), secret="whsec_" + "QUFB" * 8)
    assert (stranger.status_code, forged.status_code) == (401, 401)
    assert stranger.content == forged.content
    house.settle()
    assert house.events(ada) == []


TITLES = {
    "x" * 255: "x" * 255,
    "Call\tAda\nat\r\nnoon": "Call Ada at noon",
    "   ": "(no title)",
    "\u202eadA llaC": "\u202eadA llaC",
    "e\u0301\u0336 \U0001f469\u200d\U0001f467": "\u00e9\u0336 \U0001f469\u200d\U0001f467",
}


def test_odd_titles_arrive_and_do_not_come_back_changed(house: House, ada: Person) -> None:
    tasks = {new_task(ada, title=title, calendar_sync=True): title for title in TITLES}
    until_quiet(house)
    shown = sorted(TITLES.values())
    assert sorted(e["summary"] for e in house.events(ada)) == shown
    for status in ("completed", "open"):
        for task in tasks:
            edit_task(ada, task, status=status)
        until_quiet(house)
    events = house.events(ada)
    assert sorted(e["summary"] for e in events) == shown
    for event in events:
        house.edit_event(ada, event, location="Cafe Einstein")
    until_quiet(house)
    assert {task: the_task(ada, task)["title"] for task in tasks} == tasks
    nothing_is_left(house)


def test_a_title_of_10_000_characters_is_clipped_and_the_whole_is_kept(house: House, ada: Person) -> None:
    synced = synced_task(house, ada)
    long = "Call Ada " * 1111 + "!"
    told = {**the_task(ada, synced), "title": long, "version": 9}
    assert deliver(house, {"type": "task.updated", "data": {"task": told}}).status_code == 202
    house.settle()
    event = house.event(ada)
    assert len(event["summary"]) <= 500
    assert event["summary"].endswith("\u2026")
    assert (house.state(synced)["state"], house.state(synced)["reason"]) == ("synced", "clipped")


@pytest.mark.parametrize("due", [{"date": "0001-01-01"}, {"date_time": "9999-12-31T23:59:59Z"}])
def test_the_first_and_the_last_year_leave_the_event_alone(house: House, ada: Person, due: dict[str, str]) -> None:
    task = synced_task(house, ada)
    before = house.event(ada)
    told = {**the_task(ada, task), "due": due, "version": 9}
    assert deliver(house, {"type": "task.updated", "data": {"task": told}}).status_code == 202
    house.settle()
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("error", "invalid_value")
    assert house.event(ada) == before
    nothing_is_left(house)


INSTANTS = {
    "2030-03-31T01:30:00Z": "2030-03-31T03:30:00+02:00",  # 02:30 does not exist on that day in Berlin
    "2030-10-27T00:30:00Z": "2030-10-27T02:30:00+02:00",  # 02:30, the first time
    "2030-10-27T01:30:00Z": "2030-10-27T02:30:00+01:00",  # 02:30, the second time
}


def test_skipped_and_doubled_hours_keep_their_instant(house: House, ada: Person) -> None:
    tasks = {
        new_task(ada, due={"date_time": due, "time_zone": "Europe/Berlin"}, calendar_sync=True): due for due in INSTANTS
    }
    until_quiet(house)
    events = house.events(ada)
    assert sorted(e["start"]["dateTime"] for e in events) == sorted(INSTANTS.values())
    for event in events:
        house.edit_event(ada, event, location="Cafe Einstein")
    until_quiet(house)
    for task, due in tasks.items():
        assert the_task(ada, task)["due"]["date_time"] == due
        assert the_task(ada, task)["version"] == 1, "not a word to the CRM"
    nothing_is_left(house)
