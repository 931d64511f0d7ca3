"""The same promises through Microsoft Graph: B2, B5 to B14, B19 to B22, by their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.graph import conformance
from tests.flows.acts import DUE, LATER, codes, edit_task, new_task, synced_task, the_task
from tests.flows.house import Person
from tests.flows.lock_order import LockOrder
from tests.flows.outlook_house import OutlookHouse, times

NINE = datetime(2030, 3, 5, 8, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[OutlookHouse]:
    locks = LockOrder()
    house = OutlookHouse(tmp_path, database_url)
    house.install()
    house.settle()
    yield house
    foreign = house.foreign_reads()
    house.stop()
    locks.stop()
    assert foreign == []
    assert locks.broken == []
    assert [text for entry in house.graph.recorder.entries() for text in conformance.check(entry)] == []


@pytest.fixture
def ola(house: OutlookHouse) -> Person:
    """Connected to her default calendar, which is full of private events."""
    who = house.outlook_person("ola@example.com")
    house.connect_outlook(who)
    return who


# --- the task becomes an event


def test_b2_on_the_task_becomes_an_event(house: OutlookHouse, ola: Person) -> None:
    mark = house.graph_mark()
    synced_task(house, ola, priority="high")
    event = house.outlook_event(ola)
    assert event["subject"] == "Call Ada"
    assert event["categories"] == ["High priority"]
    assert event["showAs"] == "free"
    assert (event["isReminderOn"], event["reminderMinutesBeforeStart"]) == (True, 15)
    assert (event["start"]["dateTime"], event["start"]["timeZone"]) == ("2030-03-05T08:00:00.0000000", "UTC")
    assert "Bring the quote" in event["body"]["content"]
    assert "Open in" in event["body"]["content"]
    assert house.graph_calls(mark) == ["POST events", "GET event"]


def test_b5_an_edit_in_the_crm_is_one_patch(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    mark = house.graph_mark()
    edit_task(ola, task, due=LATER)
    house.settle()
    event = house.outlook_event(ola)
    assert event["start"]["dateTime"] == "2030-03-06T14:00:00.0000000"
    assert event["end"]["dateTime"] == "2030-03-06T14:30:00.0000000"
    assert house.graph_calls(mark)[0] == "PATCH event"
    assert len(house.graph_calls(mark)) <= 2, "at most one look at the echo"


def test_b5_restless_etags_cost_one_look_more(house: OutlookHouse, ola: Person) -> None:
    house.quirks(etags="restless")
    task = synced_task(house, ola)
    mark = house.graph_mark()
    edit_task(ola, task, title="Call Bob")
    house.settle()
    assert house.outlook_event(ola)["subject"] == "Call Bob"
    assert len(house.graph_calls(mark)) <= 4


def test_b5_a_new_description_keeps_what_the_person_typed(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    event = house.outlook_event(ola)
    body = event["body"]["content"].replace("</body>", "<p>My own notes</p></body>")
    house.edit_outlook(ola, event, body={"contentType": "html", "content": body})
    house.settle()
    edit_task(ola, task, description="Bring the contract")
    house.settle()
    text = house.outlook_event(ola)["body"]["content"]
    assert "Bring the contract" in text
    assert "Bring the quote" not in text
    assert "My own notes" in text
    assert text.count("Open in") == 1


def test_b5_the_text_of_an_online_meeting_is_left_alone(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    meeting = {"contentType": "html", "content": "<p>Join the meeting</p>"}
    house.edit_outlook(ola, house.outlook_event(ola), isOnlineMeeting=True, body=meeting)
    house.settle()
    edit_task(ola, task, description="Bring the contract", title="Call Bob")
    house.settle()
    event = house.outlook_event(ola)
    assert event["subject"] == "Call Bob"
    assert "Join the meeting" in event["body"]["content"]


def test_b6_done_and_open_again(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola, priority="urgent")
    event = house.outlook_event(ola)
    house.edit_outlook(ola, event, categories=["Family", "Urgent priority"], reminderMinutesBeforeStart=60)
    house.settle()
    edit_task(ola, task, status="completed")
    house.settle()
    done = house.outlook_event(ola)
    assert "\u0336" in done["subject"]
    assert (done["categories"], done["isReminderOn"]) == (["Family", "Done"], False)
    edit_task(ola, task, status="open")
    house.settle()
    back = house.outlook_event(ola)
    assert back["subject"] == "Call Ada"
    assert back["categories"] == ["Family", "Urgent priority"]
    assert (back["isReminderOn"], back["reminderMinutesBeforeStart"]) == (True, 60)


def test_b7_off_the_event_goes(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    edit_task(ola, task, calendar_sync=False)
    house.settle()
    assert house.outlook_events(ola) == []


def test_b8_from_google_to_outlook_and_back(house: OutlookHouse, ola: Person) -> None:
    ada = house.person("ada@example.com")
    house.connect(ada)
    task = synced_task(house, ada)
    edit_task(ada, task, owner={"id": ola.user_id})
    house.settle()
    assert house.events(ada) == []
    assert house.outlook_event(ola)["subject"] == "Call Ada"
    edit_task(ola, task, owner={"id": ada.user_id})
    house.settle()
    assert house.outlook_events(ola) == []
    assert house.event(ada)["summary"] == "Call Ada"


# --- the event speaks back


def test_b9_moved_the_task_is_due_then(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    mark, crm_mark = house.graph_mark(), house.mark()
    start = datetime(2030, 3, 7, 13, tzinfo=UTC)
    house.edit_outlook(ola, house.outlook_event(ola), **times(start, start + timedelta(minutes=30)))
    house.settle()
    assert the_task(ola, task)["due"]["date_time"] == "2030-03-07T13:00:00Z"
    assert set(house.graph_calls(mark)) == {"GET event"}
    assert len(house.graph_calls(mark)) <= 3
    crm = [c["method"] for c in house.calls(crm_mark, which="crm") if "calendar-sync" not in c["path"]]
    assert crm == ["PATCH"]


def test_b9_to_all_day_and_back(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    day = datetime(2030, 3, 9, tzinfo=UTC)
    house.edit_outlook(ola, house.outlook_event(ola), isAllDay=True, **times(day, day + timedelta(days=1)))
    house.settle()
    assert the_task(ola, task)["due"] == {"date": "2030-03-09"}
    seven = day + timedelta(hours=7)
    house.edit_outlook(ola, house.outlook_event(ola), isAllDay=False, **times(seven, seven + timedelta(hours=1)))
    house.settle()
    assert the_task(ola, task)["due"]["date_time"] == "2030-03-09T07:00:00Z"


def test_b10_renamed_the_task_follows(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    house.edit_outlook(ola, house.outlook_event(ola), subject="Call Eve")
    house.settle()
    assert the_task(ola, task)["title"] == "Call Eve"


def test_b11_what_is_the_persons_alone_costs_the_crm_nothing(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    before, mark = the_task(ola, task), house.mark()
    house.edit_outlook(ola, house.outlook_event(ola), showAs="busy", categories=["Family"])
    house.settle()
    assert the_task(ola, task) == before
    assert house.calls(mark, which="crm") == []


@pytest.mark.parametrize("readable", [False, True])
def test_b12_deleted_in_outlook_the_switch_goes_off(house: OutlookHouse, ola: Person, *, readable: bool) -> None:
    house.quirks(deleted_readable=readable)
    task = synced_task(house, ola)
    event, mark = house.outlook_event(ola), house.graph_mark()
    house.delete_outlook(ola, event)
    house.settle()
    assert the_task(ola, task)["calendar_sync"] is False
    assert house.state(task)["reason"] == "event_deleted"
    assert len(house.graph_calls(mark)) <= 4, house.graph_calls(mark)
    house.graph_admin.call("POST", "/restore", json={"email": ola.email, "event_id": event["id"]})
    house.settle()
    assert the_task(ola, task)["calendar_sync"] is False
    edit_task(ola, task, calendar_sync=True)
    house.settle()
    assert len(house.outlook_events(ola)) == 2, "the restored copy, and the new one"


def test_b13_moved_to_another_calendar(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    other = ola.calendar.call("POST", "/me/calendars", json={"name": "Other"})["id"]
    event = house.outlook_event(ola)
    house.graph_admin.call("POST", "/move", json={"email": ola.email, "event_id": event["id"], "calendar_id": other})
    house.settle()
    assert the_task(ola, task)["calendar_sync"] is False
    assert house.state(task)["reason"] == "moved_calendar"
    assert [one["subject"] for one in house.outlook_events(ola, other)] == ["Call Ada"]


def test_b15_both_at_once_is_a_conflict_the_crm_wins(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    house.edit_outlook(ola, house.outlook_event(ola), subject="Call Eve")
    edit_task(ola, task, title="Call Bob")
    house.settle()
    assert the_task(ola, task)["title"] == "Call Bob"
    assert house.outlook_event(ola)["subject"] == "Call Bob"
    assert house.state(task)["state"] == "conflict"


def test_b17_what_exchange_does_by_itself_changes_nothing(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    before = the_task(ola, task)
    house.graph_admin.call("POST", "/touch", json={"email": ola.email})
    house.advance(hours=26)
    house.tick()
    assert the_task(ola, task) == before
    assert house.state(task)["state"] == "synced"


# --- connecting, leaving


def test_b18_a_calendar_of_its_own_with_colours(house: OutlookHouse) -> None:
    who = house.outlook_person("olaf@example.com", private_events=1)
    house.connect_outlook(who, mode="own", extras=True)
    synced_task(house, who, priority="low")
    assert house.outlook_event(who)["categories"] == ["Low priority"]
    listed = who.calendar.call("GET", "/me/outlook/masterCategories")["value"]
    assert {one["displayName"]: one["color"] for one in listed}["Low priority"] == "preset12"


def test_b19_another_calendar_the_events_move_without_doubles(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    other = ola.calendar.call("POST", "/me/calendars", json={"name": "Other"})["id"]
    house.api.call("PUT", f"/v1/users/{ola.user_id}/calendar", json={"calendar_id": other})
    house.settle()
    assert house.outlook_events(ola) == []
    assert [one["subject"] for one in house.outlook_events(ola, other)] == ["Call Ada"]
    assert house.state(task)["state"] == "synced"
    event = house.outlook_event(ola, other)
    house.edit_outlook(ola, event, subject="Call Eve")
    house.settle()
    assert the_task(ola, task)["title"] == "Call Eve"


def test_b20_disconnected_nothing_is_left_behind(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    house.api.call("DELETE", f"/v1/users/{ola.user_id}/connection")
    house.settle()
    assert the_task(ola, task)["calendar_sync"] is False
    assert len(house.outlook_events(ola)) == 1
    assert house.graph_admin.call("POST", "/drop_subscriptions", json={"email": ola.email}) == {"dropped": 0}
    mark = house.graph_mark()
    edit_task(ola, task, title="Call Bob")
    house.settle()
    assert house.graph_calls(mark) == []


@pytest.mark.parametrize(("code", "status"), [(50173, "revoked"), (65001, "revoked"), (50076, "reauthorize")])
def test_b21_access_lost(house: OutlookHouse, ola: Person, code: int, status: str) -> None:
    task = synced_task(house, ola)
    house.graph_admin.call("POST", "/revoke", json={"email": ola.email, "code": code, "access_tokens": True})
    edit_task(ola, task, title="Call Bob")
    house.settle()
    told = house.api.call("GET", f"/v1/users/{ola.user_id}/connection")
    assert told["status"] == status
    assert the_task(ola, task)["calendar_sync"] is (status == "reauthorize")


def test_b22_the_ledger_counts_what_was_dropped_unread(house: OutlookHouse, ola: Person) -> None:
    synced_task(house, ola)
    before, mark, sent = house.ledger(ola), house.graph_mark(), house.pushes_sent()
    private = ola.calendar.call("GET", "/me/events?$top=100", headers={"Prefer": 'IdType="ImmutableId"'})["value"]
    private = [one for one in private if one["subject"].startswith("Private")]
    for event in private:
        house.edit_outlook(ola, event, subject="Changed")
    house.settle()
    after = house.ledger(ola)
    told = house.pushes_sent() - sent
    assert told >= len(private) == 50
    assert after["read"] == before["read"]
    assert after["dropped"] - before["dropped"] == told
    assert house.graph_calls(mark) == []


# --- storms


def test_500_notices_for_50_edits_of_50_events_are_50_patches(house: OutlookHouse, ola: Person) -> None:
    tasks = [new_task(ola, calendar_sync=True, title=f"Task {number}") for number in range(50)]
    house.settle(within=60)
    house.quirks(gather=True, notices=[5, 5])
    mark = house.mark()
    for event in house.outlook_events(ola):
        house.edit_outlook(ola, event, subject=f"{event['subject']} moved")
    sent = house.graph_admin.call("POST", "/deliver", json={"shuffle": True, "copies": 2, "per_post": 25})["sent"]
    assert sent == 500
    house.settle(within=60)
    assert [the_task(ola, task)["title"] for task in tasks] == [f"Task {number} moved" for number in range(50)]
    patches = [c for c in house.calls(mark, which="crm") if c["method"] == "PATCH" and "calendar-sync" not in c["path"]]
    assert len(patches) == 50


def test_50_edits_of_one_event_are_at_most_three_patches(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    house.quirks(gather=True)
    mark, event = house.mark(), house.outlook_event(ola)
    for number in range(50):
        house.edit_outlook(ola, event, subject=f"Call {number}")
    house.graph_admin.call("POST", "/deliver", json={"shuffle": True, "copies": 2, "per_post": 10})
    house.settle()
    assert the_task(ola, task)["title"] == "Call 49"
    patches = [c for c in house.calls(mark, which="crm") if c["method"] == "PATCH" and "calendar-sync" not in c["path"]]
    assert 1 <= len(patches) <= 3


def test_an_echo_dies_here(house: OutlookHouse, ola: Person) -> None:
    task = synced_task(house, ola)
    mark = house.mark()
    edit_task(ola, task, title="Call Bob", due=DUE)
    house.settle()
    crm = [c["method"] for c in house.calls(mark, which="crm") if "calendar-sync" not in c["path"]]
    assert crm == []
    assert "conflict" not in codes(house, task)
