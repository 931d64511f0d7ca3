"""events.get, insert, patch, update, delete, move: reading and writing single events.

https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sandbox.google import content, errors, guests, lookup
from sandbox.google.calendars import Calendar
from sandbox.google.call import Answer, Call
from sandbox.google.model import Event, When

_ID: Final = re.compile(r"[a-v0-9]{5,1024}")


def get(call: Call) -> Answer:
    """One event, also a deleted one for as long as it is remembered."""
    calendar = call.calendar("reader")
    event = lookup.find(calendar, call.path["eventId"], call.now)
    return Answer(call.show(calendar, event), (event,))


def insert(call: Call) -> Answer:
    """A new event. 409 when its id was ever used in this calendar, also by an event deleted since."""
    calendar = call.calendar("writer")
    body = _without_unasked(call, call.body)
    event_id = body.get("id")
    if event_id is None:
        event_id = call.world.name(26)
    elif not _ID.fullmatch(event_id):
        raise errors.invalid("Invalid resource id value.")
    elif body.get("iCalUID"):
        # "only one of them should be supplied at event creation time" (discovery document, Event.id).
        raise errors.invalid("Only one of id and iCalUID may be given.")
    if event_id in calendar.events:
        raise errors.duplicate()
    event = Event(
        id=event_id,
        content=content.clean(body),
        when=content.read_when(body, calendar.zone),
        status=body.get("status") or "confirmed",
        created=call.now,
        updated=call.now,
        etag=calendar.next_etag(call.now),
        change=calendar.next_change(),
        sequence=body.get("sequence") or 0,
        creator=call.person.email,
        made_by=call.access.caller,
        ical_uid=body.get("iCalUID") or f"{event_id}@google.com",
    )
    return _put(call, calendar, event)


def patch(call: Call) -> Answer:
    """Change the named fields; everything else stays."""
    calendar = call.calendar("writer")
    event = _writable(call, calendar)
    return _rewrite(call, calendar, event, content.merge(_as_body(event), _without_unasked(call, call.body)))


def update(call: Call) -> Answer:
    """Replace the whole event: what is absent is cleared, and a deleted event comes back unless told otherwise."""
    calendar = call.calendar("writer")
    event = _writable(call, calendar)
    return _rewrite(call, calendar, event, _without_unasked(call, call.body))


def delete(call: Call) -> Answer:
    """Delete the event; of a series, all of it. 410 when it was deleted before."""
    calendar = call.calendar("writer")
    event = lookup.find(calendar, call.path["eventId"], call.now)
    if not event.live:
        raise errors.already_deleted()
    call.guard(event.etag)
    gone = replace(event, status="cancelled", sequence=event.sequence + 1)
    return Answer(None, _put(call, calendar, _stamped(call, calendar, gone)).events)


def move(call: Call) -> Answer:
    """The event goes to another calendar; this one keeps a cancelled trace, and the answer is that trace."""
    calendar = call.calendar("writer")
    destination = call.calendar("writer", call.text("destination"))
    event = _writable(call, calendar)
    movable = event.live and event.series is None and event.organizer is None and destination is not calendar
    if not movable or "eventType" in event.content:
        # "only default events can be moved"; it changes the organizer, so it is the organizer's to do (discovery
        # document, events.move).
        raise errors.invalid("This event cannot be moved to that calendar.")
    there = destination.events.get(event.id)
    if there is not None and not there.stub:
        raise errors.duplicate()
    for instance in calendar.exceptions(event.id):
        _move_one(call, calendar, destination, instance)
    return _move_one(call, calendar, destination, event)


def clear(call: Call) -> Answer:
    """calendars.clear: delete every event of a primary calendar."""
    calendar = call.calendar("owner")
    if not calendar.info.primary:
        raise errors.invalid("Only a primary calendar can be cleared.")
    cleared = [event for event in calendar.events.values() if event.live]
    for event in cleared:
        _put(call, calendar, _stamped(call, calendar, replace(event, status="cancelled")))
    return Answer(None, tuple(cleared))


def _move_one(call: Call, calendar: Calendar, destination: Calendar, event: Event) -> Answer:
    _put(call, destination, _stamped(call, destination, event))
    trace = replace(event, content={}, when=None, status="cancelled", stub=True)
    return _put(call, calendar, _stamped(call, calendar, trace))


def _writable(call: Call, calendar: Calendar) -> Event:
    event = lookup.find(calendar, call.path["eventId"], call.now)
    if event.stub:
        raise errors.not_found()
    call.guard(event.etag)
    return event


def _as_body(event: Event) -> dict[str, Any]:
    return {**event.content, **content.written_when(event.span), "status": event.status}


def _without_unasked(call: Call, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without what the API ignores unless a parameter asks for it (discovery document, events.insert)."""
    ignored = {"eventLabelId"}
    if call.number("conferenceDataVersion") != 1:
        ignored.add("conferenceData")
    if not call.flag("supportsAttachments"):
        ignored.add("attachments")
    return {name: value for name, value in body.items() if name not in ignored}


def _rewrite(call: Call, calendar: Calendar, event: Event, body: Mapping[str, Any]) -> Answer:
    written = content.clean(body)
    if written.get("eventType") != event.content.get("eventType"):
        raise errors.invalid("The event type cannot be changed.")
    when = content.read_when(body, calendar.zone)
    status = body.get("status") or "confirmed"
    sequence = _sequence(event, body, when, status, written)
    changed = replace(event, content=written, when=when, status=status, sequence=sequence)
    if changed == event:
        # An etag changes when the resource does, and this did not.
        return Answer(call.show(calendar, event), (event,))
    silent = _only_reminders(event, changed)
    return _put(call, calendar, _stamped(call, calendar, changed, silent=silent))


def _sequence(event: Event, body: Mapping[str, Any], when: When, status: str, written: Mapping[str, Any]) -> int:
    given = body.get("sequence")
    if given is not None and given < event.sequence:
        # https://coderwall.com/p/m6ozfg
        raise errors.invalid("Invalid sequence value.")
    if given is not None and given > event.sequence:
        return int(given)
    rescheduled = when != event.when or status != event.status
    return event.sequence + (rescheduled or written.get("recurrence") != event.content.get("recurrence"))


def _only_reminders(before: Event, after: Event) -> bool:
    rest = {**after.content, "reminders": before.content.get("reminders")}
    return replace(after, content=rest) == before


def _stamped(call: Call, calendar: Calendar, event: Event, *, silent: bool = False) -> Event:
    fresh = guests.stamped(calendar, event, call.now)
    # "Updating event reminders will not cause this to change" (discovery document, Event.updated).
    return replace(fresh, updated=event.updated) if silent else fresh


def _put(call: Call, calendar: Calendar, event: Event) -> Answer:
    guests.store(call.world, calendar, event, call.now)
    return Answer(call.show(calendar, event), (event,))
