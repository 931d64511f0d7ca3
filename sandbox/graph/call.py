"""One call of Graph: what was asked, by whom, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.graph import errors, odata
from sandbox.graph.mailbox import Calendar, Mailbox
from sandbox.graph.model import Access, Event, Person
from sandbox.graph.world import World


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, alone or as part of a batch. ``path`` has no version; header names are in lower case."""

    verb: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    root: str
    """The service's own address with the version, for links."""
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method gives: the body (``None``: nothing) and the events that it is about."""

    body: Mapping[str, Any] | None = None
    status: int = 200
    events: tuple[Event, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """What a method gets. ``path`` are the values in the path, ``prefer`` the preferences."""

    world: World
    asked: Asked
    path: Mapping[str, str]
    prefer: odata.Preferences
    body: Mapping[str, Any]
    access: Access
    person: Person
    now: datetime

    @property
    def query(self) -> Mapping[str, str]:
        """The query options."""
        return self.asked.query

    @property
    def mailbox(self) -> Mailbox:
        """The caller's mailbox."""
        return self.world.mailboxes[self.person.email]

    @property
    def address(self) -> str:
        """Where this call was made, without its query."""
        return f"{self.asked.root}/{self.asked.path}"

    def calendar(self) -> Calendar:
        """The calendar in the path, or the default one. Raises 404."""
        named = self.path.get("calendar_id")
        return self.mailbox.default if named is None else self.mailbox.calendar(named)

    def event(self) -> Event:
        """The event in the path, by either kind of id. Raises 404."""
        deleted_too = self.world.quirks.deleted_readable and self.asked.verb == "GET"
        found = self.mailbox.find(self.path["event_id"], deleted_too=deleted_too)
        if "calendar_id" in self.path and found.calendar_id != self.calendar().id:
            raise errors.item_not_found()
        return found

    def guard(self, event: Event) -> None:
        """Raises 412 when the call came with an ``If-Match`` that is neither ``*`` nor this version.

        412 is documented (https://learn.microsoft.com/graph/errors), the header for events is not: see the quirks.
        """
        wanted = self.asked.headers.get("if-match")
        if wanted is not None and self.world.quirks.etags != "ignored" and wanted not in ("*", event.etag):
            raise errors.stale()

    def context(self, kind: str, *, entity: bool = True) -> str:
        """The ``@odata.context`` of an answer."""
        tail = "/$entity" if entity else ""
        return f"{self.asked.root}/$metadata#users('{self.person.oid}')/{kind}{tail}"
