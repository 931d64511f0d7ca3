"""Finding one event by its id: stored, or an instance that only its series' rule knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sandbox.google import errors, recurrence
from sandbox.google.calendars import Calendar
from sandbox.google.model import Event

TRASH_KEEPS: Final = timedelta(days=30)
"""Cancelled events "will eventually disappear" (discovery document, Event.status); when is this stand-in's choice."""


def find(calendar: Calendar, event_id: str, now: datetime) -> Event:
    """The event, deleted ones included. Raises 404 when there is none, or when it disappeared from the bin."""
    event = calendar.events.get(event_id) or _instance(calendar, event_id)
    if event is None or has_disappeared(event, now):
        raise errors.not_found()
    return event


def has_disappeared(event: Event, now: datetime) -> bool:
    """Deleted so long ago that no call returns it any more; its id stays used.

    A cancelled instance lives as long as its series does.
    """
    return not event.live and event.series is None and now - event.updated > TRASH_KEEPS


def is_void(calendar: Calendar, event: Event) -> bool:
    """An instance whose whole series was deleted."""
    if event.series is None:
        return False
    master = calendar.events.get(event.series)
    return master is None or not master.live


def _instance(calendar: Calendar, event_id: str) -> Event | None:
    named = recurrence.split_id(event_id)
    master = calendar.events.get(named[0]) if named else None
    if named is None or master is None or not master.live or not master.recurs:
        return None
    start = named[1]
    if start not in recurrence.starts(master.content["recurrence"], master.span):
        return None
    content = {name: value for name, value in master.content.items() if name != "recurrence"}
    when = recurrence.shifted(master.span, start)
    return replace(master, id=event_id, content=content, when=when, series=master.id, original=start)
