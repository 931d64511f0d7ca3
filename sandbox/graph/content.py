"""What people may write in an event: a body as sent, checked and turned into what is stored.

https://learn.microsoft.com/graph/api/resources/event and https://learn.microsoft.com/graph/api/event-update
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox.graph import errors, schema, times
from sandbox.graph.model import When

WRITABLE: Final = frozenset(
    {"allowNewTimeProposals", "attendees", "body", "categories", "hideAttendees", "importance", "isOnlineMeeting"}
    | {"isReminderOn", "location", "locations", "onlineMeetingProvider", "recurrence", "reminderMinutesBeforeStart"}
    | {"responseRequested", "sensitivity", "showAs", "subject"}
)
"""Stored as they are sent. Of the others start, end and isAllDay are read together; the rest is read-only."""
DEFAULTS: Final[Mapping[str, Any]] = {
    "allowNewTimeProposals": True,
    "attendees": [],
    "body": {"contentType": "html", "content": ""},
    "categories": [],
    "hideAttendees": False,
    "importance": "normal",
    "isOnlineMeeting": False,
    # The mailbox's preference in truth (unconfirmed): 15 minutes is what a new mailbox has.
    "isReminderOn": True,
    "reminderMinutesBeforeStart": 15,
    "location": {"displayName": "", "locationType": "default", "uniqueIdType": "unknown", "address": {}},
    "locations": [],
    "onlineMeetingProvider": "unknown",
    "recurrence": None,
    "responseRequested": True,
    "sensitivity": "normal",
    "showAs": "busy",
    "subject": "",
}
_MAX_SUBJECT: Final = 255
"""Exchange's limit. Unconfirmed, and played, so that a client that relies on more is found out."""
_PROPERTY_ID: Final = re.compile(
    r"(String|Integer|Boolean|SystemTime|Double|Long|Short|CLSID) "
    r"(\{[0-9a-fA-F-]{36}\} (Name \S.*|Id 0x[0-9a-fA-F]+)|0x[0-9a-fA-F]+)"
)
"""https://learn.microsoft.com/graph/api/resources/extended-properties-overview"""


@dataclass(frozen=True, slots=True)
class Written:
    """The body of a create or update, read: plain properties, times if any were sent, and extended properties."""

    content: Mapping[str, Any]
    when: When | None
    properties: Mapping[str, str]


def read(body: Mapping[str, Any], before: When | None) -> Written:
    """Check a body and read it. ``before`` are the event's present times, ``None`` for a new event. Raises 400."""
    body = schema.check(schema.EVENT, body)
    subject = body.get("subject")
    if subject is not None and len(subject) > _MAX_SUBJECT:
        raise errors.validation_failure()
    minutes = body.get("reminderMinutesBeforeStart")
    if minutes is not None and minutes < 0:
        raise errors.validation_failure()
    content = {name: value if value is not None else DEFAULTS[name] for name, value in _written(body)}
    return Written(content, read_when(body, before), read_properties(body))


def read_when(body: Mapping[str, Any], before: When | None) -> When | None:
    """The times that the body and the event's present ones make together; ``None`` when the body names none.

    All-day: both at midnight in the same zone, the end exclusive; a timed event may not end before it starts.
    """
    if not any(name in body for name in ("start", "end", "isAllDay")):
        if before is None:
            raise errors.validation_failure()
        return None
    all_day = body.get("isAllDay")
    if all_day is None:
        all_day = before.all_day if before is not None else False
    start, start_zone, start_name = _bound(body, "start", before)
    end, end_zone, end_name = _bound(body, "end", before)
    if not all_day:
        if end < start:
            raise errors.validation_failure()
        return When(start, end, start_name, end_name)
    here, there = start.astimezone(start_zone), end.astimezone(end_zone)
    if start_name != end_name or any(one.time() != datetime.min.time() for one in (here, there)):
        raise errors.validation_failure()
    if there - here < timedelta(hours=23):
        raise errors.validation_failure()
    return When(here.date(), there.date(), start_name, end_name)


def read_properties(body: Mapping[str, Any]) -> dict[str, str]:
    """The extended properties that the body names, by id. Raises 400 for an id that cannot be one."""
    found: dict[str, str] = {}
    for one in body.get("singleValueExtendedProperties") or ():
        property_id, value = one.get("id"), one.get("value")
        if not isinstance(property_id, str) or not _PROPERTY_ID.fullmatch(property_id) or value is None:
            raise errors.invalid("Property id or value is not valid.")
        found[normal_id(property_id)] = value
    return found


def normal_id(property_id: str) -> str:
    """The property id with its guid in lower case: that part is not case-sensitive, the name is.

    https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get
    """
    return re.sub(r"\{[^}]*\}", lambda found: found[0].lower(), property_id)


def _written(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in body.items() if name in WRITABLE]


def _bound(body: Mapping[str, Any], name: str, before: When | None) -> tuple[datetime, ZoneInfo, str]:
    given = body.get(name)
    if given is None:
        if before is None:
            raise errors.validation_failure()
        return _kept(before, name)
    zone_name = given.get("timeZone") or "UTC"
    zone = times.zone_named(zone_name)
    if zone is None:
        raise errors.bad_zone(zone_name)
    try:
        return times.read(given.get("dateTime") or "", zone), zone, zone_name
    except ValueError as error:
        raise errors.validation_failure() from error


def _kept(before: When, name: str) -> tuple[datetime, ZoneInfo, str]:
    bound = before.start if name == "start" else before.end
    zone_name = before.start_zone if name == "start" else before.end_zone
    zone = times.zone_named(zone_name) or ZoneInfo("Etc/UTC")
    if isinstance(bound, datetime):
        return bound, zone, zone_name
    return times.read(times.midnight(bound), zone), zone, zone_name
