"""Storing an event, and what follows from it: pushes, and the copies that guests have of it on their own calendars.

https://developers.google.com/workspace/calendar/api/concepts/sharing (an invitation puts a copy on the guest's
calendar) and https://developers.google.com/workspace/calendar/api/concepts/inviting-attendees-to-events (which fields
all copies share, and which are each person's own).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sandbox.google.calendars import Calendar
from sandbox.google.model import Event
from sandbox.google.world import World

_OWN: Final = frozenset({"colorId", "transparency", "reminders", "source"})
"""Private to each copy; so are the private extended properties."""


def store(world: World, calendar: Calendar, event: Event, now: datetime) -> None:
    """Store a new version, push it, and carry it to the guests, or a guest's answer to the organizer."""
    calendar.put(event)
    world.channels.changed(calendar, event, now, world.quirks.repeat_pushes)
    if event.organizer is not None:
        _reply(world, calendar, event, event.organizer, now)
    else:
        _spread(world, calendar, event, now)


def stamped(calendar: Calendar, event: Event, now: datetime) -> Event:
    """The event as a new version of this moment."""
    return replace(event, updated=now, etag=calendar.next_etag(now), change=calendar.next_change())


def _spread(world: World, calendar: Calendar, event: Event, now: datetime) -> None:
    invited = {one["email"] for one in event.content.get("attendees", ())} if event.live else set()
    before = world.copies.get(event.ical_uid, frozenset())
    guests = {email for email in invited if email in world.calendars and email != calendar.info.id}
    if not guests and not before:
        return
    for email in sorted(guests | before):
        home = world.calendars[email]
        copy = _copy(calendar, event, home.events.get(event.id), email, gone=email not in guests)
        if copy is not None and copy != home.events.get(event.id):
            _keep(world, home, copy, now)
    if not event.stub:
        world.copies[event.ical_uid] = before | guests


def _copy(calendar: Calendar, event: Event, known: Event | None, email: str, *, gone: bool) -> Event | None:
    """The guest's copy as it should be now; ``None`` when there is nothing to write."""
    organizer = calendar.info.id
    if known is None:
        mine = replace(event, content=_shared(event.content), made_by="invitation", organizer=organizer)
        return None if gone else mine
    if known.organizer is None or known.ical_uid != event.ical_uid:
        return None
    if gone:
        # A moved event's stub takes no copy away that the destination has taken over by now.
        return replace(known, status="cancelled") if known.organizer == organizer else None
    content = {**_shared(event.content), **_own(known.content)}
    if known.private():
        shared = content.get("extendedProperties", {})
        content["extendedProperties"] = {**shared, "private": known.private()}
    # A copy that its guest deleted stays away, for deleting declines; a new invitation asks again.
    declined = any(
        one["email"] == email and one["responseStatus"] == "declined" for one in event.content.get("attendees", ())
    )
    return replace(
        known,
        content=content,
        when=event.when,
        status=known.status if declined else event.status,
        sequence=event.sequence,
        organizer=organizer,
    )


def _reply(world: World, calendar: Calendar, copy: Event, organizer: str, now: datetime) -> None:
    home = world.calendars.get(organizer)
    event = home.events.get(copy.id) if home is not None else None
    if home is None or event is None or not event.live:
        return
    email = calendar.info.owner
    answers = [one["responseStatus"] for one in copy.content.get("attendees", ()) if one["email"] == email]
    answer = "declined" if not copy.live else next(iter(answers), "needsAction")
    attendees = [
        {**one, "responseStatus": answer} if one["email"] == email else one
        for one in event.content.get("attendees", ())
    ]
    if attendees != event.content.get("attendees", []):
        store(world, home, stamped(home, replace(event, content={**event.content, "attendees": attendees}), now), now)


def _keep(world: World, home: Calendar, copy: Event, now: datetime) -> None:
    fresh = stamped(home, copy, now)
    home.put(fresh)
    world.channels.changed(home, fresh, now, world.quirks.repeat_pushes)


def _shared(content: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in content.items() if name not in _OWN}
    properties = kept.pop("extendedProperties", {})
    if "shared" in properties:
        kept["extendedProperties"] = {"shared": properties["shared"]}
    kept["reminders"] = {"useDefault": True}
    return kept


def _own(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in _OWN if name in content}
