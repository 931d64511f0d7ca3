"""The CRM misbehaves: what it did not take is sent again, what it did not tell is found, and nobody's edit is lost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.flows.acts import LATER, codes, edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Person
from tests.flows.trouble import HTML, by, crm, nothing_is_left, owed, parked, until_quiet, well
from tests.patience import until

PROBLEM = {"type": "about:blank", "title": "No"}

ONCE: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "500 html": {"status": 500, "body": HTML, "headers": {"Content-Type": "text/html"}},
    "200 html": {"status": 200, "body": HTML, "headers": {"Content-Type": "text/html"}},
    "200 truncated": {"status": 200, "body": '{"id": "t-1", "vers', "headers": {"Content-Type": "application/json"}},
    "200 of another kind": {"status": 200, "body": {"ok": True}},
    "503": {"status": 503, "headers": {"Retry-After": "30"}},
    "429": {"status": 429, "headers": {"Retry-After": "7"}},
    "429 after nonsense": {"status": 429, "headers": {"Retry-After": "later"}},
    "409": {"status": 409, "body": PROBLEM},
    "302": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}},
    "no answer": {"do": "drop"},
    "cut after the write": {"do": "cut_after_write"},
}


def resync(house: House, task: str) -> None:
    """Both sides are to be read."""
    house.api.call("POST", f"/v1/tasks/{task}/resync", expect=202)


def lose_webhooks(house: House) -> None:
    """Whatever the CRM says from now on is lost."""
    crm(house, "drop", direction="out", times=None)


def find_again(house: House) -> None:
    """Webhooks come again, those lost stay lost; the CRM is asked what changed."""
    house.settle()
    house.crm.sender.forget()
    well(house)
    house.advance(hours=7)
    house.tick()
    until_quiet(house)


@pytest.mark.parametrize("faults", by(4, ONCE), ids=", ".join)
def test_any_trouble_on_reading_and_writing_ends_right(house: House, ada: Person, faults: tuple[str, ...]) -> None:
    task = synced_task(house, ada)
    for fault in faults:
        meet_everywhere(house, ada, task, fault)
    assert house.state(task)["state"] == "synced"
    assert "conflict" not in codes(house, task)
    nothing_is_left(house)


def meet_everywhere(house: House, ada: Person, task: str, fault: str) -> None:
    """A write to the CRM meets the fault, then a read."""
    crm(house, method="PATCH", path="/tasks/", **ONCE[fault])
    house.edit_event(ada, house.event(ada), summary=f"Call Eve after {fault}")
    until_quiet(house)
    assert the_task(ada, task)["title"] == f"Call Eve after {fault}"
    lose_webhooks(house)
    edit_task(ada, task, title=f"Call Bob after {fault}")
    house.settle()
    house.crm.sender.forget()
    well(house)
    crm(house, method="GET", path="/tasks/", **ONCE[fault])
    resync(house, task)
    until_quiet(house)
    assert house.event(ada)["summary"] == f"Call Bob after {fault}"


@pytest.mark.parametrize("fault", ["500", "500 html", "429", "no answer", "cut after the write"])
def test_reports_are_sent_again_and_only_the_newest(house: House, ada: Person, fault: str) -> None:
    crm(house, method="PUT", path="/calendar-sync$", times=None, **ONCE[fault])
    task = new_task(ada, calendar_sync=True, due=None)
    house.settle()
    edit_task(ada, task, due=LATER)
    house.settle()
    assert len(house.events(ada)) == 1, "a report that fails holds nothing up"
    well(house)
    until_quiet(house)
    told = [one.get("report", one)["state"] for one in house.task(task)["reports"]]
    if fault == "cut after the write":
        assert told[-1] == "synced"
    else:
        assert told == ["synced"]
    nothing_is_left(house)


def test_a_token_that_is_refused_pauses_the_installation_until_it_is_resumed(house: House, ada: Person) -> None:
    tasks = [synced_task(house, ada, title=f"Task {n}") for n in range(3)]
    crm(house, times=None, status=401, body=PROBLEM)
    mark = house.mark()
    for event in house.events(ada):
        house.edit_event(ada, event, summary=f"{event['summary']} renamed")
    house.settle()
    house.advance(hours=100)
    house.settle()
    assert len(house.calls(mark, which="crm")) == 1, "nobody knocks again"
    runner = house.app.test_cli_runner()
    listed = runner.invoke(args=["installations", "list"]).output
    assert "paused (crm_unauthorised)" in listed
    well(house)
    edit_task(ada, tasks[0], due=LATER)
    house.settle()
    done = runner.invoke(args=["installations", "resume", house.installation["key"]])
    assert done.exit_code == 0, done.output
    until_quiet(house)
    assert [the_task(ada, task)["title"] for task in tasks] == [f"Task {n} renamed" for n in range(3)]
    assert [e["start"]["dateTime"] for e in house.events(ada)].count("2030-03-06T15:00:00+01:00") == 1
    nothing_is_left(house)


@pytest.mark.parametrize("method", ["PATCH", "GET"])
def test_a_missing_right_is_shown_and_can_be_replayed(house: House, ada: Person, method: str) -> None:
    task = synced_task(house, ada)
    event = house.event(ada)
    crm(house, method=method, path="/tasks/", times=None, status=403, body=PROBLEM)
    house.edit_event(ada, event, summary="Call Eve")
    if method == "GET":
        resync(house, task)
    until_quiet(house)
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("error", "forbidden")
    assert [one.reason for one in parked(house)] == ["forbidden"]
    assert house.event(ada)["summary"] == "Call Eve", "the event stays"
    well(house)
    done = house.app.test_cli_runner().invoke(args=["replay", "--reason", "forbidden"])
    assert done.exit_code == 0, done.output
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Call Eve"
    assert house.state(task)["state"] == "synced"
    nothing_is_left(house)


def test_a_task_just_announced_that_is_not_there_yet(house: House, ada: Person) -> None:
    house.crm_admin.call("POST", "/behaviour", json={"payload": "thin"})
    crm(house, method="GET", path="/tasks/", times=1, status=404, body=PROBLEM)
    task = new_task(ada, calendar_sync=True)
    until_quiet(house)
    assert house.event(ada)["summary"] == "Call Ada"
    assert house.state(task)["state"] == "synced"
    nothing_is_left(house)


def test_404_once_for_a_task_that_is_there_deletes_nothing(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    before = house.event(ada)
    crm(house, method="GET", path="/tasks/", times=1, status=404, body=PROBLEM)
    resync(house, task)
    until_quiet(house)
    assert house.event(ada)["id"] == before["id"]
    nothing_is_left(house)


def test_412_for_ever_is_set_aside_and_the_edit_waits(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    crm(house, method="PATCH", path="/tasks/", times=None, status=412, body=PROBLEM)
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    house.settle()
    house.advance(hours=73)
    house.settle()
    assert [one.reason for one in parked(house)] == ["contended"]
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("error", "paused")
    assert house.event(ada)["summary"] == "Call Eve"
    well(house)
    assert house.app.test_cli_runner().invoke(args=["replay", "--all"]).exit_code == 0
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Call Eve"
    nothing_is_left(house)


def test_422_puts_the_event_back(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.crm_admin.call("POST", f"/tasks/{task}", json={"refuse": ["due"]})
    event = house.event(ada)
    moved = {"dateTime": "2030-03-05T12:00:00+01:00"}, {"dateTime": "2030-03-05T12:30:00+01:00"}
    house.edit_event(ada, event, start=moved[0], end=moved[1], summary="Call Eve")
    until_quiet(house)
    assert house.event(ada)["start"] == event["start"]
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("error", "refused")
    nothing_is_left(house)


def test_after_72_hours_a_write_to_the_crm_is_set_aside(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    crm(house, times=None, status=500)
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    house.settle()
    house.advance(hours=73)
    house.settle()
    assert {one.topic.value for one in parked(house)} == {"sync"}
    well(house)
    until_quiet(house)
    assert house.state(task)["state"] == "error"
    house.edit_event(ada, house.event(ada), location="Cafe Einstein")
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Call Eve", "the next news of it takes it up again"
    assert house.state(task)["state"] == "synced"
    nothing_is_left(house)


def test_lost_webhooks_are_found_by_the_catch_up(house: House, ada: Person) -> None:
    edited, gone_off, deleted = (synced_task(house, ada, title=f"Task {n}") for n in range(3))
    lose_webhooks(house)
    edit_task(ada, edited, title="Edited unheard")
    edit_task(ada, gone_off, calendar_sync=False)
    ada.crm.call("DELETE", f"/tasks/{deleted}")
    fresh = new_task(ada, title="New unheard", calendar_sync=True)
    find_again(house)
    house.advance(hours=21)
    house.tick()
    until_quiet(house)
    assert sorted(e["summary"] for e in house.events(ada)) == ["Edited unheard", "New unheard"]
    assert house.state(fresh)["state"] == "synced"
    nothing_is_left(house)


def test_a_deletion_unheard_is_found_by_the_existence_check(house: House, ada: Person) -> None:
    kept, deleted = synced_task(house, ada, title="Kept"), synced_task(house, ada, title="Deleted")
    lose_webhooks(house)
    ada.crm.call("DELETE", f"/tasks/{deleted}")
    house.settle()
    house.crm.sender.forget()
    well(house)
    house.advance(hours=30)
    mark = house.mark()
    house.tick()
    until_quiet(house)
    assert [e["summary"] for e in house.events(ada)] == ["Kept"]
    single = [c["path"] for c in house.calls(mark, which="crm") if c["method"] == "GET" and c["path"] != "/tasks"]
    assert single == [f"/tasks/{deleted}"], "only what is missing is read"
    assert the_task(ada, kept)["calendar_sync"] is True


def test_an_existence_check_that_answers_nonsense_deletes_nothing(house: House, ada: Person) -> None:
    synced_task(house, ada)
    house.advance(hours=30)
    crm(house, method="GET", path="^/tasks$", times=3, status=200, body={"tasks": [], "next_cursor": None})
    house.tick()
    until_quiet(house)
    assert len(house.events(ada)) == 1
    nothing_is_left(house)


@pytest.mark.parametrize("fault", ["500", "200 html", "200 of another kind", "no answer"])
def test_a_catch_up_that_fails_is_made_again(house: House, ada: Person, fault: str) -> None:
    task = synced_task(house, ada)
    lose_webhooks(house)
    edit_task(ada, task, title="Edited unheard")
    house.settle()
    house.crm.sender.forget()
    well(house)
    crm(house, method="GET", path="^/tasks$", times=2, **ONCE[fault])
    house.advance(hours=7)
    house.tick()
    until_quiet(house)
    assert house.event(ada)["summary"] == "Edited unheard"
    nothing_is_left(house)


def test_what_a_catch_up_cannot_read_is_recorded_and_the_rest_counts(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    good = {**the_task(ada, task), "title": "Edited unheard", "version": 7}
    page = {"tasks": [{"id": "t-bad", "version": "x", "calendar_sync": True}, good], "next_cursor": None}
    crm(house, method="GET", path="^/tasks$", times=1, status=200, body=page)
    house.advance(hours=7)
    house.tick()
    engine = create_engine(house.environment["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connected:
        kept = connected.execute(text("SELECT detail FROM inbox WHERE door = 'catch_up'")).scalars().all()
    engine.dispose()
    assert [one["faults"] for one in kept] == [["tasks[0].version: send a whole number from 0 to 9223372036854775807"]]
    assert house.event(ada)["summary"] == "Edited unheard", "the readable task of the page counts"


def test_a_slow_crm_is_given_up_and_asked_again(house: House, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.crms.http.READ_S", 0.1)
    task = synced_task(house, ada)
    crm(house, "delay", method="PATCH", path="/tasks/", delay_ms=400)
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Call Eve"
    assert codes(house, task).count("task_updated") == 1
    assert owed(house) == 0


def test_what_happens_in_ten_minutes_without_the_gateway_arrives_once(house: House, ada: Person) -> None:
    """Found at the start, and told again by the CRM's own retries as well."""
    edited, gone_off, deleted = (synced_task(house, ada, title=f"Task {n}") for n in range(3))
    house.down()
    edit_task(ada, edited, title="Edited unheard")
    edit_task(ada, gone_off, calendar_sync=False)
    ada.crm.call("DELETE", f"/tasks/{deleted}")
    fresh = new_task(ada, title="New unheard", calendar_sync=True)
    until(lambda: not house.crm.sender.busy)
    house.advance(minutes=10)
    mark = house.mark()
    house.up()
    until_quiet(house)
    house.advance(hours=3)  # the CRM's retries
    until_quiet(house)
    assert sorted(e["summary"] for e in house.events(ada)) == ["Edited unheard", "New unheard"]
    assert house.state(fresh)["state"] == "synced"
    writes = sorted(call["method"] for call in house.calls(mark) if call["method"] != "GET")
    assert writes == ["DELETE", "DELETE", "PATCH", "POST"]
    nothing_is_left(house)
