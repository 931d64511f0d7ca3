"""The way back from a provider (B18), and fault 74 of the test plan."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from gateway.core.errors import OperatorFault, TryLater
from gateway.core.ports import ConsentFailure
from tests.flows.forms import first_form
from tests.web.bench import ADA, HERE, Bench, Browser, failing

RETURN = "https://crm.example/settings?x=1"


def nothing_is_stored(bench: Bench) -> bool:
    with bench.store.begin() as uow:
        return uow.connections.of_user(bench.acme.id, ADA) is None


# --- coming back: fault 74 ------------------------------------------------------------------------------------------


def test_a_calendar_of_its_own_is_made_at_once(bench: Bench, browser: Browser) -> None:
    page = browser.connect(bench.link(return_url=RETURN))
    assert page.status_code == 200
    assert 'href="https://crm.example/settings?x=1&amp;status=connected"' in page.text
    found = bench.connection()
    assert (found.status, found.calendar_name, found.mode) == ("connected", "Acme", "own")
    assert f"cal:{found.id}" in bench.owed()
    assert f"crm:{bench.acme.id}" in bench.owed()


def test_one_of_your_calendars_is_chosen_on_a_page(bench: Bench, browser: Browser) -> None:
    bench.account("ada").add_calendar("work", "Work & play <b>")
    state = browser.start(bench.link(), mode="existing")
    page = browser.follow(browser.come_back(state))
    assert bench.connection().status == "choosing_calendar"
    assert "Work &amp; play &lt;b&gt;" in page.text
    assert "checked" not in page.text
    done = browser.follow(browser.send(page, calendar_id="work"))
    assert "Connected" in done.text
    assert "form" not in done.text
    assert (bench.connection().status, bench.connection().calendar_id) == ("connected", "work")


def test_the_only_calendar_is_chosen_already(bench: Bench, browser: Browser) -> None:
    page = browser.follow(browser.come_back(browser.start(bench.link(), mode="existing")))
    assert first_form(page.text, HERE).values["calendar_id"] == "primary"


def test_the_code_does_not_stay_in_the_address(bench: Bench, browser: Browser) -> None:
    answer = browser.come_back(browser.start(bench.link(), mode="existing"))
    assert answer.headers["Location"] == "/settings/calendar"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "ada" not in answer.text


def test_the_session_is_a_new_secret(bench: Bench, browser: Browser) -> None:
    answer = browser.come_back(browser.start(bench.link()))
    cookies = answer.headers.getlist("Set-Cookie")
    session = next(cookie for cookie in cookies if cookie.startswith("session="))
    assert all(word in session for word in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1800"))
    assert any(cookie.startswith("browser=;") for cookie in cookies)


def spent(answer: TestResponse) -> bool:
    return answer.status_code == 400 and "cannot be used any more" in answer.text


def test_a_second_callback_is_harmless(bench: Bench, browser: Browser) -> None:
    state = browser.start(bench.link())
    browser.come_back(state)
    before = bench.connection()
    assert spent(browser.come_back(state, account="bob"))
    assert bench.connection() == before
    assert browser.get("/settings").status_code == 200


@pytest.mark.parametrize("query", [{}, {"state": ""}, {"state": "foreign"}, {"state": "x" * 5000}, {"state": "\x00"}])
def test_a_state_that_is_not_ours(bench: Bench, browser: Browser, query: dict[str, str]) -> None:
    browser.start(bench.link())
    assert spent(browser.get("/oauth/google/callback", query_string={"code": "ada", **query}))
    assert nothing_is_stored(bench)


def test_a_state_of_eleven_minutes_ago(bench: Bench, browser: Browser) -> None:
    state = browser.start(bench.link())
    bench.clock.advance(timedelta(minutes=11))
    assert spent(browser.come_back(state))
    assert nothing_is_stored(bench)


def test_a_state_of_another_browser(bench: Bench, browser: Browser) -> None:
    state = browser.start(bench.link())
    stranger = Browser(bench)
    assert spent(stranger.come_back(state))
    stranger.get(bench.link())  # now it has a cookie of its own
    assert spent(stranger.come_back(browser.start(bench.link())))
    assert nothing_is_stored(bench)


def test_a_code_of_another_provider(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(providers=("google", "outlook"))
    browser = Browser(bench)
    assert spent(browser.come_back(browser.start(bench.link()), door="microsoft"))
    assert nothing_is_stored(bench)


@pytest.mark.parametrize("door", ["microsoft", "outlook", "nobody"])
def test_a_door_of_no_provider(bench: Bench, browser: Browser, door: str) -> None:
    state = browser.start(bench.link())
    assert browser.come_back(state, door=door).status_code == 404
    assert browser.come_back(state).status_code == 303


@pytest.mark.parametrize(
    ("how", "words", "status"),
    [
        (ConsentFailure.DENIED, "You said no", "denied"),
        (ConsentFailure.SCOPE_MISSING, "A permission is missing", "error"),
        (ConsentFailure.NEEDS_ADMIN, "Your organisation must allow this first", "error"),
        (ConsentFailure.NO_CALENDAR, "This account has no calendar", "error"),
        (ConsentFailure.WRONG_TENANT, "not from the right organisation", "error"),
        (ConsentFailure.ERROR, "Signing in did not work", "error"),
    ],
)
def test_b18_each_failure_has_its_page_and_a_way_on(
    bench: Bench, browser: Browser, how: ConsentFailure, words: str, status: str
) -> None:
    bench.sign_in["google"].fails.append(failing(how, "calendar.events.owned"))
    page = browser.come_back(browser.start(bench.link(return_url=RETURN)))
    assert 400 <= page.status_code < 500
    assert words in page.text
    assert f"status={status}" in page.text
    assert ("calendar.events.owned" in page.text) == (how is ConsentFailure.SCOPE_MISSING)
    assert nothing_is_stored(bench)
    again = page.text.partition('href="/connect/')[2].partition('"')[0]
    assert browser.connect(f"/connect/{again}").status_code == 200
    assert bench.connection().status == "connected"


def test_a_provider_that_is_down_offers_another_try(bench: Bench, browser: Browser) -> None:
    bench.sign_in["google"].fails.append(TryLater("the words of the provider"))
    page = browser.come_back(browser.start(bench.link()))
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "not well at the moment" in page.text
    assert "words of the provider" not in page.text
    assert 'href="/connect/' in page.text


def test_a_gateway_set_up_wrongly_alarms_its_operator(
    bench: Bench, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    bench.sign_in["google"].fails.append(OperatorFault("check GOOGLE_CLIENT_SECRET"))
    page = browser.come_back(browser.start(bench.link()))
    assert page.status_code == 503
    assert "GOOGLE_CLIENT_SECRET" not in page.text
    assert [record.levelno for record in caplog.records if "GOOGLE_CLIENT_SECRET" in record.message] == [
        logging.CRITICAL
    ]


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (TryLater("x"), 503, "Not now"),
        (failing(ConsentFailure.NO_CALENDAR), 409, "no calendar"),
        (OperatorFault("x"), 503, "not set up"),
    ],
)
def test_a_calendar_that_cannot_be_made_now_is_made_later(
    bench: Bench, browser: Browser, error: Exception, status: int, words: str
) -> None:
    bench.account("ada").fail("create_calendar", error)
    page = browser.come_back(browser.start(bench.link()))
    assert page.status_code == status
    assert words in page.text
    assert bench.connection().status == "choosing_calendar"
    assert browser.follow(browser.send(browser.get("/settings/calendar"))).status_code == 200
    assert bench.connection().status == "connected"


def test_an_answer_that_comes_as_a_form_is_held_until_the_browser_shows_its_cookie(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(providers=("outlook",))
    browser = Browser(bench)
    state = browser.start(bench.link(provider="outlook"))
    crossing = Browser(bench)  # a cross-site POST carries no cookie
    answer = crossing.post("/oauth/microsoft/callback", {"state": state, "code": "ada"}, Origin="https://login.example")
    assert answer.status_code == 303
    finish = answer.headers["Location"]
    assert "ada" not in finish
    assert "Set-Cookie" not in answer.headers
    twice = crossing.post("/oauth/microsoft/callback", {"state": state, "code": "eve"})
    assert spent(twice)
    assert browser.get(finish).status_code == 303
    assert bench.connection().email == "ada@example.com"
    assert spent(browser.get(finish))
    assert spent(crossing.post("/oauth/microsoft/callback", {"state": "foreign", "code": "eve"}))


def test_a_held_answer_is_for_the_browser_that_began(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(providers=("outlook",))
    browser, stranger = Browser(bench), Browser(bench)
    state = browser.start(bench.link(provider="outlook"))
    finish = stranger.post("/oauth/microsoft/callback", {"state": state, "code": "ada"}).headers["Location"]
    assert spent(stranger.get(finish))
    assert nothing_is_stored(bench)
