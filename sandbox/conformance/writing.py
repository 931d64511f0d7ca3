"""Checks of what the gateway writes: conditional changes, keys that replay, refusals by name. All is put back."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sandbox.conformance.bench import Answer, Bench, Broken, Check, NotTried, an_instant, an_object, expect, must

_MIRRORED = ("title", "description", "status", "priority", "due", "owner", "calendar_sync")
_MOMENT = "2030-03-05T09:00:00Z"
_DAY = "2030-03-06"


def changes_a_title(bench: Bench) -> None:
    """Only the title, at a higher version, with its ETag; then back."""
    before = bench.writable()
    wanted = f"{str(before['title'])[:200]} (conformance)"
    answer = bench.patch({"title": wanted}, before["version"])
    after = _written(answer)
    try:
        must(after.get("title") == wanted, f"the title is {after.get('title')!r} instead of {wanted!r}")
        must(_version(after) > before["version"], f"the version is {after.get('version')}, before {before['version']}")
        tag = answer.headers.get("etag")
        must(tag == f'"{after["version"]}"', f'the ETag is {tag!r} instead of "{after["version"]}" in quotes')
        others = [name for name in _MIRRORED if name != "title" and after.get(name) != before.get(name)]
        must(not others, f"{', '.join(others)} changed as well")
        must(bench.read() == after, "a read afterwards gives another task than the answer did")
    finally:
        _put_back(bench, before)


def changes_a_due_date(bench: Bench) -> None:
    """A time, a day, a time again: the form that no longer holds is gone."""
    before = bench.writable()
    moved = {"date": None, "date_time": _MOMENT}
    try:
        after = _written(bench.patch({"due": moved}, before["version"]))
        _is_moment(after)
        answer = bench.patch({"due": {"date": _DAY, "date_time": None, "time_zone": None}}, after["version"])
        if answer.status == 422:
            raise NotTried("it refuses a date without a time; the gateway then keeps events timed")
        after = _written(answer)
        due = _due(after)
        must(due.get("date") == _DAY, f"due is {due!r} instead of the day {_DAY}")
        must(not due.get("date_time"), f"due is {due!r}: the time stayed beside the day")
        _is_moment(_written(bench.patch({"due": moved}, after["version"])))
    finally:
        _put_back(bench, before)


def refuses_an_old_version(bench: Bench) -> None:
    """412 with the task as it is; nothing changes."""
    before = bench.writable()
    try:
        now = _written(bench.patch({"title": "Conformance: newer"}, before["version"]))
        answer = bench.patch({"title": "Conformance: must not stand"}, before["version"])
        expect(answer, 412, what="a PATCH with If-Match of an older version")
        told = an_object(answer)
        task = told.get("task", told)
        must(isinstance(task, dict) and task.get("version") == now["version"], "the 412 does not hold the current task")
        must(bench.read()["title"] == now["title"], "the change was made all the same")
    finally:
        _put_back(bench, before)


def replays_a_key(bench: Bench) -> None:
    """The same request again gives the same answer and writes nothing."""
    before, key = bench.writable(), str(uuid.uuid4())
    wanted = {"title": "Conformance: once"}
    try:
        first = _written(bench.patch(wanted, before["version"], key))
        again = bench.patch(wanted, before["version"], key)
        expect(again, 200, what="the same PATCH under the same Idempotency-Key")
        must(an_object(again) == first, "the same key gave another answer")
        must(bench.read()["version"] == first["version"], "the same key wrote twice: the version grew")
        other = bench.patch({"title": "Conformance: another"}, before["version"], key)
        expect(other, 422, what="another body under a key that was used")
    finally:
        _put_back(bench, before)


def refuses_by_name(bench: Bench) -> None:
    """422 whose ``errors`` name the field; nothing changes."""
    before = bench.writable()
    answer = bench.patch({"title": ""}, before["version"])
    try:
        expect(answer, 400, 422, what="an empty title")
        errors = an_object(answer).get("errors")
        named = [error.get("field") for error in errors or () if isinstance(error, dict)]
        must("title" in named, f"errors names {named} instead of title")
        must(bench.read() == before, "the task changed all the same")
    finally:
        _put_back(bench, before)


def takes_unknown_tasks_for_gone(bench: Bench) -> None:
    """A write to a task that never was."""
    bench.writable()
    path = bench.path(f"never-was-{uuid.uuid4().hex}")
    headers = {"Content_Type": "application/merge-patch+json", "If_Match": '"1"', "Idempotency_Key": str(uuid.uuid4())}
    expect(bench.call("PATCH", path, {"title": "x"}, **headers), 404, 410, what="a PATCH to an id that never was")


def _written(answer: Answer) -> dict[str, Any]:
    expect(answer, 200, what="a PATCH at the current version")
    task = an_object(answer)
    _version(task)
    return task


def _version(task: dict[str, Any]) -> int:
    version = task.get("version")
    if not isinstance(version, int):
        raise Broken(f"version is {version!r}, not a whole number")
    return version


def _due(task: dict[str, Any]) -> dict[str, Any]:
    due = task.get("due")
    if not isinstance(due, dict):
        raise Broken(f"due is {due!r}, not an object")
    return due


def _is_moment(task: dict[str, Any]) -> None:
    due = _due(task)
    must(not due.get("date"), f"due is {due!r} instead of the time {_MOMENT}")
    told = an_instant(due.get("date_time"), "due.date_time")
    must(told == datetime.fromisoformat(_MOMENT), f"due is {due!r} instead of the time {_MOMENT}")


def _put_back(bench: Bench, before: dict[str, Any]) -> None:
    """Title and due date as they were, at whatever version the task has by now."""
    now = bench.read()
    changes: dict[str, Any] = {}
    if now.get("title") != before["title"]:
        changes["title"] = before["title"]
    if now.get("due") != before["due"]:
        due = before["due"] or {}
        gone = {name: None for name in ("date", "date_time", "time_zone") if name not in due}
        changes["due"] = {**gone, **due} if before["due"] else None
    if changes:
        bench.patch(changes, now.get("version"))


_LOST = "an edit that a person made in between would be overwritten"


CHECKS = (
    Check(
        "write",
        "PATCH changes what it names, and answers with the task and its ETag",
        "edits in calendars would not arrive",
        changes_a_title,
    ),
    Check(
        "due",
        "a due date goes from a time to a day and back",
        "an event dragged to all-day would jump back, or be moved by hours",
        changes_a_due_date,
    ),
    Check("stale", "PATCH with an old If-Match is 412 with the current task", _LOST, refuses_an_old_version),
    Check(
        "replay",
        "the same Idempotency-Key gives the same answer once",
        "after a lost answer the gateway could not tell its own write from a person's edit",
        replays_a_key,
    ),
    Check(
        "refusal",
        "a refused value is 422 naming its field",
        "people could not be told which of their edits was not taken",
        refuses_by_name,
    ),
    Check(
        "write-gone",
        "PATCH to an unknown task is 404 or 410",
        "the gateway would try for three days",
        takes_unknown_tasks_for_gone,
    ),
)
