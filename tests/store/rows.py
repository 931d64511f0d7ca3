"""Rows for the store's tests: plausible, and short to write."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.core.model import (
    Agreed,
    ConnectionId,
    ConnectionStatus,
    Event,
    EventId,
    InstallationId,
    LinkId,
    Look,
    Memory,
    Moment,
    Owner,
    Pair,
    Place,
    SubscriptionId,
    Task,
    TaskId,
    UserId,
)
from gateway.core.ports import Lane, Mode
from gateway.core.records import Connection, Installation, Lease, Link, ParkReason, Subscription, Topic
from gateway.store.unit_of_work import PgStore, PgUnitOfWork

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HERE = InstallationId("here")
THERE = InstallationId("there")
ADA = UserId("ada")
CAL = "cal:ada"


def hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def an_installation(id_: str = HERE, **changes: Any) -> Installation:
    plain = Installation(
        id=InstallationId(id_),
        key=f"key-{id_}",
        name=id_.title(),
        adapter="generic",
        base_url=f"https://{id_}.example",
        settings={"minutes": 30, "colours": {"high": "6"}},
        credentials=f"crm token of {id_}",
        webhook_secrets=(f"whsec_{id_}",),
    )
    return replace(plain, **changes)


def a_connection(id_: str = "c1", installation: str = HERE, **changes: Any) -> Connection:
    plain = Connection(
        id=ConnectionId(id_),
        installation_id=InstallationId(installation),
        user_id=ADA,
        provider="google",
        status=ConnectionStatus.CONNECTED,
        mode=Mode.OWN,
        issuer="https://accounts.example",
        subject="4711",
        email="ada@example.org",
        tag=f"tag-{installation}",
        calendar_id="work",
        credential=b"refresh token",
        connected_at=NOW,
    )
    return replace(plain, **changes)


def a_task(id_: str = "t1", title: str = "Call Ada") -> Task:
    due = Moment(NOW, "Europe/Berlin")
    return Task(TaskId(id_), 7, title, due, Owner(ADA), True, "About the engine", updated_at=NOW)


def an_event(id_: str = "e1", title: str = "Call Ada") -> Event:
    return Event(EventId(id_), '"etag"', 3, title, Moment(NOW), timedelta(minutes=30), Look("9", "{}"))


def a_memory(title: str = "Call Ada") -> Memory:
    agreed = Agreed(3, Pair(title, title), Pair(Moment(NOW), Moment(NOW)))
    return Memory(task=a_task(title=title), event=an_event(title=title), agreed=agreed, last_number=3)


def a_place(event: str = "e1", connection: str = "c1") -> Place:
    return Place(ConnectionId(connection), "work", EventId(event))


def a_link(id_: str = "l1", installation: str = HERE, **changes: Any) -> Link:
    plain = Link(LinkId(id_), InstallationId(installation), TaskId(f"t-{id_}"), ADA, memory=a_memory())
    return replace(plain, **changes)


def a_subscription(id_: str = "s1", installation: str = HERE, **changes: Any) -> Subscription:
    plain = Subscription(
        id=SubscriptionId(id_),
        installation_id=InstallationId(installation),
        connection_id=ConnectionId("c1"),
        provider="google",
        calendar_id="work",
        secret_hash=hashed("secret"),
        created_at=NOW,
    )
    return replace(plain, **changes)


def furnish(store: PgStore, *installations: str) -> None:
    """Installations, each with one connection ``c1`` of Ada's."""
    for name in installations or (HERE,):
        with store.begin() as uow:
            uow.installations.add(an_installation(name), hashed(f"token of {name}"))
            uow.connections.add(a_connection(installation=name))
            uow.commit()


def owe(store: PgStore, key: str = "l1", **changes: Any) -> datetime:
    """One request in a transaction of its own."""
    asked: dict[str, Any] = {"mailbox": CAL, "now": NOW, "installation_id": HERE, "topic": Topic.SYNC, **changes}
    return store.run(lambda uow: uow.outbox.request(key=key, **asked))


def lease(store: PgStore, mailbox: str = CAL, **changes: Any) -> Lease | None:
    """Lease in a transaction of its own."""
    asked: dict[str, Any] = {"lane": Lane.NOW, "now": NOW, "installation_id": HERE, **changes}
    return store.run(lambda uow: uow.outbox.lease(mailbox=mailbox, **asked))


def must_lease(store: PgStore, mailbox: str = CAL, **changes: Any) -> Lease:
    found = lease(store, mailbox, **changes)
    assert found is not None
    return found


def settle(store: PgStore, taken: Lease, now: datetime) -> datetime | None:
    return store.run(lambda uow: uow.outbox.settle(taken, now))


def postpone(store: PgStore, taken: Lease, until: datetime) -> None:
    store.run(lambda uow: uow.outbox.postpone(taken, until, counts=True, reason="try_later"))


def park(store: PgStore, taken: Lease, now: datetime) -> None:
    store.run(lambda uow: uow.outbox.park(taken, ParkReason.REFUSED, now))


def chill(uow: PgUnitOfWork, seconds: float = 60) -> None:
    """Let the database's time go by for all leases, as far as they can tell."""
    assert uow._transaction is not None
    uow._transaction.exec_driver_sql(
        "UPDATE outbox SET lease_until = lease_until - make_interval(secs => %s)", (seconds,)
    )
