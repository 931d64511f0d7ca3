"""B18 to B20 for one person: connecting, with each way it can fail, leaving, and coming back."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from gateway.core.records import Topic
from gateway.services.context import calendar_mailbox
from tests.flows.acts import LATER, codes, edit_task, new_task, synced_task, the_task
from tests.flows.house import Browser, House, Person
from tests.flows.trouble import (
    HTML,
    asked,
    connection,
    google,
    nothing_is_left,
    oauth_refusal,
    owed,
    parked,
    token_ages,
    told,
    until_quiet,
    well,
)


def link_page(house: House, who: Person, browser: Browser) -> requests.Response:
    """The first page of a fresh connect link."""
    link = house.api.call("POST", f"/v1/users/{who.user_id}/connect-links", json={"provider": "google"})
    return browser.get(link["url"])


def go(house: House, who: Person, mode: str = "own", **consent: Any) -> requests.Response:
    """As far as the page after the consent; where somebody is connected, the confirmation is given."""
    house.consent(consent.pop("email", who.email), **consent)
    browser = Browser()
    page = browser.submit(link_page(house, who, browser), mode=mode)
    return browser.submit(page) if 'name="confirm"' in page.text else page


def calendars(who: Person) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = who.calendar.call("GET", "/users/me/calendarList")["items"]
    return listed


def own_calendars(who: Person) -> list[str]:
    return [one["id"] for one in calendars(who) if not one.get("primary")]


def reconnect(house: House, who: Person) -> None:
    """The same account, the same calendar."""
    browser = Browser()
    house.consent(who.email)
    page = browser.submit(link_page(house, who, browser), mode="existing")
    if 'name="confirm"' in page.text:
        page = browser.submit(page)
    page = browser.submit(page, calendar_id=who.calendar_id)
    assert page.status_code == 200, page.text
    house.settle()


# --- B18 ------------------------------------------------------------------------------------------------------------


def test_b18_a_calendar_of_its_own_is_all_that_can_be_seen(house: House) -> None:
    who = house.person("ada@example.com")
    house.connect(who, mode="own")
    assert own_calendars(who) == [who.calendar_id]
    task = synced_task(house, who)
    house.edit_event(who, house.event(who), summary="Call Eve")
    house.settle()
    assert the_task(who, task)["title"] == "Call Eve"
    with house.ctx.store.begin() as uow:
        kept = uow.connections.of_user(house.gateway_installation(), who.user_id)  # type: ignore[arg-type]
    assert kept is not None
    token = house.ctx.providers["google"].sign_in.access_token(kept.credential, house.ctx.clock.now())
    url = f"{house.google.url}/calendar/v3/calendars/{who.email}/events"
    peek = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert peek.status_code in (403, 404), "the token itself cannot see anything else"


def test_b18_one_writable_calendar_is_preselected(house: House) -> None:
    who = house.person("ada@example.com")
    page = go(house, who, mode="existing")
    assert page.text.count('name="calendar_id"') == 1
    assert "checked" in page.text


@pytest.mark.parametrize(
    ("consent", "says"),
    [
        ({"decision": "deny"}, "You said no"),
        ({"untick": ("calendar.app.created",)}, "A permission is missing"),
        ({"decision": "needs_admin"}, "Your organisation must allow this first"),
    ],
)
def test_b18_each_consent_that_fails_has_its_page_and_a_way_on(
    house: House, consent: dict[str, Any], says: str
) -> None:
    who = house.person("ada@example.com")
    page = go(house, who, **consent)
    assert says in page.text
    assert "/connect/" in page.text, "a new link goes with it"
    assert connection(house, who)["status"] == "none"


def test_b18_an_account_without_a_calendar(house: House) -> None:
    who = house.person("ada@example.com")
    house.google_admin.call("POST", "/persons", json={"email": "bare@example.com", "calendar": False})
    for mode in ("own", "existing"):
        page = go(house, who, mode, email="bare@example.com")
        assert "This account has no calendar" in page.text
    assert connection(house, who)["status"] == "choosing_calendar"


def test_b18_the_provider_is_down_at_the_callback(house: House) -> None:
    who = house.person("ada@example.com")
    google(house, path="^/token$", status=502, body=HTML)
    page = go(house, who)
    assert page.status_code == 503
    assert "/connect/" in page.text
    google(house, **oauth_refusal("invalid_client", 401))
    page = go(house, who)
    assert page.status_code == 503
    assert "not set up correctly" in page.text
    assert connection(house, who)["status"] == "none"
    house.connect(who, mode="own")


def test_b18_a_calendar_that_could_not_be_made_is_made_at_the_second_try(house: House) -> None:
    who = house.person("ada@example.com")
    google(house, path="/calendars$", method="POST", status=503)
    browser = Browser()
    house.consent(who.email)
    page = browser.submit(link_page(house, who, browser), mode="own")
    assert page.status_code == 503
    for _twice in range(2):
        page = browser.submit(browser.get(f"{house.url}/settings/calendar"))
        assert page.status_code == 200
    house.settle()
    assert own_calendars(who) == [connection(house, who)["calendar"]["id"]]


def test_b18_two_clicks_make_one_calendar(house: House) -> None:
    who = house.person("ada@example.com")
    google(house, path="/calendars$", method="POST", status=503)
    house.consent(who.email)
    browser = Browser()
    assert browser.submit(link_page(house, who, browser), mode="own").status_code == 503
    form = browser.get(f"{house.url}/settings/calendar")
    with house.ctx.store.begin() as uow:  # the first click is at work
        inst, now = house.gateway_installation(), house.ctx.clock.now()
        mine = uow.connections.of_user(inst, who.user_id)  # type: ignore[arg-type]
        assert mine is not None
        lease = uow.outbox.take(inst, Topic.SUBSCRIBE, mine.id, calendar_mailbox(mine.id), now)
        assert lease is not None
        uow.commit()
    assert browser.submit(form).status_code == 503
    assert own_calendars(who) == []
    with house.ctx.store.begin() as uow:
        uow.outbox.settle(lease, now)
        uow.commit()
    assert browser.submit(form).status_code == 200
    until_quiet(house)
    assert len(own_calendars(who)) == 1
    assert connection(house, who)["status"] == "connected"
    nothing_is_left(house)


def test_b18_a_link_and_a_callback_work_once_and_for_ten_minutes(house: House) -> None:
    who = house.person("ada@example.com")
    browser = Browser()
    page = link_page(house, who, browser)
    house.consent(who.email)
    done = browser.submit(page, mode="existing")
    callback = next(r.url for r in done.history if "/oauth/google/callback" in r.url)
    assert browser.get(callback).status_code == 400, "the callback again"
    assert browser.get(page.url).status_code == 410, "the link again"
    assert connection(house, who)["status"] == "choosing_calendar"
    late = link_page(house, who, browser)
    house.advance(minutes=11)
    assert browser.submit(late, mode="existing").status_code == 410


def test_b18_the_state_of_another_browser_leads_nowhere(house: House) -> None:
    who = house.person("ada@example.com")
    browser, stranger = Browser(), Browser()
    house.consent(who.email)
    page = link_page(house, who, browser)
    stranger.get(page.url)
    done = browser.submit(page, mode="existing")
    callback = next(r.url for r in done.history if "/oauth/google/callback" in r.url)
    assert stranger.get(callback).status_code == 400
    assert connection(house, who)["status"] == "choosing_calendar", "as the first browser left it"


def test_b18_the_tasks_that_are_on_go_to_the_new_account(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    other = house.person("ada@home.example")
    page = go(house, ada, email=other.email)
    assert page.status_code == 200, page.text
    until_quiet(house)
    now = connection(house, ada)
    assert (now["status"], now["account_email"]) == ("connected", "ada@home.example")
    assert [e["summary"] for e in house.events(other, now["calendar"]["id"])] == ["Call Ada"]
    assert len(house.events(ada)) == 1, "the former account keeps a static copy"
    assert the_task(ada, task)["calendar_sync"] is True
    nothing_is_left(house)


# --- B20 ------------------------------------------------------------------------------------------------------------


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


def test_a_task_edited_while_its_person_chooses_again_keeps_its_event(house: House, ada: Person) -> None:
    """Between a new consent and the choice of a calendar nothing is written, and nothing forgotten."""
    task = synced_task(house, ada)
    old = house.event(ada)
    browser = Browser()
    house.consent(ada.email)
    page = browser.submit(browser.submit(link_page(house, ada, browser), mode="existing"))
    edit_task(ada, task, title="Call Bob")
    until_quiet(house)
    assert house.event(ada)["summary"] == "Call Ada"
    browser.submit(page, calendar_id=ada.calendar_id)
    until_quiet(house)
    assert (house.event(ada)["id"], house.event(ada)["summary"]) == (old["id"], "Call Bob")
    nothing_is_left(house)


def test_a_task_never_synced_waits_for_its_owner(house: House) -> None:
    who = house.person("ada@example.com")
    task = new_task(who, calendar_sync=True)
    until_quiet(house, hours=1)
    assert house.state(task)["reason"] == "owner_not_connected"
    assert parked(house) == []
    house.connect(who)
    assert house.event(who)["summary"] == "Call Ada"
