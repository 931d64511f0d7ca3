"""Everything held about one CRM user, as plain JSON; and its end, tokens first (B31)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.core.errors import GatewayError, TryLater
from gateway.core.model import LEFT, ConnectionStatus, Event, InstallationId, LinkId, LinkStatus, Reason, Task, TaskId
from gateway.core.model import ConnectionId as Cid
from gateway.core.model import UserId as Uid
from gateway.core.ports import Lane
from gateway.core.records import Conflict, Connection, Installation, Lease, Link, Topic
from gateway.core.repositories import UnitOfWork
from gateway.core.schedule import gives_up
from gateway.core.stories import sentence
from gateway.services.catch_up import owe_catch_up
from gateway.services.connect import NoConnectionError, end
from gateway.services.context import Context, crm_mailbox
from gateway.services.reports import ring_when_due, told

STORY = 10_000
"""How much of one task's story is told at most: far more than 90 days bring."""

PAGE = 500
SOON = timedelta(seconds=5)


class NobodyError(GatewayError):
    """Nothing is held about this user."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Where the user's data is."""

    connections: Sequence[Cid]
    links: Sequence[tuple[LinkId, TaskId]]

    @property
    def tasks(self) -> list[TaskId]:
        return [task for _link, task in self.links]


def _known(uow: UnitOfWork, inst: InstallationId, user_id: Uid) -> _Known:
    connections = uow.people.connections(inst, user_id)
    return _Known(connections, uow.links.ids_of_owner(inst, user_id, list(LinkStatus)))


# --- export ---------------------------------------------------------------------------------------------------------


def export(ctx: Context, inst: InstallationId, user_id: Uid) -> dict[str, Any]:
    """All of it but secrets, decrypted. Raises ``NobodyError``."""
    with ctx.store.begin() as uow:
        known = _known(uow, inst, user_id)
        if not known.connections and not known.links:
            raise NobodyError("nothing is held about this user")
        conflicts = _conflicts(uow, inst, user_id)
        return {
            "user_id": user_id,
            "exported_at": _time(ctx.clock.now()),
            "connections": [_connection(uow, c) for cid in known.connections if (c := uow.connections.get(inst, cid))],
            "tasks": [_task(uow, one, conflicts) for lid, _ in known.links if (one := uow.links.get(inst, lid))],
            "deliveries": [_delivery(at, raw) for at, raw in uow.people.bodies(inst, known.tasks)],
        }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _connection(uow: UnitOfWork, one: Connection) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "account_email": one.email,
        "account_issuer": one.issuer,
        "account_subject": one.subject,
        "mode": one.mode.value,
        "status": one.status.value,
        "reason": one.reason,
        "calendar_id": one.calendar_id,
        "calendar_name": one.calendar_name,
        "calendar_zone": one.calendar_zone,
        "holds_tokens": bool(one.credential),
        "connected_at": _time(one.connected_at),
        "heard_at": _time(one.heard_at),
        "looked_at": _time(one.read_at),
        "privacy_ledger": asdict(uow.connections.ledger(one.installation_id, one.id)),
    }


def _task(uow: UnitOfWork, link: Link, conflicts: Sequence[Conflict]) -> dict[str, Any]:
    inst = link.installation_id
    return {
        "task_id": link.task_id,
        "status": link.status.value,
        "state": link.state.value,
        "reason": link.reason.value if link.reason else None,
        "calendar_id": link.place.calendar_id if link.place else None,
        "event_id": link.place.event_id if link.place else None,
        "event_url": link.event_url,
        "synced_at": _time(link.synced_at),
        "task": _words(link.task_hint if isinstance(link.task_hint, Task) else link.memory.task),
        "event": _event(link.event_hint if isinstance(link.event_hint, Event) else link.memory.event),
        "conflicts": [_conflict(one) for one in conflicts if one.link_id == link.id],
        "timeline": [
            {"at": _time(e.at), "actor": e.actor, "code": e.code, "text": sentence(e.code, e.detail)}
            for e in uow.timeline.of_task(inst, link.task_id, STORY)
        ],
    }


def _words(task: Task | None) -> Mapping[str, Any] | None:
    if task is None:
        return None
    return {
        "title": task.title,
        "description": task.description,
        "due": told(task.due) if task.due else None,
        "status": task.status.value,
        "priority": task.priority.value,
        "owner": asdict(task.owner) if task.owner else None,
        "url": task.url,
    }


def _event(event: Event | None) -> Mapping[str, Any] | None:
    if event is None:
        return None
    seconds = int(event.length.total_seconds())
    return {"title": event.title, "start": told(event.start), "seconds": seconds, "description": event.description}


def _conflicts(uow: UnitOfWork, inst: InstallationId, user_id: Uid) -> list[Conflict]:
    found: list[Conflict] = []
    cursor: str | None = None
    while True:
        page, cursor = uow.conflicts.search(inst, user_id=user_id, open_only=False, cursor=cursor, limit=PAGE)
        found += page
        if cursor is None:
            return found


def _conflict(one: Conflict) -> Mapping[str, Any]:
    return {
        "field": one.what.field.value,
        "calendar": told(one.what.calendar),
        "kept": told(one.what.kept),
        "detected_at": _time(one.detected_at),
        "closed_at": _time(one.closed_at),
        "closed_by": one.closed_by,
    }


def _delivery(at: datetime, raw: bytes) -> Mapping[str, Any]:
    return {"at": _time(at), "body_base64": base64.b64encode(raw).decode()}


# --- erase ----------------------------------------------------------------------------------------------------------


def ask_to_erase(ctx: Context, installation: Installation, user_id: Uid) -> None:
    """As a disconnect: nothing is written any more, all text is forgotten, the grant is given back, switches go off.
    When that is done, 72 hours later at most, every row about the user goes. Raises ``NobodyError``."""
    inst, now = installation.id, ctx.clock.now()
    with ctx.store.begin() as uow:
        known = _known(uow, inst, user_id)
        if not known.connections and not known.links:
            raise NobodyError("nothing is held about this user")
        connection = uow.connections.of_user(inst, user_id)
        if connection is not None and connection.status not in LEFT:
            end(ctx, uow, connection, ConnectionStatus.DISCONNECTED, Reason.DISCONNECTED, patches=True)
        mailbox = crm_mailbox(inst)
        due = uow.outbox.request(inst, Topic.ERASE, user_id, mailbox=mailbox, now=now, lane=Lane.BACKFILL)
        ring_when_due(ctx, uow, inst, mailbox, Lane.BACKFILL, (due - now).total_seconds())
        uow.commit()


def erase(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Tokens first, then what the CRM is still to be told, then the rows; whatever is not done after 72 hours is not
    waited for. Events stay in the calendar: they are the person's."""
    inst, user_id = installation.id, Uid(lease.key)
    with ctx.store.begin() as uow:
        known = _known(uow, inst, user_id)
        waits = uow.people.owes(inst, [*known.connections, *(link for link, _task in known.links)])
    if waits and not gives_up(lease.first_owed_at, ctx.clock.now()):
        raise TryLater("tokens are given back first", after=SOON)
    with ctx.store.begin() as uow:
        uow.people.erase(inst, known.connections, [link for link, _task in known.links], known.tasks)
        uow.outbox.settle(lease, ctx.clock.now())
        uow.commit()


# --- taking up what was left ----------------------------------------------------------------------------------------


def to_take_up(ctx: Context, installation: Installation, user_id: Uid) -> Sequence[TaskId]:
    """The tasks whose events from before wait in the calendar that is connected again: each takes its event up as soon
    as its switch is on. Only a person, or the CRM in a person's name, turns switches on; those that are on already are
    looked for now. Raises ``NoConnectionError``."""
    inst = installation.id
    with ctx.store.begin() as uow:
        connection = uow.connections.of_user(inst, user_id)
        if connection is None or connection.status in LEFT:
            raise NoConnectionError("this user has no connection")
        links = uow.links.of_connection(inst, connection.id)
        owe_catch_up(ctx, uow, installation)
        uow.commit()
    return [one.task_id for one in links if one.status is LinkStatus.DORMANT and one.place is not None]
