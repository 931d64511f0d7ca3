"""What trusted deliveries mean."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core.model import (
    Cause,
    Moment,
    Owner,
    Priority,
    Status,
    Task,
    TaskGone,
    TaskId,
    TaskOff,
    UserId,
)
from gateway.core.signals import Kind, Ping, TaskSignal, UserDeactivated
from gateway.crms.generic.notifications import read
from tests.crms.generic.deliveries import NOW, SECRET, delivered, event, headers, raw, said, task, told, whole

SENT_AT = datetime(2026, 12, 1, 9, 30, 0, 120000, tzinfo=UTC)


# --- what is said ---------------------------------------------------------------------------------------------------


def test_a_whole_task_is_a_snapshot() -> None:
    expected = Task(
        id=TaskId("t-1"),
        version=7,
        title="Call Ada",
        due=Moment(datetime(2026, 12, 2, 8, 0, tzinfo=UTC)),
        owner=Owner(UserId("u-7"), "Europe/Berlin"),
        sync_on=True,
        description="Bring the quote",
        priority=Priority.HIGH,
        url="https://crm.example/tasks/t-1",
        updated_at=NOW,
    )
    for kind, meaning in (
        ("task.created", Kind.CHANGED),
        ("task.updated", Kind.CHANGED),
        ("task.restored", Kind.RESTORED),
    ):
        signal = told(task(), kind)
        assert signal == TaskSignal(TaskId("t-1"), meaning, expected, 7, sync_on=True, at=SENT_AT, actor="user")


def test_b1_of_a_task_that_is_off_nothing_is_taken_but_version_and_switch() -> None:
    signal = told(task(calendar_sync=False, title="Secret \x00", due="whatever"))
    assert (signal.said, signal.version, signal.sync_on) == (TaskOff(7), 7, False)
    assert "Secret" not in repr(signal)


@pytest.mark.parametrize(("switch", "said_of_it"), [(True, None), (False, TaskOff(8))])
def test_a_thin_task_sends_us_to_read_it(switch: bool, said_of_it: TaskOff | None) -> None:
    signal = told({"id": "t-1", "version": 8, "calendar_sync": switch})
    assert (signal.said, signal.version, signal.sync_on) == (said_of_it, 8, switch)


@pytest.mark.parametrize("missing", ["due", "owner", "description", "status", "priority", "url"])
def test_a_field_left_out_is_no_proof_that_it_is_empty(missing: str) -> None:
    about = task()
    del about[missing]
    signal = told(about)
    assert (signal.said, signal.sync_on) == (None, True)


def test_an_explicit_null_is_empty() -> None:
    found = whole(due=None, owner=None, description=None, status=None, priority=None, url=None, updated_at=None)
    assert (found.due, found.owner, found.description, found.url) == (None, None, "", "")
    assert (found.status, found.priority, found.updated_at) == (Status.OPEN, Priority.NONE, None)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ({}, Cause.DELETED),
        ({"cause": None}, Cause.DELETED),
        ({"cause": "deleted"}, Cause.DELETED),
        ({"cause": "archived"}, Cause.ARCHIVED),
        ({"cause": "out_of_reach"}, Cause.OUT_OF_REACH),
        ({"cause": "a word of tomorrow"}, Cause.DELETED),
    ],
)
def test_b35_a_deletion_says_why(data: dict[str, Any], cause: Cause) -> None:
    signal = told({"id": "t-1"}, "task.deleted", **data)
    assert (signal.kind, signal.said, signal.version) == (Kind.DELETED, TaskGone(cause), None)
    assert told({"id": "t-1", "version": 9, "calendar_sync": False}, "task.deleted", **data).version == 9


@pytest.mark.parametrize(
    ("actor", "expected"),
    [(None, None), ({}, None), ({"kind": "user"}, "user"), ({"kind": "api"}, "api"), ({"kind": "flow"}, "api")],
)
def test_the_actor_is_a_person_or_not(actor: Any, expected: str | None) -> None:
    assert told(task(), actor=actor).actor == expected


def test_a_user_who_left_and_a_ping() -> None:
    assert said({"type": "user.deactivated", "data": {"user": {"id": "u-7"}}}) == UserDeactivated(UserId("u-7"))
    assert said({"type": "ping", "timestamp": "2026-12-01T09:30:00Z"}) == Ping()


def test_the_message_id_is_what_repeats_are_known_by() -> None:
    assert delivered(raw(event())).dedupe_id == "msg_01"


def test_a_delivery_is_read_in_little_time() -> None:
    body = raw(event())
    found = headers(body)
    delivered(body)
    began = time.perf_counter()
    for _ in range(200):
        read(found, body, (SECRET,), NOW)
    assert (time.perf_counter() - began) / 200 < 0.003  # ten times the budget: a busy machine is no bug
