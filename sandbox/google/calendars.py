"""One calendar: its events by id, the index of their properties, its change number, and who may do what in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox.google import times
from sandbox.google.model import Event

ROLES: Final = ("none", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")
"""Weakest first: https://developers.google.com/workspace/calendar/api/v3/reference/calendarList."""


@dataclass(frozen=True, slots=True)
class CalendarInfo:
    """What a calendar says about itself. ``app`` is the OAuth client that created it, if one did."""

    id: str
    summary: str
    time_zone: str
    owner: str
    primary: bool
    app: str | None
    etag: int
    updated: datetime
    description: str | None = None
    location: str | None = None


class Calendar:
    """A calendar's state. Not safe by itself: the world's lock is held around every use."""

    def __init__(self, info: CalendarInfo) -> None:
        self.info = info
        self.roles: dict[str, str] = {info.owner: "owner"}
        self.entries: dict[str, Mapping[str, Any]] = {info.owner: {}}
        """Per person, what they set for themselves in their calendar list."""
        self.events: dict[str, Event] = {}
        self.rendered: dict[str, tuple[int, str, dict[str, Any]]] = {}
        """The renderer's cache: by event id, the change number and zone it was rendered for."""
        self.change = 0
        self.epoch = 0
        """Rises when sync tokens given out before must die (rights changed)."""
        self._last_etag = info.etag
        self._exceptions: dict[str, dict[str, None]] = {}
        self._by_property: dict[tuple[str, str, str], dict[str, None]] = {}

    @property
    def zone(self) -> ZoneInfo:
        """The calendar's time zone."""
        return ZoneInfo(self.info.time_zone)

    def role_of(self, email: str) -> str:
        """The role of that person here; ``none`` for strangers."""
        return self.roles.get(email, "none")

    def next_etag(self, now: datetime) -> int:
        """A number larger than any before: about twice the microseconds since 1970."""
        self._last_etag = max(self._last_etag + 2000, 2000 * times.epoch_ms(now))
        return self._last_etag

    def next_change(self) -> int:
        """The number of the next change to an event here."""
        self.change += 1
        return self.change

    def put(self, event: Event) -> None:
        """Store a new version of an event and index it. Cancelled events are not indexed by property."""
        before = self.events.get(event.id)
        if before is not None:
            for key in _keys(before):
                self._by_property.get(key, {}).pop(event.id, None)
        self.events[event.id] = event
        if event.series is not None:
            self._exceptions.setdefault(event.series, {})[event.id] = None
        for key in _keys(event):
            self._by_property.setdefault(key, {})[event.id] = None

    def exceptions(self, series: str) -> list[Event]:
        """The instances of that series which were changed or cancelled one by one."""
        return [self.events[event_id] for event_id in self._exceptions.get(series, ())]

    def matching(self, constraints: Iterable[tuple[str, str, str]]) -> Iterator[Event]:
        """The live events that have all of these properties, each a side (``private``, ``shared``), key and value."""
        found = [self._by_property.get(one, {}) for one in constraints]
        rarest = min(found, key=len)
        for event_id in rarest:
            if all(event_id in other for other in found):
                yield self.events[event_id]


def _keys(event: Event) -> Iterator[tuple[str, str, str]]:
    # Of a deleted event only the id is guaranteed (discovery document, Event.status), so a property filter misses it.
    if event.live:
        for key, value in event.private().items():
            yield "private", key, value
        for key, value in event.shared().items():
            yield "shared", key, value
