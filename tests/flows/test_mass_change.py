"""B24: very many events gone or moved at once are held for a yes; nothing happens to their tasks before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.flows.acts import codes, edit_task, new_task, the_task
from tests.flows.house import House, Person
from tests.flows.outlook_house import OutlookHouse
from tests.flows.trouble import connection, google, nothing_is_left, refusal, until_quiet, well

DAY = datetime(2030, 3, 5, 8, tzinfo=UTC)


def many(house: House, who: Person, count: int) -> list[str]:
    """So many synced tasks, an hour apart."""
    tasks = [
        new_task(who, title=f"Task {n}", calendar_sync=True, due={"date_time": (DAY + n * HOUR).isoformat()})
        for n in range(count)
    ]
    until_quiet(house)
    assert {house.state(task)["state"] for task in tasks} == {"synced"}
    return tasks


HOUR = timedelta(hours=1)


def unheard(house: House, **change: Any) -> None:
    """Whatever is done now reaches the gateway in one look."""
    google(house, "hold", direction="out", times=None)


def heard(house: House) -> None:
    house.google_admin.call("POST", "/release")
    well(house)
    until_quiet(house)


def delete_all(house: House, who: Person, spare: int = 0) -> None:
    unheard(house)
    for event in sorted(house.events(who), key=lambda e: e["summary"])[spare:]:
        house.delete_event(who, event)
    heard(house)


def move_all(house: House, who: Person) -> None:
    unheard(house)
    for event in house.events(who):
        times = {k: datetime.fromisoformat(event[k]["dateTime"]) + HOUR for k in ("start", "end")}
        house.edit_event(who, event, **{k: {"dateTime": at.isoformat()} for k, at in times.items()})
    heard(house)


def held(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.api.call("GET", "/v1/held")["held"]
    return found


def on(who: Person, tasks: list[str]) -> int:
    return sum(the_task(who, task)["calendar_sync"] for task in tasks)


def test_b24_a_mass_deletion_is_held_and_a_yes_lets_it_through(house: House, ada: Person) -> None:
    tasks = many(house, ada, 12)
    mark = house.mark()
    delete_all(house, ada)
    assert on(ada, tasks) == 12, "nothing is done"
    assert {(house.state(t)["state"], house.state(t)["reason"]) for t in tasks} == {("pending", "held")}
    (batch,) = held(house)
    assert (batch["user_id"], batch["state"], len(batch["tasks"])) == (ada.user_id, "open", 12)
    looked = {c["path"] for c in house.calls(mark) if "calendarList" in c["path"]}
    assert looked == {f"/calendar/v3/users/me/calendarList/{ada.calendar_id}"}, "the calendar itself is there"
    assert "PATCH" not in {c["method"] for c in house.calls(mark, which="crm")}
    quiet = house.mark()
    house.advance(hours=25)
    house.tick()
    until_quiet(house)
    assert len(house.calls(quiet)) <= 2, "what waits is not read again and again"
    edit_task(ada, tasks[0], title="Edited meanwhile")
    until_quiet(house)
    assert on(ada, tasks) == 12
    assert "held" in codes(house, tasks[0])
    answer = house.api.call("POST", f"/v1/held/{batch['id']}/approve")
    assert (answer["state"], answer["decided_by"]) == ("approved", "crm")
    until_quiet(house)
    assert on(ada, tasks) == 0
    assert held(house) == []
    house.api.call("POST", f"/v1/held/{batch['id']}/approve")
    house.api.call("POST", f"/v1/held/{batch['id']}/drop", expect=409)
    house.api.call("POST", "/v1/held/unknown/drop", expect=404)
    nothing_is_left(house)


def test_b24_a_no_makes_the_events_anew_and_puts_back_what_moved(house: House, ada: Person) -> None:
    tasks = many(house, ada, 12)
    delete_all(house, ada)
    house.api.call("POST", f"/v1/held/{held(house)[0]['id']}/drop")
    until_quiet(house)
    assert on(ada, tasks) == 12
    assert sorted(e["summary"] for e in house.events(ada)) == sorted(f"Task {n}" for n in range(12))
    starts = sorted(datetime.fromisoformat(e["start"]["dateTime"]) for e in house.events(ada))
    dues = [the_task(ada, task)["due"] for task in tasks]
    move_all(house, ada)
    assert [the_task(ada, task)["due"] for task in tasks] == dues, "no task follows"
    (batch,) = held(house)
    assert len(batch["tasks"]) == 12
    house.api.call("POST", f"/v1/held/{batch['id']}/drop")
    until_quiet(house)
    assert sorted(datetime.fromisoformat(e["start"]["dateTime"]) for e in house.events(ada)) == starts
    assert {house.state(task)["state"] for task in tasks} == {"synced"}
    assert not any("conflict" in codes(house, task) for task in tasks), "no banner (B17)"
    move_all(house, ada)
    house.api.call("POST", f"/v1/held/{held(house)[0]['id']}/approve")
    until_quiet(house)
    assert [the_task(ada, task)["due"] for task in tasks] != dues
    nothing_is_left(house)


def test_b24_few_or_less_than_half_are_a_persons_own_doing(house: House, ada: Person) -> None:
    tasks = many(house, ada, 23)
    delete_all(house, ada, spare=12)
    assert (held(house), on(ada, tasks)) == ([], 12), "11 of 23 is not more than half"
    delete_all(house, ada, spare=2)
    assert (held(house), on(ada, tasks)) == ([], 2), "10 of 12 is not more than 10"
    nothing_is_left(house)


def test_b24_a_calendar_that_is_gone_switches_nothing_off(house: House, ada: Person) -> None:
    """B12, B32: the list is empty, but so is the place where the calendar was."""
    tasks = many(house, ada, 12)
    path = "/calendarList/[^/]+$"
    google(house, path=path, method="GET", times=None, **refusal(404, "notFound"))
    house.google_admin.call("POST", "/faults", json={"match": {"direction": "out"}, "do": "hold"})
    for event in house.events(ada):
        house.delete_event(ada, event)
    house.google_admin.call("POST", "/release")
    until_quiet(house)
    assert on(ada, tasks) == 12
    assert connection(house, ada)["status"] == "calendar_gone"
    assert held(house) == []


def test_b24_the_persons_own_switch_still_counts_and_leaving_ends_the_batch(house: House, ada: Person) -> None:
    tasks = many(house, ada, 11)
    delete_all(house, ada)
    edit_task(ada, tasks[0], calendar_sync=False)
    until_quiet(house)
    assert house.state(tasks[0])["state"] == "off"
    assert len(held(house)[0]["tasks"]) == 10
    house.api.call("DELETE", f"/v1/users/{ada.user_id}/connection")
    until_quiet(house)
    assert held(house) == []
    nothing_is_left(house)


@pytest.fixture
def outlook(tmp_path: Any, database_url: str) -> Any:
    house = OutlookHouse(tmp_path, database_url)
    house.install()
    house.settle()
    yield house
    house.stop()


def test_b24_outlook_tells_of_each_deletion_by_itself_and_they_are_held_all_the_same(outlook: OutlookHouse) -> None:
    who = outlook.outlook_person("ada@example.com", private_events=0)
    outlook.connect_outlook(who)
    tasks = many(outlook, who, 12)
    for event in outlook.outlook_events(who):
        outlook.delete_outlook(who, event)
    until_quiet(outlook)
    assert on(who, tasks) == 12
    (batch,) = held(outlook)
    assert len(batch["tasks"]) == 12
    outlook.api.call("POST", f"/v1/held/{batch['id']}/drop")
    until_quiet(outlook)
    assert len(outlook.outlook_events(who)) == 12
