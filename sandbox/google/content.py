"""What people may write in an event: merging a patch, the rules for each field, and the form that is stored.

Sources: https://developers.google.com/workspace/calendar/api/v3/reference/events (the discovery document's own
descriptions), https://developers.google.com/workspace/calendar/api/concepts/events-calendars and the pages named
at single rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sandbox.google import errors, recurrence, times
from sandbox.google.model import When

_SERVER_FIELDS: Final = frozenset(
    {"kind", "etag", "id", "created", "updated", "htmlLink", "hangoutLink", "creator", "organizer", "iCalUID"}
    | {"recurringEventId", "originalStartTime", "attendeesOmitted", "locked", "sequence", "status", "start", "end"}
)
_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "transparency": frozenset({"opaque", "transparent"}),
    "visibility": frozenset({"default", "public", "private", "confidential"}),
    "status": frozenset({"confirmed", "tentative", "cancelled"}),
    "eventType": frozenset({"birthday", "default", "focusTime", "fromGmail", "outOfOffice", "workingLocation"}),
    "colorId": frozenset(str(number) for number in range(1, 12)),
}
_DEFAULTS: Final = {"transparency": "opaque", "visibility": "default", "eventType": "default"}
_MAX_KEY, _MAX_VALUE, _MAX_PROPERTIES, _MAX_PROPERTY_BYTES = 44, 1024, 300, 32 * 1024
_MAX_OVERRIDES, _MAX_REMINDER_MINUTES = 5, 40_320
_RESPONSES: Final = frozenset({"needsAction", "declined", "tentative", "accepted"})


def merge(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Patch semantics: nested objects are merged, lists replaced whole, ``null`` clears.

    https://developers.google.com/workspace/calendar/api/v3/reference/events/patch
    """
    merged = dict(old)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            before = merged.get(name)
            merged[name] = merge(before if isinstance(before, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def clean(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The writable fields of a whole event as stored: no nulls, no defaults, no server fields. Raises 400."""
    given = {name: value for name, value in raw.items() if name not in _SERVER_FIELDS}
    kept = {name: value for name, value in merge({}, given).items() if value not in ("", [], {})}
    for name, allowed in _CHOICES.items():
        if name in raw and raw[name] is not None and raw[name] not in allowed:
            raise errors.invalid(f"Invalid value for: {raw[name]} is not a valid value of {name}")
    for name, default in _DEFAULTS.items():
        if kept.get(name) == default:
            del kept[name]
    if "extendedProperties" in kept:
        _keep_or_drop(kept, "extendedProperties", _properties(kept["extendedProperties"]))
    if "source" in kept:
        _check_source(kept["source"])
    if "attendees" in kept:
        kept["attendees"] = [_attendee(one) for one in kept["attendees"]]
    kept["reminders"] = _reminders(kept.get("reminders"))
    return kept


def read_when(raw: Mapping[str, Any], zone: ZoneInfo) -> When:
    """Start and end out of a whole event's body; ``zone`` is the calendar's. Raises 400 for what is no time span."""
    start, start_zone = _moment(raw.get("start"), "start")
    end, end_zone = _moment(raw.get("end"), "end")
    if isinstance(start, datetime) is not isinstance(end, datetime):
        raise errors.invalid("Start and end times must either both be date or both be dateTime.")
    when = When(start, end, start_zone, end_zone)
    if when.end_at(zone) <= when.start_at(zone):
        raise errors.time_range_empty()
    if raw.get("recurrence"):
        if not when.all_day and start_zone is None:
            # For recurring events the zone is required: it is the one in which the rule is expanded.
            raise errors.required("Missing time zone definition for start time.")
        recurrence.check(raw["recurrence"], when)
    return when


def written_when(when: When) -> dict[str, Any]:
    """Start and end as a body would have them, for a patch to be merged into."""
    return {"start": _written(when.start, when.start_zone), "end": _written(when.end, when.end_zone)}


def _written(moment: date | datetime, zone: str | None) -> dict[str, str]:
    if not isinstance(moment, datetime):
        return {"date": moment.isoformat()}
    written = {"dateTime": times.stamp(moment)}
    if zone is not None:
        written["timeZone"] = zone
    return written


def _moment(raw: Mapping[str, Any] | None, which: str) -> tuple[date | datetime, str | None]:
    given = {name: value for name, value in (raw or {}).items() if value is not None}
    if "date" in given and "dateTime" in given:
        # https://github.com/gemini-cli-extensions/workspace/issues/435
        raise errors.invalid(f"Invalid {which} time.")
    if "date" in given:
        day = times.parse_date(given["date"])
        if day is None:
            raise errors.invalid(f"Invalid {which} time.")
        return day, None
    if "dateTime" not in given:
        raise errors.required(f"Missing {which} time.")
    zone_name = given.get("timeZone")
    zone = times.zone_named(zone_name) if zone_name is not None else None
    if zone_name is not None and zone is None:
        raise errors.invalid(f"Invalid time zone definition for {which} time.")
    at = times.parse_stamp(given["dateTime"], zone)
    if at is None:
        raise errors.invalid(f"Invalid {which} time.")
    if at.tzinfo is None:
        raise errors.required(f"Missing time zone definition for {which} time.")
    return at, zone_name


def _properties(raw: Mapping[str, Any]) -> dict[str, Any]:
    # https://developers.google.com/workspace/calendar/api/guides/extended-properties (limits)
    kept: dict[str, Any] = {}
    for side in ("private", "shared"):
        values = {key: value[:_MAX_VALUE] for key, value in raw.get(side, {}).items() if key and len(key) <= _MAX_KEY}
        if values:
            kept[side] = values
    pairs = [pair for values in kept.values() for pair in values.items()]
    size = sum(len(key.encode()) + len(value.encode()) for key, value in pairs)
    if len(pairs) > _MAX_PROPERTIES or size > _MAX_PROPERTY_BYTES:
        raise errors.invalid("The extended properties of an event may be 300 and 32 kB at most.")
    return kept


def _check_source(raw: Mapping[str, Any]) -> None:
    parts = urlsplit(raw.get("url", ""))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise errors.invalid("Invalid source URL: the scheme must be HTTP or HTTPS.")


def _reminders(raw: Mapping[str, Any] | None) -> dict[str, Any]:
    if raw is None:
        return {"useDefault": True}
    overrides = raw.get("overrides", [])
    if raw.get("useDefault") and overrides:
        # https://github.com/openclaw/gogcli/issues/97
        text = "Cannot specify both default reminders and overrides at the same time."
        raise errors.ApiError(400, "cannotUseDefaultRemindersAndSpecifyOverride", text, domain="calendar")
    if len(overrides) > _MAX_OVERRIDES:
        raise errors.invalid("The maximum number of override reminders is 5.")
    for one in overrides:
        if one.get("method") not in ("email", "popup"):
            raise errors.invalid("Invalid reminder method.")
        if not 0 <= one.get("minutes", -1) <= _MAX_REMINDER_MINUTES:
            raise errors.invalid("Invalid reminder minutes: want 0 to 40320.")
    kept: dict[str, Any] = {"useDefault": bool(raw.get("useDefault", False))}
    if overrides:
        kept["overrides"] = overrides
    return kept


def _attendee(raw: Mapping[str, Any]) -> dict[str, Any]:
    email = raw.get("email", "")
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@"):
        raise errors.invalid("Invalid attendee email.")
    answer = raw.get("responseStatus", "needsAction")
    if answer not in _RESPONSES:
        raise errors.invalid("Invalid attendee response status.")
    kept = {name: value for name, value in raw.items() if name not in ("self", "organizer", "id")}
    return {**kept, "responseStatus": answer}


def _keep_or_drop(kept: dict[str, Any], name: str, value: Any) -> None:
    if value:
        kept[name] = value
    else:
        del kept[name]
