"""A person's pages in a real browser: connect, choose, move, leave, each way to fail; by keyboard, on a phone, dark."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.core.errors import TryLater
from gateway.core.model import ConnectionStatus, LinkStatus, State
from gateway.core.ports import ConsentFailed, ConsentFailure
from tests.browsing import DESKTOP, PHONE, accessible, fits, focused, picture, visit
from tests.pages.conftest import Site

pytestmark = pytest.mark.browser

BACK = {"return_url": "https://crm.example/back"}


def looks_right(page: Page, name: str) -> None:
    accessible(page)
    fits(page)
    picture(page, name)


def sign_in(page: Page, site: Site, **answer: str) -> None:
    """The provider's page, which here is only the way back from it."""

    def back(route: Any) -> None:
        url = route.request.url
        state = re.search(r"state=([^&]+)", url)
        assert state is not None
        said = "&".join(f"{name}={value}" for name, value in (answer or {"code": "ada"}).items())
        door = "google" if "google" in url else "microsoft"
        route.fulfill(status=303, headers={"Location": f"{site.url}/oauth/{door}/callback?state={state[1]}&{said}"})

    page.route(re.compile(r"^https://(google|outlook)\.example/"), back)


def test_from_the_link_to_the_calendar_by_keyboard_alone(site: Site, chrome: Browser) -> None:
    site.bench.account("ada").add_calendar("work", "Work")
    with visit(chrome, size=DESKTOP, tolerates=("google.example",)) as page:
        sign_in(page, site)
        page.goto(site.choice())
        looks_right(page, "connect")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")  # the first provider
        expect(page.get_by_role("radio", name="Google", exact=True)).to_be_checked()
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowDown")  # from a calendar of its own to one of mine
        expect(page.get_by_role("radio", name="One of your calendars")).to_be_checked()
        while focused(page) != "Continue":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Choose a calendar")).to_be_visible()
        looks_right(page, "choose-calendar")
        page.get_by_role("radio", name="Work").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("now appear in Work of ada@example.com")
        looks_right(page, "connected")
        cookies = page.context.cookies()
    assert all(one["httpOnly"] and one["sameSite"] == "Lax" for one in cookies)


@pytest.fixture
def connected(site: Site) -> Site:
    site.bench.account("ada").add_calendar("work", "Work")
    site.connect(mode="existing")
    return site


def settings(site: Site) -> str:
    return f"{site.url}/embed/settings?token={site.token()}"


def test_settings_show_a_move_as_it_goes(connected: Site, chrome: Browser) -> None:
    links = [connected.stands(f"t-{number}", State.SYNCED) for number in range(4)]
    with visit(chrome) as page:
        page.goto(settings(connected))
        expect(page.get_by_text("Live")).to_be_visible()
        looks_right(page, "settings-live")
        page.get_by_role("link", name="Change calendar").click()
        page.get_by_role("radio", name="Work").check()
        page.get_by_role("button", name="Use this calendar").click()
        expect(page.get_by_role("heading", name="Move to “Work”?")).to_be_visible()
        looks_right(page, "move-preview")
        page.get_by_role("button", name="Move 4 events").click()
        bar = page.get_by_role("progressbar")
        expect(bar).to_have_attribute("value", "0")
        for link in links[:3]:
            connected.stands(link.task_id, State.SYNCED)  # it has arrived
        expect(bar).to_have_attribute("value", "3", timeout=3000)
        looks_right(page, "settings-moving")
        connected.stands(links[3].task_id, State.SYNCED)
        expect(page.get_by_text("Live")).to_be_visible(timeout=3000)
        expect(bar).to_have_count(0)


STATES = [one for one in ConnectionStatus if one not in (ConnectionStatus.NONE, ConnectionStatus.CONNECTED)]


def test_every_state_is_said_on_a_phone_in_the_dark(connected: Site, chrome: Browser) -> None:
    with visit(chrome, size=PHONE, colours="dark") as page:
        for status in STATES:
            connected.becomes(status)
            page.goto(settings(connected))
            expect(page.get_by_role("status")).not_to_be_empty()
            looks_right(page, f"settings-{status.value}-phone-dark")


def test_events_from_before_are_offered_after_connecting_again(connected: Site, chrome: Browser) -> None:
    for number in range(3):
        connected.stands(f"t-{number}", State.SYNCED, status=LinkStatus.DORMANT)
    with visit(chrome, size=PHONE, colours="dark") as page:
        page.goto(settings(connected))
        expect(page.get_by_role("heading", name="3 events from before are still there")).to_be_visible()
        looks_right(page, "settings-left-phone-dark")
        page.get_by_role("button", name="Take up those that are on").click()
        expect(page.get_by_role("heading", name="Calendar settings")).to_be_visible()


def test_many_changes_at_once_are_asked_about(connected: Site, chrome: Browser) -> None:
    for number in range(12):
        connected.stands(f"t-{number}", State.SYNCED)
    connected.hold()
    with visit(chrome) as page:
        page.goto(settings(connected))
        expect(page.get_by_role("heading", name="12 events vanished or moved at once")).to_be_visible()
        looks_right(page, "settings-held")
        page.get_by_role("button", name="No, put them back").click()
        expect(page.get_by_role("heading", name="12 events")).to_have_count(0)


def test_leaving_says_first_what_will_happen(connected: Site, chrome: Browser) -> None:
    connected.stands("t-1", State.SYNCED)
    with visit(chrome, size=PHONE) as page:
        page.goto(settings(connected))
        page.get_by_role("link", name="Disconnect").click()
        expect(page.get_by_text("The events in it stay, as copies")).to_be_visible()
        looks_right(page, "disconnect-phone")
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_text("Disconnected")).to_be_visible()
        expect(page.get_by_text("Opens in a new window.")).to_be_visible()
        looks_right(page, "disconnected-phone")
        with page.context.expect_page() as opened:
            page.get_by_role("button", name="Connect again").click()
        expect(opened.value.get_by_role("heading", name="Connect your calendar to Acme")).to_be_visible()


FAILURES: list[tuple[str, dict[str, str], Exception | None, str, str]] = [
    ("refused", {}, ConsentFailed(ConsentFailure.DENIED), "You said no", "Try again"),
    ("unticked", {}, ConsentFailed(ConsentFailure.SCOPE_MISSING, "calendar"), "A permission is missing", "Try again"),
    (
        "administrator",
        {},
        ConsentFailed(ConsentFailure.NEEDS_ADMIN, "https://login.example/approve"),
        "Your organisation must allow this first",
        "https://login.example/approve",
    ),
    (
        "wrong-account",
        {},
        ConsentFailed(ConsentFailure.WRONG_TENANT),
        "This account is not from the right organisation",
        "Try again",
    ),
    ("no-calendar", {}, ConsentFailed(ConsentFailure.NO_CALENDAR), "This account has no calendar", "Try again"),
    ("provider-down", {}, TryLater("x"), "The provider is not well at the moment", "Try again"),
]


def test_each_way_to_fail_says_what_happened_and_what_next(site: Site, chrome: Browser) -> None:
    with visit(chrome, tolerates=("40", "50", "google.example")) as page:
        sign_in(page, site)
        for name, _answer, error, title, onward in FAILURES:
            site.bench.sign_in["google"].fails = [error] if error else []
            page.goto(site.url + site.bench.link(**BACK))
            page.get_by_role("button", name="Continue").click()
            expect(page.get_by_role("heading", name=title)).to_be_visible()
            expect(page.get_by_role("link", name=onward)).to_be_visible()
            expect(page.get_by_role("link", name="Back to your CRM")).to_be_visible()
            looks_right(page, f"failure-{name}")


def test_links_that_are_over_say_so(site: Site, chrome: Browser) -> None:
    with visit(chrome, tolerates=("410", "403", "google.example")) as page:
        sign_in(page, site)
        used = site.url + site.bench.link()
        page.goto(used)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Connected")).to_be_visible()
        page.goto(used)
        expect(page.get_by_role("heading", name="This link cannot be used any more")).to_be_visible()
        looks_right(page, "failure-used-link")
        late = site.url + site.bench.link()
        site.bench.clock.advance(timedelta(minutes=11))
        page.goto(late)
        expect(page.get_by_role("heading", name="This link is too old")).to_be_visible()
        looks_right(page, "failure-expired-link")
