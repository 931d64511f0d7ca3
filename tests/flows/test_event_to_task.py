"""B9 to B14, B22: the event speaks back."""

from __future__ import annotations

from tests.flows.acts import DUE, codes, edit_task, synced_task, the_task
from tests.flows.house import House, Person


def test_b9_moved_the_task_is_due_then(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    mark = house.mark()
    house.edit_event(
        ada,
        house.event(ada),
        start={"dateTime": "2030-03-07T14:00:00+01:00"},
        end={"dateTime": "2030-03-07T14:30:00+01:00"},
    )
    house.settle()
    assert the_task(ada, task)["due"]["date_time"] == "2030-03-07T13:00:00Z"
    assert [c["method"] for c in house.calls(mark)] == ["GET"], "one filtered list"
    crm = [c["method"] for c in house.calls(mark, which="crm") if "calendar-sync" not in c["path"]]
    assert crm == ["PATCH"], "one patch, whose echo costs nothing"


def test_b9_to_all_day_and_back(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    none = {"dateTime": None, "timeZone": None}
    house.edit_event(ada, house.event(ada), start={"date": "2030-03-09", **none}, end={"date": "2030-03-10", **none})
    house.settle()
    assert the_task(ada, task)["due"] == {"date": "2030-03-09"}
    house.edit_event(
        ada,
        house.event(ada),
        start={"date": None, "dateTime": "2030-03-09T08:00:00+01:00"},
        end={"date": None, "dateTime": "2030-03-09T09:00:00+01:00"},
    )
    house.settle()
    assert the_task(ada, task)["due"]["date_time"] == "2030-03-09T07:00:00Z"


def test_b9_another_zone_is_the_same_instant(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    before = the_task(ada, task)
    house.edit_event(
        ada,
        house.event(ada),
        start={"dateTime": "2030-03-05T03:00:00-05:00", "timeZone": "America/New_York"},
        end={"dateTime": "2030-03-05T03:30:00-05:00", "timeZone": "America/New_York"},
    )
    house.settle()
    assert the_task(ada, task) == before


def test_b9_length_alone_is_the_persons(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    before = the_task(ada, task)
    house.edit_event(ada, house.event(ada), end={"dateTime": "2030-03-05T12:00:00+01:00"})
    house.settle()
    assert the_task(ada, task) == before
    assert house.event(ada)["end"]["dateTime"] == "2030-03-05T12:00:00+01:00"


def test_b10_renamed_the_task_follows(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    house.settle()
    assert the_task(ada, task)["title"] == "Call Eve"


def test_b10_an_emptied_title_is_put_back(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.edit_event(ada, house.event(ada), summary="")
    house.settle()
    assert house.event(ada)["summary"] == "Call Ada"
    assert the_task(ada, task)["version"] == 1


def test_b11_description_colour_guests_place_and_reminders_stay_in_the_calendar(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    before = the_task(ada, task)
    mark = house.mark()
    house.edit_event(
        ada, house.event(ada), description="Mine", colorId="3", location="Here", reminders={"useDefault": False}
    )
    house.settle()
    assert the_task(ada, task) == before
    assert house.event(ada)["description"] == "Mine"
    assert house.calls(mark, which="crm") == []
    edit_task(ada, task, title="Call Bob")
    house.settle()
    assert house.event(ada)["description"] == "Mine", "the deep link does not come back by itself"
    edit_task(ada, task, description="Bring two quotes")
    house.settle()
    assert house.event(ada)["description"] == f"Bring two quotes\n\nOpen in Acme: {before['url']}\n\nMine"


def test_b12_deleted_in_the_calendar_only_the_switch_goes_off(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    before = the_task(ada, task)
    house.delete_event(ada, house.event(ada))
    house.settle()
    after = the_task(ada, task)
    assert after["calendar_sync"] is False
    assert {k: after[k] for k in ("title", "due", "status")} == {k: before[k] for k in ("title", "due", "status")}
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("off", "event_deleted")
    assert house.events(ada) == []
    edit_task(ada, task, calendar_sync=True)
    house.settle()
    assert house.event(ada)["summary"] == "Call Ada"


def test_b12_restored_from_the_bin_is_a_static_copy(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    event = house.event(ada)
    house.delete_event(ada, event)
    house.settle()
    house.edit_event(ada, event, status="confirmed")
    house.settle()
    house.edit_event(ada, event, summary="A copy of my own")
    house.settle()
    assert the_task(ada, task)["title"] == "Call Ada"
    edit_task(ada, task, calendar_sync=True)
    house.settle()
    assert sorted(e["summary"] for e in house.events(ada)) == ["A copy of my own", "Call Ada"]


def test_b12_an_error_is_never_a_deletion(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.google_admin.call(
        "POST",
        "/faults",
        json={"match": {"direction": "in", "path": "/events"}, "do": "status", "status": 404, "times": 1},
    )
    edit_task(ada, task, title="Call Bob")
    house.settle()
    assert the_task(ada, task)["calendar_sync"] is True
    house.advance(minutes=10)
    house.settle()
    assert house.event(ada)["summary"] == "Call Bob"
    assert the_task(ada, task)["calendar_sync"] is True


def test_b13_moved_by_hand_to_another_calendar(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    other = ada.calendar.call("POST", "/calendars", json={"summary": "Elsewhere"})["id"]
    event = house.event(ada)
    ada.calendar.call("POST", f"/calendars/{ada.calendar_id}/events/{event['id']}/move", params={"destination": other})
    house.settle()
    assert the_task(ada, task)["calendar_sync"] is False
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("off", "moved_calendar")
    assert len(house.events(ada, other)) == 1, "the moved copy is the person's own"


def test_b14_made_recurring_the_task_follows_the_first_start(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.edit_event(
        ada,
        house.event(ada),
        start={"dateTime": "2030-03-07T14:00:00+01:00", "timeZone": "Europe/Berlin"},
        end={"dateTime": "2030-03-07T14:30:00+01:00", "timeZone": "Europe/Berlin"},
        recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"],
    )
    house.settle()
    assert the_task(ada, task)["due"]["date_time"] == "2030-03-07T13:00:00Z"
    edit_task(ada, task, title="Call Bob")
    house.settle()
    event = house.event(ada)
    assert event["summary"] == "Call Bob"
    assert event["recurrence"] == ["RRULE:FREQ=WEEKLY;COUNT=4"]
    instances = ada.calendar.call("GET", f"/calendars/{ada.calendar_id}/events/{event['id']}/instances")["items"]
    house.edit_event(ada, instances[1], summary="This week it is different")
    house.settle()
    assert the_task(ada, task)["title"] == "Call Bob"


def test_b17_echoes_of_our_own_writes_change_nothing(house: House, ada: Person) -> None:
    task = synced_task(house, ada, due=DUE)
    edit_task(ada, task, title="Call Bob")
    house.settle()
    mark = house.mark()
    house.advance(seconds=5)
    house.settle()
    assert house.calls(mark) == []
    assert house.calls(mark, which="crm") == []
    assert "conflict" not in codes(house, task)


def test_b22_the_privacy_ledger_counts_what_was_read(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    house.settle()
    told = house.api.call("GET", f"/v1/users/{ada.user_id}/privacy-ledger")
    assert told["pushes"] >= 2
    assert told["written"] == 1
    assert told["read"] >= 1
    assert the_task(ada, task)["title"] == "Call Eve"
    assert house.foreign_reads() == []
