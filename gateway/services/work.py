"""Working off a mailbox: lease what is due, do it, and let each kind of failure lead to its own next move.

Work is never lost here: whatever goes wrong, the row stays owed, comes back by the schedule, and is parked with its
reason after 72 hours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from gateway.core.errors import (
    AccessRevoked,
    Forbidden,
    KeepsChanging,
    LeaseLost,
    OperatorFault,
    Refused,
    SignInAgain,
    TargetGone,
    TryLater,
    Unauthorised,
)
from gateway.core.model import ConnectionId, InstallationId, LinkId, LinkStatus, Reason, State
from gateway.core.ports import Lane
from gateway.core.records import REFUSED_US, Entry, Installation, InstallationStatus, Lease, ParkReason, Topic
from gateway.core.repositories import StoreDown, UnitOfWork
from gateway.core.schedule import gives_up, retry_after
from gateway.core.stories import Actor, Story
from gateway.services import catch_up, connect, leave, losing, personal_data, pull, renew, reports, sync, telling
from gateway.services.context import Context
from gateway.services.reports import ring_when_due

log = logging.getLogger(__name__)

Handler = Callable[[Context, Lease, Installation], None]

HANDLERS: Mapping[Topic, Handler] = {
    Topic.SYNC: sync.sync,
    Topic.PULL: pull.pull,
    Topic.REPORT: reports.send_report,
    Topic.TELL: telling.send_connection,
    Topic.SUBSCRIBE: renew.subscribe,
    Topic.UNSUBSCRIBE: leave.unsubscribe,
    Topic.REVOKE: leave.revoke,
    Topic.SWITCH_OFF: leave.switch_off,
    Topic.CATCH_UP: catch_up.catch_up,
    Topic.ERASE: personal_data.erase,
}

OPERATOR_PATIENCE = timedelta(minutes=15)
"""How often work is tried again that fails because the deployment is set up wrongly."""

EVERYONE_WAITS = timedelta(seconds=10)
"""How long a mailbox rests at least when its provider asks for patience without saying how much."""


def drain(
    ctx: Context, installation_id: InstallationId, mailbox: str, lane: Lane, *, keep_going: Callable[[], bool]
) -> None:
    """Work off what is due in one mailbox, one row after the other, as long as ``keep_going`` says so."""
    looked_at: datetime | None = None
    while keep_going():
        now = ctx.clock.now()
        with ctx.store.begin() as uow:
            lease = uow.outbox.lease(installation_id, mailbox, lane, now)
            installation = uow.installations.get(installation_id) if lease else None
            uow.commit()
        if lease is None or installation is None:
            looked_at = now
            break
        perform(ctx, lease, installation)
    _ring_for_the_rest(ctx, installation_id, mailbox, lane, looked_at)


def _ring_for_the_rest(
    ctx: Context, installation_id: InstallationId, mailbox: str, lane: Lane, looked_at: datetime | None
) -> None:
    """Whatever is left, now or in a while, in either lane: somebody is to come. ``looked_at``: when this lane had
    nothing to take; what was due by then and is left waits for the mailbox's limit or pause, and whoever holds it up
    looks again when done. Ringing for that would only go round in circles."""
    with ctx.store.begin() as uow:
        due = uow.outbox.next_due(installation_id, mailbox)
    if due is None or (looked_at is not None and due.lane == lane and due.due_at <= looked_at):
        return
    wait = (due.due_at - ctx.clock.now()).total_seconds()
    ctx.alarm(installation_id, mailbox, due.lane, max(0.0, wait))


def perform(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Do one piece of owed work; every failure has its next move."""
    try:
        HANDLERS[lease.topic](ctx, lease, installation)
        ctx.meter.count("work", topic=lease.topic, outcome="done")
    except LeaseLost:
        ctx.meter.count("work", topic=lease.topic, outcome="lease_lost")
        log.info("the lease went to somebody else; this result is thrown away", extra=_fields(lease))
    except StoreDown:
        _give_back(ctx, lease)
        raise
    except Exception as error:  # the last resort: logged, postponed, and parked in the end  # noqa: BLE001
        ctx.meter.count("work", topic=lease.topic, outcome=type(error).__name__)
        try:
            _after_failure(ctx, lease, installation, error)
        except LeaseLost:
            log.info("the lease went to somebody else while failing", extra=_fields(lease))


def _give_back(ctx: Context, lease: Lease) -> None:
    """The database refused, perhaps only this once (a deadlock): a lease left behind would keep everybody out until it
    is cold."""
    try:
        _put_off(ctx, lease, timedelta(0), "store_down", counts=False)
    except (StoreDown, LeaseLost) as error:
        log.info("a lease could not be given back: %s", error, extra=_fields(lease))


def _after_failure(ctx: Context, lease: Lease, installation: Installation, error: Exception) -> None:
    match error:
        case losing.ElsewhereError(mailbox=mailbox):
            _put_off(ctx, lease, timedelta(0), "belongs to another mailbox", counts=False, mailbox=mailbox)
        case KeepsChanging():
            _later(ctx, lease, error, gives_up_as=ParkReason.CONTENDED)
        case TryLater():
            _later(ctx, lease, error)
        case losing.OthersError(connection_id=whose, lost=lost):
            _take_to_heart(ctx, lease, whose, lost)
        case AccessRevoked() | SignInAgain() | TargetGone():
            _take_to_heart(ctx, lease, connect.of_mailbox(lease.mailbox), error)
        case Unauthorised():
            _crm_refuses_us(ctx, lease, installation)
        case Forbidden():
            _forbidden(ctx, lease)
        case Refused():
            log.error("the request was refused: this is our own bug", extra=_fields(lease), exc_info=error)
            _park(ctx, lease, ParkReason.REFUSED, Reason.REFUSED)
        case OperatorFault():
            log.critical("the deployment is set up wrongly: %s", error, extra=_fields(lease))
            _put_off(ctx, lease, OPERATOR_PATIENCE, "operator_fault", counts=True)
        case _:
            log.error("work failed unexpectedly", extra=_fields(lease), exc_info=error)
            _later(ctx, lease, TryLater(type(error).__name__), gives_up_as=ParkReason.UNEXPECTED)


def _take_to_heart(ctx: Context, lease: Lease, whose: ConnectionId | None, lost: losing.Lost) -> None:
    """A connection has lost its access or its calendar: noted there once, then this work decides anew. Of a connection
    that has ended nothing is owed any more."""
    if whose is None:
        raise ValueError("work that calls no calendar cannot lose one")
    inst = lease.installation_id
    match lost:
        case AccessRevoked(reason=reason):
            own = whose == connect.of_mailbox(lease.mailbox)
            connect.access_revoked(ctx, inst, whose, reason, noticed_by=lease if own else None)
            if own:
                return
        case SignInAgain(reason=reason):
            connect.must_sign_in(ctx, inst, whose, reason)
        case TargetGone():
            connect.calendar_gone(ctx, inst, whose)
    _put_off(ctx, lease, timedelta(0), type(lost).__name__, counts=False)


def _fields(lease: Lease) -> dict[str, object]:
    return {"topic": lease.topic.value, "key": lease.key, "attempt": lease.attempts, "lease": lease.number}


def _later(ctx: Context, lease: Lease, error: TryLater, gives_up_as: ParkReason = ParkReason.UNAVAILABLE) -> None:
    """Back off by the schedule, the other side's own wish winning; set aside after 72 hours: the task's sync is paused
    until it is replayed, or the task changes."""
    now = ctx.clock.now()
    if lease.topic is not Topic.SUBSCRIBE and gives_up(lease.first_owed_at, now):
        log.error("72 hours are over: %s", error, extra=_fields(lease))
        _park(ctx, lease, gives_up_as, Reason.PAUSED)
        return
    wait = retry_after(lease.attempts + 1, asked=error.after, jitter=ctx.jitter())
    if error.everyone:
        wait = max(wait, EVERYONE_WAITS)
        with ctx.store.begin() as uow:
            uow.outbox.pause(lease.mailbox, now + wait)
            uow.commit()
    _put_off(ctx, lease, wait, str(error), counts=True)


def _put_off(
    ctx: Context, lease: Lease, wait: timedelta, reason: str, *, counts: bool, mailbox: str | None = None
) -> None:
    now = ctx.clock.now()
    where = mailbox or lease.mailbox
    with ctx.store.begin() as uow:
        uow.outbox.postpone(lease, now + wait, counts=counts, reason=reason, mailbox=mailbox)
        if counts:
            _tell(uow, lease, now, Story.RETRY, attempt=lease.attempts + 1, seconds=int(wait.total_seconds()))
        ring_when_due(ctx, uow, lease.installation_id, where, lease.lane, wait.total_seconds())
        uow.commit()


def _park(ctx: Context, lease: Lease, reason: ParkReason, banner: Reason) -> None:
    """Set aside. Where it would have brought a task in step, its banner says that it is not."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        _tell(uow, lease, now, Story.PARKED, reason=reason.value)
        _show_error(ctx, uow, lease, banner)
        uow.outbox.park(lease, reason, now)
        uow.commit()
    log.error("work was set aside", extra={**_fields(lease), "reason": reason.value})


def _tell(uow: UnitOfWork, lease: Lease, now: datetime, story: Story, **detail: object) -> None:
    """A line in the task's timeline, where the work was a task's."""
    if lease.topic not in (Topic.SYNC, Topic.REPORT, Topic.SWITCH_OFF):
        return
    link = uow.links.get(lease.installation_id, LinkId(lease.key))
    if link is not None:
        entry = Entry(now, Actor.GATEWAY.value, story.value, {"topic": lease.topic.value, **detail})
        uow.timeline.add(lease.installation_id, link.task_id, entry)


def _crm_refuses_us(ctx: Context, lease: Lease, installation: Installation) -> None:
    """The CRM does not accept our token: this installation waits, the operator is told, no link is lost."""
    log.critical("the CRM refuses our credentials; the installation is paused", extra={"installation": installation.id})
    with ctx.store.begin() as uow:
        uow.installations.set_status(installation.id, InstallationStatus.PAUSED, REFUSED_US)
        uow.outbox.postpone(lease, ctx.clock.now(), counts=False, reason=REFUSED_US)
        uow.commit()


def _forbidden(ctx: Context, lease: Lease) -> None:
    """The CRM no longer lets us at this task: the banner says so, the event stays, work waits for a replay."""
    _park(ctx, lease, ParkReason.FORBIDDEN, Reason.FORBIDDEN)


def _show_error(ctx: Context, uow: UnitOfWork, lease: Lease, reason: Reason) -> None:
    """The task behind this work is not in step; the next run that works says otherwise."""
    link = uow.links.get(lease.installation_id, LinkId(lease.key)) if lease.topic is Topic.SYNC else None
    if link is not None and link.status is LinkStatus.LIVE:
        reports.set_state(ctx, uow, link, State.ERROR, reason)
