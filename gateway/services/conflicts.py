"""The person's answer to a banner: keep the CRM's value, or take the calendar's after all."""

from __future__ import annotations

from gateway.core.errors import StaleWrite
from gateway.core.model import Day, Field, Moment, Task, TaskChanges, TaskGone
from gateway.core.records import Conflict, Entry, Installation
from gateway.core.stories import Actor, Story
from gateway.core.task_side import idempotency_key
from gateway.services.context import Context
from gateway.services.reports import owe_report
from gateway.services.tasks import hint_look, owe_run

CRM = "crm"
CALENDAR = "calendar"


class MovedOnError(Exception):
    """The task has changed since the conflict: the calendar's value would overwrite news (409)."""


class NoSuchConflictError(Exception):
    """Unknown, or of another installation: both look alike."""


def resolve(ctx: Context, installation: Installation, conflict_id: str, keep: str) -> Conflict:
    """Close a banner. Keeping the CRM's value changes nothing else and may be repeated; the calendar's value is written
    to the task, if the task still holds what was kept. Raises ``MovedOnError``, ``NoSuchConflictError``."""
    with ctx.store.begin() as uow:
        conflict = uow.conflicts.get(installation.id, conflict_id)
    if conflict is None:
        raise NoSuchConflictError(conflict_id)
    if conflict.closed_at is None:
        if keep == CALENDAR:
            _take_calendars(ctx, installation, conflict)
        _close(ctx, installation, conflict, keep)
    elif keep == CALENDAR and conflict.closed_by != CALENDAR:
        raise MovedOnError("the conflict is closed already")
    with ctx.store.begin() as uow:
        return uow.conflicts.get(installation.id, conflict_id) or conflict


def _take_calendars(ctx: Context, installation: Installation, conflict: Conflict) -> None:
    """An edit like a person's: the task's next run brings it to the event."""
    crm = ctx.open_crm(installation)
    task = crm.get(conflict.task_id)
    if isinstance(task, TaskGone) or not task.sync_on or _value(task, conflict.what.field) != conflict.what.kept:
        raise MovedOnError("the task has changed since")
    changes = _changes(conflict)
    key = idempotency_key(conflict.link_id, f"resolve:{conflict.id}", task.version, changes)
    try:
        written = crm.patch(conflict.task_id, changes, task.version, key)
    except StaleWrite as stale:
        raise MovedOnError("the task changed at this very moment") from stale
    if isinstance(written, TaskGone):
        raise MovedOnError("the task is gone")


def _value(task: Task, field: Field) -> str | Day | Moment | None:
    return task.title if field is Field.TITLE else task.due


def _changes(conflict: Conflict) -> TaskChanges:
    value = conflict.what.calendar
    return TaskChanges(title=value) if isinstance(value, str) else TaskChanges(due=value)


def _close(ctx: Context, installation: Installation, conflict: Conflict, keep: str) -> None:
    inst, now = installation.id, ctx.clock.now()
    with ctx.store.begin() as uow:
        link = uow.links.by_task(inst, conflict.task_id)
        looks = link is not None and keep == CALENDAR and hint_look(uow, link)
        uow.conflicts.close(inst, conflict.link_id, [conflict.what.field], keep, now)
        entry = Entry(now, Actor.CRM.value, Story.CONFLICT_CLOSED.value, {"fields": [conflict.what.field.value]})
        uow.timeline.add(inst, conflict.task_id, entry)
        if link is not None:
            owe_report(ctx, uow, link)
            if looks:
                owe_run(ctx, uow, link)
        uow.commit()
