"""What a CRM's arrival means for us: recorded, noted at the links it concerns, and owed, all in the door's one commit.

A delivery says "look again" (a full, versioned snapshot is kept as a hint). Text of a task that is neither on nor
linked is never stored (B1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.core.model import Cause, InstallationId, LinkId, LinkStatus, Task, TaskGone, TaskOff
from gateway.core.ports import Lane
from gateway.core.records import (
    Arrival,
    Entry,
    Installation,
    Link,
    ReadAgain,
    TaskHint,
    Topic,
)
from gateway.core.repositories import UnitOfWork
from gateway.core.signals import CrmDelivery, Kind, Signal, TaskSignal, UserDeactivated
from gateway.core.stories import Actor, Story
from gateway.services.connect import deactivate
from gateway.services.context import Context, Ring, calendar_mailbox, crm_mailbox, link_id


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a CRM's delivery. ``rings``: to be rung once it is committed. ``nobodys``: at an app's door it was
    about no account that is known here."""

    seen_before: bool
    rings: tuple[Ring, ...] = ()
    nobodys: bool = False


def receive_crm(
    ctx: Context,
    uow: UnitOfWork,
    installation: Installation,
    delivery: CrmDelivery,
    raw: bytes,
    now: datetime,
    *,
    shared: bool = False,
) -> Receipt:
    """Record one trusted delivery and owe what follows from it. ``shared``: the raw bytes tell of other installations
    too, and are not kept."""
    # Sorted: two deliveries about the same tasks lock them in one order. One task's own news stays in its order.
    signals = sorted(_of_tasks(delivery), key=lambda s: link_id(installation.id, s.task_id))
    links = {s.task_id: uow.links.by_task(installation.id, s.task_id) for s in signals}
    keeps = bool(signals) and not shared and all(_may_keep(s, links[s.task_id]) for s in signals)
    arrival = Arrival(
        door="crm",
        dedupe_id=delivery.dedupe_id,
        digest=hashlib.sha256(raw).digest(),
        at=now,
        raw=raw if keeps else None,
        tasks=tuple(s.task_id for s in _of_tasks(delivery)),
        detail={"kinds": [_name(s) for s in delivery.signals], "faults": list(delivery.faults)},
    )
    if uow.inbox.record(installation.id, arrival) is None:
        return Receipt(seen_before=True)
    rings: list[Ring] = []
    runs = [run for s in signals for run in take_signal(uow, installation, s, links.get(s.task_id), now)]
    rings += owe_runs(uow, runs, now)
    for other in delivery.signals:
        if isinstance(other, UserDeactivated):
            rings += deactivate(ctx, uow, installation, other.user_id)
    return Receipt(seen_before=False, rings=tuple(rings))


def _of_tasks(delivery: CrmDelivery) -> Sequence[TaskSignal]:
    return [signal for signal in delivery.signals if isinstance(signal, TaskSignal)]


def receive_app(ctx: Context, uow: UnitOfWork, door: str, delivery: CrmDelivery, raw: bytes, now: datetime) -> Receipt:
    """Record a delivery at a door that serves many installations: each gets what is about its own account. What is of
    accounts that nobody here has is dropped and counted."""
    parts: dict[str | None, list[Signal]] = {}
    for signal in delivery.signals:
        parts.setdefault(account_of(signal), []).append(signal)
    receipts = []
    # In one order for all, so that two deliveries cannot wait for each other in a ring.
    for account in sorted(filter(None, parts)):
        installation = uow.installations.of_account(door, account)
        if installation is None:
            ctx.meter.count("deliveries_of_unknown_accounts")
            continue
        part = replace(delivery, signals=tuple(parts[account]), dedupe_id=None)
        receipts.append(receive_crm(ctx, uow, installation, part, raw, now, shared=len(parts) > 1))
    return Receipt(False, tuple(ring for one in receipts for ring in one.rings), nobodys=not receipts)


def account_of(signal: Signal) -> str | None:
    """Whose a signal is, at a door that serves many."""
    return signal.account if isinstance(signal, TaskSignal | UserDeactivated) else None


def _name(signal: Signal) -> str:
    return signal.kind.value if isinstance(signal, TaskSignal) else type(signal).__name__


def _is_on(signal: TaskSignal) -> bool:
    """Whether the task is told to be there with its switch on."""
    if signal.kind is Kind.DELETED or isinstance(signal.said, TaskOff | TaskGone):
        return False
    if isinstance(signal.said, Task):
        return signal.said.sync_on
    return signal.sync_on is not False


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a link that is to be owed, and in whose mailbox."""

    installation_id: InstallationId
    link_id: LinkId
    mailbox: str


def owe_runs(uow: UnitOfWork, runs: Sequence[Run], now: datetime) -> list[Ring]:
    """Owe them, once all links are noted: work comes last in the order of locks. Gives who is to be rung for."""
    rings: list[Ring] = []
    for run in runs:
        due = uow.outbox.request(run.installation_id, Topic.SYNC, run.link_id, mailbox=run.mailbox, now=now)
        rings.append((run.installation_id, run.mailbox, Lane.NOW, max(0.0, (due - now).total_seconds())))
    return rings


def _may_keep(signal: TaskSignal, link: Link | None) -> bool:
    """Whether what was told of this task may be kept: it is on, as far as is known (B1)."""
    return _is_on(signal) and not _is_unknown(signal, link)


def _is_unknown(signal: TaskSignal, link: Link | None) -> bool:
    """Whether the sender told a change, but not of the switch, and the task is not one that is on."""
    return signal.switch_stands and (link is None or link.status is not LinkStatus.LIVE)


def take_signal(
    uow: UnitOfWork, installation: Installation, signal: TaskSignal, link: Link | None, now: datetime
) -> Sequence[Run]:
    """Note one task's news at its link; gives what is to be owed for it, by :func:`owe_runs`.

    Older than what is known: recorded, not applied (a delivery dated later than what is known is news all the same: the
    CRM was restored, so it is read).
    """
    if not _is_on(signal):
        return _take_off(uow, installation, signal, link, now)
    if _is_unknown(signal, link):
        return ()
    if link is None or link.status is not LinkStatus.LIVE:
        # Nothing is known that a late delivery could be older than, and the switch may have gone off since: only a read
        # tells whether the task's text may go anywhere (B1).
        link = link or uow.links.add(Link(link_id(installation.id, signal.task_id), installation.id, signal.task_id))
        _tell(uow, link, Story.SWITCHED_ON, signal, now)
        return _note(uow, installation, link, ReadAgain(), signal)
    if (story := _old_story(link, signal)) is not None:
        _tell(uow, link, story, signal, now)
        return ()
    _tell(uow, link, Story.TASK_CHANGED, signal, now)
    hint: TaskHint = signal.said if isinstance(signal.said, Task) and _in_order(link, signal) else ReadAgain()
    return _note(uow, installation, link, hint, signal)


def _take_off(
    uow: UnitOfWork, installation: Installation, signal: TaskSignal, link: Link | None, now: datetime
) -> Sequence[Run]:
    """Switched off or deleted. For a link that is off or dormant already this calls nothing."""
    if link is None or link.status is LinkStatus.OFF:
        return ()
    deleted = signal.kind is Kind.DELETED or isinstance(signal.said, TaskGone)
    if link.status is LinkStatus.DORMANT:
        if deleted:
            uow.links.wipe(installation.id, link.id)
        return ()
    if not deleted and (story := _old_story(link, signal)) is not None:
        _tell(uow, link, story, signal, now)
        return ()
    _tell(uow, link, Story.TASK_DELETED if deleted else Story.SWITCHED_OFF, signal, now)
    if deleted:
        cause = signal.said.cause if isinstance(signal.said, TaskGone) else Cause.DELETED
        known = signal if _in_order(link, signal) else replace(signal, version=None)
        return _note(uow, installation, link, ReadAgain(cause), known)
    hint: TaskHint = TaskOff(signal.version) if _in_order(link, signal) else ReadAgain()
    return _note(uow, installation, link, hint, signal)


def _old_story(link: Link, signal: TaskSignal) -> Story | None:
    """Why a delivery is not applied, or ``None`` if it is news."""
    if signal.version is None or link.task_version is None or signal.version > link.task_version:
        return None
    if signal.version == link.task_version:
        return Story.TASK_ECHO if signal.actor == "api" else Story.TASK_REPEATED
    return None if _went_backwards(link, signal) else Story.TASK_OLD


def _in_order(link: Link, signal: TaskSignal) -> bool:
    """Whether a snapshot may be taken at its word: it is versioned, and newer than what is known."""
    if signal.version is None:
        return False
    return link.task_version is None or signal.version > link.task_version


def _went_backwards(link: Link, signal: TaskSignal) -> bool:
    """An older version that happened later: the CRM was restored from a backup, and only a read tells the truth."""
    known = link.memory.task.updated_at if link.memory.task else None
    happened = signal.said.updated_at if isinstance(signal.said, Task) else signal.at
    return known is not None and happened is not None and happened > known


def _note(
    uow: UnitOfWork,
    installation: Installation,
    link: Link,
    hint: TaskHint,
    signal: TaskSignal,
) -> Sequence[Run]:
    """Leave the hint, and name the mailbox of the calendar that the run will call. A read that is owed stays owed: what
    a deletion asked for is not undone by a snapshot that overtook it."""
    told = signal.said.owner.id if isinstance(signal.said, Task) and signal.said.owner else None
    if isinstance(link.task_hint, ReadAgain):
        hint = hint if isinstance(hint, ReadAgain) and hint.cause else link.task_hint
    owner = told if isinstance(hint, Task) else None
    uow.links.hint_task(installation.id, link.id, hint, version=signal.version, owner_id=owner, status=LinkStatus.LIVE)
    connection = uow.connections.of_user(installation.id, told) if told else None
    if connection is not None:
        mailbox = calendar_mailbox(connection.id)
    elif link.place is not None:
        mailbox = calendar_mailbox(link.place.connection_id)
    else:
        mailbox = crm_mailbox(installation.id)
    return [Run(installation.id, link.id, mailbox)]


def _tell(uow: UnitOfWork, link: Link, story: Story, signal: TaskSignal, now: datetime) -> None:
    actor = Actor.GATEWAY if story in (Story.TASK_ECHO, Story.TASK_REPEATED, Story.TASK_OLD) else Actor.CRM
    detail = {"version": signal.version} if signal.version is not None else {}
    uow.timeline.add(link.installation_id, link.task_id, Entry(now, actor.value, story.value, detail))
