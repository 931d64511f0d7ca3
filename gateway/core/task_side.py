"""The journey's half on the CRM's side: what the task is, and how news of the event reaches it."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

from gateway.core import effects as fx
from gateway.core import reconcile as rc
from gateway.core.errors import TryLater
from gateway.core.model import (
    Day,
    Event,
    Field,
    LinkId,
    Moment,
    OwedTask,
    Reason,
    Refusal,
    Task,
    TaskChanges,
    TaskGone,
    TaskOff,
    TaskState,
)
from gateway.core.records import ReadAgain
from gateway.core.run import BELIEVE_AFTER, Run, Steps, believed
from gateway.core.stories import Actor, Story

_KEYS = uuid.UUID("6f1d9d0e-6a3c-4a53-9d6b-6f3f1a1c0b77")


def idempotency_key(link: LinkId, etag: str, version: int, changes: TaskChanges) -> str:
    """The same for the same decision, so that a repeated PATCH is answered and not applied again.

    The version is part of it: after a 412 the same change is a new request.
    """
    due = changes.due
    told = due.date.isoformat() if isinstance(due, Day) else due.at.isoformat() if isinstance(due, Moment) else None
    said = json.dumps([link, etag, version, changes.title, told, changes.sync_off])
    return str(uuid.uuid5(_KEYS, said))


def learn_task(run: Run) -> Steps:
    """The delivered snapshot if there is one, else the remembered task, else a read; after settling an owed write."""
    if isinstance(run.memory.owed, OwedTask):
        yield from _settle_owed(run, run.memory.owed)
    hint = run.link.task_hint
    known = run.task if run.task is not None else run.memory.task
    if isinstance(hint, ReadAgain):
        yield from read_task(run, hint)
    elif hint is not None and _is_newer(hint, run.task):
        run.task, run.task_is_read = hint, False
    elif known is not None:
        run.task = known
    else:
        yield from read_task(run, ReadAgain())
    if isinstance(run.task, Task):
        run.remember(task=run.task, task_absent_at=None)
        run.link = replace(run.link, task_version=run.task.version)


def _is_newer(hint: TaskState, known: TaskState | None) -> bool:
    """Whether a delivered snapshot is news beside a task just answered by the CRM itself."""
    if not isinstance(known, Task) or isinstance(hint, TaskGone):
        return not isinstance(known, TaskGone)
    return hint.version is None or hint.version > known.version


def read_task(run: Run, hint: ReadAgain | None = None) -> Steps:
    """The truth, whatever was delivered before. "Not found" without a deletion told is believed the second time."""
    cause = hint.cause if hint else None
    task = yield fx.ReadTask()
    if isinstance(task, TaskGone):
        if cause is None and not believed(run.memory.task_absent_at, run.now):
            run.remember(task_absent_at=run.memory.task_absent_at or run.now)
            yield from run.save()
            raise TryLater("the task is not found; looking again before believing it", after=BELIEVE_AFTER)
        task = TaskGone(cause) if cause else task
    else:
        run.remember(task=task, task_absent_at=None)
        run.link = replace(run.link, task_version=task.version)
    run.task, run.task_is_read = task, True


def _settle_owed(run: Run, owed: OwedTask) -> Steps:
    """Was the noted write made? The same request under the same key is answered without being repeated.

    A CRM that remembers no keys is read instead: its value stands, and what differs from ours is a person's edit.
    """
    if run.replays_keys:
        answer = yield fx.WriteTask(owed.changes, owed.version, owed.key)
    else:
        answer = yield fx.ReadTask()
    yield from _take_answer(run, owed, answer)


def patch_task(run: Run, step: rc.PatchTask) -> Steps:
    """Note, write, and take the answer for the task as it now is."""
    etag = run.event.etag if isinstance(run.event, Event) else str(run.link.generation)
    key = idempotency_key(run.link.id, etag, step.version, step.changes)
    reason = step.reason.value if step.reason else None
    owed = OwedTask(key, step.version, step.changes, step.agreed, step.closes, reason)
    run.remember(owed=owed)
    yield from run.save()
    answer = yield fx.WriteTask(step.changes, step.version, key)
    yield from _take_answer(run, owed, answer)


def _take_answer(run: Run, owed: OwedTask, answer: object) -> Steps:
    """What the CRM said to a write, first or repeated."""
    match answer:
        case Task() as task:
            _landed(run, owed, task)
        case TaskGone():
            run.remember(owed=None)
            yield from read_task(run)
        case fx.Stale(current):
            run.remember(owed=None)
            if current is None:
                yield from read_task(run)
            else:
                run.task, run.task_is_read = current, True
                run.remember(task=current)
                run.link = replace(run.link, task_version=current.version)
        case fx.Refusing(fields):
            yield from _refused(run, owed, fields)
        case _:
            raise TypeError(f"not an answer to a write: {type(answer).__name__}")


def _landed(run: Run, owed: OwedTask, task: Task) -> None:
    """The write took effect, now or when it was first made; what the task holds beyond it is a person's edit."""
    run.task, run.task_is_read, run.wrote = task, True, True
    run.closes.extend(owed.closes)
    run.remember(task=task, agreed=owed.agreed or run.memory.agreed, owed=None, refusals=())
    run.link = replace(run.link, task_version=max(task.version, run.link.task_version or task.version))
    story = Story.SWITCH_TURNED_OFF if owed.changes.sync_off else Story.TASK_UPDATED
    run.tell(Actor.GATEWAY, story, fields=_names(owed.changes), reason=owed.reason, version=task.version)
    if owed.changes.sync_off:
        run.off_reason = Reason(owed.reason) if owed.reason else None
        run.forget_event()


def _refused(run: Run, owed: OwedTask, fields: tuple[str, ...]) -> Steps:
    """The CRM does not take the value: it is not sent again, and the event is put back."""
    run.remember(owed=None, refusals=run.memory.refusals + _refusals(owed.changes, fields))
    run.tell(Actor.GATEWAY, Story.TASK_REFUSED, fields=list(fields) or _names(owed.changes))
    yield from run.save()
    if owed.changes.sync_off:
        run.task = TaskOff()
        run.off_reason = Reason(owed.reason) if owed.reason else None


def _names(changes: TaskChanges) -> list[str]:
    told = (("title", changes.title is not None), ("due", changes.due is not None))
    return [name for name, changed in told if changed]


def _refusals(changes: TaskChanges, fields: tuple[str, ...]) -> tuple[Refusal, ...]:
    """Which values are not to be sent again; where the CRM names no field of ours, all of them."""
    sent: list[tuple[Field, str | Day | Moment | None]] = [(Field.TITLE, changes.title), (Field.DUE, changes.due)]
    found = [Refusal(name, value) for name, value in sent if value is not None and name.value in fields]
    return tuple(found or [Refusal(name, value) for name, value in sent if value is not None])
