"""Attributes of a task: which there are, what may be written to them, and what is made of it.

Source: https://github.com/espocrm/espocrm, `Modules/Crm/Resources/metadata/entityDefs/Task.json`; seen on the wire: an
RFC 3339 offset is accepted and stored as UTC; while a day is set, a time alone is silently ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sandbox.espocrm.problems import invalid

NAME_LIMIT = 255
ENUMS = {
    "status": ("Not Started", "Started", "Completed", "Canceled", "Deferred"),
    "priority": ("Low", "Normal", "High", "Urgent"),
}
ORDER = (
    "id",
    "name",
    "deleted",
    "status",
    "priority",
    "dateEnd",
    "dateEndDate",
    "dateCompleted",
    "isOverdue",
    "reminders",
    "description",
    "createdAt",
    "modifiedAt",
    "parentName",
    "cCalendarSync",
    "cCalendarSyncState",
    "cCalendarSyncNote",
    "streamUpdatedAt",
    "createdById",
    "modifiedById",
    "modifiedByName",
    "assignedUserId",
    "assignedUserName",
    "isFollowed",
    "followersIds",
    "followersNames",
    "versionNumber",
)
"""The order in which a delivery names them (seen on the wire)."""

_BAD_IN_NAME = re.compile(r"[<>=]")


def stamp(at: datetime) -> str:
    """A time as EspoCRM writes it: UTC, without saying so."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def checked(asked: Mapping[str, Any], custom: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What of a request is written: attributes that it does not know are ignored. Raises a 400 naming the field."""
    found: dict[str, Any] = {}
    for name, value in asked.items():
        if name in custom:
            found[name] = _custom(name, value, custom[name])
        elif name in _CHECKS:
            found[name] = _CHECKS[name](name, value)
    return found


def due(before: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The two attributes of the due date after a write. A day reads as the end of that day as well."""
    day = asked.get("dateEndDate", before.get("dateEndDate"))
    if day is None:
        return {"dateEnd": asked.get("dateEnd", before.get("dateEnd")), "dateEndDate": None}
    after = date.fromisoformat(day) + timedelta(days=1)
    return {"dateEnd": f"{after.isoformat()} 00:00:00", "dateEndDate": day}


def _name(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise invalid(name, "required")
    if len(value) > NAME_LIMIT:
        raise invalid(name, "maxLength")
    if _BAD_IN_NAME.search(value):
        raise invalid(name, "pattern")
    return value


def _enum(name: str, value: Any) -> Any:
    if value not in ENUMS[name]:
        raise invalid(name, "valid")
    return value


def _time(name: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise invalid(name, "valid") from None
    return stamp(at if at.tzinfo else at.replace(tzinfo=UTC))


def _day(name: str, value: Any) -> Any:
    try:
        return value if value is None else date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise invalid(name, "valid") from None


def _text(name: str, value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise invalid(name, "valid")
    return value or None


def _custom(name: str, value: Any, definition: Mapping[str, Any]) -> Any:
    match definition["type"]:
        case "bool" if isinstance(value, bool):
            return value
        case "enum" if value in definition.get("options", ()):
            return value
        case "text" if value is None or isinstance(value, str):
            return value or None
    raise invalid(name, "valid")


_CHECKS = {
    "name": _name,
    "status": _enum,
    "priority": _enum,
    "dateEnd": _time,
    "dateEndDate": _day,
    "description": _text,
    "assignedUserId": _text,
}
