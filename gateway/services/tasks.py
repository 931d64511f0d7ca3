"""What the CRM's own server asks about one task: its state, its story, a fresh look, its switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.errors import StaleWrite, TryLater
from gateway.core.model import LinkStatus, TaskChanges, TaskGone, TaskId, UserId
from gateway.core.ports import Lane, StateReport
from gateway.core.records import Entry, Installation, Link, ReadAgain, Topic
from gateway.core.repositories import UnitOfWork
from gateway.core.task_side import idempotency_key
from gateway.services.connect import NoConnectionError
from gateway.services.context import Context, calendar_mailbox, crm_mailbox, link_id
from gateway.services.reports import current_report, ring_when_due

BATCH = 100
"""How many links one commit asks to be looked at."""


class NoSuchTaskError(Exception):
    """Never opted in, or of another installation: both look alike."""


class SwitchInCrmError(Exception):
    """This CRM has a field of its own for the switch, and only a person may turn it on (409)."""


@dataclass(frozen=True, slots=True)
class TaskSync:
    """One task's state and its link."""

    link: Link
    report: StateReport


def state(ctx: Context, installation: Installation, task_id: TaskId) -> TaskSync:
    """The state as the banner shows it. Raises ``NoSuchTaskError``."""
    with ctx.store.begin() as uow:
        link = uow.links.by_task(installation.id, task_id)
        if link is None:
            raise NoSuchTaskError(task_id)
        return TaskSync(link, current_report(uow, link))


def timeline(ctx: Context, installation: Installation, task_id: TaskId, limit: int = 200) -> Sequence[Entry]:
    """Every hop, newest first. Raises ``NoSuchTaskError``."""
    with ctx.store.begin() as uow:
        if uow.links.by_task(installation.id, task_id) is None:
            raise NoSuchTaskError(task_id)
        return uow.timeline.of_task(installation.id, task_id, limit)


def resync(ctx: Context, installation: Installation, task_id: TaskId) -> None:
    """Read both sides for real and bring them in step. Raises ``NoSuchTaskError``."""
    with ctx.store.begin() as uow:
        link = uow.links.by_task(installation.id, task_id)
        if link is None:
            raise NoSuchTaskError(task_id)
        owe_look(ctx, uow, link)
        uow.commit()


@dataclass(frozen=True, slots=True)
class Asked:
    """How many of a user's tasks are looked at afresh: those that have an event, and those that have none yet."""

    with_event: int
    without_event: int


def resync_user(ctx: Context, installation: Installation, user_id: UserId) -> Asked:
    """The same for every task of a user that is on, without haste. Raises ``NoConnectionError`` for a user who has
    neither a task that is on nor a connection."""
    with ctx.store.begin() as uow:
        known = uow.connections.of_user(installation.id, user_id) is not None
        ids = sorted(link for link, _task in uow.links.ids_of_owner(installation.id, user_id, [LinkStatus.LIVE]))
    if not ids and not known:
        raise NoConnectionError("nothing is known of this user")
    with_event = 0
    for start in range(0, len(ids), BATCH):
        with ctx.store.begin() as uow:
            links = [link for one in ids[start : start + BATCH] if (link := uow.links.get(installation.id, one))]
            for link in [link for link in links if hint_look(uow, link)]:
                owe_run(ctx, uow, link, Lane.BACKFILL)
            uow.commit()
        with_event += sum(link.place is not None for link in links)
    return Asked(with_event, len(ids) - with_event)


def owe_look(ctx: Context, uow: UnitOfWork, link: Link, lane: Lane = Lane.NOW) -> None:
    """Owe a run that assumes nothing. A link that is off or dormant is left alone."""
    if hint_look(uow, link):
        owe_run(ctx, uow, link, lane)


def hint_look(uow: UnitOfWork, link: Link) -> bool:
    """Have the link's next run assume nothing; ``False`` for one that is off or dormant."""
    if link.status is not LinkStatus.LIVE:
        return False
    inst = link.installation_id
    uow.links.hint_task(inst, link.id, ReadAgain(), version=None, owner_id=None, status=LinkStatus.LIVE)
    uow.links.hint_event(inst, link.id, ReadAgain(), expected_rev=None)
    return True


def owe_run(ctx: Context, uow: UnitOfWork, link: Link, lane: Lane = Lane.NOW) -> None:
    """Owe a run, in the mailbox of the calendar it will call."""
    inst, now = link.installation_id, ctx.clock.now()
    mailbox = calendar_mailbox(link.place.connection_id) if link.place else crm_mailbox(inst)
    due = uow.outbox.request(inst, Topic.SYNC, link.id, mailbox=mailbox, now=now, lane=lane)
    ring_when_due(ctx, uow, inst, mailbox, lane, (due - now).total_seconds())


def switch(ctx: Context, installation: Installation, task_id: TaskId, *, enabled: bool) -> None:
    """Turn a task's switch off where the CRM keeps it. Turning on is a person's wish, told by the CRM's own field:
    raises ``SwitchInCrmError``. Raises ``NoSuchTaskError``, ``TryLater``."""
    crm = ctx.open_crm(installation)
    task = crm.get(task_id)
    if isinstance(task, TaskGone):
        raise NoSuchTaskError(task_id)
    if enabled == task.sync_on:
        return
    if enabled:
        raise SwitchInCrmError("switch it on at the task in the CRM")
    changes = TaskChanges(sync_off=True)
    own = link_id(installation.id, task_id)
    try:
        crm.patch(task_id, changes, task.version, idempotency_key(own, "switch", task.version, changes))
    except StaleWrite as stale:
        raise TryLater("the task changed at this very moment; try again") from stale
