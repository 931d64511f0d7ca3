"""What a CRM's arrivals mean for us: recorded, noted at the links they concern, and owed, all in the door's one commit.

Several arrivals at once are recorded in the same few statements as one: the links are read (and locked) in one, the
arrivals written in one, and what they leave in one. Text of a task that is neither on nor linked is never stored (B1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.core import intake
from gateway.core.boxes import Note
from gateway.core.intake import Forget, News
from gateway.core.model import InstallationId, TaskId, UserId
from gateway.core.ports import Lane
from gateway.core.records import Arrival, Entry, Installation, Link
from gateway.core.repositories import UnitOfWork
from gateway.core.signals import CrmDelivery, Signal, TaskSignal, UserDeactivated
from gateway.core.stories import Actor, Story
from gateway.services.connect import deactivate
from gateway.services.context import Context, Ring, calendar_mailbox, crm_mailbox, link_id

_OUR_OWN_DOING = (Story.TASK_ECHO, Story.TASK_REPEATED, Story.TASK_OLD)


@dataclass(frozen=True, slots=True)
class Told:
    """One trusted delivery. ``shared``: the raw bytes tell of other installations too, and are not kept."""

    installation: Installation
    delivery: CrmDelivery
    raw: bytes
    shared: bool = False

    @property
    def tasks(self) -> Sequence[TaskSignal]:
        """What it says about tasks."""
        return [signal for signal in self.delivery.signals if isinstance(signal, TaskSignal)]

    @property
    def leavers(self) -> Sequence[UserId]:
        """Whom it says to have left."""
        return [signal.user_id for signal in self.delivery.signals if isinstance(signal, UserDeactivated)]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a CRM's delivery. ``rings``: to be rung once it is committed. ``nobodys``: at an app's door it was
    about no account that is known here."""

    seen_before: bool
    rings: tuple[Ring, ...] = ()
    nobodys: bool = False


def receive_crm(ctx: Context, uow: UnitOfWork, told: Sequence[Told], now: datetime) -> Sequence[Receipt]:
    """Record trusted deliveries and owe what follows from them, in the order given.

    Those that say that somebody left come first: connections before links is the order of locks.
    """
    new: dict[int, bool] = {}
    rung: dict[int, list[Ring]] = {place: [] for place in range(len(told))}
    for place, one in enumerate(told):
        if one.leavers:
            new[place] = _record(uow, {place: _arrival(one, None, now)}, told)[place]
            for user_id in one.leavers if new[place] else ():
                rung[place] += deactivate(ctx, uow, one.installation, user_id)
    notebook = Notebook(uow, [(one.installation.id, signal.task_id) for one in told for signal in one.tasks], now)
    left = {place: _arrival(one, notebook, now) for place, one in enumerate(told) if place not in new}
    new |= _record(uow, left, told)
    for place, one in enumerate(told):
        for signal in one.tasks if new[place] else ():
            notebook.take(one.installation, signal)
    rings = notebook.write()
    for place, one in enumerate(told):
        for signal in one.tasks if new[place] else ():
            rung[place] += rings.get((one.installation.id, signal.task_id), ())
    return [Receipt(not new[place], tuple(rung[place])) for place in range(len(told))]


def _record(uow: UnitOfWork, arrivals: Mapping[int, Arrival], told: Sequence[Told]) -> dict[int, bool]:
    """Which of them are new, by their places."""
    recorded = uow.inbox.record_all([(told[place].installation.id, arrival) for place, arrival in arrivals.items()])
    return dict(zip(arrivals, recorded, strict=True))


def receive_app(ctx: Context, uow: UnitOfWork, door: str, delivery: CrmDelivery, raw: bytes, now: datetime) -> Receipt:
    """Record a delivery at a door that serves many installations: each gets what is about its own account. What is of
    accounts that nobody here has is dropped and counted."""
    parts: dict[str | None, list[Signal]] = {}
    for signal in delivery.signals:
        parts.setdefault(account_of(signal), []).append(signal)
    told = []
    for account in sorted(filter(None, parts)):
        installation = uow.installations.of_account(door, account)
        if installation is None:
            ctx.meter.count("deliveries_of_unknown_accounts")
            continue
        part = replace(delivery, signals=tuple(parts[account]), dedupe_id=None)
        told.append(Told(installation, part, raw, shared=len(parts) > 1))
    receipts = receive_crm(ctx, uow, told, now)
    return Receipt(False, tuple(ring for one in receipts for ring in one.rings), nobodys=not receipts)


def account_of(signal: Signal) -> str | None:
    """Whose a signal is, at a door that serves many."""
    return signal.account if isinstance(signal, TaskSignal | UserDeactivated) else None


class Notebook:
    """The links that some news is about, read and locked in one statement; what the news leaves at them is gathered,
    each piece upon the one before, and written in one."""

    def __init__(self, uow: UnitOfWork, tasks: Iterable[tuple[InstallationId, TaskId]], now: datetime) -> None:
        self._uow = uow
        self._now = now
        wanted = sorted(set(tasks))
        self._links: dict[tuple[InstallationId, TaskId], Link] = {
            (link.installation_id, link.task_id): link for link in uow.links.by_tasks(wanted)
        }
        self._new: list[Link] = []
        self._notes: dict[tuple[InstallationId, TaskId], Note] = {}
        self._entries: list[tuple[InstallationId, TaskId, Entry]] = []
        self._forgotten: list[Link] = []
        self._ended: list[Link] = []

    def link(self, installation_id: InstallationId, task_id: TaskId) -> Link | None:
        """As it will be with what was taken so far."""
        return self._links.get((installation_id, task_id))

    def take(self, installation: Installation, signal: TaskSignal) -> None:
        """One task's news."""
        key = (installation.id, signal.task_id)
        link = self._links.get(key)
        match intake.take(signal, link):
            case News() as news:
                if link is None:
                    self._new.append(link := Link(link_id(*key), *key))
                self._entries.append((*key, _entry(news.story, signal, self._now)))
                self._links[key] = left = news.left_at(link)
                if news.ends:
                    self._ended.append(left)
                if news.hint is not None:
                    self._notes[key] = Note(left, news.owner, _without_connection(left))
            case Forget() if link is not None:
                self._forgotten.append(link)

    def write(self) -> Mapping[tuple[InstallationId, TaskId], Sequence[Ring]]:
        """Leave it all at the links, and owe their runs: the bells to ring for them once it is committed."""
        for link in sorted(self._new, key=lambda one: one.id):
            self._uow.links.add(link)
        for link in self._forgotten:
            self._uow.links.wipe(link.installation_id, link.id)
        for link in self._ended:  # the run that follows may find it on again already, and would leave the banner (B16)
            if self._uow.conflicts.close(link.installation_id, link.id, None, "superseded", self._now):
                closed = Entry(self._now, Actor.GATEWAY.value, Story.CONFLICT_CLOSED.value, {})
                self._entries.append((link.installation_id, link.task_id, closed))
        owed = self._uow.intake.leave(list(self._notes.values()), self._entries, self._now)
        rings: dict[tuple[InstallationId, TaskId], Sequence[Ring]] = {}
        for (inst, task), (mailbox, due) in zip(self._notes, owed, strict=True):
            rings[inst, task] = [(inst, mailbox, Lane.NOW, max(0.0, (due - self._now).total_seconds()))]
        return rings


def _arrival(told: Told, notebook: Notebook | None, now: datetime) -> Arrival:
    """Without a ``notebook`` nothing is known of the tasks, and no body is kept."""
    inst, tasks = told.installation.id, told.tasks
    keeps = bool(tasks) and not told.shared and notebook is not None
    for signal in tasks:
        keeps = keeps and notebook is not None and intake.may_keep(signal, notebook.link(inst, signal.task_id))
    return Arrival(
        door="crm",
        dedupe_id=told.delivery.dedupe_id,
        digest=hashlib.sha256(told.raw).digest(),
        at=now,
        raw=told.raw if keeps else None,
        tasks=tuple(signal.task_id for signal in tasks),
        detail={"kinds": [_name(s) for s in told.delivery.signals], "faults": list(told.delivery.faults)},
    )


def _name(signal: Signal) -> str:
    return signal.kind.value if isinstance(signal, TaskSignal) else type(signal).__name__


def _without_connection(link: Link) -> str:
    """Where the run waits if its owner has no connection: with the calendar that the event is in, else with the CRM."""
    return calendar_mailbox(link.place.connection_id) if link.place else crm_mailbox(link.installation_id)


def _entry(story: Story, signal: TaskSignal, now: datetime) -> Entry:
    actor = Actor.GATEWAY if story in _OUR_OWN_DOING else Actor.CRM
    detail = {"version": signal.version} if signal.version is not None else {}
    return Entry(now, actor.value, story.value, detail)
