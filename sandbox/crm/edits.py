"""Edits as pure functions: what a task becomes when a person or the gateway sends a merge-patch (RFC 7396)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sandbox.crm import checks
from sandbox.crm.checks import Invalid, invalid
from sandbox.crm.model import FIELDS, Due, Task
from sandbox.crm.problems import FieldError

GATEWAY_FIELDS = frozenset({"title", "due", "calendar_sync"})
_PERSON_FIELDS = frozenset({*FIELDS, "archived"})

FindOwner = Callable[[Mapping[str, Any]], str | None]
"""The id of the person that an `owner` object names, or None when there is no such person."""


def by_gateway(task: Task, patch: Mapping[str, Any]) -> Task:
    """What the gateway's patch makes of `task`: title, due and switching off, nothing else. Raises Invalid."""
    _refuse_foreign(patch)
    locked = [FieldError(name, task.lock_code) for name in patch if name in task.locked]
    if locked:
        raise Invalid(*locked)
    if "calendar_sync" in patch and patch["calendar_sync"] is not False:
        raise invalid("calendar_sync", "must_be_false")
    return _apply(task, patch, strict=True)


def by_person(task: Task, patch: Mapping[str, Any], find_owner: FindOwner) -> Task:
    """What a person's patch makes of `task`: any field, `archived: true` included. Raises Invalid.

    `due.duration_minutes` is taken as the task's `duration_minutes`.
    """
    patch = _lift_duration(patch)
    checks.known(patch, _PERSON_FIELDS)
    edited = _apply(task, patch, strict=False)
    if "owner" in patch:
        edited = replace(edited, owner_id=_owner(patch["owner"], find_owner))
    if "archived" in patch and checks.flag(patch["archived"], "archived"):
        edited = replace(edited, gone="archived")
    return edited


def settle(before: Task, after: Task, now: datetime) -> tuple[Task, list[str]]:
    """The task as saved at `now` with the names of the mirrored fields that changed; the same task if none did."""
    changed = [name for name in FIELDS if _field(before, name) != _field(after, name)]
    if not changed and before.gone == after.gone:
        return before, []
    if before.status != after.status:
        after = replace(after, completed_at=now if after.status == "completed" else None)
    return replace(after, version=before.version + 1, updated_at=now), changed


def _apply(task: Task, patch: Mapping[str, Any], strict: bool) -> Task:
    readers: dict[str, Callable[[object], Any]] = {
        "title": lambda value: checks.title(value, strict),
        "description": lambda value: checks.text(value or "", "description", checks.DESCRIPTION_LIMIT),
        "status": lambda value: checks.one_of(value, "status", checks.STATUSES),
        "priority": lambda value: checks.one_of(value or "none", "priority", checks.PRIORITIES),
        "due": lambda value: _merge_due(task.due, value),
        "duration_minutes": checks.minutes,
        "calendar_sync": lambda value: checks.flag(value, "calendar_sync"),
    }
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name in patch.keys() & readers.keys():
        try:
            values[name] = readers[name](patch[name])
        except Invalid as error:
            errors.extend(error.errors)
    if errors:
        raise Invalid(*errors)
    return replace(task, **values)


def _merge_due(current: Due | None, patch: object) -> Due | None:
    """A merge-patch of `due`. A new kind (date or date_time) takes the place of the other, which need not be nulled."""
    if not isinstance(patch, Mapping):
        return checks.due(patch)
    given = {name: value for name, value in patch.items() if value is not None}
    kept = {name: value for name, value in (current.shown() if current else {}).items() if name not in patch}
    if "date" in given:
        kept.pop("date_time", None)
    if "date_time" in given:
        kept.pop("date", None)
    merged = kept | given
    if "date_time" not in merged and "time_zone" not in given:
        merged.pop("time_zone", None)
    return checks.due(merged)


def _refuse_foreign(patch: Mapping[str, Any]) -> None:
    shown = {*FIELDS, "id", "version", "completed_at", "url", "updated_at"}
    foreign = [
        FieldError(name, "read_only" if name in shown else "unknown_field")
        for name in patch
        if name not in GATEWAY_FIELDS
    ]
    if foreign:
        raise Invalid(*foreign)


def _lift_duration(patch: Mapping[str, Any]) -> dict[str, Any]:
    due = patch.get("due")
    if not isinstance(due, Mapping) or "duration_minutes" not in due:
        return dict(patch)
    rest = {name: value for name, value in due.items() if name != "duration_minutes"}
    return {**patch, "due": rest, "duration_minutes": due["duration_minutes"]}


def _owner(value: object, find_owner: FindOwner) -> str:
    if not isinstance(value, Mapping):
        raise invalid("owner", "must_be_object")
    checks.known(value, {"id", "email", "time_zone"}, "owner.")
    found = find_owner(value)
    if found is None:
        raise invalid("owner", "unknown_user")
    return found


def _field(task: Task, name: str) -> object:
    return task.owner_id if name == "owner" else getattr(task, name)
