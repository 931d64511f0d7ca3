"""Graph's event resource as our ``Event``, and our ``EventWrite`` as its body. Pure, both ways.

Fields: https://learn.microsoft.com/graph/api/resources/event. Guests, recurrence, place and meeting are never written,
so that what people put there survives.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from gateway.core.model import Day, Event, EventId, EventWrite, Moment, Span, When
from gateway.core.ports import Mark, Style
from gateway.providers.outlook import looks, properties

TITLE_LIMIT = 255
"""Exchange's limit for a subject in characters; a character beyond the first 65,536 counts twice there."""

LISTED = (
    "id,changeKey,subject,start,end,isAllDay,type,categories,isReminderOn,reminderMinutesBeforeStart,webLink,"
    "lastModifiedDateTime"
)
"""What we ask to be told of one event: nothing about its guests or its place."""
WHOLE = f"{LISTED},body"

_TRANSACTIONS = uuid.UUID("2b0a3c64-5f9e-4a2d-9d61-7e84c1f5b3a0")
_KEY = re.compile(r"[a-z0-9]+")
_UTC = frozenset({"utc", "etc/utc", "etc/gmt", "tzone://microsoft/utc"})
_ONE_DAY = timedelta(days=1)
_LONGEST_NUMBER = 18
_TWICE = re.compile(r"(https?://[^\s<>\[\]]+)\s?(?:<\1/?>|\[\1/?\])")
Body = dict[str, Any]


def is_key(event_id: str) -> bool:
    """Whether this is an id that we derived, which Graph does not know: its own hold capital letters."""
    return _KEY.fullmatch(event_id) is not None


# --- from Graph ------------------------------------------------------------------------------------------------------


def event(resource: Mapping[str, Any], *, described: bool) -> Event | None:
    """The event that a resource stands for; ``None`` where its times or its id cannot be read.

    ``described``: whether the body was asked for, so that none in the answer means that there is none.
    """
    span = _read_span(resource)
    name, etag = resource.get("id"), _etag(resource)
    if span is None or not isinstance(name, str) or not etag:
        return None
    own = properties.read(resource)
    return Event(
        id=EventId(name),
        etag=etag,
        number=_number(own.get(properties.NUMBER)),
        title=str(resource.get("subject") or ""),
        start=span.start,
        length=span.length,
        look=looks.read(resource),
        recurring=resource.get("type") == "seriesMaster",
        url=_address(resource.get("webLink")),
        description=_read_body(resource.get("body")) if described else None,
        link=own.get(properties.LINK),
    )


def changed_at(resource: Mapping[str, Any]) -> datetime | None:
    """When Graph says that it changed; that may be without anybody having touched it."""
    try:
        at = datetime.fromisoformat(str(resource.get("lastModifiedDateTime")))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _etag(resource: Mapping[str, Any]) -> str:
    told, change_key = resource.get("@odata.etag"), resource.get("changeKey")
    if isinstance(told, str) and told:
        return told
    return f'W/"{change_key}"' if isinstance(change_key, str) and change_key else ""


def _address(told: object) -> str | None:
    return told if isinstance(told, str) and told.startswith(("https://", "http://")) else None


def _number(text: str | None) -> int | None:
    if text and len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdigit():
        return int(text)
    return None


def _read_span(resource: Mapping[str, Any]) -> Span | None:
    """All-day bounds come as midnight whatever zone is asked for: a date, never converted
    (https://github.com/microsoftgraph/microsoft-graph-docs/issues/1802)."""
    start, end = _read_moment(resource.get("start")), _read_moment(resource.get("end"))
    if start is None:
        return None
    if resource.get("isAllDay"):
        first = start.at.date()
        past = end.at.date() if end is not None else first + _ONE_DAY
        return Span(Day(first), max(past - first, _ONE_DAY))
    return Span(start, max(end.at - start.at, timedelta()) if end is not None else timedelta())


def _read_moment(told: object) -> Moment | None:
    if not isinstance(told, Mapping) or str(told.get("timeZone")).lower() not in _UTC:
        return None
    try:
        at = datetime.fromisoformat(str(told.get("dateTime")))
        return Moment(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _read_body(told: object) -> str:
    """The body's text. Exchange keeps HTML whatever is sent, and tells it as text with other ends of lines, with
    no-break spaces, and with a link's address written twice where the link is its own text."""
    text = str(told.get("content") or "") if isinstance(told, Mapping) else ""
    lines = text.replace("\r\n", "\n").replace("\u00a0", " ").split("\n")
    return _TWICE.sub(r"\1", "\n".join(line.rstrip() for line in lines)).strip()


# --- to Graph --------------------------------------------------------------------------------------------------------


def new_body(event_id: EventId, mark: Mark, write: EventWrite, style: Style) -> Body:
    """The body of a new event: what the write gives, and what only a new event is given.

    ``transactionId``: the same for the same derived id, so that a repeated request creates nothing
    (https://learn.microsoft.com/graph/api/resources/event).
    """
    own = {properties.TAG: mark.tag, properties.KEY: event_id, properties.LINK: mark.link}
    body = patch_body(write)
    body["transactionId"] = str(uuid.uuid5(_TRANSACTIONS, event_id))
    body["showAs"] = "busy" if style.busy else "free"
    body["singleValueExtendedProperties"] += properties.written(own)
    return body


def patch_body(write: EventWrite) -> Body:
    """The body of a change: the fields given and the write number. Text is sent as text, so nothing in it can be taken
    for markup; Outlook makes links of the addresses in it by itself."""
    body: Body = {"singleValueExtendedProperties": properties.written({properties.NUMBER: str(write.number)})}
    if write.title is not None:
        body["subject"] = write.title
    if write.description is not None:
        body["body"] = {"contentType": "text", "content": write.description}
    if write.span is not None:
        body |= _written_span(write.span)
    return body | looks.written(write)


def _written_span(span: Span) -> Body:
    """Start, end (exclusive) and form, always together, and in UTC: Graph knows few zones by their usual name
    (https://learn.microsoft.com/graph/api/resources/datetimetimezone)."""
    start, end = _bounds(span.start, span.length)
    return {
        "isAllDay": isinstance(span.start, Day),
        "start": {"dateTime": start.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"},
        "end": {"dateTime": end.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"},
    }


def _bounds(start: When, length: timedelta) -> tuple[datetime, datetime]:
    if isinstance(start, Day):
        return _midnight(start.date), _midnight(start.date + max(_ONE_DAY, timedelta(days=length.days)))
    return start.at, start.at + length


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
