"""One call of a Calendar v3 method: who calls, what was sent, and the calendar it is about, rights checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox.google import errors, render, times
from sandbox.google.calendars import ROLES, Calendar
from sandbox.google.discovery import Method
from sandbox.google.model import Access, Event, Person
from sandbox.google.validation import Value
from sandbox.google.world import World

_APP_CREATED: Final = "calendar.app.created"
_OWNED: Final = frozenset({"calendar.events.owned", "calendar.events.owned.readonly"})
# Busy ranges, and calendars open to the whole world, are not part of this stand-in.
_NOT_ENOUGH: Final = frozenset({"calendar.events.freebusy", "calendar.events.public.readonly"})


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler gets. ``params`` are the query's typed values, ``body`` is checked against the document."""

    world: World
    method: Method
    path: Mapping[str, str]
    params: Mapping[str, Value]
    body: Mapping[str, Any]
    if_match: str | None
    access: Access
    person: Person
    now: datetime

    @property
    def who(self) -> tuple[str, str]:
        """Client id and email: one project's view of one person."""
        return self.access.client_id, self.access.email

    def text(self, name: str) -> str | None:
        """A query parameter that is a string."""
        value = self.params.get(name)
        return value if isinstance(value, str) else None

    def flag(self, name: str) -> bool:
        """A query parameter that is a boolean; absent is false."""
        return self.params.get(name) is True

    def number(self, name: str) -> int | None:
        """A query parameter that is a number."""
        value = self.params.get(name)
        return value if isinstance(value, int) else None

    def texts(self, name: str) -> list[str]:
        """A query parameter that may be repeated."""
        value = self.params.get(name)
        return value if isinstance(value, list) else []

    def zone(self) -> ZoneInfo | None:
        """The zone asked for in the answer, if any. Raises 400 for an unknown name."""
        name = self.text("timeZone")
        zone = times.zone_named(name) if name is not None else None
        if name is not None and zone is None:
            raise errors.bad_parameter("timeZone", f"Invalid time zone: {name}")
        return zone

    def calendar(self, role: str, calendar_id: str | None = None) -> Calendar:
        """The calendar of this call, where the person has at least ``role`` and the token reaches.

        Raises 404 for an unknown calendar or one not shared with the person, 403 for too low a role or scope.
        """
        wanted = calendar_id if calendar_id is not None else self.path["calendarId"]
        found = self.world.calendars.get(self.access.email if wanted == "primary" else wanted)
        if found is None or found.role_of(self.access.email) == "none":
            raise errors.not_found()
        if not any(self._reaches(scope, found) for scope in self.access.scopes & self.method.scopes):
            raise errors.insufficient_scope()
        if ROLES.index(found.role_of(self.access.email)) < ROLES.index(role):
            raise errors.required_access_level(role)
        return found

    def guard(self, etag: int) -> None:
        """Raises 412 when the call came with an ``If-Match`` that is neither ``*`` nor this version.

        https://developers.google.com/workspace/calendar/api/guides/version-resources
        """
        if self.if_match is not None and self.if_match not in ("*", render.quoted(etag)):
            raise errors.stale_etag()

    def show(self, calendar: Calendar, event: Event) -> dict[str, Any]:
        """The event as the caller gets it."""
        if event.stub:
            return render.trace_json(event)
        return render.event_json(calendar, event, self.access.email, self.zone())

    def _reaches(self, scope: str, calendar: Calendar) -> bool:
        if scope == _APP_CREATED:
            return calendar.info.app == self.access.client_id
        if scope in _OWNED:
            return calendar.role_of(self.access.email) == "owner"
        return scope not in _NOT_ENOUGH


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler gives: the body (``None``: 204) and the events that it is about."""

    body: Mapping[str, Any] | None
    events: tuple[Event, ...] = ()
