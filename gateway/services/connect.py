"""A connection's life: chosen, changed, left, lost. Each change of state is one commit that also owes what follows.

Leaving comes first: links go dormant in the commit before anything is patched or revoked (B20).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.core.errors import NotReadable
from gateway.core.model import (
    LEFT,
    WRITABLE,
    ConnectionId,
    ConnectionStatus,
    InstallationId,
    LinkStatus,
    Reason,
    UserId,
)
from gateway.core.ports import CalendarInfo, Lane
from gateway.core.records import Connection, Entry, Installation, Lease, Topic
from gateway.core.repositories import UnitOfWork
from gateway.core.stories import Actor, Story
from gateway.services.access import account_call
from gateway.services.context import Context, calendar_mailbox, crm_mailbox
from gateway.services.reports import ring_when_due

log = logging.getLogger(__name__)

SINGLE_EDITS = 20
"""Up to this many links are owed as a person's own edit; more than that is a backfill."""


class NoConnectionError(Exception):
    """The user has no connection that could be meant."""


# --- choosing -------------------------------------------------------------------------------------------------------


def calendars(ctx: Context, connection: Connection) -> Sequence[CalendarInfo]:
    """The calendars that may be chosen; empty where the grant can only make its own."""
    return account_call(ctx, connection, lambda account: account.calendars())


def choose_own(ctx: Context, connection: Connection, name: str, zone: str | None) -> Connection:
    """A calendar of our own: made, then chosen. Should the process die in between, it is empty and nobody's, and only
    the log knows of it: the grant for our own calendars can list none."""
    made = account_call(ctx, connection, lambda account: account.create_calendar(name, zone))
    log.info("a calendar was made", extra={"connection": connection.id, "calendar": made.id})
    return choose(ctx, connection, made)


def choose_existing(ctx: Context, connection: Connection, calendar_id: str) -> Connection:
    """One of the person's calendars. Raises ``NotReadable`` if it is none of those that may be chosen."""
    for info in calendars(ctx, connection):
        if info.id == calendar_id:
            return choose(ctx, connection, info)
    raise NotReadable("calendar_id", "choose one of GET /v1/users/{uid}/calendars")


def choose(ctx: Context, connection: Connection, target: CalendarInfo) -> Connection:
    """Make a calendar the target: the subscription is owed, and every task of the owner that is on (events in a former
    target move)."""
    inst, now = connection.installation_id, ctx.clock.now()
    with ctx.store.begin() as uow:
        current = uow.connections.lock(inst, connection.id)
        if current is None or current.status in LEFT:
            raise NoConnectionError("the connection was ended meanwhile")
        chosen = replace(
            current,
            calendar_id=target.id,
            calendar_name=target.name,
            calendar_zone=target.zone,
            status=current.status if current.status is ConnectionStatus.PAUSED else ConnectionStatus.CONNECTED,
            reason=current.reason if current.status is ConnectionStatus.PAUSED else None,
            since=now,
        )
        uow.connections.save(chosen)
        _owe(ctx, uow, chosen, Topic.SUBSCRIBE)
        owe_all(ctx, uow, chosen)
        owe_tell(ctx, uow, chosen)
        uow.commit()
    return chosen


def owe_all(ctx: Context, uow: UnitOfWork, connection: Connection) -> int:
    """Owe a run for every live link of the connection's user, and for those with an event in its calendars."""
    inst = connection.installation_id
    links = set(uow.links.ids_of_owner(inst, connection.user_id, [LinkStatus.LIVE]))
    links |= {(k.id, k.task_id) for k in uow.links.of_connection(inst, connection.id) if k.status is LinkStatus.LIVE}
    lane = Lane.NOW if len(links) <= SINGLE_EDITS else Lane.BACKFILL
    mailbox = calendar_mailbox(connection.id)
    for link_id, _task in sorted(links):
        uow.outbox.request(inst, Topic.SYNC, link_id, mailbox=mailbox, now=ctx.clock.now(), lane=lane)
    if links:
        ring_when_due(ctx, uow, inst, mailbox, lane, 0.0)
    return len(links)


def _owe(ctx: Context, uow: UnitOfWork, connection: Connection, topic: Topic) -> None:
    """Owe work that calls this person's calendar."""
    inst, mailbox, now = connection.installation_id, calendar_mailbox(connection.id), ctx.clock.now()
    due = uow.outbox.request(inst, topic, connection.id, mailbox=mailbox, now=now)
    ring_when_due(ctx, uow, inst, mailbox, Lane.NOW, (due - now).total_seconds())


def owe_tell(ctx: Context, uow: UnitOfWork, connection: Connection) -> None:
    """Owe the CRM the news of this connection."""
    inst, mailbox, now = connection.installation_id, crm_mailbox(connection.installation_id), ctx.clock.now()
    due = uow.outbox.request(inst, Topic.TELL, connection.id, mailbox=mailbox, now=now)
    ring_when_due(ctx, uow, inst, mailbox, Lane.NOW, (due - now).total_seconds())


# --- leaving --------------------------------------------------------------------------------------------------------


def disconnect(ctx: Context, installation: Installation, user_id: UserId) -> Connection:
    """The person leaves: nothing more is written, the switches go off, the grant is given back."""
    with ctx.store.begin() as uow:
        connection = uow.connections.of_user(installation.id, user_id)
        if connection is None or connection.status in LEFT:
            raise NoConnectionError("this user has no connection")
        left = end(ctx, uow, connection, ConnectionStatus.DISCONNECTED, Reason.DISCONNECTED, patches=True)
        uow.commit()
    return left


def deactivate(
    ctx: Context, uow: UnitOfWork, installation: Installation, user_id: UserId
) -> list[tuple[InstallationId, str, Lane, float]]:
    """The CRM's user is gone: as a disconnect, without patching tasks (B35). What follows is rung after the commit."""
    connection = uow.connections.of_user(installation.id, user_id)
    if connection is not None and connection.status not in LEFT:
        end(ctx, uow, connection, ConnectionStatus.DISCONNECTED, Reason.DISCONNECTED, patches=False)
    return []


def end(
    ctx: Context,
    uow: UnitOfWork,
    connection: Connection,
    status: ConnectionStatus,
    reason: Reason,
    *,
    patches: bool,
    dormant: bool = True,
    noticed_by: Lease | None = None,
) -> Connection:
    """Dormant first; then the revocation, the switches and the news are owed, all in this transaction.

    ``dormant=False``: another account takes over, so the tasks that are on stay on and wait for its calendar.
    ``noticed_by``: the connection's own work, which ends with it; raises ``LeaseLost``.
    """
    inst, now = connection.installation_id, ctx.clock.now()
    revoked = status is ConnectionStatus.REVOKED
    current = uow.connections.lock(inst, connection.id) or connection
    ended = replace(current, status=status, reason=reason.value, since=now, next_read_at=None)
    uow.connections.save(ended)
    if revoked:
        uow.connections.erase_credential(inst, connection.id)
        for subscription in uow.subscriptions.of_connection(inst, connection.id):
            uow.subscriptions.remove(inst, subscription.id)
    links = sorted(uow.links.make_dormant(inst, connection.id, reason, remember_switch=revoked)) if dormant else ()
    for link_id, task_id in links:
        told = [Story.DISCONNECTED]
        if uow.conflicts.close(inst, link_id, None, "superseded", now):
            told.append(Story.CONFLICT_CLOSED)
        uow.timeline.add(inst, task_id, *(Entry(now, Actor.GATEWAY.value, story.value, {}) for story in told))
    # Work comes last in the order of locks; a run that is under way finds its link dormant and cannot commit.
    if noticed_by is not None:
        _end_work(uow, noticed_by, now)
    uow.outbox.cancel_mailbox(inst, calendar_mailbox(connection.id))
    topic = Topic.SWITCH_OFF if patches else Topic.REPORT
    for link_id, _task in links:
        uow.outbox.request(inst, topic, link_id, mailbox=crm_mailbox(inst), now=now, lane=Lane.BACKFILL)
    if links:
        ring_when_due(ctx, uow, inst, crm_mailbox(inst), Lane.NOW, 0.0)
        ring_when_due(ctx, uow, inst, crm_mailbox(inst), Lane.BACKFILL, 0.0)
    if not revoked:
        _owe(ctx, uow, connection, Topic.REVOKE)
    owe_tell(ctx, uow, ended)
    return ended


def _end_work(uow: UnitOfWork, lease: Lease, now: datetime) -> None:
    uow.outbox.settle(lease, now)
    uow.outbox.cancel(lease.installation_id, lease.topic, lease.key)


# --- lost -----------------------------------------------------------------------------------------------------------


def of_mailbox(mailbox: str) -> ConnectionId | None:
    """The connection whose calendar is called by the work of a mailbox."""
    prefix, _, name = mailbox.partition(":")
    return ConnectionId(name) if prefix == "cal" else None


def access_revoked(
    ctx: Context, inst: InstallationId, connection_id: ConnectionId, why: str, *, noticed_by: Lease | None = None
) -> None:
    """The provider took the access away: once, however many jobs notice (B21). ``why``: its code, for the log.
    ``noticed_by``: the connection's own work, which ends with it. Raises ``LeaseLost``."""
    with ctx.store.begin() as uow:
        connection = uow.connections.lock(inst, connection_id)
        if connection is None or connection.status in LEFT:
            if noticed_by is not None:
                _end_work(uow, noticed_by, ctx.clock.now())
        else:
            end(
                ctx,
                uow,
                connection,
                ConnectionStatus.REVOKED,
                Reason.REVOKED,
                patches=True,
                noticed_by=noticed_by,
            )
            log.warning("a provider has withdrawn an access: %s", why, extra={"connection": connection_id})
        uow.commit()


def must_sign_in(ctx: Context, inst: InstallationId, connection_id: ConnectionId, why: str) -> None:
    """The provider wants to see the person again: changes wait, switches stay on for now."""
    _mark(ctx, inst, connection_id, ConnectionStatus.REAUTHORIZE, Reason.REAUTHORIZE)
    log.warning("a provider wants to see its person again: %s", why, extra={"connection": connection_id})


def calendar_gone(ctx: Context, inst: InstallationId, connection_id: ConnectionId) -> None:
    """The target calendar is gone, or out of reach: one notice, switches stay on, changes wait (B32)."""
    _mark(ctx, inst, connection_id, ConnectionStatus.CALENDAR_GONE, Reason.CALENDAR_GONE)


def _mark(
    ctx: Context, inst: InstallationId, connection_id: ConnectionId, status: ConnectionStatus, reason: Reason
) -> None:
    with ctx.store.begin() as uow:
        connection = uow.connections.lock(inst, connection_id)
        if connection is not None and connection.status in WRITABLE:
            marked = replace(connection, status=status, reason=reason.value, since=ctx.clock.now())
            uow.connections.save(marked)
            owe_all(ctx, uow, marked)
            owe_tell(ctx, uow, marked)
        uow.commit()


def suspect(ctx: Context, inst: InstallationId, connection_id: ConnectionId) -> None:
    """Its pushes stay away: the subscription is made anew, and the calendar is looked at once (B25)."""
    with ctx.store.begin() as uow:
        connection = uow.connections.lock(inst, connection_id)
        if connection is not None and connection.status in WRITABLE:
            marked = replace(connection, status=ConnectionStatus.SUSPECT, since=ctx.clock.now())
            uow.connections.save(marked)
            uow.connections.break_silence(inst, connection_id)
            _owe(ctx, uow, marked, Topic.SUBSCRIBE)
            if connection.status is not ConnectionStatus.SUSPECT:
                owe_tell(ctx, uow, marked)
                log.warning("a calendar's pushes stay away", extra={"connection": connection_id})
        uow.commit()


GRACE = timedelta(days=7)
"""How long switches stay on while a person is asked to sign in again."""


def give_up_waiting(ctx: Context, connection: Connection) -> None:
    """Seven days without signing in again: as revoked."""
    with ctx.store.begin() as uow:
        current = uow.connections.lock(connection.installation_id, connection.id)
        if current is not None and current.status is ConnectionStatus.REAUTHORIZE:
            end(ctx, uow, current, ConnectionStatus.REVOKED, Reason.REVOKED, patches=True)
        uow.commit()
