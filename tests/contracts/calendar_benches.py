"""Where the contract of the port ``Calendar`` is tried: the fake, and each adapter over its stand-in's real HTTP.

A bench is one account with one target calendar, opened as a job opens it, and its person, who edits by hand through
whatever a calendar app would use. A new provider adds a bench here and nothing in the suite.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import requests

import sandbox.google
from gateway.core.model import Day, Event, EventId, Look, Moment, When
from gateway.core.ports import Account, Calendar, Mode, Provider, Style
from gateway.providers import google
from gateway.providers.google import GoogleConfig
from sandbox.google import GoogleStandIn, conformance
from sandbox.kit.clock import Clock
from tests.fakes import FakeAccount
from tests.sandbox.google_world import CALLBACK, GoogleWorld

COLOURED = "4"


NOWHERE = "http://127.0.0.1:9/webhooks/calendar/google"


class Bench(Protocol):
    """One account. ``lists``: a move by hand can be told from a deletion; ``moves``: the port can move events;
    ``tells_deletions``: a plain read tells a deletion for certain; ``own_palette``: an installation's colours are seen
    in the look; ``reuses_ids``: the id of a deleted event may create again. ``address``: where pushes may go."""

    calendar_id: str
    lists: bool
    moves: bool
    ids_are_ours: bool
    tells_deletions: bool
    own_palette: bool
    reuses_ids: bool
    title_limit: int

    @property
    def address(self) -> str: ...

    def now(self) -> datetime: ...
    def advance(self, time: timedelta) -> None: ...
    def open(self, calendar_id: str = "", style: Style | None = None) -> Calendar: ...
    def account(self) -> Account: ...
    def other_calendar(self) -> str: ...
    def drop_calendar(self) -> None: ...
    def rename(self, event: Event, title: str) -> None: ...
    def drag(self, event: Event, start: When, length: timedelta) -> None: ...
    def redress(self, event: Event) -> None: ...
    def describe(self, event: Event, text: str) -> None: ...
    def repeat_weekly(self, event: Event) -> None: ...
    def delete(self, event: Event) -> None: ...
    def restore(self, event: Event) -> None: ...
    def carry(self, event: Event, calendar_id: str) -> None: ...


class FakeBench:
    """The fake, for which the person's edits are methods."""

    calendar_id = "primary"
    tells_deletions = own_palette = True
    reuses_ids = False
    title_limit = 500
    address = NOWHERE

    def __init__(self, *, ids_are_ours: bool = True, lists: bool = True) -> None:
        self.ids_are_ours, self.lists, self.moves = ids_are_ours, lists, lists
        self._now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
        self._account = FakeAccount(self.now, lists=lists, moves=lists, ids_are_ours=ids_are_ours)

    def now(self) -> datetime:
        return self._now

    def advance(self, time: timedelta) -> None:
        self._now += time

    def open(self, calendar_id: str = "", style: Style | None = None) -> Calendar:
        return self._account.open(calendar_id or self.calendar_id, style)

    def account(self) -> Account:
        return self._account

    def other_calendar(self) -> str:
        return self._account.add_calendar("other").id

    def drop_calendar(self) -> None:
        self._account.drop_calendar()

    def rename(self, event: Event, title: str) -> None:
        self._account.edit(event.id, title=title)

    def drag(self, event: Event, start: When, length: timedelta) -> None:
        self._account.edit(event.id, start=start, length=length)

    def redress(self, event: Event) -> None:
        self._account.edit(event.id, look=Look(COLOURED, "an hour before"))

    def describe(self, event: Event, text: str) -> None:
        self._account.edit(event.id, description=text)

    def repeat_weekly(self, event: Event) -> None:
        self._account.edit(event.id, recurring=True)

    def delete(self, event: Event) -> None:
        self._account.delete(event.id)

    def restore(self, event: Event) -> None:
        self._account.restore(event.id)

    def carry(self, event: Event, calendar_id: str) -> None:
        self._account.carry(event.id, calendar_id)


class GoogleBench:
    """The adapter over the stand-in, signed in through its own OAuth, in either mode."""

    ids_are_ours = tells_deletions = own_palette = True
    reuses_ids = False
    title_limit = 500
    address = NOWHERE

    def __init__(self, world: GoogleWorld, clock: Clock, mode: Mode) -> None:
        self.world, self._clock = world, clock
        self.lists = self.moves = mode is Mode.EXISTING
        self.person = world.person("ann@example.com", time_zone="Europe/Vienna")
        self.config = google_config(world, clock)
        self.provider = google.provider(self.config)
        self.grant = sign_in(world, self.provider, "ann@example.com", mode)
        self.token = self.provider.sign_in.access_token(self.grant.credential, clock.now()) or ""
        self.mode = mode
        self.calendar_id = self._new_calendar("Tasks")

    def now(self) -> datetime:
        return self._clock.now()

    def advance(self, time: timedelta) -> None:
        self._clock.advance(time.total_seconds())

    def open(self, calendar_id: str = "", style: Style | None = None) -> Calendar:
        return self.provider.open_calendar(self.token, calendar_id or self.calendar_id, style or Style())

    def account(self) -> Account:
        return self.provider.open_account(self.token)

    def other_calendar(self) -> str:
        return self._new_calendar("Other")

    def drop_calendar(self) -> None:
        self._done("DELETE", f"calendars/{self.calendar_id}")

    def rename(self, event: Event, title: str) -> None:
        self._edit(event, {"summary": title})

    def drag(self, event: Event, start: When, length: timedelta) -> None:
        if isinstance(start, Day):
            days = (start.date, start.date + length)
            first, past = ({"date": day.isoformat(), "dateTime": None, "timeZone": None} for day in days)
        else:
            times = (start.at, start.at + length)
            first, past = ({"dateTime": at.isoformat(), "date": None} for at in times)
        self._edit(event, {"start": first, "end": past})

    def redress(self, event: Event) -> None:
        overrides = [{"method": "popup", "minutes": 60}, {"method": "email", "minutes": 5}]
        self._edit(event, {"colorId": COLOURED, "reminders": {"useDefault": False, "overrides": overrides}})

    def describe(self, event: Event, text: str) -> None:
        self._edit(event, {"description": text})

    def repeat_weekly(self, event: Event) -> None:
        zone = {"timeZone": "Europe/Vienna"}
        self._edit(event, {"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"], "start": zone, "end": zone})

    def delete(self, event: Event) -> None:
        self._done("DELETE", self._path(event))

    def restore(self, event: Event) -> None:
        self._edit(event, {"status": "confirmed"})

    def carry(self, event: Event, calendar_id: str) -> None:
        self._done("POST", f"{self._path(event)}/move", destination=calendar_id)

    def _new_calendar(self, name: str) -> str:
        if self.mode is Mode.OWN:
            return self.account().create_calendar(name, "Europe/Vienna").id
        made = self._done("POST", "calendars", {"summary": name, "timeZone": "Europe/Vienna"})
        return str(made["id"])

    def _path(self, event: Event) -> str:
        return f"calendars/{self.calendar_id}/events/{event.id}"

    def _edit(self, event: Event, body: dict[str, Any]) -> None:
        self._done("PATCH", self._path(event), body)

    def _done(self, verb: str, path: str, body: Any = None, **query: Any) -> Any:
        reply = self.person.call(verb, path, body, None, **query)
        assert reply.status in (200, 204), reply
        return reply.json


def google_config(world: GoogleWorld, clock: Clock) -> GoogleConfig:
    """The config of an OAuth client that the stand-in knows."""
    return GoogleConfig(
        client_id=world.client_id,
        client_secret=world.client_secret,
        auth_uri=f"{world.url}/o/oauth2/v2/auth",
        token_uri=f"{world.url}/token",
        revoke_uri=f"{world.url}/revoke",
        calendar_endpoint=world.stand_in.endpoint,
        now=clock.now,
    )


def consent(
    world: GoogleWorld, provider: Provider, email: str, mode: Mode, **choice: Any
) -> tuple[bytes, dict[str, str]]:
    """A person's trip to the consent page: what was kept for the way back, and the query they came back with."""
    world.admin("consent", email=email, **{"decision": "allow", **choice})
    flow = provider.sign_in.start(redirect_uri=CALLBACK, state="state-1", mode=mode, login_hint=email)
    with requests.get(flow.url, allow_redirects=False, timeout=10) as page:
        assert page.status_code == 302, page.text
        answer = dict(parse_qsl(urlsplit(page.headers["Location"]).query))
    assert answer.pop("state") == "state-1"
    return flow.secret, answer


def sign_in(world: GoogleWorld, provider: Provider, email: str, mode: Mode, **choice: Any) -> Any:
    """The whole consent; the grant."""
    secret, answer = consent(world, provider, email, mode, **choice)
    return provider.sign_in.finish(secret, answer, CALLBACK)


class GoogleServer:
    """One Google stand-in for a whole run of tests, emptied for each."""

    def __init__(self) -> None:
        self.clock = Clock(None)
        self.stand_in: GoogleStandIn = sandbox.google.start(clock=self.clock, record=True)

    @contextmanager
    def world(self) -> Iterator[GoogleWorld]:
        """An empty Google. In the end all its traffic, both ways, is held against the API's own document."""
        world = GoogleWorld(self.stand_in)
        try:
            yield world
            wrong = [text for entry in self.stand_in.recorder.entries() for text in conformance.check(entry)]
            assert wrong == []
        finally:
            world.close()

    @contextmanager
    def bench(self, mode: Mode) -> Iterator[GoogleBench]:
        """A bench of one person with a calendar of their own for tasks."""
        with self.world() as world:
            yield GoogleBench(world, self.clock, mode)

    def stop(self) -> None:
        """Stop serving."""
        self.stand_in.stop()


def moment(text: str) -> Moment:
    """An instant written with its offset."""
    return Moment(datetime.fromisoformat(text))


def an_id(number: int) -> EventId:
    """Ids that all providers of our own ids take."""
    return EventId(f"task{number:06d}")
