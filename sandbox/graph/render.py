"""Events, calendars and categories as Graph answers them.

https://learn.microsoft.com/graph/api/event-get, https://learn.microsoft.com/graph/api/resources/calendar
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sandbox.graph import bodies, odata, times
from sandbox.graph.call import Call
from sandbox.graph.content import DEFAULTS
from sandbox.graph.mailbox import Calendar, Category
from sandbox.graph.model import Event, Person

_NEVER: Final = "0001-01-01T00:00:00Z"


def event_json(call: Call, event: Event) -> dict[str, Any]:
    """The event as this caller asked for it: ids, zone, body, ``$select`` and ``$expand``."""
    prefer = call.prefer
    default = call.mailbox.zone_name if call.world.quirks.mailbox_zone else "UTC"
    shown = entity(event, call.person, prefer.immutable, prefer.zone_name or default, text_body=prefer.text_body)
    wanted = odata.expanded(call.query)
    properties = [{"id": key, "value": value} for key, value in event.properties.items() if key in wanted]
    if properties:
        shown["singleValueExtendedProperties"] = properties
    return shown


def entity(event: Event, person: Person, immutable: bool, zone_name: str, *, text_body: bool = False) -> dict[str, Any]:
    """The whole event, extended properties aside. ``zone_name`` has to be a known one."""
    content = {**DEFAULTS, **event.content}
    document = content["body"]["content"]
    text = bodies.as_text(document)
    event_id = event.id_for(immutable)
    return {
        "@odata.etag": event.etag,
        "id": event_id,
        "createdDateTime": times.stamp(event.created),
        "lastModifiedDateTime": times.stamp(event.modified),
        "changeKey": event.change_key,
        **content,
        "transactionId": event.transaction_id,
        "originalStartTimeZone": event.when.start_zone,
        "originalEndTimeZone": event.when.end_zone,
        "iCalUId": event.ical_uid,
        "hasAttachments": False,
        "bodyPreview": text[: bodies.PREVIEW],
        "body": {"contentType": "text", "content": text} if text_body else content["body"],
        "isAllDay": event.when.all_day,
        "isCancelled": False,
        "isDraft": False,
        "isOrganizer": True,
        "seriesMasterId": None,
        "type": "seriesMaster" if content["recurrence"] is not None else "singleInstance",
        "webLink": _web_link(event_id, person),
        "onlineMeetingUrl": None,
        "onlineMeeting": None,
        "responseStatus": {"response": "organizer", "time": _NEVER},
        "organizer": {"emailAddress": {"name": person.name, "address": person.email}},
        "start": _bound(event.when.start, zone_name),
        "end": _bound(event.when.end, zone_name),
    }


def calendar_json(calendar: Calendar) -> dict[str, Any]:
    """A calendar. Its id has no immutable form: https://learn.microsoft.com/graph/outlook-immutable-id."""
    return {
        "id": calendar.id,
        "name": calendar.name,
        "color": "auto",
        "hexColor": "",
        "isDefaultCalendar": calendar.default,
        "changeKey": f"ck{calendar.change}",
        "canShare": calendar.can_edit,
        "canViewPrivateItems": calendar.can_edit,
        "canEdit": calendar.can_edit,
        "allowedOnlineMeetingProviders": [],
        "defaultOnlineMeetingProvider": "unknown",
        "isTallyingResponses": calendar.default,
        "isRemovable": not calendar.default,
        "owner": {"name": calendar.owner_name, "address": calendar.owner},
    }


def category_json(category: Category) -> dict[str, Any]:
    """An entry of the master list."""
    return {"id": category.id, "displayName": category.name, "color": category.colour}


def _bound(bound: date | datetime, zone_name: str) -> dict[str, str]:
    if not isinstance(bound, datetime):
        return {"dateTime": times.midnight(bound), "timeZone": zone_name}
    zone = times.zone_named(zone_name) or ZoneInfo("Etc/UTC")
    return {"dateTime": times.local(bound, zone), "timeZone": zone_name}


def _web_link(event_id: str, person: Person) -> str:
    host = "outlook.live.com" if person.account == "personal" else "outlook.office365.com"
    return f"https://{host}/owa/?itemid={quote(event_id, safe='')}&exvsurl=1&path=/calendar/item"
