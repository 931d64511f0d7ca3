"""Microsoft refuses the filter by our property: what was missed is found by the ids that we have paired alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from tests.flows.acts import new_task, the_task
from tests.flows.house import Person
from tests.flows.outlook_house import OutlookHouse, times
from tests.flows.test_outlook import house, ola  # noqa: F401 - fixtures

LINKED = 45


def refuse_lists(house: OutlookHouse) -> None:  # noqa: F811
    error = {"error": {"code": "ErrorInvalidProperty", "message": "The property does not support filtering."}}
    match = {"direction": "in", "method": "GET", "path": "/events$", "caller": "gateway"}
    fault = {"match": match, "do": "status", "status": 400, "body": error, "times": None}
    house.graph_admin.call("POST", "/faults", json=fault)


def missed(house: OutlookHouse, who: Person) -> None:  # noqa: F811
    """Microsoft lost its pushes, and says so."""
    house.quirks()
    house.graph_admin.call("POST", "/lifecycle", json={"email": who.email, "event": "missed", "form": "documented"})
    house.settle()


def test_what_was_missed_is_found_by_twenty_at_a_time(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    tasks = {f"Task {number}": new_task(ola, title=f"Task {number}", calendar_sync=True) for number in range(LINKED)}
    house.settle(within=60)
    events = {event["subject"]: event for event in house.outlook_events(ola)}
    assert set(events) == set(tasks)
    house.quirks(gather=True)  # what is said meanwhile is kept, and so missed
    start = datetime(2030, 3, 7, 13, tzinfo=UTC)
    house.edit_outlook(ola, events["Task 1"], subject="Call Eve")
    house.edit_outlook(ola, events["Task 20"], subject="Call Mia")
    house.edit_outlook(ola, events["Task 44"], **times(start, start + timedelta(minutes=30)))
    house.delete_outlook(ola, events["Task 33"])
    house.settle()
    refuse_lists(house)
    mark, read = house.graph_mark(), house.ledger(ola)["read"]
    missed(house, ola)
    assert the_task(ola, tasks["Task 1"])["title"] == "Call Eve"
    assert the_task(ola, tasks["Task 20"])["title"] == "Call Mia"
    assert the_task(ola, tasks["Task 44"])["due"]["date_time"].startswith("2030-03-07T13:00:00")
    still_on = {title for title, task in tasks.items() if the_task(ola, task)["calendar_sync"]}
    assert still_on == set(tasks) - {"Task 33"}
    calls = house.graph_calls(mark)
    assert calls[:4] == ["GET events", "POST $batch", "POST $batch", "POST $batch"]
    assert calls.count("POST $batch") == 3, "20, 20 and 5"
    assert len(calls) <= 4 + 4, "the missing one is looked for by itself before it is believed"
    assert house.ledger(ola)["read"] - read <= LINKED + 3
    named = {part for body in batches(house, mark) for part in body}
    assert named == {event["id"] for event in events.values()}


def test_one_impatient_part_makes_the_look_wait(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = new_task(ola, calendar_sync=True)
    house.settle()
    event = house.outlook_event(ola)
    house.quirks(gather=True)
    house.edit_outlook(ola, event, subject="Call Eve")
    house.settle()
    refuse_lists(house)
    match = {"direction": "in", "method": "GET", "path": "/calendars/.*/events/"}
    busy = {"match": match, "do": "status", "status": 503, "headers": {"Retry-After": "120"}, "times": 1}
    house.graph_admin.call("POST", "/faults", json=busy)
    mark = house.graph_mark()
    missed(house, ola)
    house.advance(seconds=100)
    house.settle(soon=0)
    assert house.graph_calls(mark).count("POST $batch") == 1, "asked to wait for two minutes"
    assert the_task(ola, task)["title"] == "Call Ada"
    house.advance(seconds=60)
    house.settle()
    assert the_task(ola, task)["title"] == "Call Eve"


def batches(house: OutlookHouse, since: int) -> list[list[str]]:  # noqa: F811
    """The ids that each batch named."""
    entries = house.graph_admin.call("GET", f"/ledger?since={since}")["entries"]
    sent = [e["body"] for e in entries if e["direction"] == "in" and e["path"].endswith("/$batch")]
    bodies = [json.loads(body) if isinstance(body, str) else body for body in sent]
    return [[_id(part["url"]) for part in body["requests"]] for body in bodies]


def _id(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])
