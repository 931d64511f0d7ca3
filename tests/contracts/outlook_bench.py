"""Where the contract of the port ``Calendar`` is tried for Outlook: the adapter over Microsoft's stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any

import requests

import sandbox.graph
from gateway.core.model import Day, Event, When
from gateway.core.ports import Account, Calendar, Grant, Mode, Provider, Style
from gateway.providers import outlook
from gateway.providers.outlook import OutlookConfig
from sandbox.graph import GraphStandIn, conformance
from sandbox.kit.clock import Clock
from tests.sandbox.graph_world import CALLBACK, IMMUTABLE, GraphWorld, Inbox, form_of

WEEKLY = {
    "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["tuesday"]},
    "range": {"type": "numbered", "startDate": "2026-12-01", "numberOfOccurrences": 3},
}


class OutlookBench:
    """The adapter over the stand-in, signed in through MSAL. Both modes have the same grant."""

    ids_are_ours = False
    lists, moves = True, False
    tells_deletions = False
    own_palette = False
    title_limit = 255
    reuses_ids = True

    def __init__(self, world: GraphWorld, clock: Clock, inbox: Inbox, **person: Any) -> None:
        self.world, self._clock, self._inbox = world, clock, inbox
        self.email = "ann@example.com"
        self.person = world.person(self.email, **person)
        self.config = outlook_config(world, clock)
        self.provider = outlook.provider(self.config)
        self.grant = sign_in(world, self.provider, self.email, Mode.EXISTING)
        self.token = self.provider.sign_in.access_token(self.grant.credential, clock.now()) or ""
        self.calendar_id = self._new_calendar("Tasks")

    @property
    def address(self) -> str:
        """Where pushes go."""
        return self._inbox.url

    def now(self) -> datetime:
        return self._clock.now()

    def advance(self, time_: timedelta) -> None:
        self._clock.advance(time_.total_seconds())

    def open(self, calendar_id: str = "", style: Style | None = None) -> Calendar:
        return self.provider.open_calendar(self.token, calendar_id or self.calendar_id, style or Style())

    def account(self) -> Account:
        return self.provider.open_account(self.token)

    def other_calendar(self) -> str:
        return self._new_calendar("Other")

    def drop_calendar(self) -> None:
        self._done("DELETE", f"me/calendars/{self.calendar_id}")

    def rename(self, event: Event, title: str) -> None:
        self._edit(event, {"subject": title})

    def drag(self, event: Event, start: When, length: timedelta) -> None:
        first = datetime.combine(start.date, time.min) if isinstance(start, Day) else start.at.replace(tzinfo=None)
        bounds = ({"dateTime": at.isoformat(), "timeZone": "UTC"} for at in (first, first + length))
        begins, ends = bounds
        self._edit(event, {"isAllDay": isinstance(start, Day), "start": begins, "end": ends})

    def redress(self, event: Event) -> None:
        self._edit(event, {"categories": ["Family", "High priority"], "reminderMinutesBeforeStart": 60})

    def describe(self, event: Event, text: str) -> None:
        self._edit(event, {"body": {"contentType": "html", "content": f"<p>{text}</p>"}})

    def repeat_weekly(self, event: Event) -> None:
        self._edit(event, {"recurrence": WEEKLY})

    def delete(self, event: Event) -> None:
        self._done("DELETE", f"me/events/{event.id}")

    def restore(self, event: Event) -> None:
        self.world.admin("restore", email=self.email, event_id=event.id)

    def carry(self, event: Event, calendar_id: str) -> None:
        self.world.admin("move", email=self.email, event_id=event.id, calendar_id=calendar_id)

    def _new_calendar(self, name: str) -> str:
        return str(self._done("POST", "me/calendars", {"name": name})["id"])

    def _edit(self, event: Event, body: dict[str, Any]) -> None:
        self._done("PATCH", f"me/events/{event.id}", body)

    def _done(self, verb: str, path: str, body: Any = None) -> Any:
        reply = self.person.call(verb, path, body, IMMUTABLE)
        assert reply.status in (200, 201, 204), reply
        return reply.json


def outlook_config(world: GraphWorld, clock: Clock) -> OutlookConfig:
    """The config of an app registration that the stand-in knows."""
    return OutlookConfig(
        client_id=world.client_id,
        client_secret=world.client_secret,
        authority=f"{world.url}/common",
        graph_endpoint=world.stand_in.endpoint,
        now=clock.now,
    )


def consent(
    world: GraphWorld,
    provider: Provider,
    email: str,
    mode: Mode = Mode.EXISTING,
    *,
    extras: bool = False,
    **choice: Any,
) -> tuple[bytes, dict[str, str]]:
    """A person's trip to the consent page: what was kept for the way back, and the form they came back with."""
    world.admin("consent", email=email, **{"decision": "allow", **choice})
    flow = provider.sign_in.start(redirect_uri=CALLBACK, state="state-1", mode=mode, login_hint=email, extras=extras)
    with requests.get(flow.url, allow_redirects=False, timeout=10) as page:
        assert page.status_code == 200, page.text
        action, answer = form_of(page.text)
    assert (action, answer["state"]) == (CALLBACK, "state-1")
    return flow.secret, answer


def sign_in(world: GraphWorld, provider: Provider, email: str, mode: Mode = Mode.EXISTING, **choice: Any) -> Grant:
    """The whole consent; the grant."""
    secret, answer = consent(world, provider, email, mode, **choice)
    return provider.sign_in.finish(secret, answer, CALLBACK)


class OutlookServer:
    """One Microsoft stand-in for a whole run of tests, emptied for each."""

    def __init__(self) -> None:
        self.clock = Clock(None)
        self.stand_in: GraphStandIn = sandbox.graph.start(clock=self.clock, record=True)
        self.inbox = Inbox()

    @contextmanager
    def world(self) -> Iterator[GraphWorld]:
        """An empty Microsoft. In the end all of Graph's traffic, both ways, is held against its types."""
        world = GraphWorld(self.stand_in)
        try:
            yield world
            wrong = [text for entry in self.stand_in.recorder.entries() for text in conformance.check(entry)]
            assert wrong == []
        finally:
            world.close()

    @contextmanager
    def bench(self, **quirks: Any) -> Iterator[OutlookBench]:
        """A bench of one person with a calendar for tasks. ``quirks``: what Microsoft is like today."""
        with self.world() as world:
            if quirks:
                world.admin("quirks", **quirks)
            yield OutlookBench(world, self.clock, self.inbox)

    def stop(self) -> None:
        """Stop serving."""
        self.inbox.stop()
        self.stand_in.stop()
