"""A person's own pages (B18 to B20): choose, look, change, disconnect; for half an hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.errors import AccessRevoked, Forbidden, OperatorFault, SignInAgain, TryLater
from gateway.core.model import ConnectionStatus
from gateway.core.ports import ConsentFailure
from tests.web.bench import Bench, Browser, calendar, failing


@pytest.fixture
def connected(bench: Bench, browser: Browser) -> Browser:
    browser.connect(bench.link(return_url="https://crm.example/back"), mode="existing")
    return browser


def stands(bench: Bench, status: ConnectionStatus) -> None:
    with bench.store.begin() as uow:
        uow.connections.save(replace(bench.connection(), status=status))
        uow.commit()


def test_the_settings_say_how_it_stands(connected: Browser) -> None:
    page = connected.get("/settings").text
    assert all(words in page for words in ("Connected.", "ada@example.com", "Google", "Primary", "Change calendar"))
    assert 'href="https://crm.example/back?status=connected"' in page


@pytest.mark.parametrize("status", list(ConnectionStatus))
def test_every_state_has_its_words(bench: Bench, connected: Browser, status: ConnectionStatus) -> None:
    if status is not ConnectionStatus.NONE:
        stands(bench, status)
        page = connected.get("/settings")
        assert page.status_code == 200
        assert 'role="status"></p>' not in page.text


def test_the_pages_close_after_half_an_hour(bench: Bench, connected: Browser) -> None:
    bench.clock.advance(timedelta(minutes=29))
    assert connected.get("/settings").status_code == 200
    form = connected.get("/settings/disconnect")
    bench.clock.advance(timedelta(minutes=2))
    for path in ("/settings", "/settings/calendar", "/settings/disconnect", "/connected"):
        page = connected.get(path)
        assert page.status_code == 403
        assert "Open it again from your CRM" in page.text
    assert connected.send(form).status_code == 403
    assert bench.connection().status == "connected"


def test_strangers_see_nothing(bench: Bench, connected: Browser) -> None:
    assert Browser(bench).get("/settings").status_code == 403


def test_b19_another_calendar_is_chosen(bench: Bench, connected: Browser) -> None:
    calendar(bench.account("ada"), "work")
    page = connected.get("/settings/calendar")
    assert "Events that are there already move with it" in page.text
    assert connected.follow(connected.send(page, calendar_id="work")).status_code == 200
    assert bench.connection().calendar_id == "work"


@pytest.mark.parametrize("chosen", ["", "foreign", "x" * 5000, "\x00"])
def test_only_what_is_offered_can_be_chosen(bench: Bench, connected: Browser, chosen: str) -> None:
    page = connected.send(connected.get("/settings/calendar"), calendar_id=chosen)
    assert page.status_code == 400
    assert "Choose one of these calendars" in page.text
    assert bench.connection().calendar_id == "primary"


@pytest.mark.parametrize(
    ("error", "status", "words", "leads"),
    [
        (TryLater("x"), 503, "Not now", "/settings/calendar"),
        (Forbidden("x"), 403, "A right is missing", "/settings/calendar"),
        (OperatorFault("x"), 503, "not set up", "/settings/calendar"),
        (failing(ConsentFailure.NO_CALENDAR), 409, "no calendar", "/settings/calendar"),
    ],
)
def test_trouble_while_choosing_has_its_page(
    bench: Bench, connected: Browser, error: Exception, status: int, words: str, leads: str
) -> None:
    form = connected.get("/settings/calendar")
    bench.account("ada").fail("calendars", error)
    page = connected.send(form)
    assert page.status_code == status
    assert words in page.text
    assert f'href="{leads}"' in page.text
    bench.account("ada").fail("calendars", error)
    assert connected.get("/settings/calendar").status_code == status


@pytest.mark.parametrize("error", [AccessRevoked("invalid_grant"), SignInAgain("invalid_rapt")])
def test_a_lost_access_leads_to_signing_in_again(bench: Bench, connected: Browser, error: AccessRevoked) -> None:
    bench.sign_in["google"].token_fails.append(error)
    page = connected.get("/settings/calendar")
    assert page.status_code == 409
    assert 'href="/settings"' in page.text
    link = connected.send(connected.get("/settings"))
    assert link.headers["Location"].startswith("/connect/")
    assert connected.get(link.headers["Location"]).status_code == 200


def test_an_account_without_calendars_has_its_page(bench: Bench, connected: Browser) -> None:
    bench.account("ada").drop_calendar("primary")
    stands(bench, ConnectionStatus.CHOOSING)
    with bench.store.begin() as uow:
        uow.connections.save(replace(bench.connection(), calendar_id=None))
        uow.commit()
    page = connected.get("/settings/calendar")
    assert page.status_code == 409
    assert "no calendar" in page.text


def test_b20_what_will_happen_is_said_first(bench: Bench, connected: Browser) -> None:
    page = connected.get("/settings/disconnect")
    assert all(words in page.text for words in ("stay, as copies", "switched off", "given back"))
    assert bench.connection().status == "connected"
    after = connected.follow(connected.send(page))
    assert "Disconnected" in after.text
    assert bench.connection().status == "disconnected"
    assert connected.follow(connected.send(page)).status_code == 200  # twice does no harm
    assert connected.get("/settings/disconnect").status_code == 404


def test_choosing_after_leaving_is_refused(bench: Bench, connected: Browser) -> None:
    form = connected.get("/settings/calendar")
    connected.send(connected.get("/settings/disconnect"))
    assert connected.send(form, calendar_id="primary").status_code == 404
    assert bench.connection().status == "disconnected"


def test_done_is_shown_only_when_it_is(bench: Bench, browser: Browser) -> None:
    browser.come_back(browser.start(bench.link(), mode="existing"))
    assert browser.get("/connected").headers["Location"] == "/settings"
    assert "still to be chosen" in browser.get("/settings").text


def test_our_own_calendar_can_be_made_again(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    bench.account("ada").drop_calendar("calendar-2")
    stands(bench, ConnectionStatus.CALENDAR_GONE)
    page = browser.get("/settings/calendar")
    assert "the only one that can be seen from here" in page.text
    assert browser.follow(browser.send(page)).status_code == 200
    assert bench.account("ada").count("create_calendar") == 2
    assert bench.connection().status == "connected"
