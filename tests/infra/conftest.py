"""A desk over both stand-ins, with a gateway that only notes what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

import sandbox.crm
import sandbox.google
from sandbox.demo.desk import Desk
from sandbox.demo.outside import Api, CalendarApp, CrmApp, Person

EMAIL, TIME_ZONE = "robin@example.com", "Europe/Berlin"


@dataclass(frozen=True)
class Gateway(Api):
    """Notes the calls that the desk makes as the CRM."""

    calls: list[tuple[str, str, Any]] = field(default_factory=list)

    def call(self, method: str, path: str, **options: Any) -> Any:
        self.calls.append((method, path, options.get("json")))
        return {"hops": [{"at": "2026-12-01T09:00:00Z", "actor": "gateway", "reason": "echo of our own write"}]}


@pytest.fixture
def desk() -> Iterator[Desk]:
    crm, google = sandbox.crm.start(), sandbox.google.start()
    about = {"email": EMAIL, "time_zone": TIME_ZONE}
    known = Api(crm.url).call("POST", "/_sandbox/persons", json=about)
    token = Api(google.url).call("POST", "/_sandbox/persons", json=about)["token"]
    person = Person(known["user_id"], EMAIL, TIME_ZONE, "google", EMAIL, known["token"], token)
    gateway = Gateway("http://127.0.0.1:9", "token")
    yield Desk(person, CrmApp(crm.url, person), CalendarApp(google.url, person), gateway, lambda: datetime.now(UTC))
    google.stop()
    crm.stop()
