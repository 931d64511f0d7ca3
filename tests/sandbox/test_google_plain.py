"""The stand-in's pure parts: the document, field masks, times, and the check of recorded traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.google import conformance, fields, times
from sandbox.google.api import HANDLERS
from sandbox.google.discovery import document
from sandbox.google.errors import ApiError

LIST = document().methods["events.list"].response


def test_every_handler_is_a_method_of_the_document() -> None:
    assert set(HANDLERS) <= set(document().methods)


@pytest.mark.parametrize(
    ("verb", "path", "method"),
    [
        ("GET", "calendars/primary/events", "events.list"),
        ("POST", "calendars/primary/events/watch", "events.watch"),
        ("POST", "calendars/primary/events/import", "events.import"),
        ("POST", "calendars/primary/events/abc/move", "events.move"),
        ("PATCH", "users/me/calendarList/primary", "calendarList.patch"),
        ("POST", "channels/stop", "channels.stop"),
    ],
)
def test_paths_lead_to_methods(verb: str, path: str, method: str) -> None:
    found = document().find(verb, path)
    assert found is not None
    assert found[0].id == method


def test_paths_that_lead_nowhere() -> None:
    assert document().find("GET", "calendars//events") is None
    assert document().find("PUT", "colors") is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("kind", {"kind": "k"}),
        ("items/id", {"items": [{"id": "1"}]}),
        ("items(id,start)", {"items": [{"id": "1", "start": {"date": "d", "timeZone": "z"}}]}),
        ("items(id, start/date)", {"items": [{"id": "1", "start": {"date": "d"}}]}),
        ("items/id,items/start/date", {"items": [{"id": "1", "start": {"date": "d"}}]}),
        ("items/start,items/start/date", {"items": [{"start": {"date": "d", "timeZone": "z"}}]}),
        ("items/*/date", {"items": [{"id": "1", "start": {"date": "d"}}]}),
        ("*", {"kind": "k", "items": [{"id": "1", "start": {"date": "d", "timeZone": "z"}}]}),
        ("nextPageToken", {}),
    ],
)
def test_masks(text: str, kept: dict[str, Any]) -> None:
    assert LIST is not None
    whole = {"kind": "k", "items": [{"id": "1", "start": {"date": "d", "timeZone": "z"}}]}
    assert fields.keep(whole, fields.parse(LIST, text)) == kept


@pytest.mark.parametrize(
    "text", ["", "item", "items(", "items(id", "items(id))", "items/", ",", "id;kind", "items(nope)"]
)
def test_masks_that_are_refused(text: str) -> None:
    assert LIST is not None
    with pytest.raises(ApiError, match="Invalid field selection"):
        fields.parse(LIST, text)


def test_times() -> None:
    assert times.parse_stamp("2026-12-01T10:00:00.999+01:00") == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert times.parse_stamp("2026-12-01t10:00:00z") == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert times.parse_stamp("2026-13-01T10:00:00Z") is None
    assert times.parse_stamp("9999-12-31T23:59:59-12:00") is None
    assert times.parse_date("20261201") is None
    assert times.zone_named("../etc/passwd") is None
    berlin = times.zone_named("Europe/Berlin")
    assert times.stamp(datetime(2026, 7, 1, tzinfo=UTC), berlin) == "2026-07-01T02:00:00+02:00"
    assert times.stamp(datetime(2026, 7, 1, tzinfo=UTC)) == "2026-07-01T00:00:00Z"


def _entry(**changed: Any) -> dict[str, Any]:
    entry = {
        "direction": "in",
        "method": "POST",
        "path": "/calendar/v3/calendars/primary/events",
        "query": {"sendUpdates": "none"},
        "body": {"summary": "one", "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}},
        "status": 200,
        "answer": {"kind": "calendar#event", "id": "abcde12345", "status": "confirmed"},
    }
    return {**entry, **changed}


def test_conforming_traffic_has_no_problems() -> None:
    assert conformance.check(_entry()) == []
    without_answer = _entry()
    del without_answer["answer"]
    assert conformance.check(without_answer) == []
    assert conformance.check(_entry(direction="out")) == []
    assert conformance.check(_entry(path="/token", body="code=1")) == []
    assert conformance.check(_entry(status=None)) == []
    assert conformance.check(_entry(method="DELETE", path="/calendar/v3/calendars/p/events/e", answer=None)) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"query": {"sendUpdate": "none"}},
        {"query": {"sendUpdates": ["none", "all"]}},
        {"body": {"title": "one"}},
        {"body": {"start": {"date": 20261201}}},
        {"answer": {"id": "abcde12345", "secret": True}},
        {"answer": {"attendees": [{"email": 5}]}},
        {"path": "/calendar/v3/nonsense"},
        {"status": 404, "answer": "gone"},
        {"status": 404, "answer": {"error": {"code": 400, "errors": []}}},
        {"status": 404, "answer": {"error": {"code": 404, "errors": [{"reason": "notFound"}]}}},
        {"method": "DELETE", "path": "/calendar/v3/calendars/p/events/e", "query": {}, "answer": {"id": "e"}},
    ],
)
def test_traffic_that_does_not_conform(changed: dict[str, Any]) -> None:
    assert conformance.check(_entry(**changed))
