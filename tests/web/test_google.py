"""Connecting over real HTTP: the pages, Google's consent, the way back, against the stand-in for Google."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from werkzeug.test import TestResponse

from gateway.core.ports import Mode
from gateway.providers import google as product
from gateway.providers.google import GoogleConfig
from tests.fakes_store import HandClock
from tests.sandbox.conftest import google, google_server  # noqa: F401 - fixtures
from tests.sandbox.google_world import GoogleWorld
from tests.web.bench import ADA, HERE, Bench, Browser

EMAIL = "ada@example.com"


@pytest.fixture
def bench(make_bench: Callable[..., Bench], clock: HandClock, google: GoogleWorld) -> Bench:  # noqa: F811
    clock.at = datetime.now(UTC)  # the stand-in's tokens live by the machine's clock
    client = google.admin("clients", redirect_uris=[f"{HERE}/oauth/google/callback"])
    config = GoogleConfig(
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        now=clock.now,
        auth_uri=f"{google.url}/o/oauth2/v2/auth",
        token_uri=f"{google.url}/token",
        revoke_uri=f"{google.url}/revoke",
        calendar_endpoint=f"{google.url}/calendar/v3/",
    )
    google.admin("persons", email=EMAIL, time_zone="Europe/Berlin")
    return make_bench(real={"google": product.provider(config)})


def through_google(bench: Bench, browser: Browser, google: GoogleWorld, mode: Mode, **consent: Any) -> TestResponse:  # noqa: F811
    """A person's way: the link, the form, Google's consent, back."""
    google.admin("consent", **{"email": EMAIL, "decision": "allow", "untick": [], **consent})
    answer = browser.send(browser.get(bench.link(return_url="https://crm.example/back")), mode=mode.value)
    assert answer.status_code == 303
    with requests.Session() as outside:
        outside.trust_env = False
        said = outside.get(answer.headers["Location"], allow_redirects=False, timeout=10)
    assert said.status_code in (302, 303), said.text
    where = urlsplit(said.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(where.query).items()}
    return browser.follow(browser.get(where.path, query_string=query))


def test_a_calendar_of_its_own(bench: Bench, browser: Browser, google: GoogleWorld) -> None:  # noqa: F811
    page = through_google(bench, browser, google, Mode.OWN)
    assert "Connected" in page.text
    found = bench.connection()
    assert (found.status, found.email, found.calendar_name) == ("connected", EMAIL, "Acme")
    told = bench.api("GET", f"/v1/users/{ADA}/calendars").get_json()
    assert told == [{"id": found.calendar_id, "name": "Acme", "primary": False, "selected": True}]


def test_one_of_your_calendars(bench: Bench, browser: Browser, google: GoogleWorld) -> None:  # noqa: F811
    page = through_google(bench, browser, google, Mode.EXISTING)
    assert EMAIL in page.text
    done = browser.follow(browser.send(page, calendar_id=EMAIL))
    assert "https://crm.example/back?status=connected" in done.text
    assert (bench.connection().status, bench.connection().calendar_id) == ("connected", EMAIL)
    assert bench.connection().calendar_zone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("consent", "words"),
    [
        ({"decision": "deny"}, "You said no"),
        ({"decision": "needs_admin"}, "Your organisation must allow this first"),
        ({"untick": ["calendar.events.owned"]}, "Missing: calendar.events.owned"),
        ({"untick": ["calendar.calendarlist.readonly"]}, "Missing: calendar.calendarlist.readonly"),
    ],
)
def test_what_goes_wrong_at_google_has_its_page_and_another_try(
    bench: Bench,
    browser: Browser,
    google: GoogleWorld,  # noqa: F811
    consent: dict[str, Any],
    words: str,
) -> None:
    page = through_google(bench, browser, google, Mode.EXISTING, **consent)
    assert page.status_code == 403
    assert words in page.text
    assert bench.api("GET", f"/v1/users/{ADA}/connection").get_json()["status"] == "none"
    assert through_google(bench, browser, google, Mode.EXISTING).status_code == 200
    assert bench.connection().status == "choosing_calendar"


def test_google_down_at_the_exchange(bench: Bench, browser: Browser, google: GoogleWorld) -> None:  # noqa: F811
    google.admin("faults", match={"method": "POST", "path": "^/token"}, do="status", status=502, times=1)
    page = through_google(bench, browser, google, Mode.OWN)
    assert page.status_code == 503
    assert 'href="/connect/' in page.text
    assert bench.api("GET", f"/v1/users/{ADA}/connection").get_json()["status"] == "none"


def test_b22_connecting_reads_no_event(bench: Bench, browser: Browser, google: GoogleWorld) -> None:  # noqa: F811
    through_google(bench, browser, google, Mode.EXISTING)
    asked = [entry for entry in google.ledger() if entry["direction"] == "in" and entry["caller"] == "gateway"]
    assert asked
    assert not [entry for entry in asked if "/events" in entry["path"]]
