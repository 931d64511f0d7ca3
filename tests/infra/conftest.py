"""A desk over the three stand-ins, with a gateway that only notes what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

import sandbox.crm
import sandbox.google
import sandbox.graph
from sandbox.demo.calendars import calendar_app
from sandbox.demo.desk import Desk
from sandbox.demo.mischief import Machinery, Mischief
from sandbox.demo.outside import Api, CrmApp, Person
from sandbox.demo.wire import Wire

EMAIL, OTHER, TIME_ZONE = "robin@example.com", "mira@example.com", "Europe/Berlin"


@dataclass(frozen=True)
class Gateway(Api):
    """Notes the calls that the desk makes as the CRM."""

    calls: list[tuple[str, str, Any]] = field(default_factory=list)

    def call(self, method: str, path: str, **options: Any) -> Any:
        self.calls.append((method, path, options.get("json")))
        hop = {"at": "2026-12-01T09:00:00Z", "actor": "gateway", "code": "event_echo", "text": "Echo of our own write"}
        return {"entries": [hop]}


class Parts(Machinery):
    """The gateway's own parts, of which only is noted what was done to them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        done = self.done.append
        super().__init__(lambda: done("queue"), lambda: done("worker"), lambda person: done(person.name))


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Robin has Google, Mira has Outlook."""
    crm, google, graph = sandbox.crm.start(), sandbox.google.start(), sandbox.graph.start()
    urls = {"google": google.url, "graph": graph.url}
    people = [
        a_person(crm.url, there, email, provider)
        for there, email, provider in ((google.url, EMAIL, "google"), (graph.url, OTHER, "outlook"))
    ]
    calendars = tuple(calendar_app(urls, one) for one in people)
    gateway = Gateway("http://127.0.0.1:9", "token")
    stand_ins = {"crm": crm.url, **urls}
    mischief = Mischief(stand_ins, Parts(), minute_s=0.3)
    wire = Wire(stand_ins, gateway)
    yield Desk(CrmApp(crm.url, people[0]), calendars, gateway, lambda: datetime.now(UTC), mischief, wire)
    for stand_in in (graph, google, crm):
        stand_in.stop()


def a_person(crm: str, there: str, email: str, provider: str) -> Person:
    about = {"email": email, "time_zone": TIME_ZONE}
    known = Api(crm).call("POST", "/_sandbox/persons", json=about)
    account = Api(there).call("POST", "/_sandbox/persons", json=about)
    calendar = account.get("calendar_id", email)
    return Person(known["user_id"], email, TIME_ZONE, provider, calendar, known["token"], account["token"])
