"""What is owed after a connection has ended: channels stopped, grant revoked, tokens erased, switches turned off."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.core.errors import (
    AccessRevoked,
    Forbidden,
    KeepsChanging,
    OperatorFault,
    Refused,
    SignInAgain,
    StaleWrite,
    TargetGone,
    TryLater,
)
from gateway.core.model import LEFT, ConnectionId, LinkId, LinkStatus, SubscriptionId, Task, TaskChanges, TaskGone
from gateway.core.ports import Style
from gateway.core.records import Connection, Installation, Lease, Subscription
from gateway.core.schedule import gives_up
from gateway.core.task_side import idempotency_key
from gateway.services.access import OpenCalendar
from gateway.services.context import Context
from gateway.services.reports import owe_report

log = logging.getLogger(__name__)

MAX_TRIES = 5
"""How often one run re-reads a task that keeps changing while its switch is turned off."""


def revoke(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Stop the channels first (that needs the token), give the grant back, erase it. Owed for at most 72 h: then the
    tokens are erased whatever the provider says."""
    with ctx.store.begin() as uow:
        connection = uow.connections.get(installation.id, ConnectionId(lease.key))
        subscriptions = uow.subscriptions.of_connection(installation.id, ConnectionId(lease.key))
        others = uow.connections.of_account(connection.issuer, connection.subject) if connection else ()
    if connection is None or connection.status not in LEFT or not connection.credential:
        _settle(ctx, lease)
        return
    shared = any(other.id != connection.id and other.provider == connection.provider for other in others)
    try:
        for subscription in subscriptions:
            _stop(ctx, connection, subscription)
        if not shared:
            ctx.provider(connection).sign_in.revoke(connection.credential)
    except (AccessRevoked, SignInAgain, OperatorFault, Refused) as dead:
        log.info("there is nothing left to revoke: %s", dead, extra={"connection": connection.id})
    except TryLater:
        if not gives_up(lease.first_owed_at, ctx.clock.now()):
            raise
        log.warning("the provider was down for too long; tokens are erased unrevoked", extra={"connection": lease.key})
    with ctx.store.begin() as uow:
        uow.connections.erase_credential(installation.id, connection.id)
        for subscription in subscriptions:
            uow.subscriptions.remove(installation.id, subscription.id)
        uow.outbox.settle(lease, ctx.clock.now())
        uow.commit()


def _stop(ctx: Context, connection: Connection, subscription: Subscription) -> None:
    if subscription.resource is None:
        return
    resource = subscription.resource
    opened = OpenCalendar(ctx, connection, Style(), subscription.calendar_id)
    _tolerate(lambda: opened.call(lambda c: c.unwatch(subscription.id, resource)))


def _tolerate(act: Callable[[], None]) -> None:
    """A channel that cannot be stopped any more is as good as stopped."""
    try:
        act()
    except (TargetGone, Forbidden, Refused) as gone:
        log.info("a channel was gone before it was stopped: %s", type(gone).__name__)


def unsubscribe(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Stop one channel that has been replaced."""
    with ctx.store.begin() as uow:
        connection_id, _, channel = lease.key.partition("/")
        connection = uow.connections.get(installation.id, ConnectionId(connection_id))
        held = uow.subscriptions.of_connection(installation.id, ConnectionId(connection_id))
    old = next((s for s in held if s.id == channel), None)
    if connection is not None and old is not None and connection.credential:
        try:
            _stop(ctx, connection, old)
        except SignInAgain as absent:  # nobody's word to stop it; it falls silent at the end of its life
            log.info("a replaced channel is left to expire: %s", absent, extra={"connection": connection.id})
    with ctx.store.begin() as uow:
        uow.subscriptions.remove(installation.id, SubscriptionId(channel))
        uow.outbox.settle(lease, ctx.clock.now())
        uow.commit()


def switch_off(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Turn a dormant link's switch off in the CRM, whatever else changed there, and show why."""
    with ctx.store.begin() as uow:
        link = uow.links.get(installation.id, LinkId(lease.key))
    if link is not None and link.status is LinkStatus.DORMANT:
        crm = ctx.open_crm(installation)
        task = crm.get(link.task_id)
        for _try in range(MAX_TRIES):
            if isinstance(task, TaskGone) or not task.sync_on:
                break
            changes = TaskChanges(sync_off=True)
            key = idempotency_key(link.id, f"dormant:{link.generation}", task.version, changes)
            try:
                task = crm.patch(link.task_id, changes, task.version, key)
            except StaleWrite as stale:
                task = stale.current if isinstance(stale.current, Task) else crm.get(link.task_id)
            except Refused:
                log.warning("the CRM does not let its switch be turned off", extra={"link": link.id})
                break
        else:
            raise KeepsChanging("the task keeps changing")
    with ctx.store.begin() as uow:
        current = uow.links.get(installation.id, LinkId(lease.key))
        if current is not None:
            owe_report(ctx, uow, current)
        uow.outbox.settle(lease, ctx.clock.now())
        uow.commit()


def _settle(ctx: Context, lease: Lease) -> None:
    with ctx.store.begin() as uow:
        uow.outbox.settle(lease, ctx.clock.now())
        uow.commit()
