"""Everything the stand-in knows, behind one lock: people, clients, grants, mailboxes, subscriptions, limits."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sandbox.graph import scopes
from sandbox.graph.grants import Grants
from sandbox.graph.mailbox import Calendar, Mailbox
from sandbox.graph.model import PERSONAL_TENANT, Client, Event, Person
from sandbox.graph.notices import Notices
from sandbox.graph.throttle import Throttle
from sandbox.kit.clock import Clock
from sandbox.kit.faults import Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.sender import Sender

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ETAGS: Final = ("steady", "restless", "ignored")


@dataclass(frozen=True, slots=True)
class Consent:
    """What the next person at the authorize page will do, said beforehand through the admin plane.

    ``form`` is how "needs admin" is told, see ``consent.NEEDS_ADMIN``; ``untick`` makes the grant narrower.
    """

    email: str
    decision: str
    untick: tuple[str, ...] = ()
    form: str = "access_denied"


@dataclass(frozen=True, slots=True)
class Quirks:
    """Behaviour that the real service shows now and then, or that is unconfirmed; set through the admin plane.

    ``notices``: how many ``updated`` notifications an edit gives, at least and at most; two to four were seen
    (https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/3072).
    ``together``: the chance (0 to 1) that all notifications of an edit come in one POST.
    ``gather``: notifications are kept until ``POST deliver``, which can shuffle, repeat and mix them.
    ``etags``: ``steady``; ``restless``: every write changes the etag once more after it is answered (Exchange writes
    in stages, https://learn.microsoft.com/answers/questions/5903442); ``ignored``: ``If-Match`` is not looked at.
    ``deleted_readable``: a deleted event can still be read by its immutable id (unconfirmed).
    ``mailbox_zone``: without ``Prefer: outlook.timezone`` times come in the mailbox's zone, not in UTC.
    ``duplicates_accepted``: the same subscription twice is no 409 (https://learn.microsoft.com/answers/questions/5768670).
    ``needs_read_scope``: subscribing wants ``Calendars.Read`` and ``Calendars.ReadWrite`` is not enough.
    ``short_pages``: lists come in pages of at most this many items; 0 for ordinary pages.
    ``crowded_batches``: parts of a ``$batch`` after this many are answered with an inner 429; 0 for none
    (https://learn.microsoft.com/answers/questions/1660054).
    """

    notices: tuple[int, int] = (2, 4)
    together: float = 0.5
    gather: bool = False
    etags: str = "steady"
    deleted_readable: bool = False
    mailbox_zone: bool = False
    duplicates_accepted: bool = False
    needs_read_scope: bool = False
    short_pages: int = 0
    crowded_batches: int = 0


class World:
    """The state. Hold ``lock`` around every use; ``reset`` empties it."""

    def __init__(
        self, clock: Clock, sender: Sender, ledger: Ledger, faults: Faults, quota_per_minute: int | None, seed: int
    ) -> None:
        self.lock = threading.RLock()
        self.clock, self.ledger, self.faults = clock, ledger, faults
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
            self.mailboxes: dict[str, Mailbox] = {}
            self.clients: dict[str, Client] = {}
            self.consents: list[Consent] = []
            self.approved_tenants: set[tuple[str, str]] = set()
            """Client id and tenant: where an administrator approved the app."""
            self.grants = Grants(self.random)
            self.throttle = Throttle(self._quota_per_minute)
            self.notices = Notices(self._sender, self.random.randrange(2**32))
            self._change = 0

    def now(self) -> datetime:
        """The present by the stand-ins' clock."""
        return self.clock.now()

    def add_person(self, email: str, account: str, name: str | None, zone_name: str) -> Person:
        """A Microsoft account with its mailbox, and its own token; the same one again for a known email."""
        known = self.people.get(email)
        if known is not None:
            return known
        domain = email.partition("@")[2]
        person = Person(
            email=email,
            oid=self._stable(email),
            tenant=PERSONAL_TENANT if account == "personal" else self._stable(f"tenant|{domain}"),
            account=account,
            token=self.grants.add_person(email, scopes.GRAPH),
            name=name or email.partition("@")[0].title(),
        )
        self.people[email] = person
        self.mailboxes[email] = Mailbox(email, zone_name)
        self.add_calendar(email, "Calendar", default=True)
        return person

    def change_person(self, email: str, **changed: Any) -> Person:
        """Change what is known of a person: ``mailbox``, ``licence``."""
        self.people[email] = replace(self.people[email], **changed)
        return self.people[email]

    def add_client(self, redirect_uris: tuple[str, ...] = ()) -> Client:
        """A new app registration."""
        client = Client(self.guid(), f"{self.grants.secret(3)}8Q~{self.grants.secret(34)}", redirect_uris)
        self.clients[client.id] = client
        return client

    def add_calendar(
        self, email: str, name: str, *, default: bool = False, can_edit: bool = True, owner: str | None = None
    ) -> Calendar:
        """A new calendar in a mailbox; with another ``owner`` it is one that somebody shares."""
        owner = owner or email
        known = self.people.get(owner)
        calendar = Calendar(
            id=self.item_id("AQMkAD"),
            name=name,
            default=default,
            can_edit=can_edit,
            owner=owner,
            owner_name=known.name if known is not None else owner,
            change=self.next_change(),
        )
        self.mailboxes[email].calendars[calendar.id] = calendar
        return calendar

    def store(self, person: Person, event: Event, kind: str) -> Event:
        """Keep a new version of an event and tell the subscribers; the version to answer with."""
        mailbox = self.mailboxes[person.email]
        mailbox.put(event)
        quirks = self.quirks
        self.notices.changed(person, event, kind, self.now(), quirks.notices, quirks.together, quirks.gather)
        if quirks.etags == "restless" and not event.deleted:
            mailbox.put(self.touched(event))
        return event

    def touched(self, event: Event) -> Event:
        """The same event with another change key and time of change, as if Exchange had worked on it."""
        return replace(event, change=self.next_change(), modified=self.now())

    def next_change(self) -> int:
        """A number that no version of anything had before."""
        self._change += 1
        return self._change

    def item_id(self, start: str) -> str:
        """A fresh id as Exchange makes them; upper and lower case differ."""
        return f"{start}{''.join(self.random.choices(_LETTERS, k=80))}="

    def guid(self) -> str:
        """A fresh guid, the same for the same seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _stable(self, text: str) -> str:
        """A guid that depends on nothing but the seed and the text."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.seed}|{text}"))


def quirks_from(body: Mapping[str, Any]) -> Quirks:
    """Quirks from an admin call; what is not named is as by default. Raises ValueError, naming the key."""
    unknown = set(body) - set(Quirks.__dataclass_fields__)
    if unknown:
        raise ValueError(f"{min(unknown)}: unknown key")
    given = dict(body)
    if "notices" in given:
        low, high = given["notices"]
        if not 1 <= low <= high:
            raise ValueError("notices: want two numbers, the least and the most, from 1")
        given["notices"] = (low, high)
    if given.get("etags", "steady") not in ETAGS:
        raise ValueError(f"etags: want one of {', '.join(ETAGS)}")
    return Quirks(**given)
