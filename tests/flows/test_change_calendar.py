"""B19: another target calendar. Events move: none twice, none lost, and what people edit meanwhile survives."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.effects import DeleteEvent, MoveEvent
from gateway.core.model import InstallationId
from gateway.services import sync
from gateway.services.work import drain
from tests.flows.acts import codes, edit_task, new_task, synced_task, the_task
from tests.flows.house import Browser, House, Person
from tests.flows.signing_in import link_page
from tests.flows.trouble import connection, google, nothing_is_left, told, until_quiet, well

MANY = 30


def another_calendar(who: Person, name: str = "Tasks") -> str:
    """The person makes one more calendar of their own."""
    return str(who.calendar.call("POST", "/calendars", json={"summary": name})["id"])


def change(house: House, who: Person, calendar: str) -> None:
    house.api.call("PUT", f"/v1/users/{who.user_id}/calendar", json={"calendar_id": calendar})


def titles(house: House, who: Person, calendar: str) -> list[str]:
    return sorted(e["summary"] for e in house.events(who, calendar))


def many(house: House, who: Person) -> list[str]:
    tasks = [new_task(who, title=f"Task {n:02}", calendar_sync=True) for n in range(MANY)]
    until_quiet(house)
    assert len(house.events(who)) == MANY
    return tasks


def some_work(house: House, rows: int) -> None:
    """The worker does so many pieces of work, and dies."""
    left = rows

    def keep_going() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    for installation_id, mailbox, lane in house.rings.take():
        drain(house.ctx, InstallationId(installation_id), mailbox, lane, keep_going=keep_going)


def test_b19_30_events_move(house: House, ada: Person) -> None:
    tasks = many(house, ada)
    before = {e["summary"]: e for e in house.events(ada)}
    there = another_calendar(ada)
    mark = house.mark()
    change(house, ada, there)
    assert connection(house, ada)["moving"] == MANY
    until_quiet(house)
    assert connection(house, ada)["moving"] == 0
    assert titles(house, ada, there) == sorted(before)
    assert house.events(ada, ada.email) == []
    assert {house.state(task)["state"] for task in tasks} == {"synced"}
    assert {house.state(task)["event_url"] for task in tasks} == {e["htmlLink"] for e in house.events(ada, there)}
    assert len([c for c in house.calls(mark) if "/events/" in c["path"]]) <= 4 * MANY
    nothing_is_left(house)


def test_b19_what_people_edit_meanwhile_survives_a_worker_that_dies(house: House, ada: Person) -> None:
    tasks = many(house, ada)
    by_title = {e["summary"]: e for e in house.events(ada)}
    there = another_calendar(ada)
    change(house, ada, there)
    some_work(house, 7)
    house.edit_event(ada, by_title["Task 29"], summary="Renamed in the old calendar")
    house.edit_event(ada, by_title["Task 28"], location="Cafe Einstein", summary="Also renamed")
    house.delete_event(ada, by_title["Task 27"])
    edit_task(ada, tasks[0], title="Renamed in the CRM")
    edit_task(ada, tasks[26], title="Renamed in the CRM too")
    edit_task(ada, tasks[25], calendar_sync=False)
    some_work(house, 3)
    house.advance(seconds=30)
    until_quiet(house)
    live = titles(house, ada, there)
    assert len(live) == MANY - 2
    assert len(set(live)) == len(live)
    assert {"Renamed in the old calendar", "Also renamed", "Renamed in the CRM", "Renamed in the CRM too"} <= set(live)
    assert house.events(ada, ada.email) == []
    assert the_task(ada, tasks[29])["title"] == "Renamed in the old calendar"
    assert the_task(ada, tasks[28])["title"] == "Also renamed"
    assert [the_task(ada, tasks[n])["calendar_sync"] for n in (25, 27, 29)] == [False, False, True]
    assert not any("conflict" in codes(house, task) for task in tasks)
    nothing_is_left(house)


@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
def test_b19_a_cut_connection_while_moving_makes_no_second_event(house: House, ada: Person, method: str) -> None:
    tasks = [synced_task(house, ada, title=f"Task {n}") for n in range(3)]
    there = another_calendar(ada)
    google(house, "cut_after_write", method=method, path="/events", times=2)
    change(house, ada, there)
    until_quiet(house)
    well(house)
    assert titles(house, ada, there) == ["Task 0", "Task 1", "Task 2"]
    assert house.events(ada, ada.email) == []
    assert all(the_task(ada, task)["calendar_sync"] for task in tasks)
    nothing_is_left(house)


def test_b19_there_and_back_again(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    there = another_calendar(ada)
    for target in (there, ada.email, there):
        change(house, ada, target)
        until_quiet(house)
        assert titles(house, ada, target) == ["Call Ada"]
    assert house.events(ada, ada.email) == []
    ada.calendar_id = there
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Call Eve"
    nothing_is_left(house)


def test_b19_changed_twice_before_the_first_move_is_done(house: House, ada: Person) -> None:
    tasks = [synced_task(house, ada, title=f"Task {n}") for n in range(4)]
    one, two = another_calendar(ada, "One"), another_calendar(ada, "Two")
    change(house, ada, one)
    some_work(house, 3)
    change(house, ada, two)
    until_quiet(house)
    assert titles(house, ada, two) == [f"Task {n}" for n in range(4)]
    assert house.events(ada, one) == house.events(ada, ada.email) == []
    assert all(house.state(task)["state"] == "synced" for task in tasks)
    nothing_is_left(house)


def test_b19_the_old_calendar_is_deleted_meanwhile(house: House, ada: Person) -> None:
    old, there = another_calendar(ada, "Old"), another_calendar(ada, "New")
    change(house, ada, old)
    until_quiet(house)
    tasks = [new_task(ada, title=f"Task {n}", calendar_sync=True) for n in range(3)]
    until_quiet(house)
    ada.calendar.call("DELETE", f"/calendars/{old}")
    change(house, ada, there)
    until_quiet(house)
    assert titles(house, ada, there) == ["Task 0", "Task 1", "Task 2"]
    assert all(the_task(ada, task)["calendar_sync"] for task in tasks)
    assert connection(house, ada)["status"] == "connected"
    assert "calendar_gone" not in [one["status"] for one in told(house, ada)]
    nothing_is_left(house)


def test_b19_the_persons_own_touches_move_along(house: House, ada: Person) -> None:
    synced_task(house, ada)
    guests = [{"email": "eve@example.com"}]
    house.edit_event(ada, house.event(ada), location="Cafe Einstein", attendees=guests)
    until_quiet(house)
    there = another_calendar(ada)
    change(house, ada, there)
    until_quiet(house)
    event = house.event(ada, there)
    assert event["location"] == "Cafe Einstein"
    assert [one["email"] for one in event["attendees"]] == ["eve@example.com"]


def test_b19_from_a_calendar_of_its_own_to_one_of_theirs(house: House) -> None:
    who = house.person("ada@example.com")
    house.connect(who, mode="own")
    own, task = who.calendar_id, synced_task(house, who)
    house.edit_event(who, house.event(who), location="Cafe Einstein")
    until_quiet(house)
    sign_in_again(house, who, "existing")
    assert [e["location"] for e in house.events(who, who.email)] == ["Cafe Einstein"]
    assert house.events(who, own) == []
    assert house.state(task)["state"] == "synced"
    nothing_is_left(house)


def test_b19_from_one_of_theirs_to_a_calendar_of_its_own(house: House, ada: Person) -> None:
    """The narrower grant cannot see the old calendar any more: what is there stays as a copy."""
    task = synced_task(house, ada)
    sign_in_again(house, ada, "own")
    now = connection(house, ada)
    assert (now["status"], now["moving"]) == ("connected", 0)
    assert titles(house, ada, now["calendar"]["id"]) == ["Call Ada"]
    assert (the_task(ada, task)["calendar_sync"], house.state(task)["state"]) == (True, "synced")
    nothing_is_left(house)


def test_b8_b19_an_edit_of_the_old_event_just_before_it_goes_is_not_lost(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event stands in the new owner's calendar already when the old one's is renamed."""
    bob = house.person("bob@example.com")
    house.connect(bob)
    task = synced_task(house, ada)
    old, take_away = house.event(ada), sync.World._take_away

    def late(world: sync.World, effect: DeleteEvent | MoveEvent) -> Any:
        monkeypatch.setattr(sync.World, "_take_away", take_away)
        assert house.event(bob)["summary"] == "Call Ada"
        house.edit_event(ada, old, summary="Call Eve")
        return take_away(world, effect)

    monkeypatch.setattr(sync.World, "_take_away", late)
    edit_task(ada, task, owner={"id": bob.user_id})
    house.settle()
    assert (the_task(bob, task)["title"], house.event(bob)["summary"]) == ("Call Eve", "Call Eve")
    assert house.events(ada) == []
    assert "conflict" not in codes(house, task)
    nothing_is_left(house)


def sign_in_again(house: House, who: Person, mode: str) -> None:
    house.consent(who.email)
    browser = Browser()
    page = browser.submit(link_page(house, who, browser), mode=mode)
    page = browser.submit(page)  # the confirmation
    if 'name="calendar_id"' in page.text:
        page = browser.submit(page, calendar_id=who.email)
    if page.url.endswith("/settings/calendar"):  # what would move is shown first
        page = browser.submit(page)
    assert page.status_code == 200, page.text
    until_quiet(house)
