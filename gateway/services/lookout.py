"""What the operator sees: one look at everything, and closer ones at an installation, a connection, a task.

Each is one short transaction of bounded questions. Nothing is changed here; ``operator`` does that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.core.model import ConnectionId, InstallationId, LinkStatus, TaskId
from gateway.core.records import (
    Conflict,
    Connection,
    Entry,
    Held,
    Installation,
    InstallationStatus,
    LedgerCount,
    Link,
    Subscription,
)
from gateway.core.reflecting import SLOT, Slot
from gateway.core.repositories import UnitOfWork
from gateway.core.survey import (
    ConnectionGlance,
    Counted,
    InstallationGlance,
    OwedWork,
    ParkedKind,
    SubscriptionGlance,
    TaskGlance,
    WaitingWork,
)
from gateway.services.context import Context, calendar_mailbox

SHOWN: Final = 50
"""How many rows a list shows."""

TOLD: Final = 200
"""How many entries of a timeline."""

A_DAY: Final = timedelta(days=1)


class NothingThereError(Exception):
    """There is no such installation, connection or task."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at ``at``. ``slots``: the times to reflect of the day before."""

    at: datetime
    slots: Sequence[Slot]
    waiting: Sequence[WaitingWork]
    parked: Sequence[ParkedKind]
    connections: Sequence[Counted]
    trouble: Sequence[ConnectionGlance]
    expiring: Sequence[SubscriptionGlance]
    expiry_by_day: Mapping[int, int]
    installations: Sequence[InstallationGlance]
    held: Sequence[Held]
    clock_silent: timedelta | None
    """How long ago, in true time, a clock was last at work; ``None``: never."""

    @property
    def paused(self) -> Sequence[InstallationGlance]:
        """Installations in which changes wait."""
        return [one for one in self.installations if one.status is InstallationStatus.PAUSED]

    @property
    def oldest(self) -> timedelta:
        """For how long the oldest work has been due; nothing where none is."""
        since = [one.oldest_at for one in self.waiting if one.oldest_at is not None]
        return max(timedelta(0), self.at - min(since)) if since else timedelta(0)


def overview(ctx: Context) -> Overview:
    """One look at everything."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        ask = uow.survey
        return Overview(
            at=now,
            slots=uow.reflections.slots(now - A_DAY, SLOT),
            waiting=ask.waiting(now),
            parked=ask.parked_kinds(),
            connections=ask.connection_counts(),
            trouble=ask.in_trouble(SHOWN),
            expiring=ask.expiring(SHOWN),
            expiry_by_day=ask.expiry_by_day(now),
            installations=ask.installations(SHOWN * 4),
            held=uow.held.waiting(None, SHOWN),
            clock_silent=uow.deployments.silent_for(ctx.deployment_id),
        )


@dataclass(frozen=True, slots=True)
class InstallationLook:
    """One CRM tenant closely."""

    installation: Installation
    connections: Sequence[Counted]
    trouble: Sequence[ConnectionGlance]
    tasks: Sequence[Counted]
    waiting: Sequence[WaitingWork]
    parked: Sequence[ParkedKind]
    held: Sequence[Held]


def installation(ctx: Context, installation_id: str) -> InstallationLook:
    """By its id. Raises ``NothingThereError``."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        found = _there(uow, installation_id)
        ask = uow.survey
        return InstallationLook(
            installation=found,
            connections=ask.connection_counts(found.id),
            trouble=ask.in_trouble(SHOWN, found.id),
            tasks=ask.task_counts(found.id),
            waiting=ask.waiting(now, found.id),
            parked=ask.parked_kinds(found.id),
            held=uow.held.waiting(found.id, SHOWN),
        )


@dataclass(frozen=True, slots=True)
class ConnectionLook:
    """One person's consent closely."""

    installation: Installation
    connection: Connection
    ledger: LedgerCount
    subscriptions: Sequence[Subscription]
    failing: Sequence[OwedWork]
    tasks: Sequence[TaskGlance]
    held: Sequence[Held]


def connection(ctx: Context, installation_id: str, connection_id: str) -> ConnectionLook:
    """By its installation's id and its own. Raises ``NothingThereError``."""
    with ctx.store.begin() as uow:
        own = _there(uow, installation_id)
        found = uow.connections.get(own.id, ConnectionId(connection_id))
        if found is None:
            raise NothingThereError
        return ConnectionLook(
            installation=own,
            connection=found,
            ledger=uow.connections.ledger(own.id, found.id),
            subscriptions=uow.subscriptions.of_connection(own.id, found.id),
            failing=uow.survey.failing(own.id, calendar_mailbox(found.id), SHOWN),
            tasks=uow.survey.tasks_of(own.id, found.id, SHOWN),
            held=[one for one in uow.held.waiting(own.id, SHOWN) if one.connection_id == found.id],
        )


@dataclass(frozen=True, slots=True)
class TaskLook:
    """One task closely. ``link`` holds what both sides last agreed on, and is not for a log."""

    installation: Installation
    link: Link = field(repr=False)
    connection: Connection | None
    conflicts: Sequence[Conflict] = field(repr=False)
    timeline: Sequence[Entry]
    owed: Sequence[OwedWork]

    @property
    def is_live(self) -> bool:
        """Whether it is kept in step."""
        return self.link.status is LinkStatus.LIVE


def task(ctx: Context, installation_id: str, task_id: str) -> TaskLook:
    """By its installation's id and its own in the CRM. Raises ``NothingThereError``."""
    with ctx.store.begin() as uow:
        own = _there(uow, installation_id)
        link = uow.links.by_task(own.id, TaskId(task_id))
        if link is None:
            raise NothingThereError
        whose = uow.connections.get(own.id, link.place.connection_id) if link.place is not None else None
        if whose is None and link.owner_id is not None:
            whose = uow.connections.of_user(own.id, link.owner_id)
        return TaskLook(
            installation=own,
            link=link,
            connection=whose,
            conflicts=uow.conflicts.of_link(own.id, link.id),
            timeline=uow.timeline.of_task(own.id, link.task_id, TOLD),
            owed=uow.survey.owed_for(own.id, link.id),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found."""

    tasks: Sequence[TaskGlance] = ()
    people: Sequence[ConnectionGlance] = ()


def search(ctx: Context, text: str) -> Found:
    """By the id of a task, an event, a CRM user or a connection, or the beginning of an e-mail address."""
    wanted = text.strip()
    if not wanted or "\x00" in wanted:
        return Found()
    with ctx.store.begin() as uow:
        return Found(uow.survey.find_tasks(wanted, SHOWN), uow.survey.find_people(wanted, SHOWN))


def _there(uow: UnitOfWork, installation_id: str) -> Installation:
    found = uow.installations.get(InstallationId(installation_id))
    if found is None or found.status is InstallationStatus.REMOVED:
        raise NothingThereError
    return found
