"""Subscriptions: created on connect, renewed with overlap, recreated when gone. Where nobody may have listened for a
while, a look follows.

A row is written before the provider is asked, because its first push may be faster than its answer:
https://developers.google.com/workspace/calendar/api/guides/push
"""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from gateway.core.errors import Forbidden, OperatorFault, TargetGone, TryLater, WatchGone
from gateway.core.model import WRITABLE, ConnectionId, ConnectionStatus, SubscriptionId
from gateway.core.ports import Calendar, Lane, Watch
from gateway.core.records import Connection, Installation, Lease, Subscription, Topic
from gateway.core.repositories import UnitOfWork
from gateway.core.schedule import recreate_after, renew_at
from gateway.services.access import OpenCalendar
from gateway.services.connect import owe_tell
from gateway.services.context import Context, calendar_mailbox, style_of
from gateway.services.pushes import hash_secret
from gateway.services.reports import ring_when_due

log = logging.getLogger(__name__)

T = TypeVar("T")


SUSPECT_AFTER = 2
"""So many attempts in a row may fail before the connection's screen says that its calendar's notices are missing."""


def subscribe(ctx: Context, lease: Lease, installation: Installation) -> None:
    """See that the connection's target calendar has a live subscription with life left; replace what is old.

    An attempt that fails is followed by one look at the calendar, and by the next attempt after 1 minute to an hour:
    for ever, since without it nothing is heard (B25).
    """
    try:
        _subscribe(ctx, lease, installation)
    except (TryLater, OperatorFault) as error:
        _make_do(ctx, lease)
        if isinstance(error, OperatorFault):
            raise
        wait = max(recreate_after(lease.attempts + 1), error.after or timedelta(0))
        raise TryLater(str(error), after=wait, everyone=error.everyone) from error


def _make_do(ctx: Context, lease: Lease) -> None:
    """Nothing is heard for now: the calendar is looked at once instead."""
    inst, now = lease.installation_id, ctx.clock.now()
    with ctx.store.begin() as uow:
        connection = uow.connections.lock(inst, ConnectionId(lease.key))
        if connection is not None and connection.status in WRITABLE:
            if lease.attempts + 1 >= SUSPECT_AFTER and connection.status is ConnectionStatus.CONNECTED:
                marked = replace(connection, status=ConnectionStatus.SUSPECT, since=now)
                uow.connections.save(marked)
                owe_tell(ctx, uow, marked)
            uow.outbox.request(inst, Topic.PULL, connection.id, mailbox=lease.mailbox, now=now)
            ring_when_due(ctx, uow, inst, lease.mailbox, Lane.NOW, 0.0)
        uow.outbox.hold(lease)
        uow.commit()


def _subscribe(ctx: Context, lease: Lease, installation: Installation) -> None:
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
    try:
        extended = _extend(ctx, installation, connection, held)
    except WatchGone:
        log.warning("a subscription was gone before its end", extra={"connection": connection.id})
        extended, held = None, [replace(s, state="old") for s in held]  # what it did not tell is to be looked for
    if extended is not None:
        _keep(ctx, lease, extended)
        return
    fresh = _create(ctx, lease, installation, connection)
    _finish(ctx, lease, connection, held, fresh)


def _is_served(connection: Connection, held: Sequence[Subscription], ctx: Context) -> bool:
    now = ctx.clock.now()
    return any(_listens(connection, s) and s.renew_at is not None and s.renew_at > now for s in held)


def _listens(connection: Connection, subscription: Subscription) -> bool:
    """Whether it is for the target calendar and is not the one whose pushes stay away."""
    made = subscription.created_at
    silent = connection.status is ConnectionStatus.SUSPECT and (
        made is None or connection.since is None or made < connection.since
    )
    return subscription.state == "live" and subscription.calendar_id == connection.calendar_id and not silent


def _extend(
    ctx: Context, installation: Installation, connection: Connection, held: Sequence[Subscription]
) -> Subscription | None:
    """The subscription with its end put off, where its provider can. Raises ``WatchGone``."""
    now = ctx.clock.now()
    live = next((s for s in held if _listens(connection, s)), None)
    if live is None or live.resource is None:
        return None
    known, resource = live.id, live.resource
    watch = _asked(ctx, installation, connection, lambda c: c.extend(known, resource))
    return _lasting(ctx, live, watch, now) if watch is not None else None


def _asked(ctx: Context, installation: Installation, connection: Connection, act: Callable[[Calendar], T]) -> T:
    """One call; a right that is missing here means that the calendar is out of reach."""
    try:
        return OpenCalendar(ctx, connection, style_of(installation)).call(act)
    except Forbidden as gone:
        raise TargetGone(str(gone)) from gone


def _lasting(ctx: Context, row: Subscription, watch: Watch, now: datetime) -> Subscription:
    """The row with what the provider granted, counted from now."""
    share = ctx.providers[row.provider].renew_after
    return replace(
        row,
        state="live",
        resource=watch.resource,
        created_at=now,
        expires_at=watch.expires_at,
        renew_at=renew_at(now, watch.expires_at, ctx.jitter(), share=share),
    )


def _keep(ctx: Context, lease: Lease, extended: Subscription) -> None:
    """Save what was extended. Nothing was missed, so no look is owed."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        uow.subscriptions.save(extended)
        due = uow.outbox.settle(lease, now)
        if due is not None:
            wait = (due - now).total_seconds()
            ring_when_due(ctx, uow, lease.installation_id, lease.mailbox, Lane.NOW, wait)
        uow.commit()


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
        uow.subscriptions.add(row)
        uow.outbox.hold(lease)
        uow.commit()
    address = f"{ctx.public_url}/webhooks/calendar/{connection.provider}"
    _asked(ctx, installation, connection, lambda c: c.prepare())
    watch = _asked(ctx, installation, connection, lambda c: c.watch(row.id, secret, address))
    return _lasting(ctx, row, watch, now)


def _finish(
    ctx: Context, lease: Lease, connection: Connection, held: Sequence[Subscription], fresh: Subscription | None
) -> None:
    """Keep the new one, owe the end of the others, and a look: what happened in between was told to nobody."""
    inst, now = connection.installation_id, ctx.clock.now()
    mailbox = calendar_mailbox(connection.id)
    with ctx.store.begin() as uow:
        if fresh is not None:
            uow.subscriptions.save(fresh)
        replaced = [old for old in sorted(held, key=lambda s: s.id) if not _serves(connection, old, fresh)]
        for old in replaced:
            _retire(uow, old)
        if fresh is not None and not _overlaps(connection, held, now):
            uow.outbox.request(inst, Topic.PULL, connection.id, mailbox=mailbox, now=now)
        for old in replaced:
            if old.resource is not None:
                key = f"{connection.id}/{old.id}"
                uow.outbox.request(inst, Topic.UNSUBSCRIBE, key, mailbox=mailbox, now=now)
        due = uow.outbox.settle(lease, now)
        wait = (due - now).total_seconds() if due else 0.0
        ring_when_due(ctx, uow, inst, mailbox, Lane.NOW, wait)
        uow.commit()


def _overlaps(connection: Connection, held: Sequence[Subscription], now: datetime) -> bool:
    """Whether an older one was listening all the while: then nothing was missed, and there is nothing to look for."""
    return any(_listens(connection, s) and s.expires_at is not None and s.expires_at > now for s in held)


def _serves(connection: Connection, old: Subscription, fresh: Subscription | None) -> bool:
    return _listens(connection, old) and fresh is None


def _retire(uow: UnitOfWork, old: Subscription) -> None:
    """One that is replaced, for another calendar, or was never confirmed (the attempt died half-way)."""
    if old.resource is None:
        uow.subscriptions.remove(old.installation_id, old.id)
    else:
        uow.subscriptions.save(replace(old, state="old", renew_at=None))
