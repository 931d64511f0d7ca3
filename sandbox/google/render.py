"""Stored records as the JSON that Calendar v3 answers with.

Shapes: https://developers.google.com/workspace/calendar/api/v3/reference/events#resource and the discovery document.
Rendered events are shared between answers and must not be changed in place.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox.google import recurrence, times
from sandbox.google.calendars import Calendar
from sandbox.google.model import Event, When

EVENT_COLORS: Final = (
    *("#a4bdfc", "#7ae7bf", "#dbadff", "#ff887c", "#fbd75b", "#ffb878"),
    *("#46d6db", "#e1e1e1", "#5484ed", "#51b749", "#dc2127"),
)
DEFAULT_REMINDERS: Final = ({"method": "popup", "minutes": 10},)
_BACKGROUND, _FOREGROUND = "#9fe1e7", "#000000"


def event_json(calendar: Calendar, event: Event, viewer: str, zone: ZoneInfo | None = None) -> dict[str, Any]:
    """The event as ``viewer`` (an email) gets it, times in ``zone`` or else the calendar's."""
    zone_name = zone.key if zone is not None else calendar.info.time_zone
    known = calendar.rendered.get(event.id)
    if known is not None and known[0] == event.etag and known[1] == zone_name:
        whole = known[2]
    else:
        whole = _event(calendar, event, zone or calendar.zone)
        calendar.rendered[event.id] = (event.etag, zone_name, whole)
    if "source" in whole and viewer != event.creator:
        # "Can only be seen or modified by the creator of the event" (discovery document, Event.source).
        return {name: value for name, value in whole.items() if name != "source"}
    return whole


def trace_json(event: Event) -> dict[str, Any]:
    """A cancelled event of which no details are told: a deletion, a moved event's trace, a cancelled instance.

    "Deleted events are only guaranteed to have the id field populated" (discovery document, Event.status).
    """
    trace: dict[str, Any] = {
        "kind": "calendar#event",
        "etag": quoted(event.etag),
        "id": event.id,
        "status": "cancelled",
    }
    if event.series is not None and event.original is not None:
        trace["recurringEventId"] = event.series
        trace["originalStartTime"] = _moment(event.original, None, None)
    return trace


def instance_json(
    calendar: Calendar, master: Event, start: date | datetime, viewer: str, zone: ZoneInfo | None
) -> dict[str, Any]:
    """One instance, unchanged, of a series: the master's fields at its own time."""
    whole = dict(event_json(calendar, master, viewer, zone))
    whole.pop("recurrence", None)
    when = recurrence.shifted(master.span, start)
    at = zone or calendar.zone
    whole["id"] = recurrence.instance_id(master.id, start)
    whole["start"] = _moment(when.start, when.start_zone, at)
    whole["end"] = _moment(when.end, when.end_zone, at)
    whole["recurringEventId"] = master.id
    whole["originalStartTime"] = _moment(start, master.span.start_zone, at)
    return whole


def quoted(etag: int) -> str:
    """An etag as it is sent: a decimal in quotation marks."""
    return f'"{etag}"'


def collection_etag(*parts: object) -> str:
    """The etag of a collection: letters in quotation marks."""
    digest = hashlib.sha256("|".join(str(part) for part in parts).encode()).digest()
    return f'"p33{base64.b32hexencode(digest[:8]).decode().lower().rstrip("=")}0g"'


def calendar_json(calendar: Calendar) -> dict[str, Any]:
    """The ``Calendar`` resource."""
    info = calendar.info
    shown: dict[str, Any] = {
        "kind": "calendar#calendar",
        "etag": quoted(info.etag),
        "id": info.id,
        "summary": info.summary,
        "timeZone": info.time_zone,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }
    return {**shown, **_about(calendar)}


def entry_json(calendar: Calendar, viewer: str) -> dict[str, Any]:
    """The ``CalendarListEntry`` resource of one person."""
    info, own = calendar.info, calendar.entries.get(viewer, {})
    shown: dict[str, Any] = {
        "kind": "calendar#calendarListEntry",
        "etag": quoted(info.etag),
        "id": info.id,
        "summary": info.summary,
        "timeZone": info.time_zone,
        "colorId": "14",
        "backgroundColor": _BACKGROUND,
        "foregroundColor": _FOREGROUND,
        "selected": True,
        "accessRole": calendar.role_of(viewer),
        "defaultReminders": default_reminders(calendar, viewer),
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
        **_about(calendar),
        **own,
    }
    if info.primary and viewer == info.owner:
        shown["primary"] = True
    return shown


def default_reminders(calendar: Calendar, viewer: str) -> list[Mapping[str, Any]]:
    """That person's default reminders in that calendar: their own, else ten minutes on their primary, else none."""
    own = calendar.entries.get(viewer, {}).get("defaultReminders")
    if own is not None:
        return list(own)
    return list(DEFAULT_REMINDERS) if calendar.info.primary and viewer == calendar.info.owner else []


def colors_json() -> dict[str, Any]:
    """The palette: https://developers.google.com/workspace/calendar/api/v3/reference/colors."""
    event = {str(n): {"background": hexed, "foreground": "#1d1d1d"} for n, hexed in enumerate(EVENT_COLORS, 1)}
    calendar = {"14": {"background": _BACKGROUND, "foreground": _FOREGROUND}}
    updated = "2012-02-14T00:00:00.000Z"
    return {"kind": "calendar#colors", "updated": updated, "calendar": calendar, "event": event}


def _about(calendar: Calendar) -> dict[str, Any]:
    info = calendar.info
    about = {"description": info.description, "location": info.location}
    if not info.primary:
        about["dataOwner"] = info.owner  # "Set only for secondary calendars" (discovery document)
    return {name: value for name, value in about.items() if value}


def _event(calendar: Calendar, event: Event, zone: ZoneInfo) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "kind": "calendar#event",
        "etag": quoted(event.etag),
        "id": event.id,
        "status": event.status,
        "htmlLink": _html_link(calendar, event),
        "created": times.stamp_ms(event.created.replace(microsecond=0)),
        "updated": times.stamp_ms(event.updated),
        **event.content,
        "creator": _somebody(calendar, event.creator),
        "organizer": {"email": event.organizer} if event.organizer is not None else _organizer(calendar),
        "iCalUID": event.ical_uid,
        "sequence": event.sequence,
        "eventType": event.content.get("eventType", "default"),
    }
    if event.when is not None:
        shown.update(_span(event.when, zone))
    if "attendees" in shown:
        shown["attendees"] = [_attendee(calendar, event, one) for one in shown["attendees"]]
    if event.series is not None and event.original is not None:
        shown["recurringEventId"] = event.series
        shown["originalStartTime"] = _moment(event.original, event.when.start_zone if event.when else None, zone)
    return shown


def _span(when: When, zone: ZoneInfo) -> dict[str, Any]:
    return {"start": _moment(when.start, when.start_zone, zone), "end": _moment(when.end, when.end_zone, zone)}


def _moment(moment: date | datetime, zone_name: str | None, zone: ZoneInfo | None) -> dict[str, str]:
    if not isinstance(moment, datetime):
        return {"date": moment.isoformat()}
    # With an offset in the calendar's zone, not as it was sent:
    # https://developers.google.com/workspace/calendar/api/concepts/events-calendars
    shown = {"dateTime": times.stamp(moment, zone)}
    if zone_name is not None:
        shown["timeZone"] = zone_name
    return shown


def _somebody(calendar: Calendar, email: str) -> dict[str, Any]:
    return {"email": email, "self": True} if _is_self(calendar, email) else {"email": email}


def _organizer(calendar: Calendar) -> dict[str, Any]:
    if calendar.info.primary:
        return {"email": calendar.info.id, "self": True}
    return {"email": calendar.info.id, "displayName": calendar.info.summary, "self": True}


def _attendee(calendar: Calendar, event: Event, attendee: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(attendee)
    if _is_self(calendar, attendee["email"]):  # on a secondary calendar nobody is
        shown["self"] = True
    if attendee["email"] == (event.organizer or calendar.info.id):
        shown["organizer"] = True
    return shown


def _is_self(calendar: Calendar, email: str) -> bool:
    return calendar.info.primary and email == calendar.info.owner


def _html_link(calendar: Calendar, event: Event) -> str:
    eid = base64.urlsafe_b64encode(f"{event.id} {calendar.info.id}".encode()).decode().rstrip("=")
    return f"https://www.google.com/calendar/event?eid={eid}"
