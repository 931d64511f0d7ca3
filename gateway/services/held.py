"""The mass-change guard (B24): very many events gone or moved at once wait for a yes by a person or the operator.

A yes or a no is remembered at the batch; each link's own run carries it out, from the state of that moment.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gateway.core import effects as fx
from gateway.core.errors import GatewayError
from gateway.core.mass import is_mass
from gateway.core.model import InstallationId, LinkId, Place, TaskId, UserId
from gateway.core.ports import Lane
from gateway.core.records import Connection, Entry, Held, HeldState, Installation, Lease, ReadAgain, Topic
from gateway.core.repositories import UnitOfWork
from gateway.core.stories import Actor, Story
from gateway.services.context import Context, calendar_mailbox
from gateway.services.reports import owe_report, ring_when_due

log = logging.getLogger(__name__)

MOST = 200
"""How many open batches are told at once."""

PERSON = "person"
OPERATOR = "operator"
CRM = "crm"
"""Who may have spoken."""

DECIDED_BY = "held_decided_by"
"""The installation's setting: ``person`` (as without it) or ``operator`` decides about mass changes."""


class NoSuchBatchError(GatewayError):
    """Unknown, or of another installation: both look alike."""


class DecidedError(GatewayError):
    """Somebody has said the opposite already (409)."""


# --- a run asks -----------------------------------------------------------------------------------------------------


def word_for(ctx: Context, inst: InstallationId, link_id: LinkId, place: Place) -> fx.Leave | None:
    """What a run may do with what it found; ``None``: this is a mass change that nobody has been asked about."""
    with ctx.store.begin() as uow:
        link = uow.links.get(inst, link_id)
        batch = uow.held.get(inst, link.held) if link is not None and link.held is not None else None
        doubted, all_of_them = uow.links.doubts(inst, place.connection_id)
    match batch:
        case Held(state=HeldState.OPEN, id=held_id):
            return fx.Leave(fx.Word.HELD, held_id)
        case Held(state=HeldState.APPROVED):
            return fx.Leave(fx.Word.YES)
        case Held(state=HeldState.DROPPED):
            return fx.Leave(fx.Word.NO)
    return None if is_mass(doubted, all_of_them) else fx.Leave(fx.Word.YES)


def hold(ctx: Context, lease: Lease, connection: Connection) -> fx.Leave:
    """All that is doubted in this calendar waits with one batch: banners say so, and nothing is owed for it."""
    inst, now = connection.installation_id, ctx.clock.now()
    with ctx.store.begin() as uow:
        held_id = uow.held.open(inst, connection.id, connection.user_id, now)
        links = uow.links.hold(inst, connection.id, held_id)
        for _link, task_id in links:
            uow.timeline.add(inst, task_id, Entry(now, Actor.GATEWAY.value, Story.HELD.value, {}))
        uow.outbox.hold(lease)
        for link_id, _task in sorted(links):
            if link_id != lease.key:
                uow.outbox.cancel(inst, Topic.SYNC, link_id)
            link = uow.links.get(inst, link_id)
            if link is not None:
                owe_report(ctx, uow, link)
        uow.commit()
    told = {"connection": connection.id, "held": held_id, "tasks": len(links)}
    log.warning("a mass change in a calendar is held for a yes", extra=told)
    ctx.meter.count("held", provider=connection.provider)
    return fx.Leave(fx.Word.HELD, held_id)


# --- somebody answers -----------------------------------------------------------------------------------------------


def waiting(ctx: Context, inst: InstallationId | None, user_id: UserId | None = None) -> Sequence[Held]:
    """Batches without an answer, oldest first: of an installation or of all, of one user or of everybody."""
    with ctx.store.begin() as uow:
        found = uow.held.waiting(inst, MOST)
    return [one for one in found if user_id is None or one.user_id == user_id]


def person_decides(installation: Installation) -> bool:
    """Whether people are asked about their own calendars, or only the operator is."""
    return bool(installation.settings.get(DECIDED_BY, PERSON) == PERSON)


def approve(ctx: Context, inst: InstallationId, held_id: str, by: str) -> Held:
    """The calendar's word counts: what is gone is switched off, what has moved moves its task. May be repeated.
    Raises ``NoSuchBatchError``, ``DecidedError``."""
    return _decide(ctx, inst, held_id, HeldState.APPROVED, by)


def drop(ctx: Context, inst: InstallationId, held_id: str, by: str) -> Held:
    """The tasks' word counts: events are made anew and put back. May be repeated. Raises ``NoSuchBatchError``,
    ``DecidedError``."""
    return _decide(ctx, inst, held_id, HeldState.DROPPED, by)


def _decide(ctx: Context, inst: InstallationId, held_id: str, state: HeldState, by: str) -> Held:
    with ctx.store.begin() as uow:
        fresh = uow.held.decide(inst, held_id, state, by, ctx.clock.now())
        batch = uow.held.get(inst, held_id)
        if batch is None:
            raise NoSuchBatchError(held_id)
        if batch.state is not state:
            raise DecidedError(batch.state.value)
        if fresh:
            _carry_on(ctx, uow, batch)
        uow.commit()
    return batch


def _carry_on(ctx: Context, uow: UnitOfWork, batch: Held) -> None:
    """Every link of it is looked at afresh: what has come back by itself needs no word."""
    inst, now, mailbox = batch.installation_id, ctx.clock.now(), calendar_mailbox(batch.connection_id)
    links: Sequence[tuple[LinkId, TaskId]] = uow.links.of_held(inst, batch.id)
    for link_id, _task in links:
        uow.links.hint_event(inst, link_id, ReadAgain(), expected_rev=None)
    if batch.state is HeldState.APPROVED:
        for _link, task_id in links:
            uow.timeline.add(inst, task_id, Entry(now, Actor.GATEWAY.value, Story.HELD_APPROVED.value, {}))
    for link_id, _task in links:  # all links before all work, as everywhere
        uow.outbox.request(inst, Topic.SYNC, link_id, mailbox=mailbox, now=now, lane=Lane.BACKFILL)
    ring_when_due(ctx, uow, inst, mailbox, Lane.BACKFILL, 0.0)
