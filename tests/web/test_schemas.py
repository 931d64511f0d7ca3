"""Requests to the API: what is taken, and how each fault is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from marshmallow import Schema, ValidationError, fields

from gateway.core.errors import NotReadable
from gateway.web import schemas
from gateway.web.fields import Fault, Instant, Strict, faults_of, problem, read_body


def taken(schema: type[Schema], body: Any) -> dict[str, Any]:
    return read_body(schema(), json.dumps(body).encode())


def faults(schema: type[Schema], body: Any) -> list[tuple[str, str]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises((ValidationError, NotReadable)) as caught:
        read_body(schema(), raw)
    error = caught.value
    assert isinstance(error, ValidationError | NotReadable)
    found = faults_of(error)
    assert all(fault.hint for fault in found)
    return [(fault.field, fault.code) for fault in found]


@pytest.mark.parametrize(
    ("schema", "body", "expected"),
    [
        (schemas.ConnectLinkRequest, {"provider": "google"}, {"provider": "google", "return_url": None}),
        (schemas.CalendarChoice, {"calendar_id": "c/1"}, {"calendar_id": "c/1"}),
        (schemas.SyncSwitch, {"enabled": False}, {"enabled": False}),
        (schemas.Resolution, {"keep": "calendar"}, {"keep": "calendar"}),
        (schemas.EmbedTokenRequest, {"user_id": "u-7"}, {"user_id": "u-7", "task_id": None, "ttl": 900}),
        (schemas.EmbedTokenRequest, {"user_id": "u", "ttl": 1}, {"user_id": "u", "task_id": None, "ttl": 1}),
        (schemas.ResyncRequest, {}, {"dry_run": False}),
        (schemas.ReplayRequest, {"reason": "forbidden"}, {"reason": "forbidden"}),
    ],
)
def test_what_is_right_is_taken(schema: type[Schema], body: Any, expected: Any) -> None:
    assert taken(schema, body) == expected


def test_a_range_of_time_is_taken_with_its_offsets() -> None:
    found = taken(schemas.ReplayRequest, {"from": "2026-12-01T10:00:00+01:00", "to": "2026-12-01T09:30:00Z"})
    assert found == {"from_": datetime(2026, 12, 1, 9, tzinfo=UTC), "to": datetime(2026, 12, 1, 9, 30, tzinfo=UTC)}


def test_no_body_is_an_empty_one() -> None:
    assert read_body(schemas.ResyncRequest(), b"") == {"dry_run": False}


@pytest.mark.parametrize(
    ("schema", "body", "expected"),
    [
        (schemas.ConnectLinkRequest, {}, [("provider", "required")]),
        (schemas.ConnectLinkRequest, {"provider": "apple"}, [("provider", "invalid")]),
        (schemas.ConnectLinkRequest, {"provider": ["google"]}, [("provider", "invalid")]),
        (schemas.ConnectLinkRequest, {"provider": "google", "return_url": "x" * 3000}, [("return_url", "invalid")]),
        (schemas.ConnectLinkRequest, {"provider": "google", "return": "x"}, [("return", "unknown_field")]),
        (schemas.CalendarChoice, {"calendar_id": ""}, [("calendar_id", "invalid")]),
        (schemas.CalendarChoice, {"calendar_id": "a\x00b"}, [("calendar_id", "invalid")]),
        (schemas.CalendarChoice, {"calendar_id": "\ud800"}, [("calendar_id", "invalid")]),
        (schemas.SyncSwitch, {"enabled": "true"}, [("enabled", "invalid")]),
        (schemas.SyncSwitch, {"enabled": 1.5}, [("enabled", "invalid")]),
        (schemas.SyncSwitch, {"enabled": None}, [("enabled", "invalid")]),
        (schemas.Resolution, {"keep": "both"}, [("keep", "invalid")]),
        (schemas.EmbedTokenRequest, {"user_id": "", "ttl": 901}, [("ttl", "invalid"), ("user_id", "invalid")]),
        (schemas.EmbedTokenRequest, {"user_id": "..", "ttl": "60"}, [("ttl", "invalid"), ("user_id", "invalid")]),
        (schemas.EmbedTokenRequest, {"user_id": "u", "ttl": 0}, [("ttl", "invalid")]),
        (schemas.ReplayRequest, {}, [("body", "invalid")]),
        (schemas.ReplayRequest, {"task": "t", "user": "u"}, [("body", "invalid")]),
        (schemas.ReplayRequest, {"from": "2026-12-01T10:00:00Z"}, [("body", "invalid")]),
        (schemas.ReplayRequest, {"from": "2026-12-01T10:00:00", "to": "x"}, [("from", "invalid"), ("to", "invalid")]),
        (
            schemas.ReplayRequest,
            {"from": "2026-12-01T10:00:00Z", "to": "2026-12-01T10:00:00Z"},
            [("to", "invalid")],
        ),
        (schemas.Resolution, b"[]", [("body", "not_readable")]),
        (schemas.Resolution, b'{"keep":NaN}', [("body", "not_readable")]),
        (schemas.Resolution, b'{"keep":"crm","keep":"calendar"}', [("keep", "not_readable")]),
        (schemas.Resolution, b"\xff", [("body", "not_readable")]),
    ],
)
def test_what_is_wrong_is_named(schema: type[Schema], body: Any, expected: list[tuple[str, str]]) -> None:
    assert faults(schema, body) == expected


def test_faults_inside_lists_are_named_by_place() -> None:
    class Many(Strict):
        items = fields.List(fields.Nested(schemas.Resolution))

    assert faults(Many, {"items": [{"keep": "crm"}, {"keep": "x"}]}) == [("items[1].keep", "invalid")]


def test_a_problem_names_its_faults() -> None:
    fault = Fault("due", "invalid", "send a date")
    body = problem(400, "not_readable", "Bad request", (fault,), "see errors")
    assert body["errors"] == [{"field": "due", "code": "invalid", "hint": "send a date"}]
    assert set(problem(404, "unknown", "Not found")) == {"type", "title", "status", "code"}
    schemas.Problem().load(body)


def test_answers_tell_times_in_utc() -> None:
    class Told(Schema):
        at = Instant()

    berlin = datetime.fromisoformat("2026-12-01T10:00:00+01:00")
    assert Told().dump({"at": berlin}) == {"at": "2026-12-01T09:00:00Z"}
    assert Told().dump({"at": None}) == {"at": None}
    told = {"id": "c-1", "fields": [{"name": "title", "calendar": "a", "kept": "b"}], "detected_at": berlin}
    assert schemas.ConflictBanner().dump(told)["fields"] == told["fields"]
