"""What the stand-in Twenty takes for each field of a task; everything else is a 400 that names it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sandbox.twenty.model import STATUSES, CustomField, Record
from sandbox.twenty.problems import bad
from sandbox.twenty.text import blocks

_LONGEST = 1_000_000


def patched(
    record: Record, patch: Mapping[str, Any], custom: Mapping[str, CustomField], new_id: Callable[[], str]
) -> Record:
    """The record with these fields set. Raises Problem."""
    for name, value in patch.items():
        if name in custom:
            record = replace(record, custom={**record.custom, name: _custom(custom[name], value)})
        elif name in _STANDARD:
            record = _STANDARD[name](record, value, new_id)
        else:
            raise bad(f'Object task doesn\'t have any "{name}" field.')
    return record


def _title(record: Record, value: Any, _new_id: Callable[[], str]) -> Record:
    return replace(record, title=_text("title", value))


def _body(record: Record, value: Any, new_id: Callable[[], str]) -> Record:
    if not isinstance(value, dict) or not isinstance(value.get("markdown", ""), str):
        raise bad('Invalid value for field "bodyV2"')
    markdown = value.get("markdown", "")
    if markdown == record.markdown:
        return record
    return replace(record, markdown=markdown, blocknote=blocks(markdown, new_id))


def _due(record: Record, value: Any, _new_id: Callable[[], str]) -> Record:
    return replace(record, due_at=None if value is None else instant("dueAt", value))


def _status(record: Record, value: Any, _new_id: Callable[[], str]) -> Record:
    if value not in STATUSES:
        raise bad(f'Invalid value "{value}" for field "status"')
    return replace(record, status=str(value))


def _assignee(record: Record, value: Any, _new_id: Callable[[], str]) -> Record:
    if value is not None:
        require_uuid(value)
    return replace(record, assignee_id=value)


_STANDARD: Mapping[str, Callable[[Record, Any, Callable[[], str]], Record]] = {
    "title": _title,
    "bodyV2": _body,
    "dueAt": _due,
    "status": _status,
    "assigneeId": _assignee,
}


def _custom(field: CustomField, value: Any) -> object:
    match field.type:
        case "BOOLEAN":
            if not isinstance(value, bool):
                raise bad(f'Invalid boolean value for field "{field.name}"')
        case "TEXT":
            return _text(field.name, value)
        case _:
            if value is not None and value not in [option["value"] for option in field.options]:
                raise bad(f'Invalid value "{value}" for field "{field.name}"')
    return value


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise bad(f'Invalid string value for field "{name}"')
    return value


def instant(name: str, value: Any) -> datetime:
    """An ISO 8601 time with an offset, kept as UTC in milliseconds."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise bad(f'Invalid date-time value "{value}" for field "{name}"') from None
    if at.tzinfo is None:
        raise bad(f'Invalid date-time value "{value}" for field "{name}"')
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def require_uuid(value: Any) -> str:
    """An id as the database takes it. Raises Problem."""
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise bad(f'Invalid UUID "{value}"') from None
