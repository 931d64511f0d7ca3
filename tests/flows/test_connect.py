"""B18: connecting, with each way in which it can fail."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from gateway.core.effects import Save
from gateway.core.records import Link, Topic
from gateway.services import sync
from gateway.services.context import calendar_mailbox
from tests.flows.acts import edit_task, new_task, synced_task, the_task
from tests.flows.house import Browser, House, Person
from tests.flows.signing_in import go, link_page, own_calendars
from tests.flows.trouble import (
    HTML,
    connection,
    google,
    nothing_is_left,
    oauth_refusal,
    parked,
    until_quiet,
)


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
    assert page.text.count('name="calendar_id"') == 2  # this one, and a new one
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


def test_b8_an_owner_who_connects_while_a_run_misses_them_is_not_missed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has looked for the owner and found nobody; until it is saved nothing tells that the task is theirs."""
    who = house.person("ada@example.com")
    save = sync.World._save

    def late(world: sync.World, effect: Save) -> Link:
        if effect.final:
            monkeypatch.setattr(sync.World, "_save", save)
            house.connect(who)
        return save(world, effect)

    monkeypatch.setattr(sync.World, "_save", late)
    task = new_task(who, calendar_sync=True)
    house.settle()
    assert house.event(who)["summary"] == "Call Ada"
    assert house.state(task)["state"] == "synced"
