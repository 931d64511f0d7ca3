"""Subscriptions: created on connect, renewed with overlap, recreated when gone; each renewal ends in a look.

A row is written before the provider is asked, because its first push may be faster than its answer:
https://developers.google.com/workspace/calendar/api/guides/push
"""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import replace

from gateway.core.errors import Forbidden, TargetGone
from gateway.core.model import WRITABLE, ConnectionId, SubscriptionId
from gateway.core.ports import Lane
from gateway.core.records import Connection, Installation, Lease, Subscription, Topic
from gateway.core.repositories import UnitOfWork
from gateway.core.schedule import renew_at
from gateway.services.access import OpenCalendar
from gateway.services.context import Context, calendar_mailbox, style_of
from gateway.services.ingest import hash_secret
from gateway.services.reports import ring_when_due

log = logging.getLogger(__name__)


def subscribe(ctx: Context, lease: Lease, installation: Installation) -> None:
    """See that the connection's target calendar has a live subscription with life left; replace what is old."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        connection = uow.connections.get(installation.id, ConnectionId(lease.key))
        held = uow.subscriptions.of_connection(installation.id, ConnectionId(lease.key))
        if connection is None or connection.status not in WRITABLE or connection.calendar_id is None:
            uow.outbox.settle(lease, now)
            uow.commit()
            return
    if _is_served(connection, held, ctx):
        _finish(ctx, lease, connection, held, None)
        return
    fresh = _create(ctx, lease, installation, connection)
    _finish(ctx, lease, connection, held, fresh)


def _is_served(connection: Connection, held: Sequence[Subscription], ctx: Context) -> bool:
    now = ctx.clock.now()
    return any(
        s.state == "live" and s.calendar_id == connection.calendar_id and s.renew_at is not None and s.renew_at > now
        for s in held
    )


def _create(ctx: Context, lease: Lease, installation: Installation, connection: Connection) -> Subscription:
    """Row first, then the provider; a new id for every attempt, since an id once used is used up."""
    now = ctx.clock.now()
    secret = secrets.token_urlsafe(32)
    row = Subscription(
        id=SubscriptionId(str(uuid.uuid4())),
        installation_id=installation.id,
        connection_id=connection.id,
        provider=connection.provider,
        calendar_id=connection.calendar_id or "",
        secret_hash=hash_secret(secret),
        created_at=now,
    )
    with ctx.store.begin() as uow:
        uow.outbox.hold(lease)
        uow.subscriptions.add(row)
        uow.commit()
    address = f"{ctx.public_url}/webhooks/calendar/{connection.provider}"
    opened = OpenCalendar(ctx, connection, style_of(installation))
    try:
        watch = opened.call(lambda c: c.watch(row.id, secret, address))
    except Forbidden as gone:
        raise TargetGone(str(gone)) from gone
    return replace(
        row,
        state="live",
        resource=watch.resource,
        expires_at=watch.expires_at,
        renew_at=renew_at(now, watch.expires_at, ctx.jitter()),
    )


def _finish(
    ctx: Context, lease: Lease, connection: Connection, held: Sequence[Subscription], fresh: Subscription | None
) -> None:
    """Keep the new one, owe the end of the others, and a look: what happened in between was told to nobody."""
    inst, now = connection.installation_id, ctx.clock.now()
    mailbox = calendar_mailbox(connection.id)
    with ctx.store.begin() as uow:
        uow.outbox.hold(lease)
        if fresh is not None:
            uow.subscriptions.save(fresh)
            uow.outbox.request(inst, Topic.PULL, connection.id, mailbox=mailbox, now=now)
        for old in held:
            _retire(uow, connection, old, fresh, ctx)
        due = uow.outbox.settle(lease, now)
        wait = (due - now).total_seconds() if due else 0.0
        ring_when_due(ctx, uow, inst, mailbox, Lane.NOW, wait)
        uow.commit()


def _retire(
    uow: UnitOfWork, connection: Connection, old: Subscription, fresh: Subscription | None, ctx: Context
) -> None:
    """One that is replaced, for another calendar, or was never confirmed (the attempt died half-way)."""
    serves = old.state == "live" and old.calendar_id == connection.calendar_id and fresh is None
    if serves:
        return
    inst = connection.installation_id
    if old.resource is None:
        uow.subscriptions.remove(inst, old.id)
        return
    uow.subscriptions.save(replace(old, state="old", renew_at=None))
    key = f"{connection.id}/{old.id}"
    mailbox = calendar_mailbox(connection.id)
    uow.outbox.request(inst, Topic.UNSUBSCRIBE, key, mailbox=mailbox, now=ctx.clock.now())
