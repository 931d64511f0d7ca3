"""Finding what no webhook told: one list of what changed in the CRM, and now and then which tasks still exist.

At an installation's start, at the gateway's, after an outage of either side, and on the clock's beat. No task is asked
for on its own. Lists show no deletions: which tasks exist is asked by batches of ids, at a start, after an outage, and
once a day.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.core.model import Task, TaskId, TaskOff
from gateway.core.ports import TaskPage
from gateway.core.records import Arrival, Installation, Lease, Topic
from gateway.core.repositories import UnitOfWork
from gateway.core.signals import Kind, TaskSignal
from gateway.services.context import Context, crm_mailbox
from gateway.services.ingest import Notebook
from gateway.services.reports import ring_when_due

log = logging.getLogger(__name__)

DOOR = "catch_up"
"""Under which name a catch-up's unreadable elements stand in the inbox."""

OVERLAP = timedelta(minutes=2)
"""A catch-up begins this long before the last one: clocks differ, and commits take time."""

LAPSE = timedelta(hours=20)
"""After this long the next catch-up looks which tasks exist: with the slowest beat that is once a day."""

BATCH = 100
MAX_PAGES = 10_000


def catch_up(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Take up everything that changed since the last time."""
    started = ctx.clock.now()
    crm = ctx.open_crm(installation)
    since = installation.caught_up_at - OVERLAP if installation.caught_up_at else None
    cursor: str | None = None
    for _page in range(MAX_PAGES):
        page = crm.changed_since(since, cursor)
        _take(ctx, lease, installation, page)
        if page.cursor is None or page.cursor == cursor:
            break
        cursor = page.cursor
    looks = _is_to_look(installation, lease, started)
    if looks:
        _check_existence(ctx, lease, installation)
    with ctx.store.begin() as uow:
        uow.installations.caught_up(installation.id, started)
        if looks:
            uow.installations.existence_known(installation.id, started)
        uow.outbox.settle(lease, ctx.clock.now())
        uow.commit()


def _is_to_look(installation: Installation, lease: Lease, now: datetime) -> bool:
    """Whether it is time to ask which tasks exist. ``attempts``: the CRM was out of reach, and its webhooks with it."""
    known = installation.existence_at
    return known is None or now - known > LAPSE or lease.attempts > 0


def _take(ctx: Context, lease: Lease, installation: Installation, page: TaskPage) -> None:
    """One commit a page; what is known already costs nothing more."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        if page.faults:
            _record_faults(uow, installation, page.faults, now)
        notebook = Notebook(uow, [(installation.id, task_id) for task_id, _state in page.tasks], now)
        for task_id, state in page.tasks:
            link = notebook.link(installation.id, task_id)
            version = state.version if isinstance(state, Task | TaskOff) else None
            if link is not None and version is not None and version == link.task_version:
                continue
            happened = state.updated_at if isinstance(state, Task) else None
            notebook.take(installation, TaskSignal(task_id, Kind.CHANGED, state, version=version, at=happened))
        _write(ctx, uow, notebook)
        uow.outbox.extend(lease)
        uow.commit()


def _record_faults(uow: UnitOfWork, installation: Installation, faults: Sequence[str], now: datetime) -> None:
    """What could not be read is named for the operator, as for a delivery; the rest of the page counts."""
    digest = hashlib.sha256("\n".join(faults).encode()).digest()
    uow.inbox.record(installation.id, Arrival(DOOR, None, digest, now, detail={"faults": list(faults)}))
    log.warning("a CRM lists what cannot be read: %s", faults[0], extra={"installation": installation.id})


def _check_existence(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Tasks that the CRM does not list any more are read, one by one and only those."""
    crm = ctx.open_crm(installation)
    after: TaskId | None = None
    while True:
        with ctx.store.begin() as uow:
            ids = list(uow.links.task_ids(installation.id, after, BATCH))
        if not ids:
            return
        missing = set(ids) - crm.existing(ids)
        _look_again(ctx, lease, installation, sorted(missing))
        after = ids[-1]


def _look_again(ctx: Context, lease: Lease, installation: Installation, missing: Sequence[TaskId]) -> None:
    now: datetime = ctx.clock.now()
    with ctx.store.begin() as uow:
        notebook = Notebook(uow, [(installation.id, task_id) for task_id in missing], now)
        for task_id in missing:
            notebook.take(installation, TaskSignal(task_id, Kind.DELETED, None))
        _write(ctx, uow, notebook)
        uow.outbox.extend(lease)
        uow.commit()


def _write(ctx: Context, uow: UnitOfWork, notebook: Notebook) -> None:
    for rings in notebook.write().values():
        for installation_id, mailbox, lane, seconds in rings:
            ring_when_due(ctx, uow, installation_id, mailbox, lane, seconds)


def owe_catch_up(ctx: Context, uow: UnitOfWork, installation: Installation, *, doubts: bool = False) -> None:
    """Owe one, now. ``doubts``: webhooks were lost, perhaps, so it is to look which tasks exist as well."""
    if doubts:
        uow.installations.doubt_existence(installation.id)
    from_now = ctx.clock.now()
    mailbox = crm_mailbox(installation.id)
    uow.outbox.request(installation.id, Topic.CATCH_UP, installation.id, mailbox=mailbox, now=from_now)
    ring_when_due(ctx, uow, installation.id, mailbox, "now", 0.0)
