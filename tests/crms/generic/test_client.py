"""The generic client, status by status: which answer becomes which failure, and what exactly is sent."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from gateway.core.errors import (
    Forbidden,
    GatewayError,
    OperatorFault,
    Refused,
    StaleWrite,
    TryLater,
    Unauthorised,
)
from gateway.core.model import Cause, Day, Moment, State, Task, TaskChanges, TaskGone, TaskId, TaskOff, UserId
from gateway.core.ports import ConnectionReport, CrmAccount, StateReport
from gateway.crms.generic.client import GenericCrm
from gateway.crms.hosts import Outbound
from tests.crms.generic.deliveries import NOW, task

BASE = "https://crm.example/api"
TASK = f"{BASE}/tasks/t-1"
TOKEN = "token-nobody-may-see"
T1 = TaskId("t-1")


class FixedClock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
def crm() -> Iterator[GenericCrm]:
    made = GenericCrm(CrmAccount(f"{BASE}/", TOKEN), Outbound(), FixedClock())
    yield made
    made.close()


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def problem(status: int, code: str, *fields: str) -> dict[str, Any]:
    errors = [{"field": field, "code": "no"} for field in fields]
    body = {"type": "about:blank", "title": "No", "status": status, "code": code, "errors": errors}
    return {"status": status, "body": json.dumps(body), "content_type": "application/problem+json"}


def patch(crm: GenericCrm, changes: TaskChanges | None = None) -> Task | TaskGone:
    return crm.patch(T1, changes or TaskChanges(title="Call Bob"), 7, "key-1")


# --- what is sent ---------------------------------------------------------------------------------------------------


def test_a_read_is_authorised_plain_and_follows_nothing(crm: GenericCrm, wire: responses.RequestsMock) -> None:
    wire.get(TASK, json=task())
    found = crm.get(T1)
    assert isinstance(found, Task)
    assert (found.title, found.version) == ("Call Ada", 7)
    sent = wire.calls[0].request
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["Accept-Encoding"] == "identity"
    assert sent.body is None


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        (TaskChanges(title="Call Bob ü"), {"title": "Call Bob ü"}),
        (TaskChanges(sync_off=True), {"calendar_sync": False}),
        (
            TaskChanges(due=Day(date(2026, 12, 3))),
            {"due": {"date": "2026-12-03", "date_time": None, "time_zone": None}},
        ),
        (
            TaskChanges(due=Moment(datetime(2026, 12, 3, 8, tzinfo=UTC))),
            {"due": {"date": None, "date_time": "2026-12-03T08:00:00Z"}},
        ),
        (
            TaskChanges(due=Moment(datetime(2026, 12, 3, 8, tzinfo=UTC), "Asia/Kolkata")),
            {"due": {"date": None, "date_time": "2026-12-03T08:00:00Z", "time_zone": "Asia/Kolkata"}},
        ),
    ],
)
def test_a_patch_is_a_conditional_merge_patch_under_a_key(
    crm: GenericCrm, wire: responses.RequestsMock, changes: TaskChanges, body: dict[str, Any]
) -> None:
    wire.patch(TASK, json=task(version=8))
    patch(crm, changes)
    sent = wire.calls[0].request
    assert sent.headers["Content-Type"] == "application/merge-patch+json"
    assert sent.headers["If-Match"] == '"7"'
    assert sent.headers["Idempotency-Key"] == "key-1"
    assert json.loads(sent.body or "") == body


def test_a_state_report_is_the_contracts(crm: GenericCrm, wire: responses.RequestsMock) -> None:
    wire.put(f"{TASK}/calendar-sync", status=204)
    conflict = {"id": "c-1", "fields": [], "detected_at": "2026-12-01T09:30:00Z"}
    crm.report(T1, StateReport(State.CONFLICT, None, "https://cal.example/e", "google", NOW, conflict))
    crm.report(T1, StateReport(State.ERROR, "refused", conflict=conflict, fields=("title", "due")))
    plain = {"state": "conflict", "reason": None, "event_url": "https://cal.example/e", "provider": "google"}
    sent = [json.loads(call.request.body or "") for call in wire.calls]
    assert sent[0] == plain | {"synced_at": "2026-12-01T09:30:00Z", "conflict": conflict}
    empty = {"event_url": None, "provider": None, "synced_at": None, "conflict": None}
    assert sent[1] == {"state": "error", "reason": "refused", "field": "title,due"} | empty


def test_a_connection_report_is_the_contracts(crm: GenericCrm, wire: responses.RequestsMock) -> None:
    wire.put(f"{BASE}/users/u%2F7/calendar-connection", status=200, body="anything")
    crm.report_connection(
        UserId("u/7"), ConnectionReport("revoked", "google", "ada@example.com", "revoked", "https://x")
    )
    assert json.loads(wire.calls[0].request.body or "") == {
        "status": "revoked",
        "provider": "google",
        "account_email": "ada@example.com",
        "reason": "revoked",
        "reconnect_url": "https://x",
    }


@pytest.mark.parametrize("odd", ["a/b", "a?b#c", "../users/u-1", "%2e%2e", "ü", "a b", "a;b"])
def test_an_odd_id_stays_one_segment(crm: GenericCrm, wire: responses.RequestsMock, odd: str) -> None:
    wire.get(re.compile(f"{BASE}/tasks/.*"), status=404)
    crm.get(TaskId(odd))
    path = urlsplit(str(wire.calls[0].request.url)).path
    assert path.startswith("/api/tasks/")
    assert path.count("/") == 3
    assert urlsplit(str(wire.calls[0].request.url)).query == ""


@pytest.mark.parametrize("odd", ["", ".", ".."])
def test_an_id_that_no_url_can_carry_is_never_sent(crm: GenericCrm, wire: responses.RequestsMock, odd: str) -> None:
    with pytest.raises(Refused):
        crm.get(TaskId(odd))
    assert len(wire.calls) == 0


# --- what comes back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ({"status": 404}, Cause.DELETED),
        ({"status": 404, "body": "<h1>Not found</h1>"}, Cause.DELETED),
        (problem(410, "archived"), Cause.ARCHIVED),
        (problem(410, "deleted"), Cause.DELETED),
        (problem(404, "out_of_reach"), Cause.OUT_OF_REACH),
        ({"status": 410, "json": ["archived"]}, Cause.DELETED),
        ({"status": 410, "json": {"code": 3, "errors": 4}}, Cause.DELETED),
    ],
)
def test_not_found_is_an_answer(
    crm: GenericCrm, wire: responses.RequestsMock, answer: dict[str, Any], cause: Cause
) -> None:
    wire.get(TASK, **answer)
    wire.patch(TASK, **answer)
    wire.put(f"{TASK}/calendar-sync", **answer)
    wire.put(f"{BASE}/users/u-7/calendar-connection", **answer)
    assert crm.get(T1) == TaskGone(cause)
    assert patch(crm) == TaskGone(cause)
    crm.report(T1, StateReport(State.OFF))
    crm.report_connection(UserId("u-7"), ConnectionReport("none", None, None, None))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Refused),
        (401, Unauthorised),
        (402, Refused),
        (403, Forbidden),
        (405, Refused),
        (406, Refused),
        (408, TryLater),
        (409, TryLater),
        (413, Refused),
        (415, Refused),
        (417, StaleWrite),
        (422, Refused),
        (423, Refused),
        (425, TryLater),
        (428, Refused),
        (429, TryLater),
        (451, Refused),
        (500, TryLater),
        (502, TryLater),
        (503, TryLater),
        (504, TryLater),
        (599, TryLater),
        (202, TryLater),
        (206, TryLater),
        (301, TryLater),
        (302, TryLater),
        (304, TryLater),
        (307, TryLater),
    ],
)
def test_every_status_is_one_failure(
    crm: GenericCrm, wire: responses.RequestsMock, status: int, expected: type[GatewayError]
) -> None:
    wire.patch(TASK, status=status, json=task(), headers={"Location": "https://evil.example/"})
    with pytest.raises(expected):
        patch(crm)
    assert len(wire.calls) == 1


def test_a_stale_version_brings_the_task_as_it_is(crm: GenericCrm, wire: responses.RequestsMock) -> None:
    now = task(version=9, title="Call Eve")
    for body in (now, {"code": "changed", "status": 412, "task": now}):
        wire.patch(TASK, status=412, json=body)
        with pytest.raises(StaleWrite) as caught:
            patch(crm)
        assert isinstance(caught.value.current, Task)
        assert (caught.value.current.version, caught.value.current.title) == (9, "Call Eve")


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", '{"id":"t-1","version":"x"}', '{"task":7}'])
def test_a_stale_version_without_a_task_to_read_is_still_stale(
    crm: GenericCrm, wire: responses.RequestsMock, body: str
) -> None:
    wire.patch(TASK, status=412, body=body)
    with pytest.raises(StaleWrite) as caught:
        patch(crm)
    assert caught.value.current is None


@pytest.mark.parametrize(
    ("named", "fields"),
    [
        (("title",), ("title",)),
        (("due.date_time",), ("due",)),
        (("due", "title", "due"), ("title", "due")),
        (("calendar_sync",), ("calendar_sync",)),
        (("If-Match", "colour"), ()),
        ((), ()),
    ],
)
def test_a_refusal_names_fields_in_our_words(
    crm: GenericCrm, wire: responses.RequestsMock, named: tuple[str, ...], fields: tuple[str, ...]
) -> None:
    wire.patch(TASK, **problem(422, "invalid", *named))
    with pytest.raises(Refused) as caught:
        patch(crm)
    assert caught.value.fields == fields


@pytest.mark.parametrize("body", ["", "no", '{"errors": {"title": "no"}}', '{"errors": ["title", null]}', "[1]"])
def test_a_refusal_that_cannot_be_read_names_nothing(crm: GenericCrm, wire: responses.RequestsMock, body: str) -> None:
    wire.patch(TASK, status=400, body=body)
    with pytest.raises(Refused) as caught:
        patch(crm)
    assert caught.value.fields == ()


@pytest.mark.parametrize(
    ("status", "header", "after", "everyone"),
    [
        (429, None, None, True),
        (429, "7", timedelta(seconds=7), True),
        (503, None, None, False),
        (503, "120", timedelta(minutes=2), True),
        (503, "Tue, 01 Dec 2026 09:31:00 GMT", timedelta(minutes=1), True),
        (503, "soon", None, False),
        (503, "31536000", timedelta(days=1), True),
        (500, "3", timedelta(seconds=3), False),
        (409, "2", timedelta(seconds=2), False),
    ],
)
def test_a_delay_asked_for_is_heard(
    crm: GenericCrm,
    wire: responses.RequestsMock,
    status: int,
    header: str | None,
    after: timedelta | None,
    everyone: bool,
) -> None:
    wire.get(TASK, status=status, headers={"Retry-After": header} if header else {})
    with pytest.raises(TryLater) as caught:
        crm.get(T1)
    assert (caught.value.after, caught.value.everyone) == (after, everyone)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html><title>Sign in</title></html>",
        '{"id":"t-1","version":7,"tit',
        "null",
        "[]",
        "7",
        '{"id":"t-1"}',
        "NaN",
        "[" * 100000,
        json.dumps(task(title=None)),
        json.dumps(task(due={"date_time": "2026-12-02T08:00:00"})),
        json.dumps(task(title="a\x00b")),
        json.dumps(task(version=1e300)),
        "\ufeff{}",
    ],
)
def test_60_an_answer_that_is_not_understood_is_tried_later(
    crm: GenericCrm, wire: responses.RequestsMock, body: str
) -> None:
    wire.get(TASK, body=body, content_type="text/html")
    with pytest.raises(TryLater, match="answer not understood"):
        crm.get(T1)


@pytest.mark.parametrize(
    "broken", [requests.ConnectionError("x"), requests.ReadTimeout("x"), requests.exceptions.ChunkedEncodingError("x")]
)
def test_a_broken_connection_is_tried_later(crm: GenericCrm, wire: responses.RequestsMock, broken: Exception) -> None:
    wire.patch(TASK, body=broken)
    with pytest.raises(TryLater):
        patch(crm)


# --- lists ----------------------------------------------------------------------------------------------------------


def test_a_page_asks_for_what_changed_and_goes_on_by_cursor(crm: GenericCrm, wire: responses.RequestsMock) -> None:
    off = {"id": "t-2", "version": 3, "calendar_sync": False}
    wire.get(f"{BASE}/tasks", json={"tasks": [task(), off], "next_cursor": "a+b/c="})
    page = crm.changed_since(NOW, None)
    assert [about for about, _ in page.tasks] == ["t-1", "t-2"]
    assert page.tasks[1][1] == TaskOff(3)
    crm.changed_since(NOW, page.cursor)
    queries = [parse_qs(urlsplit(str(call.request.url)).query) for call in wire.calls]
    assert queries[0] == {"limit": ["100"], "updated_since": ["2026-12-01T09:30:00Z"]}
    assert queries[1]["cursor"] == ["a+b/c="]


def test_one_task_that_cannot_be_read_does_not_hold_up_the_others(
    crm: GenericCrm, wire: responses.RequestsMock
) -> None:
    wire.get(f"{BASE}/tasks", json={"tasks": [task(status="odd"), 7, task()], "next_cursor": None})
    page = crm.changed_since(None, None)
    assert [about for about, _ in page.tasks] == ["t-1"]
    assert [fault.partition(":")[0] for fault in page.faults] == ["tasks[0].status", "tasks[1]"]


@pytest.mark.parametrize("body", [[], {}, {"tasks": {}}, {"tasks": [], "next_cursor": 7}])
def test_a_page_that_is_none_is_not_understood(crm: GenericCrm, wire: responses.RequestsMock, body: Any) -> None:
    wire.get(f"{BASE}/tasks", json=body)
    with pytest.raises(TryLater, match="answer not understood"):
        crm.changed_since(None, None)


def test_existence_is_never_guessed(crm: GenericCrm, wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/tasks", json={"tasks": [{"id": "t-1"}, {"id": 7}]})
    with pytest.raises(TryLater):
        crm.existing([T1, TaskId("t-2")])
    with pytest.raises(ValueError, match="at most 100"):
        crm.existing([T1] * 101)


def test_only_what_was_asked_for_exists(crm: GenericCrm, wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/tasks", json={"tasks": [{"id": "t-1"}, {"id": "t-9"}]})
    wire.get(f"{BASE}/tasks/odd%2Cid", json=task(id="odd,id"))
    assert crm.existing([T1, TaskId("t-2"), TaskId("odd,id")]) == {"t-1", "odd,id"}


# --- secrets --------------------------------------------------------------------------------------------------------


def test_the_token_is_in_no_text_of_ours(crm: GenericCrm, wire: responses.RequestsMock) -> None:
    wire.get(TASK, body=requests.ConnectionError("x"))
    with pytest.raises(TryLater) as caught:
        crm.get(T1)
    told = "".join(traceback.format_exception(caught.value)) + repr(crm) + repr(vars(caught.value))
    assert TOKEN not in told
    assert TOKEN not in repr(CrmAccount(BASE, TOKEN))


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ü", " x"])
def test_a_token_that_no_header_can_carry_is_the_operators_fault(token: str) -> None:
    with pytest.raises(OperatorFault) as caught:
        GenericCrm(CrmAccount(BASE, token), Outbound(), FixedClock())
    assert not token or token not in str(caught.value)
