"""Pause and resume: one user's connection, one installation, everything (B29). Changes wait; on resume both sides are
looked at afresh, and what is done is decided from what they show then.

Everything waits as well in a database that belongs to another deployment, restored here (B28): no work is leased, and
nothing of it is changed, since it may be the other's live one. A person says how to go on: the events are this
deployment's from now on, or they stay the other's and everybody connects anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.core.errors import GatewayError
from gateway.core.model import LEFT, ConnectionStatus, InstallationId, Reason, UserId
from gateway.core.ports import Lane
from gateway.core.records import Connection, Installation, InstallationStatus, Topic
from gateway.core.repositories import UnitOfWork
from gateway.services.connect import NoConnectionError, owe_all, owe_tell
from gateway.services.context import Context, calendar_mailbox
from gateway.services.reports import ring_when_due
from gateway.services.sweep import look_afresh, ring_due

log = logging.getLogger(__name__)

OPERATOR = "operator"
RESTORED = "restored_elsewhere"


class ForeignError(GatewayError):
    """The database is another deployment's: say how to go on."""


# --- one user -------------------------------------------------------------------------------------------------------


def pause_user(ctx: Context, inst: InstallationId, user_id: UserId) -> Connection:
    """Nothing is read from this calendar or written to it; switches stay on, and banners say why. May be repeated.
    Raises ``NoConnectionError``."""
    return _set(ctx, inst, user_id, ConnectionStatus.PAUSED)


def resume_user(ctx: Context, inst: InstallationId, user_id: UserId) -> Connection:
    """It goes on, after a look at both sides. One that has no calendar yet, or is not paused, stays as it is. Raises
    ``NoConnectionError``."""
    return _set(ctx, inst, user_id, ConnectionStatus.CONNECTED)


def _set(ctx: Context, inst: InstallationId, user_id: UserId, status: ConnectionStatus) -> Connection:
    with ctx.store.begin() as uow:
        found = uow.connections.of_user(inst, user_id)
        current = uow.connections.lock(inst, found.id) if found is not None else None
        if current is None or current.status in LEFT:
            raise NoConnectionError("this user has no connection")
        pauses = status is ConnectionStatus.PAUSED
        if (current.status is ConnectionStatus.PAUSED) is pauses:
            return current
        if not pauses and current.calendar_id is None:
            status = ConnectionStatus.CHOOSING
        reason = Reason.PAUSED.value if pauses else None
        changed = replace(current, status=status, reason=reason, since=ctx.clock.now())
        uow.connections.save(changed)
        if not pauses:
            _owe(ctx, uow, changed, Topic.SUBSCRIBE)
            _owe(ctx, uow, changed, Topic.PULL)
        owe_all(ctx, uow, changed)
        owe_tell(ctx, uow, changed)
        uow.commit()
    return changed


def _owe(ctx: Context, uow: UnitOfWork, connection: Connection, topic: Topic) -> None:
    inst, mailbox, now = connection.installation_id, calendar_mailbox(connection.id), ctx.clock.now()
    due = uow.outbox.request(inst, topic, connection.id, mailbox=mailbox, now=now)
    ring_when_due(ctx, uow, inst, mailbox, Lane.NOW, (due - now).total_seconds())


# --- one installation -----------------------------------------------------------------------------------------------


def pause(ctx: Context, installation: Installation) -> None:
    """Changes wait."""
    with ctx.store.begin() as uow:
        uow.installations.set_status(installation.id, InstallationStatus.PAUSED, OPERATOR)
        uow.commit()


def resume(ctx: Context, installation: Installation) -> None:
    """What waited goes on, and what was missed is looked for on both sides."""
    with ctx.store.begin() as uow:
        uow.installations.set_status(installation.id, InstallationStatus.ACTIVE, None)
        look_afresh(ctx, uow, installation)
        uow.commit()
    ring_due(ctx)


# --- everything -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Halt:
    """Why nothing is done at all. ``owner``: the deployment whose database it is."""

    reason: str
    owner: str
    since: datetime | None = None


def halted(ctx: Context) -> Halt | None:
    """Whether everything waits. A database that is nobody's yet becomes ours. Raises ``StoreDown``."""
    with ctx.store.begin() as uow:
        found = uow.deployments.claim(ctx.deployment_id)
        uow.commit()
    if found.id != ctx.deployment_id:
        return Halt(RESTORED, found.id, found.paused_at)
    return None if found.paused_at is None else Halt(found.paused_reason or OPERATOR, found.id, found.paused_at)


def say_if_halted(ctx: Context) -> None:
    """At the start of a process: the operator is told in the log why nothing moves."""
    halt = halted(ctx)
    if halt is None:
        return
    if halt.reason == RESTORED:
        log.critical(
            "everything is paused: this database belongs to the deployment %r, and this one is %r; see resume-all",
            halt.owner,
            ctx.deployment_id,
        )
    else:
        log.warning("everything is paused: %s", halt.reason)


def pause_all(ctx: Context, reason: str = OPERATOR) -> None:
    """No work is leased in any process; deliveries are recorded as ever. Raises ``ForeignError``."""
    halt = halted(ctx)
    if halt is not None and halt.reason == RESTORED:
        raise ForeignError(f"it is the database of {halt.owner}, and paused for this deployment anyway")
    with ctx.store.begin() as uow:
        uow.deployments.pause(reason, ctx.clock.now())
        uow.commit()


def resume_all(ctx: Context, *, take_over: bool = False, forget: bool = False) -> None:
    """Everything goes on. For another deployment's database it must be said how: ``take_over``: its events are this
    deployment's now, since the other is no more; ``forget``: the other lives on, so its tokens and all knowledge of its
    events are erased here, and everybody connects anew. Raises ``ForeignError``."""
    halt = halted(ctx)
    foreign = halt is not None and halt.reason == RESTORED
    if foreign and take_over == forget:
        raise ForeignError("say either that the other deployment is no more, or that it lives on")
    with ctx.store.begin() as uow:
        found = uow.installations.all()
    for installation in found if foreign and forget else ():
        _forget(ctx, installation)
    with ctx.store.begin() as uow:
        uow.deployments.resume(ctx.deployment_id)
        for installation in found:
            if installation.status is InstallationStatus.ACTIVE:
                look_afresh(ctx, uow, installation)
        uow.commit()
    ring_due(ctx)


def _forget(ctx: Context, installation: Installation) -> None:
    """No call is made, at no provider and no CRM: grants, subscriptions, events and switches are the other's."""
    inst = installation.id
    with ctx.store.begin() as uow:
        every = [one for status in ConnectionStatus for one in uow.connections.with_status(inst, status)]
        for connection in every:  # those that have ended too: their grants are not to be given back
            status = connection.status if connection.status in LEFT else ConnectionStatus.DISCONNECTED
            uow.connections.save(replace(connection, status=status, reason=RESTORED, next_read_at=None))
            uow.connections.erase_credential(inst, connection.id)
        for subscription in (one for c in every for one in uow.subscriptions.of_connection(inst, c.id)):
            uow.subscriptions.remove(inst, subscription.id)
        for link_id in sorted({link.id for c in every for link in uow.links.of_connection(inst, c.id)}):
            uow.links.wipe(inst, link_id)
        for connection in every:
            uow.outbox.cancel_mailbox(inst, calendar_mailbox(connection.id))
        uow.commit()
