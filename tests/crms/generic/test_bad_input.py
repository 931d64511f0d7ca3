"""What happens to bad input in a trusted delivery. Numbers in names are rows of the table of bad input."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import NotReadable
from gateway.core.model import (
    Day,
    Moment,
    Task,
)
from gateway.core.signals import Ignored, Ping, TaskSignal
from tests.crms.generic.deliveries import delivered, event, fault, raw, said, task, told, whole

# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"{",
        b"[]",
        b"[{}]",
        b'"text"',
        b"null",
        b"7",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00",
        b"\xff",
        '{"type":"ping"}'.encode("utf-16-le"),
        '{"type":"ping"}'.encode("utf-16"),
        b'{"type":"ping"} x',
    ],
)
def test_11_what_is_no_json_object_is_named(body: bytes) -> None:
    assert fault(body).field == "body"


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "9" * 5000,
        "-" + "9" * 5000,
        "0." + "9" * 5000,
        "[" * 100000,
        "[" * 100000 + "]" * 100000,
        '{"a":' * 100000 + "1" + "}" * 100000,
        "[" * 200 + "]" * 200,
    ],
)
def test_12_what_json_does_not_know_is_refused_quickly(value: str) -> None:
    body = b'{"type":"ping","data":%b}' % value.encode()
    began = time.perf_counter()
    assert fault(body).field == "body"
    assert time.perf_counter() - began < 0.5


def test_12_a_key_given_twice_is_named() -> None:
    assert fault(b'{"type":"ping","type":"task.deleted"}').field == "type"
    assert fault(b'{"type":"ping","data":{"\\u0000\\ud800":1,"\\u0000\\ud800":2}}').field.isprintable()


def test_a_body_of_many_small_objects_is_not_deep() -> None:
    assert said({"type": "ping", "data": [[{}] for _ in range(2000)]}) == Ping()


@pytest.mark.parametrize("evil", ["a\x00b", "a\ud800b", "\udfff"])
@pytest.mark.parametrize("field", ["title", "description", "id"])
def test_13_what_no_database_stores_is_named(field: str, evil: str) -> None:
    assert fault(event(task(**{field: evil}))).field == f"data.task.{field}"


def test_14_an_unknown_type_is_ignored_with_a_reason() -> None:
    ignored = said({"type": "deal.won\n\x1b[0m" + "x" * 5000, "data": 7})
    assert isinstance(ignored, Ignored)
    assert "deal.won" in ignored.why
    assert ignored.why.isprintable()
    assert len(ignored.why) < 120


def test_14_unknown_fields_are_accepted() -> None:
    about = task(shape="round", owner={"id": "u-7", "team": 3})
    assert isinstance(told(about, changed=["title"], extra={}).said, Task)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "type"),
        ({"type": None}, "type"),
        ({"type": 7}, "type"),
        ({"type": ["ping"]}, "type"),
        ({"type": "task.updated"}, "data"),
        ({"type": "task.updated", "data": []}, "data"),
        ({"type": "task.updated", "data": {}}, "data.task"),
        ({"type": "task.updated", "data": {"task": "t-1"}}, "data.task"),
        ({"type": "task.deleted", "data": {"task": {}}}, "data.task.id"),
        ({"type": "task.deleted", "data": {"task": {"id": "t", "version": "7"}}}, "data.task.version"),
        ({"type": "task.deleted", "data": {"task": {"id": "t"}, "cause": 3}}, "data.cause"),
        ({"type": "user.deactivated", "data": {}}, "data.user"),
        ({"type": "user.deactivated", "data": {"user": {"id": 7}}}, "data.user.id"),
        (event({"version": 7}), "data.task.id"),
        (event({"id": "t-1"}), "data.task.version"),
        (event({"id": "t-1", "version": 7, "calendar_sync": True, "status": "open"}), "data.task.title"),
        (event() | {"timestamp": "yesterday"}, "timestamp"),
        (event() | {"timestamp": "2026-12-01T09:30:00"}, "timestamp"),
        (event(actor="Ada"), "data.actor"),
        (event(actor={"kind": 3}), "data.actor.kind"),
    ],
)
def test_14_a_missing_or_mistyped_envelope_is_named(body: Any, field: str) -> None:
    assert fault(body).field == field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"id": 7}, "id"),
        ({"id": ""}, "id"),
        ({"version": "7"}, "version"),
        ({"version": 7.0}, "version"),
        ({"version": True}, "version"),
        ({"version": -1}, "version"),
        ({"version": 2**63}, "version"),
        ({"version": None}, "version"),
        ({"calendar_sync": "yes"}, "calendar_sync"),
        ({"calendar_sync": 1}, "calendar_sync"),
        ({"calendar_sync": None}, "calendar_sync"),
        ({"title": None}, "title"),
        ({"title": 7}, "title"),
        ({"description": 7}, "description"),
        ({"status": "waiting"}, "status"),
        ({"status": ["open"]}, "status"),
        ({"priority": "hot"}, "priority"),
        ({"priority": 3}, "priority"),
        ({"due": "2026-12-02"}, "due"),
        ({"due": {}}, "due"),
        ({"due": {"date": "2026-12-02", "date_time": "2026-12-02T08:00:00Z"}}, "due"),
        ({"owner": "u-7"}, "owner"),
        ({"owner": {}}, "owner.id"),
        ({"owner": {"id": "u-7", "time_zone": "Mars/Olympus"}}, "owner.time_zone"),
        ({"owner": {"id": "u-7", "time_zone": 1}}, "owner.time_zone"),
        ({"owner": {"id": "u-7", "email": "a" * 400}}, "owner.email"),
        ({"duration_minutes": "30"}, "duration_minutes"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": -5}, "duration_minutes"),
        ({"duration_minutes": 10**12}, "duration_minutes"),
        ({"duration_minutes": 1.5}, "duration_minutes"),
        ({"due": {"date_time": "2026-12-02T08:00:00Z", "duration_minutes": 0}}, "due.duration_minutes"),
        ({"updated_at": "2026-12-01"}, "updated_at"),
        ({"updated_at": 1764581400}, "updated_at"),
    ],
)
def test_14_a_field_of_the_wrong_type_is_named(values: dict[str, Any], field: str) -> None:
    assert fault(event(task(**values))).field == f"data.task.{field}"


@pytest.mark.parametrize(
    "title",
    ["", "x", "x" * 1025, "x" * 100_000, "שלום", "\U0001f469‍\U0001f4bb\U0001f3fd", "é", "done̶", "two\nlines\ttab"],
)
def test_15_any_title_comes_through_exactly(title: str) -> None:
    assert whole(title=title).title == title
    body = json.dumps(event(task(title=title)), ensure_ascii=False).encode()
    signal = delivered(body).signals[0]
    assert isinstance(signal, TaskSignal)
    assert isinstance(signal.said, Task)
    assert signal.said.title == title


@pytest.mark.parametrize(
    "at",
    [
        "2026-02-29T08:00:00Z",
        "2026-13-01T08:00:00Z",
        "2026-12-02T24:00:00Z",
        "2026-12-02T08:60:00Z",
        "2026-12-02T08:00:60Z",
        "2026-12-02T08:00Z",
        "2026-12-02",
        "20261202T080000Z",
        "2026-W49-3T08:00:00Z",
        "",
        "x",
        "2026-12-02T08:00:00+24:00",
        "2026-12-02T08:00:00+1",
        "2026-12-02T08:00:00 CET",
        "0000-01-01T00:00:00Z",
        "2026-12-02T08:00:00Z\n",
        "\u0662026-12-02T08:00:00Z",
        "2026-12-02T08:00:00+01:00:30",
        "1764581400",
    ],
)
def test_16_a_time_that_is_none_is_named(at: str) -> None:
    assert fault(event(task(due={"date_time": at}))).field == "data.task.due.date_time"


@pytest.mark.parametrize("at", ["2026-12-02T08:00:00", "2026-12-02T08:00:00.120", "2026-03-29T02:30:00"])
def test_16_a_naive_time_is_refused_with_the_way_out(at: str) -> None:
    found = fault(event(task(due={"date_time": at, "time_zone": "Europe/Berlin"})))
    assert (found.field, found.hint) == ("data.task.due.date_time", "give an offset such as Z or +01:00")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-12-02T08:00:00+14:00", datetime(2026, 12, 1, 18, 0, tzinfo=UTC)),
        ("2026-12-02T08:00:00-00:00", datetime(2026, 12, 2, 8, 0, tzinfo=UTC)),
        ("2026-12-02t08:00:00.999999999z", datetime(2026, 12, 2, 8, 0, tzinfo=UTC)),
        ("2028-02-29T23:59:59-12:00", datetime(2028, 3, 1, 11, 59, 59, tzinfo=UTC)),
        ("2026-10-25T02:30:00+02:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25T02:30:00+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-12:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("1969-12-31T23:59:59Z", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_16_a_time_with_an_offset_is_an_instant(at: str, expected: datetime) -> None:
    assert whole(due={"date_time": at}).due == Moment(expected)


@pytest.mark.parametrize("day", ["2026-12-02", "2028-02-29", "0001-01-01", "9999-12-31"])
def test_16_a_date_is_never_converted(day: str) -> None:
    assert whole(due={"date": day, "date_time": None}).due == Day(date.fromisoformat(day))


@pytest.mark.parametrize(
    "day", ["2026-02-29", "2026-12-2", "20261202", "2026-12-02T00:00:00Z", "", 20261202, "0000-01-01"]
)
def test_16_a_date_that_is_none_is_named(day: Any) -> None:
    assert fault(event(task(due={"date": day}))).field == "data.task.due.date"


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "../../etc/passwd", "W. Europe Standard Time", "", 7, "a\x00b", "x" * 999]
)
def test_16_an_unknown_zone_is_named(zone: Any) -> None:
    about = task(due={"date_time": "2026-12-02T08:00:00Z", "time_zone": zone})
    assert fault(event(about)).field == "data.task.due.time_zone"


def test_16_a_known_zone_is_kept() -> None:
    due = whole(due={"date_time": "2026-12-02T08:00:00Z", "time_zone": "Asia/Kolkata"}).due
    assert isinstance(due, Moment)
    assert due.zone == "Asia/Kolkata"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://user:pw@crm.example",
        "https://user@crm.example/",
        "//crm.example",
        "https://",
        "https:/crm.example",
        "/tasks/1",
        "ftp://crm.example",
        "https://crm.example/" + "x" * 10240,
        7,
        "https://crm.example/a b",
        'https://crm.example/"onclick=x',
        "https://crm.example/<script>",
        "https://[::1",
        "https://crm.example/\n",
        " https://crm.example",
        "https://crm.example\\@evil.example",
        "java\nscript:alert(1)",
    ],
)
def test_17_a_link_that_is_not_safe_to_show_is_named(url: Any) -> None:
    assert fault(event(task(url=url))).field == "data.task.url"


@pytest.mark.parametrize(
    "url", ["https://crm.example/tasks/1?a=b#c", "http://127.0.0.1:8080/x", "https://crm.example/ü"]
)
def test_17_a_plain_link_is_kept(url: str) -> None:
    assert whole(url=url).url == url


@pytest.mark.parametrize("task_id", ["", ".", "..", "x" * 256, "a\nb", "a\x7fb", None, 7, ["t-1"]])
def test_18_an_id_that_cannot_be_one_is_named(task_id: Any) -> None:
    assert fault(event(task(id=task_id))).field == "data.task.id"


@pytest.mark.parametrize("task_id", ["../../etc/passwd", "%00", "'; DROP TABLE task;--", '"', "ü", "x" * 255, "a/b"])
def test_18_an_odd_id_is_just_an_id(task_id: str) -> None:
    assert told(task(id=task_id)).task_id == task_id


def test_the_duration_is_read_in_both_places() -> None:
    assert whole(duration_minutes=45).duration == timedelta(minutes=45)
    due = {"date_time": "2026-12-02T08:00:00Z", "duration_minutes": 90}
    assert whole(due=due).duration == timedelta(minutes=90)
    assert whole().duration is None


# --- anything at all ------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.sampled_from([*task(), "duration_minutes"])
_KINDS = ["task.created", "task.restored", "task.deleted", "user.deactivated", "ping", "x"]


def understood_or_named(body: bytes) -> bool:
    """Read a delivery whose content may be anything: all that may happen is a signal or a named field."""
    try:
        found = delivered(body)
    except NotReadable as error:
        return bool(error.field) and str(error).isprintable()
    return len(found.signals) == 1


@given(values=st.dictionaries(_FIELDS, _JSON, max_size=4), kind=st.sampled_from(_KINDS))
def test_24_whatever_a_task_holds_it_is_understood_or_named(values: dict[str, Any], kind: str) -> None:
    assert understood_or_named(raw(event(task(**values), kind)))


@given(body=st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_24_whatever_a_body_holds_it_is_understood_or_named(body: bytes) -> None:
    assert understood_or_named(body)
