"""What a task's banner in the CRM is told: one report per transition."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.model import Day, LinkId, LinkStatus, Moment, Reason, State
from gateway.core.ports import Lane, StateReport
from gateway.core.records import Conflict, Installation, Lease, Link, Topic
from gateway.core.repositories import UnitOfWork
from gateway.services.context import Context, crm_mailbox


def told(value: str | Day | Moment) -> Any:
    """A field's value in the contract's form."""
    match value:
        case Day(date):
            return {"date": date.isoformat()}
        case Moment(at, zone):
            due: dict[str, str] = {"date_time": at.isoformat().replace("+00:00", "Z")}
            return {**due, "time_zone": zone} if zone else due
        case text:
            return text


def conflict_told(conflicts: Sequence[Conflict]) -> Mapping[str, Any] | None:
    """A link's open conflicts as one banner: the first one's id, every field with both values."""
    if not conflicts:
        return None
    fields = [
        {"name": c.what.field.value, "calendar": told(c.what.calendar), "kept": told(c.what.kept)} for c in conflicts
    ]
    first = conflicts[0]
    return {"id": first.id, "fields": fields, "detected_at": first.detected_at.isoformat().replace("+00:00", "Z")}


def report_of(link: Link, conflicts: Sequence[Conflict], provider: str | None) -> StateReport:
    """A link's state as its CRM is told it."""
    state = State.CONFLICT if conflicts and link.state is State.SYNCED else link.state
    return StateReport(
        state=state,
        reason=link.reason.value if link.reason else None,
        event_url=link.event_url if link.status is LinkStatus.LIVE else None,
        provider=provider,
        synced_at=link.synced_at,
        conflict=conflict_told(conflicts),
        fields=link.reason_fields,
    )


def digest_of(report: StateReport) -> str:
    """What a report says, without when: the same digest need not be told twice. No text can be read from it."""
    said = [report.state, report.reason, report.event_url, report.provider, report.conflict, report.fields]
    return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()


def current_report(uow: UnitOfWork, link: Link) -> StateReport:
    """The report as it stands in this transaction."""
    connection = uow.connections.get(link.installation_id, link.place.connection_id) if link.place else None
    conflicts = uow.conflicts.of_link(link.installation_id, link.id)
    return report_of(link, conflicts, connection.provider if connection else None)


def owe_report(ctx: Context, uow: UnitOfWork, link: Link) -> None:
    """Owe the CRM a report if there is something new to tell; rung after the commit."""
    if digest_of(current_report(uow, link)) == link.reported:
        return
    inst, mailbox, now = link.installation_id, crm_mailbox(link.installation_id), ctx.clock.now()
    # Without haste: a banner may wait for a moment, a person's edit behind a thousand banners may not.
    due = uow.outbox.request(inst, Topic.REPORT, link.id, mailbox=mailbox, now=now, lane=Lane.BACKFILL)
    ring_when_due(ctx, uow, inst, mailbox, Lane.BACKFILL, (due - now).total_seconds())


def ring_when_due(ctx: Context, uow: UnitOfWork, installation_id: Any, mailbox: str, lane: str, seconds: float) -> None:
    """After the commit: ring at once, or have this process ring in time."""
    uow.after_commit(lambda: ctx.alarm(installation_id, mailbox, lane, max(0.0, seconds)))


def send_report(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Tell the CRM what a task's banner is to show now."""
    link_id = LinkId(lease.key)
    with ctx.store.begin() as uow:
        link = uow.links.get(installation.id, link_id)
        report = current_report(uow, link) if link else None
    if link is not None and report is not None and digest_of(report) != link.reported:
        ctx.open_crm(installation).report(link.task_id, report)
        with ctx.store.begin() as uow:
            uow.links.mark_reported(installation.id, link_id, digest_of(report))
            uow.outbox.hold(lease)
            uow.commit()
    with ctx.store.begin() as uow:
        uow.outbox.settle(lease, ctx.clock.now())
        uow.commit()


def set_state(
    ctx: Context, uow: UnitOfWork, link: Link, state: State, reason: Reason | None, fields: Sequence[str] = ()
) -> None:
    """Change only what the banner says, and owe the report."""
    uow.links.set_state(link.installation_id, link.id, state, reason, fields)
    changed = uow.links.get(link.installation_id, link.id)
    if changed is not None:
        owe_report(ctx, uow, changed)
