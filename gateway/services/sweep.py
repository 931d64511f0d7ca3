"""The clock's beats: ring again whatever is due and was not heard, renew, look daily, catch up, forget what is old.

Two clocks do no harm: everything here asks for work that is owed once, or deletes what is gone.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from gateway.core.model import WRITABLE, ConnectionStatus
from gateway.core.ports import Lane
from gateway.core.records import Installation, InstallationStatus, Topic
from gateway.core.reflecting import SLOT
from gateway.core.repositories import UnitOfWork
from gateway.core.schedule import next_safety_read
from gateway.services.catch_up import owe_catch_up
from gateway.services.connect import GRACE, give_up_waiting, suspect
from gateway.services.context import Context, calendar_mailbox
from gateway.services.reports import owe_report, ring_when_due

log = logging.getLogger(__name__)

BATCH = 500
OFTEN = timedelta(minutes=15)
SELDOM = timedelta(hours=6)
"""How often a CRM is asked what changed: often if it does not retry its webhooks, seldom if it does."""

ECHO_WITHIN = timedelta(minutes=5)
"""How late the push about a write of ours may be; providers mostly need seconds."""

ABSENT_AFTER = timedelta(minutes=2)
"""After so long without a beat nobody was here; a deploy takes less."""

STILL_SILENT = timedelta(hours=1)
"""How long a subscription made anew may be silent before it is made anew again."""

CONFLICTS_LAST = timedelta(days=30)
BODIES_LAST = timedelta(days=7)
ROWS_LAST = timedelta(days=90)
IDLE_ROWS_LAST = timedelta(hours=1)
TIMES_LAST = timedelta(days=8)
FAILED_SIGN_INS_LAST = timedelta(days=1)
FOLDED_AT_ONCE = 5_000


def ring_due(ctx: Context) -> int:
    """Ring every mailbox in which work is due. Cheap: one indexed query. Gives how many were rung."""
    with ctx.store.begin() as uow:
        due = uow.outbox.due(ctx.clock.now(), BATCH)
    for one in due:
        ctx.doorbell.ring(one.installation_id, one.mailbox, one.lane)
    return len(due)


def tick(ctx: Context) -> None:
    """One full beat. Each part is a transaction of its own, so that one that fails does not hold up the rest."""
    notice_absence(ctx)
    renew_subscriptions(ctx)
    doubt_silence(ctx)
    read_for_safety(ctx)
    catch_up_all(ctx)
    close_old_conflicts(ctx)
    end_waiting(ctx)
    forget(ctx)


def notice_absence(ctx: Context) -> timedelta | None:
    """Where no clock was at work for a while (everything was down, or a backup was brought back), deliveries found
    nobody, and not every sender tries again: every CRM and calendar is looked at. Gives how long that was."""
    with ctx.store.begin() as uow:
        silent = uow.deployments.silent_for(ctx.deployment_id)
        everybody = uow.installations.all() if silent is not None and silent >= ABSENT_AFTER else ()
    for installation in everybody:
        with ctx.store.begin() as uow:
            look_afresh(ctx, uow, installation)
            uow.commit()
    with ctx.store.begin() as uow:
        uow.deployments.claim(ctx.deployment_id)  # a database that is nobody's yet could not remember the beat
        uow.deployments.beat(ctx.deployment_id)
        uow.commit()
    if silent is None or silent < ABSENT_AFTER:
        return None
    log.warning("nobody was here for %d s: every CRM and every calendar is looked at", silent.total_seconds())
    return silent


def follow_clock_back(ctx: Context, by: timedelta) -> int:
    """This machine's clock was put back: whatever was about to be done would wait for that long. Gives how much."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        moved = uow.outbox.time_went_back(by, now)
        uow.commit()
    log.warning("the clock went back by %d s: %d pieces of work follow it", by.total_seconds(), moved)
    return moved


def look_afresh(ctx: Context, uow: UnitOfWork, installation: Installation) -> None:
    """Owe a look at one CRM, and at every calendar of its people, without haste."""
    inst, now = installation.id, ctx.clock.now()
    owe_catch_up(ctx, uow, installation, doubts=True)
    connections = [one for status in WRITABLE for one in uow.connections.with_status(inst, status)]
    for connection in sorted(connections, key=lambda one: one.id):
        mailbox = calendar_mailbox(connection.id)
        due = uow.outbox.request(inst, Topic.PULL, connection.id, mailbox=mailbox, now=now, lane=Lane.BACKFILL)
        ring_when_due(ctx, uow, inst, mailbox, Lane.BACKFILL, (due - now).total_seconds())


def renew_subscriptions(ctx: Context) -> int:
    """Owe a renewal where two thirds of a subscription's life are over."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        due = uow.subscriptions.to_renew(now, BATCH)
        for one in sorted(due, key=lambda s: s.connection_id):
            mailbox = calendar_mailbox(one.connection_id)
            uow.outbox.request(
                one.installation_id, Topic.SUBSCRIBE, one.connection_id, mailbox=mailbox, now=now, lane=Lane.BACKFILL
            )
            ring_when_due(ctx, uow, one.installation_id, mailbox, Lane.BACKFILL, 0.0)
        uow.commit()
    return len(due)


def doubt_silence(ctx: Context) -> int:
    """Every write of ours should come back as a push (B25). Where none has, the subscription is not to be trusted."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        silent = uow.connections.silent(now - ECHO_WITHIN, now - STILL_SILENT, BATCH)
    for connection in silent:
        suspect(ctx, connection.installation_id, connection.id)
    return len(silent)


def read_for_safety(ctx: Context) -> int:
    """Owe the daily look where nothing else has looked."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        due = sorted(uow.connections.to_read(now, BATCH), key=lambda one: one.id)
        for one in due:
            nxt = next_safety_read(now, ctx.jitter())
            uow.connections.mark_read(one.installation_id, one.id, one.read_at or now, nxt)
        for one in due:
            mailbox = calendar_mailbox(one.id)
            uow.outbox.request(one.installation_id, Topic.PULL, one.id, mailbox=mailbox, now=now, lane=Lane.BACKFILL)
            ring_when_due(ctx, uow, one.installation_id, mailbox, Lane.BACKFILL, 0.0)
        uow.commit()
    return len(due)


def catch_up_all(ctx: Context) -> int:
    """Owe a catch-up where the last one is too long ago."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        late = [i for i in uow.installations.all() if i.status is InstallationStatus.ACTIVE and _is_late(ctx, i)]
        for installation in late:
            owe_catch_up(ctx, uow, installation)
        uow.commit()
    if late:
        log.info("catching up with %d CRMs at %s", len(late), now.isoformat())
    return len(late)


def look_for_missed(ctx: Context) -> int:
    """Owe every CRM's catch-up, existence included: the gateway was down, or could not record, and what its webhooks
    told then may be lost. Gives how many."""
    with ctx.store.begin() as uow:
        active = [one for one in uow.installations.all() if one.status is InstallationStatus.ACTIVE]
        for installation in active:
            owe_catch_up(ctx, uow, installation, doubts=True)
        uow.commit()
    if active:
        log.info("after a start or an outage: catching up with %d CRMs", len(active))
    return len(active)


def _is_late(ctx: Context, installation: Installation) -> bool:
    kind = ctx.crms.get(installation.adapter)
    if kind is None:
        return False
    beat = SELDOM if kind.retries else OFTEN
    return installation.caught_up_at is None or ctx.clock.now() - installation.caught_up_at > beat


def close_old_conflicts(ctx: Context) -> int:
    """Conflicts that nobody looked at for 30 days close by themselves."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        expired = uow.conflicts.expire(now - CONFLICTS_LAST, now, BATCH)
        for conflict in sorted(expired, key=lambda one: one.link_id):
            link = uow.links.get(conflict.installation_id, conflict.link_id)
            if link is not None:
                owe_report(ctx, uow, link)
        uow.commit()
    return len(expired)


def end_waiting(ctx: Context) -> int:
    """Connections that waited seven days for their person to sign in again are taken for revoked."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        waiting = [
            c
            for installation in uow.installations.all()
            for c in uow.connections.with_status(installation.id, ConnectionStatus.REAUTHORIZE)
            if c.since is not None and now - c.since > GRACE
        ]
    for connection in waiting:
        give_up_waiting(ctx, connection)
    return len(waiting)


def forget(ctx: Context) -> None:
    """Retention: raw bodies after 7 days, deliveries and timeline after 90, measured times after 8, used-up and settled
    rows soon."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        uow.inbox.drop_old(now - BODIES_LAST, now - ROWS_LAST, BATCH)
        uow.timeline.drop_old(now - ROWS_LAST, BATCH)
        uow.one_use.drop_expired(now, BATCH)
        uow.outbox.drop_settled(now - IDLE_ROWS_LAST, BATCH)
        uow.reflections.fold(now - SLOT, SLOT, FOLDED_AT_ONCE)
        uow.reflections.drop_old(now - TIMES_LAST, BATCH)
        uow.sign_ins.drop_old(now - FAILED_SIGN_INS_LAST, BATCH)
        uow.commit()
