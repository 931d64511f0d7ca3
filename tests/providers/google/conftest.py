"""The adapter alone: Google's real addresses, answered by ``responses``; a clock that stands still."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from gateway.core.ports import Calendar, Mode, Provider, Style
from gateway.providers import google
from gateway.providers.google import GoogleConfig
from sandbox.kit.clock import Clock
from tests.contracts.calendar_benches import GoogleBench, GoogleServer
from tests.sandbox.google_world import GoogleWorld, Receiver

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
ROOT = "https://www.googleapis.com/calendar/v3/"
CALENDAR = "team@group.calendar.google.com"
EVENTS = f"{ROOT}calendars/team%40group.calendar.google.com/events"
TOKEN = "ya29.secret-access-token"
CONFIG = GoogleConfig(client_id="client-1", client_secret="GOCSPX-secret", now=lambda: NOW)


def a_resource(**more: Any) -> dict[str, Any]:
    """An event as Google tells it; ``None`` takes a field away."""
    resource: dict[str, Any] = {
        "id": "task1",
        "etag": '"3226988196172000"',
        "status": "confirmed",
        "summary": "Call Ada",
        "description": "About the engine",
        "start": {"dateTime": "2026-12-01T09:00:00+01:00", "timeZone": "Europe/Vienna"},
        "end": {"dateTime": "2026-12-01T09:30:00+01:00", "timeZone": "Europe/Vienna"},
        "extendedProperties": {"private": {"gw": "tag-1", "link": "link-1", "n": "3"}},
        "colorId": "6",
        "reminders": {"useDefault": True},
        "htmlLink": "https://www.google.com/calendar/event?eid=x",
        **more,
    }
    return {name: value for name, value in resource.items() if value is not None}


def a_failure(status: int, reason: str = "", message: str = "Call Ada is wrong", **more: str) -> dict[str, Any]:
    """The arguments for ``responses``: a failure as Calendar v3 words it."""
    detail = {"domain": "global", "reason": reason, "message": message, **more}
    return {"status": status, "json": {"error": {"code": status, "message": message, "errors": [detail]}}}


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    """Answers for the real addresses. Every answer registered must have been asked for."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def provider() -> Provider:
    return google.provider(CONFIG)


@pytest.fixture
def calendar(provider: Provider) -> Calendar:
    return provider.open_calendar(TOKEN, CALENDAR, Style(crm_name="Acme CRM"))


def sent(net: responses.RequestsMock, index: int = -1) -> Any:
    """The JSON body of a request that went out."""
    return json.loads(net.calls[index].request.body or b"null")


def asked(net: responses.RequestsMock, index: int = -1) -> dict[str, str]:
    """The query of a request that went out, without what the client always adds."""
    params = dict(parse_qsl(urlsplit(net.calls[index].request.url or "").query))
    assert params.pop("alt", "json") == "json"
    return params


@pytest.fixture(scope="session")
def google_server() -> Iterator[GoogleServer]:
    running = GoogleServer()
    yield running
    running.stop()


@pytest.fixture
def google_clock(google_server: GoogleServer) -> Clock:
    return google_server.clock


@pytest.fixture
def google_world(google_server: GoogleServer) -> Iterator[GoogleWorld]:
    with google_server.world() as world:
        yield world


@pytest.fixture
def google_bench(google_server: GoogleServer) -> Iterator[GoogleBench]:
    with google_server.bench(Mode.EXISTING) as bench:
        yield bench


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()
