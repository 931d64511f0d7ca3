"""Google misbehaves in every way of the table of its errors: it always ends right, with one event and no lost edit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.acts import LATER, codes, edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Person
from tests.flows.trouble import (
    HTML,
    asked,
    by,
    connection,
    google,
    nothing_is_left,
    owed,
    parked,
    refusal,
    told,
    until_quiet,
    well,
)
from tests.patience import until

EVENTS = "/events(/|$)"

ONCE: dict[str, dict[str, Any]] = {
    "401": refusal(401, "authError"),
    "403 rateLimitExceeded": refusal(403, "rateLimitExceeded"),
    "403 userRateLimitExceeded": refusal(403, "userRateLimitExceeded"),
    "403 quotaExceeded": refusal(403, "quotaExceeded"),
    "403 html": {"status": 403, "body": HTML, "headers": {"Content-Type": "text/html"}},
    "404 html": {"status": 404, "body": HTML, "headers": {"Content-Type": "text/html"}},
    "408": {"status": 408},
    "410 html": {"status": 410, "body": HTML},
    "412": refusal(412, "conditionNotMet"),
    "429": refusal(429, "rateLimitExceeded"),
    "429 after seconds": refusal(429, "rateLimitExceeded", headers={"Retry-After": "20"}),
    "429 after a date": refusal(429, "rateLimitExceeded", headers={"Retry-After": "Wed, 21 Oct 2065 07:28:00 GMT"}),
    "429 after nonsense": refusal(429, "rateLimitExceeded", headers={"Retry-After": "soon"}),
    "429 after a year": refusal(429, "rateLimitExceeded", headers={"Retry-After": "31536000"}),
    "500": refusal(500, "backendError"),
    "502 html": {"status": 502, "body": HTML},
    "503": {"status": 503, "headers": {"Retry-After": "2"}},
    "200 html": {"status": 200, "body": HTML},
    "200 truncated": {"status": 200, "body": '{"kind": "calendar#event", "id": "ab'},
    "200 other": {"status": 200, "body": {"kind": "calendar#events"}},
    "200 list": {"status": 200, "body": []},
    "302": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}},
    "no answer": {"do": "drop"},
    "cut after the write": {"do": "cut_after_write"},
}


@pytest.mark.parametrize("faults", by(6, ONCE), ids=", ".join)
def test_any_trouble_on_insert_patch_list_and_delete_ends_right(
    house: House, ada: Person, faults: tuple[str, ...]
) -> None:
    for fault in faults:
        meet_everywhere(house, ada, ONCE[fault])
        assert connection(house, ada)["status"] == "connected", fault
    nothing_is_left(house)


def meet_everywhere(house: House, ada: Person, fault: dict[str, Any]) -> None:
    """One task's whole life, in which each kind of call meets the fault once."""
    google(house, method="POST", path="/events$", **fault)
    task = new_task(ada, calendar_sync=True)
    until_quiet(house, days=2)
    assert house.event(ada)["summary"] == "Call Ada", ("one event", fault)
    google(house, method="PATCH", path="/events/", **fault)
    edit_task(ada, task, title="Call Bob")
    until_quiet(house, days=2)
    event = house.event(ada)
    assert event["summary"] == "Call Bob", fault
    google(house, method="GET", path="/events$", **fault)
    house.edit_event(ada, event, summary="Call Eve")
    until_quiet(house, days=2)
    assert the_task(ada, task)["title"] == "Call Eve", fault
    assert house.state(task)["state"] == "synced", fault
    assert the_task(ada, task)["calendar_sync"] is True, fault
    google(house, method="DELETE", path="/events/", **fault)
    edit_task(ada, task, calendar_sync=False)
    until_quiet(house, days=2)
    assert house.events(ada) == [], fault
    assert "conflict" not in codes(house, task), fault


def test_a_google_too_slow_is_given_up_and_what_it_does_late_makes_no_second_event(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer within the time allowed; the request is carried out all the same, after it was made again."""
    monkeypatch.setattr("gateway.providers.http.READ_SECONDS", 0.3)
    mark = house.mark()
    meet_everywhere(house, ada, {"do": "delay", "delay_ms": 1000})
    for method in ("POST", "PATCH", "GET", "DELETE"):
        until(lambda method=method: len(asked(house, mark, method, "/events")) >= 2)  # type: ignore[misc]
    house.settle()
    assert house.events(ada) == []
    assert connection(house, ada)["status"] == "connected"
    nothing_is_left(house)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("patch", "insufficientPermissions"),
        ("insert", "requiredAccessLevel"),
        ("list", "forbidden"),
        ("watch", "somethingNew"),
    ],
)
def test_a_missing_right_is_told_once_and_ends_with_another_choice(
    house: House, ada: Person, what: str, reason: str
) -> None:
    task = synced_task(house, ada)
    method, path = {
        "patch": ("PATCH", "/events/"),
        "insert": ("POST", "/events$"),
        "list": ("GET", "/events$"),
        "watch": ("POST", "/events/watch$"),
    }[what]
    event = house.event(ada)
    google(house, method=method, path=path, times=None, **refusal(403, reason))
    match what:
        case "patch":
            edit_task(ada, task, title="Call Bob")
        case "insert":
            new_task(ada, title="Second", calendar_sync=True)
        case "list":
            house.edit_event(ada, event, summary="Call Bob")
        case _:
            house.advance(days=22)
            house.tick()
    until_quiet(house)
    assert connection(house, ada)["status"] == "calendar_gone"
    assert [one["status"] for one in told(house, ada)].count("calendar_gone") == 1
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("pending", "calendar_gone")
    assert the_task(ada, task)["calendar_sync"] is True
    nothing_is_left(house)
    well(house)
    house.api.call("PUT", f"/v1/users/{ada.user_id}/calendar", json={"calendar_id": ada.calendar_id})
    until_quiet(house)
    titles = {"patch": ["Call Bob"], "insert": ["Call Ada", "Second"], "list": ["Call Bob"], "watch": ["Call Ada"]}
    assert sorted(e["summary"] for e in house.events(ada)) == titles[what]
    assert house.state(task)["state"] == "synced"
    nothing_is_left(house)


def test_quota_exceeded_pauses_the_mailbox_for_an_hour(house: House, ada: Person) -> None:
    tasks = [synced_task(house, ada, title=f"Task {n}") for n in range(3)]
    google(house, method="PATCH", path="/events/", **refusal(403, "quotaExceeded"))
    mark = house.mark()
    for task in tasks:
        edit_task(ada, task, title=f"Edited {task}")
    house.settle()
    house.advance(minutes=50)
    house.settle()
    assert len(asked(house, mark, "PATCH")) == 1, "nobody else tries meanwhile"
    house.advance(minutes=15)
    until_quiet(house)
    assert sorted(e["summary"] for e in house.events(ada)) == sorted(f"Edited {task}" for task in tasks)
    nothing_is_left(house)


def test_another_persons_mailbox_goes_on_while_one_is_paused(house: House, ada: Person) -> None:
    bob = house.person("bob@example.com")
    house.connect(bob)
    mine, his = synced_task(house, ada), synced_task(house, bob)
    google(house, method="PATCH", path=ada.calendar_id, times=None, **refusal(429, "rateLimitExceeded"))
    edit_task(ada, mine, title="Call Bob")
    edit_task(bob, his, title="Call Ada back")
    house.settle()
    assert house.event(bob)["summary"] == "Call Ada back"
    assert house.event(ada)["summary"] == "Call Ada"
    well(house)
    until_quiet(house)
    assert house.event(ada)["summary"] == "Call Bob"


def test_412_ten_times_in_a_row_is_decided_anew_each_time(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    google(house, method="PATCH", path="/events/", times=10, **refusal(412, "conditionNotMet"))
    edit_task(ada, task, title="Call Bob")
    until_quiet(house)
    assert house.event(ada)["summary"] == "Call Bob"
    assert "conflict" not in codes(house, task)
    nothing_is_left(house)


def test_412_for_ever_is_set_aside_with_its_reason(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    google(house, method="PATCH", path="/events/", times=None, **refusal(412, "conditionNotMet"))
    edit_task(ada, task, title="Call Bob")
    house.settle()
    house.advance(hours=73)
    house.settle()
    (one,) = parked(house)
    assert one.reason == "contended"
    assert house.state(task)["state"] == "error"


def test_404_once_on_everything_is_no_deletion(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    google(house, path="/events/", times=2, **refusal(404, "notFound"))
    edit_task(ada, task, title="Call Bob")
    until_quiet(house)
    assert the_task(ada, task)["calendar_sync"] is True
    assert house.event(ada)["summary"] == "Call Bob"
    nothing_is_left(house)


def test_the_id_of_a_deleted_event_leads_to_the_next_generation(house: House, ada: Person) -> None:
    google(house, method="POST", path="/events$", do="cut_after_write")
    task = new_task(ada, calendar_sync=True)
    house.work()
    house.settle(soon=0.0)
    house.delete_event(ada, house.event(ada))
    until_quiet(house)
    live = house.events(ada)
    on = the_task(ada, task)["calendar_sync"]
    assert (on, len(live)) in ((True, 1), (False, 0)), "either the deletion was seen, or a new one was made"
    edit_task(ada, task, calendar_sync=False)
    until_quiet(house)
    edit_task(ada, task, calendar_sync=True)
    until_quiet(house)
    assert house.event(ada)["summary"] == "Call Ada"
    nothing_is_left(house)


def test_a_request_called_wrong_is_set_aside_and_can_be_replayed(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    google(house, method="PATCH", path="/events/", times=None, **refusal(400, "invalid"))
    edit_task(ada, task, title="Call Bob")
    until_quiet(house)
    (one,) = parked(house)
    assert one.reason == "refused"
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("error", "refused")
    well(house)
    replay(house)
    assert house.event(ada)["summary"] == "Call Bob"
    assert house.state(task)["state"] == "synced"
    nothing_is_left(house)


@pytest.mark.parametrize("fault", ["500", "429", "no answer"])
def test_after_72_hours_work_is_set_aside_and_a_replay_brings_the_newest(house: House, ada: Person, fault: str) -> None:
    task = synced_task(house, ada)
    google(house, path=EVENTS, times=None, **ONCE[fault])
    edit_task(ada, task, title="Call Bob")
    house.settle()
    house.advance(hours=71)
    house.settle()
    assert parked(house) == []
    house.advance(hours=2)
    house.settle()
    assert owed(house) == 0
    assert [(one.topic.value, one.reason.value) for one in parked(house)] == [("sync", "unavailable")]
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("error", "paused"), "a banner with a reason"
    assert "parked" in codes(house, task)
    well(house)
    house.crm_admin.call("POST", "/faults", json={"match": {"direction": "out"}, "do": "drop", "times": 1})
    edit_task(ada, task, title="Call Zoe", due=LATER)
    house.settle()
    assert house.event(ada)["summary"] == "Call Ada", "the CRM's webhook was lost"
    replay(house)
    assert house.event(ada)["summary"] == "Call Zoe", "B26: from the present state, not from a delivery of before"
    assert "replayed" in codes(house, task)
    assert house.state(task)["state"] == "synced"
    nothing_is_left(house)


def replay(house: House) -> None:
    """As the operator does."""
    runner = house.app.test_cli_runner()
    listed = runner.invoke(args=["parked"])
    assert listed.exit_code == 0
    assert listed.output.strip()
    done = runner.invoke(args=["replay", "--all"])
    assert done.exit_code == 0, done.output
    until_quiet(house)


def test_an_outage_ends_with_one_write_for_each_task(house: House, ada: Person) -> None:
    tasks = [synced_task(house, ada, title=f"Task {n}") for n in range(5)]
    google(house, path=EVENTS, times=None, status=503)
    for turn in range(4):
        for task in tasks:
            edit_task(ada, task, title=f"Turn {turn}")
        house.settle()
        house.advance(minutes=20)
    well(house)
    mark = house.mark()
    until_quiet(house)
    assert [e["summary"] for e in house.events(ada)] == ["Turn 3"] * 5
    assert len(asked(house, mark, "PATCH")) == 5, "level, not edge"
    nothing_is_left(house)
