"""EspoCRM's records and our nouns, both ways. Pure.

Times are ``YYYY-MM-DD HH:MM:SS`` without an offset and always UTC: https://docs.espocrm.com/development/api.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.core.errors import NotReadable, OperatorFault
from gateway.core.model import (
    Day,
    Moment,
    Owner,
    Priority,
    Status,
    Task,
    TaskChanges,
    TaskId,
    TaskOff,
    TaskState,
    UserId,
    When,
)
from gateway.core.ports import StateReport
from gateway.core.reading import a_day, a_flag, a_text, a_whole, an_id, an_object
from gateway.crms.espocrm.names import DUE, DUE_DAY, NOTE, OWNER, STATE, TITLE, TOGGLE, VERSION
from gateway.crms.note import note

COUNTED_BELOW: Final = 1_000_000_000
"""A version below this is EspoCRM's own count of edits; from here on it is when the record was modified, in seconds
since 1970: all there is of a record that is not counted."""

TITLE_LIMIT: Final = 255

_NAIVE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?")
# Its pattern ``noBadCharacters``, kept by the server as well.
_BAD_IN_TITLE = re.compile(r"[<>=]")


def read_task(
    value: Any, path: str, url: str, statuses: Mapping[str, Status], priorities: Mapping[str, Priority]
) -> Task:
    """A task as a record shows it. Of one that is off only id and version are taken.

    Raises ``NotReadable``, and ``OperatorFault`` where our field is not there: that is no task that was switched off.
    """
    record = an_object(value, path)
    task_id, version = read_id(record, path), read_version(record, path)
    if not read_switch(record, path):
        return Task(id=task_id, version=version, title="", due=None, owner=None, sync_on=False)
    return Task(
        id=task_id,
        version=version,
        title=_text(record, TITLE, path),
        due=_due(record, path),
        owner=_owner(record, path),
        sync_on=True,
        description=_text(record, "description", path),
        status=statuses.get(_text(record, "status", path), Status.OPEN),
        priority=priorities.get(_text(record, "priority", path), Priority.NONE),
        url=url,
        updated_at=read_time(record.get("modifiedAt"), f"{path}.modifiedAt"),
    )


def read_thin(value: Any, path: str) -> tuple[TaskId, bool, TaskState, datetime]:
    """An entry of a list: its id, whether it is on, what to take it for if it is off, and when it was modified."""
    record = an_object(value, path)
    modified = read_time(record.get("modifiedAt"), f"{path}.modifiedAt")
    off = TaskOff(read_version(record, path))
    return read_id(record, path), read_switch(record, path), off, modified


def read_id(record: Mapping[str, Any], path: str) -> TaskId:
    """The id of a record."""
    return TaskId(an_id(record.get("id"), f"{path}.id"))


def read_switch(record: Mapping[str, Any], path: str) -> bool:
    """The switch; ``null`` where it was never touched. Raises ``OperatorFault`` where the field is not there at all."""
    if TOGGLE not in record:
        raise OperatorFault(f"EspoCRM's tasks show no field {TOGGLE}: run `installations check`")
    return record[TOGGLE] is not None and a_flag(record[TOGGLE], f"{path}.{TOGGLE}")


def read_version(record: Mapping[str, Any], path: str) -> int:
    """How often it was edited, or else when it was modified: see :data:`COUNTED_BELOW`."""
    if record.get(VERSION) is not None:
        return a_whole(record[VERSION], f"{path}.{VERSION}", 0, COUNTED_BELOW - 1)
    return int(read_time(record.get("modifiedAt"), f"{path}.modifiedAt").timestamp())


def read_time(value: Any, path: str) -> datetime:
    """A naive time that means UTC."""
    hint = "send a time such as 2026-12-01 09:30:00"
    if not isinstance(value, str) or _NAIVE.fullmatch(value) is None:
        raise NotReadable(path, hint)
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError as error:
        raise NotReadable(path, hint) from error


def _due(record: Mapping[str, Any], path: str) -> When | None:
    if record.get(DUE_DAY) is not None:
        return a_day(record[DUE_DAY], f"{path}.{DUE_DAY}")
    return None if record.get(DUE) is None else Moment(read_time(record[DUE], f"{path}.{DUE}"))


def _owner(record: Mapping[str, Any], path: str) -> Owner | None:
    owner = record.get(OWNER)
    return None if owner is None else Owner(UserId(an_id(owner, f"{path}.{OWNER}")))


def _text(record: Mapping[str, Any], name: str, path: str) -> str:
    value = record.get(name)
    return "" if value is None else a_text(value, f"{path}.{name}")


# --- writing --------------------------------------------------------------------------------------------------------


def refused_fields(changes: TaskChanges) -> tuple[str, ...]:
    """What EspoCRM would refuse for certain: not worth a call."""
    title = changes.title
    return ("title",) if title is not None and (len(title) > TITLE_LIMIT or _BAD_IN_TITLE.search(title)) else ()


def changes_json(changes: TaskChanges) -> dict[str, Any]:
    """Only what is to change. Of the two forms of a due date the other one is always taken away: while a day is set, a
    time alone would be ignored without a word."""
    patch: dict[str, Any] = {}
    if changes.title is not None:
        patch[TITLE] = changes.title
    if isinstance(changes.due, Day):
        patch[DUE_DAY] = changes.due.date.isoformat()
    elif isinstance(changes.due, Moment):
        patch |= {DUE: naive(changes.due.at), DUE_DAY: None}
    if changes.sync_off:
        patch[TOGGLE] = False
    return patch


def state_json(report: StateReport) -> dict[str, Any]:
    """A state report in our two fields."""
    return {STATE: report.state.value, NOTE: note(report)}


def naive(at: datetime) -> str:
    """An aware time in EspoCRM's form."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
