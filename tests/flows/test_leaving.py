"""B20: leaving, and coming back."""

from __future__ import annotations

import pytest

from tests.flows.acts import LATER, codes, edit_task, synced_task, the_task
from tests.flows.house import Browser, House, Person
from tests.flows.signing_in import link_page, reconnect
from tests.flows.trouble import (
    asked,
    google,
    nothing_is_left,
    owed,
    token_ages,
    told,
    until_quiet,
    well,
)


def disconnect(house: House, who: Person) -> None:
    house.api.call("DELETE", f"/v1/users/{who.user_id}/connection", expect=202)


def test_b20_disconnect_stops_everything_and_leaves_static_copies(house: House, ada: Person) -> None:
    tasks = [synced_task(house, ada, title=f"Task {n}") for n in range(3)]
    before, mark = house.events(ada), house.mark()
    disconnect(house, ada)
    until_quiet(house)
    assert asked(house, mark) == ["POST /calendar/v3/channels/stop", "POST /revoke"], "the channel first"
    assert house.events(ada) == before
    assert [the_task(ada, task)["calendar_sync"] for task in tasks] == [False] * 3
    assert {house.state(task)["reason"] for task in tasks} == {"disconnected"}
    assert [one["status"] for one in told(house, ada)].count("disconnected") == 1
    nothing_is_left(house)
    with house.ctx.store.begin() as uow:
        kept = uow.connections.of_user(house.gateway_installation(), ada.user_id)  # type: ignore[arg-type]
    assert kept is not None
    assert kept.credential == b""
    mark = house.mark()
    edit_task(ada, tasks[0], title="Renamed afterwards")
    house.edit_event(ada, before[0], summary="Renamed afterwards too")
    until_quiet(house)
    assert house.calls(mark) == []


def test_b20_a_switch_that_goes_off_afterwards_calls_nothing(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    disconnect(house, ada)
    mark = house.mark()
    edit_task(ada, task, calendar_sync=False)
    until_quiet(house)
    assert [c for c in house.calls(mark) if "/events" in c["path"]] == []
    assert [c for c in house.calls(mark, which="crm") if c["method"] == "PATCH"] == []
    nothing_is_left(house)


def test_b20_what_was_on_its_way_is_not_written_any_more(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    google(house, status=503, path="/events/", times=None)
    edit_task(ada, task, title="Call Bob")
    house.settle()
    disconnect(house, ada)
    well(house)
    until_quiet(house)
    assert house.event(ada)["summary"] == "Call Ada"
    assert the_task(ada, task)["calendar_sync"] is False
    nothing_is_left(house)


def test_b20_an_aged_token_is_good_enough_to_leave(house: House, ada: Person) -> None:
    synced_task(house, ada)
    token_ages(house)
    mark = house.mark()
    disconnect(house, ada)
    until_quiet(house)
    assert asked(house, mark) == ["POST /token", "POST /calendar/v3/channels/stop", "POST /revoke"]
    nothing_is_left(house)


@pytest.mark.parametrize("hours", [5, 80])
def test_b20_a_provider_that_is_down_is_told_later_or_not_at_all(house: House, ada: Person, hours: int) -> None:
    synced_task(house, ada)
    google(house, status=503, times=None)
    disconnect(house, ada)
    house.settle()
    house.advance(hours=hours)
    house.settle()
    if hours < 72:
        assert owed(house) == 1
        well(house)
        until_quiet(house)
    with house.ctx.store.begin() as uow:
        kept = uow.connections.of_user(house.gateway_installation(), ada.user_id)  # type: ignore[arg-type]
    assert kept is not None
    assert kept.credential == b"", "erased, whatever the provider says"
    nothing_is_left(house)


@pytest.mark.parametrize("order", ["connect first", "switch first"])
def test_b20_the_same_account_again_takes_up_the_old_event(house: House, ada: Person, order: str) -> None:
    task = synced_task(house, ada)
    old = house.event(ada)
    disconnect(house, ada)
    until_quiet(house)
    edit_task(ada, task, title="Call Bob", due=LATER)
    if order == "switch first":
        edit_task(ada, task, calendar_sync=True)
        until_quiet(house)
        assert (house.state(task)["state"], house.state(task)["reason"]) == ("pending", "owner_not_connected")
    reconnect(house, ada)
    if order == "connect first":
        edit_task(ada, task, calendar_sync=True)
    until_quiet(house)
    event = house.event(ada)
    assert event["id"] == old["id"]
    assert event["summary"] == "Call Bob"
    assert event["start"]["dateTime"] == "2030-03-06T15:00:00+01:00"
    assert event["description"] == old["description"], "the block is not doubled"
    assert house.state(task)["state"] == "synced", "a task that alone was edited is no conflict"
    assert "event_taken_up" in codes(house, task)
    house.edit_event(ada, event, summary="Call Eve")
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Call Eve"
    nothing_is_left(house)


@pytest.mark.parametrize("wipes", [False, True])
def test_b20_an_event_deleted_meanwhile_is_made_anew_and_the_switch_stays_on(
    house: House, ada: Person, *, wipes: bool
) -> None:
    task = synced_task(house, ada)
    disconnect(house, ada)
    until_quiet(house)
    house.delete_event(ada, house.event(ada))
    if wipes:  # long ago: nothing is left of it, not even a trace
        google(house, path="/events/", method="GET", status=404, times=None)
    reconnect(house, ada)
    edit_task(ada, task, calendar_sync=True)
    until_quiet(house)
    assert the_task(ada, task)["calendar_sync"] is True
    assert house.event(ada)["summary"] == "Call Ada"
    assert house.state(task)["state"] == "synced"
    nothing_is_left(house)


def test_b20_on_and_off_again_while_disconnected_leaves_the_copy_alone(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    disconnect(house, ada)
    until_quiet(house)
    before = house.event(ada)
    for on in (True, False):
        edit_task(ada, task, calendar_sync=on)
        until_quiet(house)
    assert house.state(task)["state"] == "off"
    reconnect(house, ada)
    until_quiet(house)
    assert house.event(ada) == before


def test_b20_two_users_of_one_account_share_its_grant(house: House, ada: Person) -> None:
    bob = house.person("bob@example.com")
    task = synced_task(house, ada)
    house.consent(ada.email)
    browser = Browser()
    page = browser.submit(link_page(house, bob, browser), mode="existing")
    browser.submit(page, calendar_id=ada.email)
    house.settle()
    synced_task(house, bob, title="Bob's own")
    mark = house.mark()
    disconnect(house, bob)
    until_quiet(house)
    assert "POST /revoke" not in asked(house, mark)
    token_ages(house)
    edit_task(ada, task, title="Call Eve")
    until_quiet(house)
    assert sorted(e["summary"] for e in house.events(ada)) == ["Bob's own", "Call Eve"]
    disconnect(house, ada)
    until_quiet(house)
    assert asked(house, mark).count("POST /revoke") == 1
    nothing_is_left(house)
