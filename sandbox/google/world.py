"""Everything the stand-in knows, behind one lock: people, clients, grants, calendars, channels, quota."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sandbox.google import errors, times
from sandbox.google.calendars import Calendar, CalendarInfo
from sandbox.google.channels import Channels
from sandbox.google.discovery import document
from sandbox.google.grants import Grants
from sandbox.google.model import Client, Person
from sandbox.google.quota import Quota
from sandbox.kit.clock import Clock
from sandbox.kit.sender import Sender

_MAX_NEW_CALENDARS, _SHORT_TIME = 60, timedelta(hours=24)
"""https://support.google.com/a/answer/2905486: 60 calendars "in a short period"; the period is not published."""
SIGN_IN_SCOPES: Final = ("openid", "email", "profile")


@dataclass(frozen=True, slots=True)
class Consent:
    """What the next person at the authorize page will do, said beforehand through the admin plane."""

    email: str
    decision: str
    untick: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quirks:
    """Behaviour that the real service shows now and then; all off unless switched on through the admin plane.

    ``repeat_pushes``: the chance (0 to 1) that a change is pushed more than once.
    ``index_lag_s``: seconds until a new event is found by a property filter.
    ``short_pages``: lists come in pages of at most this many items, one of them empty; 0 for ordinary pages.
    """

    repeat_pushes: float = 0.0
    index_lag_s: float = 0.0
    short_pages: int = 0


class World:
    """The state. Hold ``lock`` around every use; ``reset`` empties it."""

    def __init__(self, clock: Clock, sender: Sender, quota_per_minute: int, seed: int) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self._sender = sender
        self._quota_per_minute = quota_per_minute
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Empty state, and the same ids and tokens as any other world of that seed."""
        with self.lock:
            self.seed = seed
            self.random = random.Random(seed)
            self.quirks = Quirks()
            self.people: dict[str, Person] = {}
            self.clients: dict[str, Client] = {}
            self.consents: list[Consent] = []
            self.grants = Grants(self.random)
            self.quota = Quota(self._quota_per_minute)
            self.channels = Channels(self._sender, self.random)
            self.calendars: dict[str, Calendar] = {}
            self.list_change = 0
            self.list_log: dict[tuple[str, str], int] = {}
            """By person and calendar id: the number of the last change to that entry of their calendar list."""
            self.list_epoch = 0
            self.copies: dict[str, frozenset[str]] = {}
            """By iCalUID: who has, or had, a guest's copy of that event on their calendar."""
            self._made: dict[str, list[datetime]] = {}

    def now(self) -> datetime:
        """The present by the stand-ins' clock, to the millisecond."""
        now = self.clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def add_person(self, email: str, time_zone: str = "UTC", has_calendar: bool = True) -> Person:
        """A Google account with its primary calendar, and its own token; the same one again for a known email."""
        known = self.people.get(email)
        if known is not None:
            return known
        sub = str(10**20 + int(hashlib.sha256(f"{self.seed}|{email}".encode()).hexdigest(), 16) % 10**20)
        token = self.grants.add_person(email, frozenset({"calendar"}))
        person = Person(email, sub, token, time_zone, has_calendar)
        self.people[email] = person
        if has_calendar:
            self._add_calendar(CalendarInfo(email, email, time_zone, email, True, None, 0, self.now()))
        return person

    def add_client(self, redirect_uris: tuple[str, ...] = ()) -> Client:
        """A new OAuth client."""
        number = self.random.randrange(10**11, 10**12)
        client = Client(
            f"{number}-{self.name(16)}.apps.googleusercontent.com", f"GOCSPX-{self.name(32)}", redirect_uris
        )
        self.clients[client.id] = client
        return client

    def make_calendar(self, owner: str, app: str | None, wanted: Mapping[str, Any]) -> Calendar:
        """A new secondary calendar. Raises 403 ``quotaExceeded`` when the person made too many lately."""
        now = self.now()
        lately = [at for at in self._made.get(owner, ()) if at > now - _SHORT_TIME]
        if len(lately) >= _MAX_NEW_CALENDARS:
            raise errors.calendar_usage_limits()
        self._made[owner] = [*lately, now]
        info = CalendarInfo(
            id=f"c_{self.name(64)}@group.calendar.google.com",
            summary=wanted["summary"],
            time_zone=wanted.get("timeZone") or self.people[owner].time_zone,
            owner=owner,
            primary=False,
            app=app,
            etag=0,
            updated=now,
            description=wanted.get("description"),
            location=wanted.get("location"),
        )
        return self._add_calendar(info)

    def change_calendar(self, calendar: Calendar, **changed: Any) -> None:
        """Change what a calendar says about itself; when nothing differs its etag stays."""
        info = replace(calendar.info, **changed)
        if info != calendar.info:
            now = self.now()
            calendar.info = replace(info, etag=calendar.next_etag(now), updated=now)
            calendar.rendered.clear()
            for email in calendar.entries:
                self.note_entry(email, calendar.info.id)

    def drop_calendar(self, calendar: Calendar) -> None:
        """The calendar is gone for everyone; its channels fall silent."""
        del self.calendars[calendar.info.id]
        self.channels.drop(calendar.info.id)
        for email in calendar.entries:
            self.note_entry(email, calendar.info.id)

    def note_entry(self, email: str, calendar_id: str) -> None:
        """That person's calendar list changed at this calendar."""
        self.list_change += 1
        self.list_log[email, calendar_id] = self.list_change

    def listed(self, email: str) -> Iterator[Calendar]:
        """The calendars in that person's list."""
        for calendar in self.calendars.values():
            if email in calendar.entries and calendar.role_of(email) != "none":
                yield calendar

    def name(self, length: int) -> str:
        """A fresh opaque name of base32hex letters, the same for the same seed."""
        return "".join(self.random.choices("abcdefghijklmnopqrstuv0123456789", k=length))

    def _add_calendar(self, info: CalendarInfo) -> Calendar:
        calendar = Calendar(replace(info, etag=2000 * times.epoch_ms(info.updated)))
        self.calendars[info.id] = calendar
        self.note_entry(info.owner, info.id)
        return calendar


def full_scopes() -> frozenset[str]:
    """Every Calendar scope there is, by short name."""
    return document().scopes
