"""Microsoft unwell, slow, forgetful or only half heard: nothing is lost, nothing is doubled, nobody is switched off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.flows.acts import LATER, edit_task, new_task, synced_task, the_task
from tests.flows.house import Person
from tests.flows.outlook_house import OutlookHouse, times
from tests.flows.test_outlook import house, ola  # noqa: F401 - fixtures


def fault(house: OutlookHouse, method: str, path: str, do: str, **more: Any) -> None:  # noqa: F811
    body = {"match": {"direction": "in", "method": method, "path": path}, "do": do, "times": 1, **more}
    house.graph_admin.call("POST", "/faults", json=body)


def test_an_insert_whose_answer_was_lost_makes_no_double(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    fault(house, "POST", "/events$", "cut_after_write")
    mark = house.graph_mark()
    task = synced_task(house, ola)
    assert len(house.outlook_events(ola)) == 1
    assert house.graph_calls(mark).count("POST events") == 1, "found by the id that we derived"
    house.edit_outlook(ola, house.outlook_event(ola), subject="Call Eve")
    house.settle()
    assert the_task(ola, task)["title"] == "Call Eve"


def test_an_insert_that_was_lost_and_edited_before_it_was_found(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    fault(house, "POST", "/events$", "cut_after_write")
    task = new_task(ola, calendar_sync=True)
    house.settle(soon=0)
    for event in house.outlook_events(ola):
        house.edit_outlook(ola, event, subject="Call Eve")
    house.settle()
    assert len(house.outlook_events(ola)) == 1
    assert the_task(ola, task)["title"] == "Call Eve"


def test_a_patch_whose_answer_was_lost_is_no_conflict(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    fault(house, "PATCH", "/events/", "cut_after_write")
    edit_task(ola, task, title="Call Bob", due=LATER)
    house.settle()
    assert house.outlook_event(ola)["subject"] == "Call Bob"
    assert house.state(task)["state"] == "synced"


@pytest.mark.parametrize("status", [429, 503])
def test_patience_is_had_for_as_long_as_asked(house: OutlookHouse, ola: Person, status: int) -> None:  # noqa: F811
    task = synced_task(house, ola)
    fault(house, "PATCH", "/events/", "status", status=status, headers={"Retry-After": "120"})
    mark = house.graph_mark()
    edit_task(ola, task, title="Call Bob")
    house.settle()
    house.advance(seconds=100)
    house.settle(soon=0)
    assert house.graph_calls(mark).count("PATCH event") == 1, "asked to wait for two minutes"
    house.advance(seconds=60)
    house.settle()
    assert house.outlook_event(ola)["subject"] == "Call Bob"


def test_a_crowded_mailbox_rests_as_a_whole(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    first, second = synced_task(house, ola), new_task(ola, calendar_sync=True, title="Second")
    house.settle()
    crowded = {
        "error": {"code": "ApplicationThrottled", "message": "Application is over its MailboxConcurrency limit."}
    }
    fault(house, "PATCH", "/events/", "status", status=429, body=crowded, headers={"Retry-After": "30"})
    mark = house.graph_mark()
    edit_task(ola, first, title="One")
    edit_task(ola, second, title="Two")
    house.settle(soon=2)
    assert house.graph_calls(mark) == ["PATCH event"]
    house.advance(seconds=31)
    house.settle()
    assert {event["subject"] for event in house.outlook_events(ola)} == {"One", "Two"}


def test_a_bad_moment_is_no_deletion(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    error = {"error": {"code": "ErrorItemNotFound", "message": "The specified object was not found in the store."}}
    fault(house, "GET", "/events/", "status", status=404, body=error, times=2)
    start = datetime(2030, 3, 7, 13, tzinfo=UTC)
    house.edit_outlook(ola, house.outlook_event(ola), **times(start, start + timedelta(minutes=30)))
    house.settle()
    found = the_task(ola, task)
    assert found["calendar_sync"] is True
    assert found["due"]["date_time"] == "2030-03-07T13:00:00Z"


def test_b32_the_calendar_is_gone_nothing_is_switched_off(house: OutlookHouse) -> None:  # noqa: F811
    who = house.outlook_person("olaf@example.com", private_events=1)
    house.connect_outlook(who, mode="own")
    task = synced_task(house, who)
    who.calendar.call("DELETE", f"/me/calendars/{who.calendar_id}")
    edit_task(who, task, title="Call Bob")
    house.settle()
    assert the_task(who, task)["calendar_sync"] is True
    assert house.api.call("GET", f"/v1/users/{who.user_id}/connection")["status"] == "calendar_gone"


def test_a_calendar_that_got_another_id_is_chosen_again_without_doubles(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    body = {"email": ola.email, "calendar_id": ola.calendar_id}
    fresh = house.graph_admin.call("POST", "/reissue_calendar", json=body)["calendar_id"]
    house.advance(hours=26)
    house.tick()
    assert house.api.call("GET", f"/v1/users/{ola.user_id}/connection")["status"] == "calendar_gone"
    house.api.call("PUT", f"/v1/users/{ola.user_id}/calendar", json={"calendar_id": fresh})
    house.settle()
    assert [event["subject"] for event in house.outlook_events(ola, fresh)] == ["Call Ada"]
    assert house.state(task)["state"] == "synced"


def test_a_handshake_that_fails_is_tried_until_it_works(house: OutlookHouse) -> None:  # noqa: F811
    who = house.outlook_person("olaf@example.com", private_events=1)
    error = {"error": {"code": "InvalidRequest", "message": "Subscription validation request failed."}}
    fault(house, "POST", "/subscriptions$", "status", status=400, body=error, times=3)
    house.connect_outlook(who, mode="own")
    for _ in range(4):  # tried again after 1, 5 and 15 minutes, give or take a fifth
        house.advance(minutes=19)
        house.settle()
    assert len(house.subscriptions(who)) == 1


def test_the_token_is_renewed_by_the_way(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    house.advance(hours=3)
    edit_task(ola, task, title="Call Bob")
    house.settle()
    assert house.outlook_event(ola)["subject"] == "Call Bob"


def test_a_token_that_is_refused_is_renewed_once(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    fault(house, "PATCH", "/events/", "status", status=401)
    edit_task(ola, task, title="Call Bob")
    house.settle()
    assert house.outlook_event(ola)["subject"] == "Call Bob"
    assert house.api.call("GET", f"/v1/users/{ola.user_id}/connection")["status"] == "connected"


def test_an_expired_client_secret_touches_nobody(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    client = house.environment["MICROSOFT_CLIENT_ID"]
    house.graph_admin.call("POST", "/expire_secret", json={"client_id": client})
    house.advance(hours=3)
    edit_task(ola, task, title="Call Bob")
    house.settle()
    assert house.api.call("GET", f"/v1/users/{ola.user_id}/connection")["status"] == "connected"
    assert the_task(ola, task)["calendar_sync"] is True


def test_a_condition_that_is_not_heeded_costs_no_edit_of_another_field(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    house.quirks(etags="ignored", gather=True)
    house.edit_outlook(ola, house.outlook_event(ola), subject="Call Eve")
    edit_task(ola, task, due=LATER)
    house.settle()
    house.graph_admin.call("POST", "/deliver", json={"shuffle": True})
    house.settle()
    found, event = the_task(ola, task), house.outlook_event(ola)
    assert (found["title"], event["subject"]) == ("Call Eve", "Call Eve")
    assert event["start"]["dateTime"] == "2030-03-06T14:00:00.0000000"
    assert house.state(task)["state"] == "synced"
