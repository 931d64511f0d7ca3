"""The contract's JSON and our nouns, both ways. Pure.

A value that cannot be read raises ``NotReadable`` with the path of the field: the door answers 400 with it, the client
takes it for an answer that it does not understand. Unknown fields are accepted and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.core.errors import NotReadable
from gateway.core.model import (
    Cause,
    Day,
    Moment,
    Owner,
    Priority,
    State,
    Status,
    Task,
    TaskChanges,
    TaskId,
    TaskOff,
    UserId,
    When,
)
from gateway.core.ports import ConnectionReport, StateReport
from gateway.core.reading import (
    a_day,
    a_flag,
    a_moment,
    a_text,
    a_whole,
    a_word,
    a_zone,
    an_id,
    an_instant,
    an_object,
)

URL_LIMIT: Final = 2048
EMAIL_LIMIT: Final = 320
LONGEST_MINUTES: Final = 31 * 24 * 60
"""The longest duration that a task may have: a month."""

_MIRRORED: Final = ("title", "description", "status", "priority", "due", "owner", "url")
"""A task that names all of these is a snapshot; one that names none is thin."""

_STATUSES = {status.value: status for status in Status}
_PRIORITIES = {priority.value: priority for priority in Priority}
_CAUSES = {cause.value: cause for cause in Cause}
# What RFC 3986 has no place for in a URL; blanks and control characters are how links are smuggled.
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029<>\"\\^`{|}]")


# --- reading --------------------------------------------------------------------------------------------------------


def read_snapshot(value: Mapping[str, Any], path: str) -> Task | TaskOff | None:
    """What a task object in a delivery tells: the whole task, that it is off, or ``None``: go and read it.

    It counts as the whole task only where every mirrored field is named, be it with ``null``: a field left out is no
    proof that it is empty. Text of a task that is off is not looked at.
    """
    version = a_whole(value.get("version"), f"{path}.version")
    sync_on = read_switch(value, path)
    if sync_on is False:
        return TaskOff(version)
    named = [name for name in _MIRRORED if name in value]
    if not named or sync_on is None:
        return None
    if "title" not in named:
        raise NotReadable(f"{path}.title", "send the whole task, or only id, version and calendar_sync")
    task = read_task(value, path)
    return task if len(named) == len(_MIRRORED) else None


def read_switch(value: Mapping[str, Any], path: str) -> bool | None:
    """The task's switch, where it is told."""
    return a_flag(value["calendar_sync"], f"{path}.calendar_sync") if "calendar_sync" in value else None


def read_task(value: Any, path: str) -> Task:
    """A task as the CRM answers it: what is left out is empty. Of a task that is off only id and version are taken."""
    task = an_object(value, path)
    task_id = TaskId(an_id(task.get("id"), f"{path}.id"))
    version = a_whole(task.get("version"), f"{path}.version")
    if not a_flag(task.get("calendar_sync"), f"{path}.calendar_sync"):
        return Task(id=task_id, version=version, title="", due=None, owner=None, sync_on=False)
    return Task(
        id=task_id,
        version=version,
        title=a_text(task.get("title"), f"{path}.title"),
        due=_due(task.get("due"), f"{path}.due"),
        owner=_owner(task.get("owner"), f"{path}.owner"),
        sync_on=True,
        description=a_text(task.get("description") or "", f"{path}.description"),
        status=a_word(task.get("status") or "open", f"{path}.status", _STATUSES),
        priority=a_word(task.get("priority") or "none", f"{path}.priority", _PRIORITIES),
        duration=_duration(task, path),
        url=_url(task.get("url"), f"{path}.url"),
        updated_at=optional_instant(task.get("updated_at"), f"{path}.updated_at"),
    )


def read_cause(value: Any, path: str) -> Cause:
    """Why a task is gone. A word we do not know, or none, is a plain deletion."""
    return Cause.DELETED if value is None else _CAUSES.get(a_text(value, path), Cause.DELETED)


def optional_instant(value: Any, path: str) -> datetime | None:
    """A time with an offset, or nothing."""
    return None if value is None else an_instant(value, path)


def _due(value: Any, path: str) -> When | None:
    if value is None:
        return None
    due = an_object(value, path)
    day, moment = due.get("date"), due.get("date_time")
    if (day is None) == (moment is None):
        raise NotReadable(path, "send either date or date_time, or null for no due date")
    if moment is None:
        return a_day(day, f"{path}.date")
    return a_moment(moment, f"{path}.date_time", _zone(due, path))


def _owner(value: Any, path: str) -> Owner | None:
    if value is None:
        return None
    owner = an_object(value, path)
    email = owner.get("email")
    return Owner(
        id=UserId(an_id(owner.get("id"), f"{path}.id")),
        zone=_zone(owner, path),
        email=None if email is None else a_text(email, f"{path}.email", EMAIL_LIMIT),
    )


def _zone(value: Mapping[str, Any], path: str) -> str | None:
    zone = value.get("time_zone")
    return None if zone is None else a_zone(zone, f"{path}.time_zone")


def _duration(task: Mapping[str, Any], path: str) -> timedelta | None:
    """The contract's table names ``duration_minutes`` in the row of ``due``: both places are understood."""
    due, where = task.get("due"), path
    minutes = task.get("duration_minutes")
    if minutes is None and isinstance(due, dict):
        minutes, where = due.get("duration_minutes"), f"{path}.due"
    if minutes is None:
        return None
    return timedelta(minutes=a_whole(minutes, f"{where}.duration_minutes", 1, LONGEST_MINUTES))


def _url(value: Any, path: str) -> str:
    """A deep link that is safe to put before a person: http or https, a host, no credentials, no blanks."""
    if value is None or value == "":
        return ""
    url = a_text(value, path, URL_LIMIT)
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError as error:
        raise NotReadable(path, "send an absolute https address") from error
    if not fine or _NOT_IN_URL.search(url):
        raise NotReadable(path, "send an absolute https address without user name, password or blanks")
    return url


# --- writing --------------------------------------------------------------------------------------------------------


def changes_json(changes: TaskChanges) -> dict[str, Any]:
    """A merge-patch, https://www.rfc-editor.org/rfc/rfc7396: only what is to change."""
    patch: dict[str, Any] = {}
    if changes.title is not None:
        patch["title"] = changes.title
    if changes.due is not None:
        patch["due"] = _due_patch(changes.due)
    if changes.sync_off:
        patch["calendar_sync"] = False
    return patch


def due_json(due: When) -> dict[str, str]:
    """A due date in the contract's form."""
    if isinstance(due, Day):
        return {"date": due.date.isoformat()}
    return {"date_time": stamp(due.at)} | ({"time_zone": due.zone} if due.zone else {})


def state_json(report: StateReport) -> dict[str, Any]:
    """A state report. ``field`` (comma-separated) is there only where the reason is about fields."""
    body: dict[str, Any] = {
        "state": report.state.value,
        "reason": report.reason,
        "event_url": report.event_url,
        "provider": report.provider,
        "synced_at": stamp(report.synced_at) if report.synced_at else None,
        "conflict": dict(report.conflict) if report.conflict and report.state is State.CONFLICT else None,
    }
    return body | ({"field": ",".join(report.fields)} if report.fields else {})


def connection_json(report: ConnectionReport) -> dict[str, Any]:
    """A connection report."""
    return {
        "status": report.status,
        "provider": report.provider,
        "account_email": report.account_email,
        "reason": report.reason,
        "reconnect_url": report.reconnect_url,
    }


def stamp(at: datetime) -> str:
    """An aware time as RFC 3339 in UTC, with a fraction only where there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _due_patch(due: When) -> dict[str, str | None]:
    """A merge-patch merges objects too: the form that no longer holds has to be taken away by name.

    A zone that we do not know stays as the CRM has it: a move keeps the way a time is shown.
    """
    if isinstance(due, Moment):
        return {"date": None, **due_json(due)}
    return {**due_json(due), "date_time": None, "time_zone": None}
