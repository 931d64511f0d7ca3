"""Google's event resource as our ``Event``, and our ``EventWrite`` as its body. Pure, both ways.

Fields: https://developers.google.com/workspace/calendar/api/v3/reference/events#resource. Guests, recurrence, place and
conference are never written, so that what people put there survives.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.core.model import Day, Event, EventId, EventWrite, Look, Moment, Paint, Priority, Remind, Span, When
from gateway.core.ports import Mark, Style

TAG, LINK, NUMBER = "gw", "link", "n"
"""Our private properties: which deployment and account the event belongs to, which link, and the write number."""

COLOURS: Mapping[Priority, str] = {
    Priority.URGENT: "11",  # Tomato
    Priority.HIGH: "6",  # Tangerine
    Priority.NORMAL: "9",  # Blueberry
    Priority.LOW: "2",  # Sage
}
"""Event colours by priority; none means the calendar's own.
https://developers.google.com/workspace/calendar/api/v3/reference/colors"""
DONE_COLOUR = "8"  # Graphite

EVENT_FIELDS = (
    "id,etag,status,summary,description,start,end,recurrence,recurringEventId,extendedProperties/private,colorId,"
    "reminders,htmlLink"
)
"""What we ask to be told of one event: nothing about its guests or its place."""
LIST_FIELDS = f"nextPageToken,items({EVENT_FIELDS.replace('description,', '')},updated)"

_ENTITY = re.compile(r"&#?[A-Za-z0-9]+;?")
_LONGEST_NUMBER = 18
_ONE_DAY = timedelta(days=1)
Body = dict[str, Any]


# --- from Google -----------------------------------------------------------------------------------------------------


def event(resource: Mapping[str, Any], *, described: bool) -> Event | None:
    """The event that a live resource stands for; ``None`` where its times or its id cannot be read.

    ``described``: whether the description was asked for, so that none in the answer means that there is none.
    """
    span = _read_span(resource)
    name, etag = resource.get("id"), resource.get("etag")
    if span is None or not isinstance(name, str) or not isinstance(etag, str):
        return None
    private = private_properties(resource)
    return Event(
        id=EventId(name),
        etag=etag,
        number=_number(private.get(NUMBER)),
        title=str(resource.get("summary") or ""),
        start=span.start,
        length=span.length,
        look=Look(str(resource.get("colorId") or ""), _read_reminders(resource.get("reminders"))),
        recurring=bool(resource.get("recurrence")),
        url=resource.get("htmlLink"),
        description=str(resource.get("description") or "") if described else None,
        link=private.get(LINK),
    )


def private_properties(resource: Mapping[str, Any]) -> dict[str, str]:
    """The private properties, whatever else is there."""
    extended = resource.get("extendedProperties")
    private = extended.get("private") if isinstance(extended, Mapping) else None
    return {str(name): str(value) for name, value in private.items()} if isinstance(private, Mapping) else {}


def is_bare(resource: Mapping[str, Any]) -> bool:
    """Whether only a trace is left: what a deletion of long ago, or a move to another calendar, leaves behind."""
    return "start" not in resource and not private_properties(resource)


def _number(text: str | None) -> int | None:
    """Our write number; ``None`` for anything else, for the property is anybody's to edit."""
    if text and len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdigit():
        return int(text)
    return None


def _read_span(resource: Mapping[str, Any]) -> Span | None:
    start, end = _read_when(resource.get("start")), _read_when(resource.get("end"))
    match start, end:
        case Day(first), Day(past):
            return Span(start, max(past - first, _ONE_DAY))
        case Moment(begins), Moment(ends):
            return Span(start, max(ends - begins, timedelta()), start.zone)
        case None, _:
            return None
        case _:
            return Span(start, _ONE_DAY if isinstance(start, Day) else timedelta())


def _read_when(told: object) -> When | None:
    if not isinstance(told, Mapping):
        return None
    zone = told.get("timeZone")
    try:
        if told.get("date"):
            return Day(date.fromisoformat(told["date"]))
        at = datetime.fromisoformat(told["dateTime"])
        if at.tzinfo is None:
            at = at.replace(tzinfo=ZoneInfo(str(zone)))
        return Moment(at, zone)
    except (KeyError, ValueError, TypeError, OverflowError, OSError, ZoneInfoNotFoundError):
        return None


def _read_reminders(told: object) -> str | None:
    """The reminders as one text, the same for the same reminders."""
    if not isinstance(told, Mapping):
        return None
    listed = told.get("overrides")
    overrides = [dict(one) for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    overrides.sort(key=lambda one: (str(one.get("method")), str(one.get("minutes"))))
    kept: Body = {"useDefault": bool(told.get("useDefault"))}
    if overrides:
        kept["overrides"] = overrides
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


# --- to Google -------------------------------------------------------------------------------------------------------


def new_body(event_id: EventId, mark: Mark, write: EventWrite, style: Style) -> Body:
    """The body of an insert: what the write gives, and what only a new event is given. Without empty values."""
    body = patch_body(write, style)
    body["id"] = event_id
    body["extendedProperties"]["private"] |= {TAG: mark.tag, LINK: mark.link}
    body["transparency"] = "opaque" if style.busy else "transparent"
    if write.url:
        body["source"] = _source(write.url, style)
    for name in ("start", "end"):
        if name in body:
            body[name] = {key: value for key, value in body[name].items() if value is not None}
    return {name: value for name, value in body.items() if value is not None}


def patch_body(write: EventWrite, style: Style) -> Body:
    """The body of a patch: the fields given and the write number. ``null`` clears a field."""
    body: Body = {"extendedProperties": {"private": {NUMBER: str(write.number)}}}
    if write.title is not None:
        body["summary"] = write.title
    if write.description is not None:
        body["description"] = write.description
        if write.url:
            body["source"] = _source(write.url, style)
    if write.span is not None:
        body["start"], body["end"] = _written_span(write.span)
    if write.paint is not None:
        body["colorId"] = _colour(write, style) or None
    if write.remind is not None:
        body["reminders"] = _written_reminders(write)
    return body


def encode_text(text: str) -> str:
    """Plain text fit for the description, which is shown as HTML (the discovery document, ``Event.description``).

    Only what would be taken for markup is escaped, so that most texts, and addresses with ``&``, stay as they are.
    """
    return _ENTITY.sub(_escaped, text).replace("<", "&lt;")


def _escaped(found: re.Match[str]) -> str:
    entity = found.group()
    return entity if html.unescape(entity) == entity else f"&amp;{entity[1:]}"


def _source(url: str, style: Style) -> Body:
    return {"url": url, "title": style.crm_name}


def _written_span(span: Span) -> tuple[Body, Body]:
    """Start and end, the end exclusive, each with the other form cleared: a patch is merged into what is there.

    Both forms at once are refused: https://github.com/n8n-io/n8n/pull/35802
    """
    if isinstance(span.start, Day):
        past = span.start.date + max(_ONE_DAY, timedelta(days=span.length.days))
        return _written_day(span.start.date), _written_day(past)
    zone = span.zone or span.start.zone
    return _written_moment(span.start.at, zone), _written_moment(span.start.at + span.length, zone)


def _written_day(day: date) -> Body:
    return {"date": day.isoformat(), "dateTime": None, "timeZone": None}


def _written_moment(at: datetime, zone: str | None) -> Body:
    """With its zone, so that it is shown as the wall time meant; without one the calendar's own zone shows it."""
    try:
        local = at.astimezone(ZoneInfo(zone)) if zone else None
    except (ValueError, OSError, ZoneInfoNotFoundError):
        local = None
    if local is None:
        return {"dateTime": at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "date": None}
    return {"dateTime": local.isoformat(), "timeZone": zone, "date": None}


def _colour(write: EventWrite, style: Style) -> str | None:
    match write.paint:
        case Paint.DONE:
            return style.done_colour or DONE_COLOUR
        case Paint.KEPT:
            return write.kept.colour
        case _:
            return {**COLOURS, **style.colours}.get(write.priority)


def _written_reminders(write: EventWrite) -> Body:
    """Reminders to give; lists are replaced whole by a patch, so an empty one takes the old ones away."""
    match write.remind:
        case Remind.NONE:
            return {"useDefault": False, "overrides": []}
        case Remind.KEPT if write.kept.reminders:
            return {"overrides": [], **json.loads(write.kept.reminders)}
        case _:
            return {"useDefault": True, "overrides": []}
