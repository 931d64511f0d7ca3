"""Both doors on the real store, with a doorbell that only notes; and the same behind a real web server."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql
from werkzeug.test import TestResponse

from gateway import settings, wiring
from gateway.core.model import ConnectionId, ConnectionStatus, InstallationId, SubscriptionId, UserId
from gateway.core.ports import Lane, Mode
from gateway.core.records import Connection, Installation, Subscription
from gateway.deployment import Gateway
from gateway.services.pushes import hash_secret
from gateway.store.unit_of_work import PgStore
from gateway.web.app import create_app
from tests.crms.generic import deliveries
from tests.fakes_store import HandClock, clock, store, store_database, store_engine

__all__ = ["clock", "store", "store_database", "store_engine"]

KEY = "key-of-the-installation-0"
OTHER_KEY = "key-of-another-installation"
INSTALLATION = InstallationId("inst-1")
CHANNEL = SubscriptionId("channel-1")
CHANNEL_TOKEN = "token-of-the-channel-0123456789"


@dataclass
class Bell:
    """Notes who was to be woken."""

    rung: list[tuple[str, str, Lane]] = field(default_factory=list)

    def ring(self, installation_id: InstallationId, mailbox: str, lane: Lane) -> None:
        self.rung.append((installation_id, mailbox, lane))


@dataclass
class Doors:
    """The application, and what a CRM and a provider do to it."""

    gateway: Gateway
    app: Flask
    database: str
    bell: Bell
    now: datetime

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def crm(self, body: Any = None, *, key: str = KEY, headers: Mapping[str, str] | None = None, **sign: Any) -> Any:
        """A signed delivery; ``headers`` replace or add, ``sign`` goes to the signing."""
        raw = deliveries.raw(deliveries.event() if body is None else body)
        signed = deliveries.headers(raw, **({"at": self.now} | sign))
        found = {"Content-Type": "application/json", **signed, **(headers or {})}
        return self.client.post(f"/webhooks/crm/{key}", data=raw, headers=found)

    def push(self, provider: str = "google", data: bytes = b"", **headers: Any) -> TestResponse:
        """A push of the channel we know; a header given as ``None`` is left out."""
        whole: dict[str, str | None] = {
            "channel_id": CHANNEL,
            "channel_token": CHANNEL_TOKEN,
            "resource_state": "exists",
            "resource_id": "resource-1",
            "message_number": "2",
        }
        named = {f"X-Goog-{name.replace('_', '-')}": value for name, value in (whole | headers).items() if value}
        return self.client.post(f"/webhooks/calendar/{provider}", data=data, headers=named)

    def count(self, table: str) -> int:
        with psycopg.connect(self.database) as connection:
            found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        return int(found[0]) if found else 0

    def kept(self) -> tuple[int, int, int, int]:
        """Rows that a delivery can leave: inbox, outbox, links, timeline."""
        inbox, outbox, links, timeline = (self.count(name) for name in ("inbox", "outbox", "links", "timeline"))
        return inbox, outbox, links, timeline


def environment(database_url: str, redis_url: str) -> dict[str, str]:
    """The least that the gateway needs, with Google."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PUBLIC_URL": "http://127.0.0.1:9",
        "SECRET_KEY": "s" * 40,
        "TOKEN_KEYS": base64.b64encode(b"k" * 32).decode(),
        "DEPLOYMENT_ID": "test",
        "ALLOW_LOOPBACK": "1",
        "GOOGLE_CLIENT_ID": "client",
        "GOOGLE_CLIENT_SECRET": "client-secret",
    }


def furnish(store: PgStore, now: datetime) -> None:
    """Two installations, a person's connection, and its live subscription."""
    with store.begin() as uow:
        for number, (key, secret) in enumerate(((KEY, deliveries.SECRET), (OTHER_KEY, deliveries.OTHER_SECRET)), 1):
            installation = Installation(
                InstallationId(f"inst-{number}"), key, "CRM", "generic", "http://127.0.0.1:9", webhook_secrets=(secret,)
            )
            uow.installations.add(installation, hashlib.sha256(key.encode()).digest())
        uow.connections.add(
            Connection(
                ConnectionId("conn-1"),
                INSTALLATION,
                UserId("u-7"),
                "google",
                ConnectionStatus.CONNECTED,
                Mode.EXISTING,
                "https://accounts.google.com",
                "subject-1",
                "ada@example.com",
                "test.tag",
                calendar_id="primary",
            )
        )
        uow.subscriptions.add(
            Subscription(
                CHANNEL,
                INSTALLATION,
                ConnectionId("conn-1"),
                "google",
                "primary",
                hash_secret(CHANNEL_TOKEN),
                state="live",
                created_at=now,
                expires_at=now + timedelta(days=7),
                renew_at=now + timedelta(days=5),
            )
        )
        uow.commit()


@pytest.fixture
def doors(store: PgStore, store_database: str, clock: HandClock) -> Iterator[Doors]:
    """The doors with two installations and one subscription; Redis is where nobody listens."""
    clock.at = deliveries.NOW
    furnish(store, clock.at)
    gateway = wiring.build(settings.load(environment(store_database, "redis://127.0.0.1:1")))
    bell = Bell()

    def alarm(installation_id: InstallationId, mailbox: str, lane: str, _seconds: float) -> None:
        bell.ring(installation_id, mailbox, Lane(lane))

    ctx = dataclasses.replace(gateway.ctx, clock=clock, doorbell=bell, alarm=alarm)
    built = dataclasses.replace(gateway, ctx=ctx)
    yield Doors(built, create_app(built), store_database, bell, clock.at)
    gateway.store.close()  # type: ignore[attr-defined]
