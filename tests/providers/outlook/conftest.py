"""The adapter alone: Microsoft's real addresses, answered by ``responses``; a clock that stands still; the stand-in."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from gateway.core.ports import Calendar, Provider, Style
from gateway.providers import outlook
from gateway.providers.outlook import OutlookConfig
from tests.contracts.outlook_bench import OutlookBench, OutlookServer

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = "https://login.microsoftonline.com/common"
CALENDAR = "AQMkADtasks="
EVENT = "AAkALgAbCdEf="
EVENTS = f"{GRAPH}/me/calendars/AQMkADtasks%3D/events"
ONE = f"{GRAPH}/me/events/AAkALgAbCdEf%3D"
TOKEN = "EwB-secret-access-token"
CONFIG = OutlookConfig(client_id="client-1", client_secret="8Q~secret", now=lambda: NOW)
SET = "{6c1f0a52-93d4-4b7e-8f21-5d0e7a3b9c64}"


def own(**values: str) -> list[dict[str, str]]:
    """Our properties as Graph tells them."""
    return [{"id": f"String {SET} Name Gateway{name}", "value": value} for name, value in values.items()]


def a_resource(**more: Any) -> dict[str, Any]:
    """An event as Graph tells it; ``None`` takes a field away."""
    resource: dict[str, Any] = {
        "@odata.etag": 'W/"ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ=="',
        "id": EVENT,
        "changeKey": "ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ==",
        "subject": "Call Ada",
        "body": {"contentType": "text", "content": "About the engine\r\n"},
        "start": {"dateTime": "2026-12-01T08:00:00.0000000", "timeZone": "UTC"},
        "end": {"dateTime": "2026-12-01T08:30:00.0000000", "timeZone": "UTC"},
        "isAllDay": False,
        "type": "singleInstance",
        "categories": ["High priority"],
        "isReminderOn": True,
        "reminderMinutesBeforeStart": 15,
        "webLink": "https://outlook.office365.com/owa/?itemid=x",
        "lastModifiedDateTime": "2026-11-20T07:00:00.1234567Z",
        "singleValueExtendedProperties": own(Tag="tag-1", Key="task1", Link="link-1", Number="3"),
        **more,
    }
    return {name: value for name, value in resource.items() if value is not None}


def a_failure(status: int, code: str = "", message: str = "Call Ada is wrong") -> dict[str, Any]:
    """The arguments for ``responses``: a failure as Graph words it."""
    return {"status": status, "json": {"error": {"code": code, "message": message, "innerError": {}}}}


def a_configuration(authority: str = LOGIN) -> dict[str, Any]:
    """What MSAL asks of an authority first."""
    return {
        "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
        "token_endpoint": f"{authority}/oauth2/v2.0/token",
    }


def part(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    """Answers for the real addresses. Every answer registered must have been asked for."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def provider() -> Provider:
    return outlook.provider(CONFIG)


@pytest.fixture
def calendar(provider: Provider) -> Calendar:
    return provider.open_calendar(TOKEN, CALENDAR, Style(crm_name="Acme CRM"))


def sent(net: responses.RequestsMock, index: int = -1) -> Any:
    """The JSON body of a request that went out."""
    return json.loads(net.calls[index].request.body or b"null")


def asked(net: responses.RequestsMock, index: int = -1) -> dict[str, str]:
    """The query of a request that went out."""
    return dict(parse_qsl(urlsplit(net.calls[index].request.url or "").query))


@pytest.fixture(scope="session")
def outlook_server() -> Iterator[OutlookServer]:
    running = OutlookServer()
    yield running
    running.stop()


@pytest.fixture
def bench(outlook_server: OutlookServer) -> Iterator[OutlookBench]:
    with outlook_server.bench() as bench:
        yield bench
