"""What the stand-in remembers about people, apps and events: plain frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google import times

PERSON_CLIENT = "person"
"""The client id under which a person's own token (from the admin plane) acts, as a calendar app of theirs would."""


@dataclass(frozen=True, slots=True)
class Person:
    """A Google account. ``sub`` is its stable id; without ``has_calendar`` every Calendar call is refused."""

    email: str
    sub: str
    token: str = field(repr=False)
    time_zone: str
    has_calendar: bool = True


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client. With no ``redirect_uris`` registered any address is taken at the authorize page."""

    id: str
    secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """What a bearer token stands for. ``scopes`` are short names; ``expires_at`` is ``None`` for a person's own."""

    client_id: str
    email: str
    scopes: frozenset[str]
    expires_at: datetime | None

    @property
    def caller(self) -> str:
        """Who the ledger names: ``gateway``, or ``person:<email>``."""
        return f"person:{self.email}" if self.client_id == PERSON_CLIENT else "gateway"


@dataclass(frozen=True, slots=True)
class When:
    """Start and end (exclusive): two dates, or two instants in UTC with the zones they were given in, if any."""

    start: date | datetime
    end: date | datetime
    start_zone: str | None = None
    end_zone: str | None = None

    @property
    def all_day(self) -> bool:
        """Two dates, no times."""
        return not isinstance(self.start, datetime)

    def start_at(self, zone: ZoneInfo) -> datetime:
        """The instant it starts; dates begin at midnight in ``zone``."""
        return self.start if isinstance(self.start, datetime) else times.midnight(self.start, zone)

    def end_at(self, zone: ZoneInfo) -> datetime:
        """The instant it ends; dates begin at midnight in ``zone``."""
        return self.end if isinstance(self.end, datetime) else times.midnight(self.end, zone)


@dataclass(frozen=True, slots=True)
class Event:
    """One version of one event. A write makes a new one; nothing in ``content`` is ever changed in place.

    ``content`` holds what people wrote, cleaned, without start, end and status. ``change`` is the calendar's change
    number (for sync tokens), ``etag`` the number in the etag, ``made_by`` the ledger's name of whoever created it.
    ``when`` is ``None`` only for stubs: a moved event's trace, of which nothing but the id is left. ``organizer`` is
    the organizer's calendar, on a guest's copy only.
    """

    id: str
    content: Mapping[str, Any]
    when: When | None
    status: str
    created: datetime
    updated: datetime
    etag: int
    change: int
    sequence: int
    creator: str
    made_by: str
    ical_uid: str
    series: str | None = None
    original: date | datetime | None = None
    stub: bool = False
    organizer: str | None = None

    @property
    def live(self) -> bool:
        """Not deleted."""
        return self.status != "cancelled"

    @property
    def recurs(self) -> bool:
        """The master of a series."""
        return "recurrence" in self.content

    @property
    def ours(self) -> bool:
        """Created with the gateway's token."""
        return self.made_by == "gateway"

    @property
    def span(self) -> When:
        """Start and end. Raises ValueError for a stub, which has none."""
        if self.when is None:
            raise ValueError("a moved event's stub has no time")
        return self.when

    def private(self) -> Mapping[str, str]:
        """Its private extended properties."""
        found: Mapping[str, str] = self.content.get("extendedProperties", {}).get("private", {})
        return found

    def shared(self) -> Mapping[str, str]:
        """Its shared extended properties."""
        found: Mapping[str, str] = self.content.get("extendedProperties", {}).get("shared", {})
        return found
