"""A dry run (B30): what connecting, a setting, another calendar or a resync would create, change or delete.

Each link's own journey is played against the real state with every write and every save left out; its first write tells
what would be done. Sides are read, nothing is written: not to a calendar, not to a CRM, not to the database (but an
access token that ran out is refreshed, as for any look).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from gateway.core import effects as fx
from gateway.core.errors import EventGone, TargetGone, TryLater
from gateway.core.journey import journey
from gateway.core.model import LEFT, ConnectionId, ConnectionStatus, LinkId, LinkStatus, Place, TaskId, UserId
from gateway.core.ports import Lane, Mode
from gateway.core.records import Connection, Installation, Lease, Link, ReadAgain, Topic
from gateway.core.repositories import UnitOfWork
from gateway.services.connect import NoConnectionError
from gateway.services.context import Context, calendar_mailbox, crm_mailbox
from gateway.services.losing import ElsewhereError, OthersError
from gateway.services.sync import World

MOST = 200
"""How many tasks are played at most; the answer says how many there are."""

PATIENCE = 15.0
"""After so many seconds no further task is begun: somebody waits for the answer."""

_DONE = {
    fx.InsertEvent: "create",
    fx.PatchEvent: "change",
    fx.MoveEvent: "change",
    fx.WriteTask: "change",
    fx.DeleteEvent: "delete",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. ``looked_at`` of ``tasks`` were played."""

    create: int
    change: int
    delete: int
    tasks: int
    looked_at: int


def of_settings(ctx: Context, installation: Installation, user_id: UserId, settings: Mapping[str, Any]) -> Plan:
    """With these settings instead."""
    changed = replace(installation, settings={**installation.settings, **settings})
    return _plan(ctx, changed, user_id, None, afresh=False)


def of_calendar(ctx: Context, installation: Installation, user_id: UserId, calendar_id: str) -> Plan:
    """With another target calendar; where nobody is connected: with any calendar at all."""
    return _plan(ctx, installation, user_id, calendar_id, afresh=False)


def of_resync(ctx: Context, installation: Installation, user_id: UserId) -> Plan:
    """With both sides read for real."""
    return _plan(ctx, installation, user_id, None, afresh=True)


def of_task(ctx: Context, installation: Installation, task_id: TaskId) -> Plan:
    """With both sides of one task read for real. Raises ``NoConnectionError`` for a task that is not on."""
    with ctx.store.begin() as uow:
        link = uow.links.by_task(installation.id, task_id)
        if link is None or link.status is not LinkStatus.LIVE:
            raise NoConnectionError("this task is not on")
        whose = uow.connections.of_user(installation.id, link.owner_id) if link.owner_id is not None else None
    found, looked_at = _play(ctx, installation, [link], whose, afresh=True)
    return Plan(found["create"], found["change"], found["delete"], 1, looked_at)


def _plan(ctx: Context, installation: Installation, user_id: UserId, calendar_id: str | None, *, afresh: bool) -> Plan:
    inst = installation.id
    with ctx.store.begin() as uow:
        connection = uow.connections.of_user(inst, user_id)
        ids = sorted(link for link, _task in uow.links.ids_of_owner(inst, user_id, [LinkStatus.LIVE]))
        links = [link for one in ids[:MOST] if (link := uow.links.get(inst, one)) is not None]
    if connection is None and not ids:
        raise NoConnectionError("nothing is known of this user")
    home = _supposed(installation, user_id, connection, calendar_id)
    found, looked_at = _play(ctx, installation, links, home, afresh=afresh)
    return Plan(found["create"], found["change"], found["delete"], len(ids), looked_at)


def _supposed(
    installation: Installation, user_id: UserId, connection: Connection | None, calendar_id: str | None
) -> Connection | None:
    """The connection as it would be."""
    if calendar_id is None:
        return connection
    if connection is not None and connection.status not in LEFT:
        return replace(connection, calendar_id=calendar_id, status=ConnectionStatus.CONNECTED)
    nobody = ConnectionId("supposed")
    return Connection(
        nobody, installation.id, user_id, "", ConnectionStatus.CONNECTED, Mode.OWN, "", "", "", "", calendar_id
    )


def _play(
    ctx: Context, installation: Installation, links: Sequence[Link], home: Connection | None, *, afresh: bool
) -> tuple[Counter[str], int]:
    found: Counter[str] = Counter()
    began = time.monotonic()
    looked_at = 0
    for link in links:
        if time.monotonic() - began > PATIENCE:
            break
        looked_at += 1
        found[_first_write(ctx, installation, link, home, afresh=afresh)] += 1
    return found, looked_at


def _first_write(ctx: Context, installation: Installation, link: Link, home: Connection | None, *, afresh: bool) -> str:
    """What the link's run would do first; empty: nothing, or nothing just now."""
    if afresh:
        link = replace(link, task_hint=ReadAgain(), event_hint=ReadAgain())
    crm = ctx.open_crm(installation)
    world = DryWorld(ctx, _no_lease(ctx, installation, link), installation, crm, link, supposed=home)
    steps = journey(link, ctx.clock.now(), replays_keys=crm.capabilities.replays_keys)
    answer: Any = None
    try:
        while True:
            effect = steps.send(answer)
            done = _DONE.get(type(effect))
            if done is not None:
                return done
            answer = world.carry_out(effect)
    except (StopIteration, TryLater, EventGone, TargetGone, ElsewhereError, OthersError):
        return ""
    finally:
        steps.close()


def _no_lease(ctx: Context, installation: Installation, link: Link) -> Lease:
    """A run has one; nothing is committed under this."""
    now = ctx.clock.now()
    mailbox = calendar_mailbox(link.place.connection_id) if link.place else crm_mailbox(installation.id)
    return Lease(
        installation.id, Topic.SYNC, LinkId(link.id), mailbox, Lane.BACKFILL, 0, 0, 0, now, now + timedelta(seconds=1)
    )


@dataclass(slots=True)
class DryWorld(World):
    """The journey's world without a hand: it reads, and supposes the owner's connection to be another."""

    supposed: Connection | None = field(default=None, kw_only=True)

    def _owners(self, uow: UnitOfWork, owner: UserId) -> Connection | None:
        if self.supposed is not None and self.supposed.user_id == owner:
            return self.supposed
        return uow.connections.of_user(self.installation.id, owner)

    def _check_mailbox(self, mine: Connection | None, place: Place | None) -> None:
        """There is none."""

    def _ask_leave(self, place: Place) -> fx.Leave:  # noqa: ARG002 - nobody is asked
        return fx.Leave(fx.Word.YES)

    def _save(self, save: fx.Save) -> Link:
        return save.link
