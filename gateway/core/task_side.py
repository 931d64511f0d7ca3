"""The journey's half on the CRM's side: what the task is, and how news of the event reaches it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from gateway.core import effects as fx
from gateway.core import reconcile as rc
from gateway.core.errors import TryLater
from gateway.core.model import (
    Agreed,
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
    When,
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
    match run.task_hint, run.task or run.memory.task:
        case ReadAgain(), _ if not run.task_is_read:
            yield from read_task(run)
        case (Task() | TaskOff()) as told, known if _is_newer(told, known):
            _take_told(run, told)
        case _, Task() as known:
            run.takes_task(known, is_read=run.task_is_read)
        case _, None:
            yield from read_task(run)


def _take_told(run: Run, told: Task | TaskOff) -> None:
    if isinstance(told, Task):
        run.takes_task(told, is_read=False)
    else:
        run.task, run.task_is_read = told, False


def _is_newer(told: Task | TaskOff, known: TaskState | None) -> bool:
    """Whether a delivered snapshot is news beside a task just answered by the CRM itself."""
    if not isinstance(known, Task):
        return not isinstance(known, TaskGone)
    return told.version is None or told.version > known.version


def read_task(run: Run) -> Steps:
    """The truth, whatever was delivered before. "Not found" without a deletion told is believed the second time."""
    task = yield fx.ReadTask()
    if isinstance(task, Task):
        run.takes_task(task, is_read=True)
        return
    if run.cause is None and not believed(run.memory.task_absent_at, run.now):
        run.remember(task=None, task_absent_at=run.memory.task_absent_at or run.now)
        yield from run.save()
        raise TryLater("the task is not found; looking again before believing it", after=BELIEVE_AFTER)
    run.task, run.task_is_read = TaskGone(run.cause) if run.cause else task, True


def _settle_owed(run: Run, owed: OwedTask) -> Steps:
    """Was the noted write made? The same request under the same key is answered without being repeated, with the task
    as it was then: so that is not a read.

    A CRM that remembers no keys is read instead: a value other than the old and the new one stands, without a banner.
    """
    if run.replays_keys:
        answer = yield fx.WriteTask(owed.changes, owed.version, owed.key)
        yield from _take_answer(run, owed, answer)
        run.task_is_read = run.task_is_read and not isinstance(answer, Task)
        return
    yield from read_task(run)
    if isinstance(run.task, Task) and _has_landed(owed, run.task, run.memory.agreed):
        _landed(run, owed, run.task)
    else:
        run.remember(owed=None)


def _has_landed(owed: OwedTask, task: Task, agreed: Agreed | None) -> bool:
    """Whether a task looks as if our write had reached it: it shows the new value somewhere, or nowhere the old one."""
    if owed.changes.sync_off or agreed is None:
        return not task.sync_on
    sent = [(owed.changes.title, task.title, agreed.title.task), (owed.changes.due, task.due, agreed.due.task)]
    changed = [(new, now, old) for new, now, old in sent if new is not None]
    return any(now == new for new, now, _ in changed) or all(now != old for _, now, old in changed)


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
                run.takes_task(current, is_read=True)
        case fx.Refusing(fields):
            yield from _refused(run, owed, fields)
        case _:
            raise TypeError(f"not an answer to a write: {type(answer).__name__}")


def _landed(run: Run, owed: OwedTask, task: Task) -> None:
    """The write took effect, now or when it was first made; what the task holds beyond it is a person's edit."""
    run.takes_task(task, is_read=True)
    run.wrote = True
    run.closes.extend(owed.closes)
    run.remember(
        agreed=owed.agreed or run.memory.agreed, owed=None, refusals=_not_put_back_yet(run, owed), time_dropped=False
    )
    story = Story.SWITCH_TURNED_OFF if owed.changes.sync_off else Story.TASK_UPDATED
    named: dict[str, Any] = {} if owed.changes.due is None else {"due": _plain(owed.changes.due)}
    run.tell(Actor.GATEWAY, story, fields=_names(owed.changes), reason=owed.reason, version=task.version, **named)
    if owed.changes.sync_off:
        run.off_reason = Reason(owed.reason) if owed.reason else None
        run.forget_event()


def _not_put_back_yet(run: Run, owed: OwedTask) -> tuple[Refusal, ...]:
    """Refusals of other fields that the event still shows; the others have been told until this good sync."""
    number = owed.agreed.number if owed.agreed else None
    return tuple(r for r in run.memory.refusals if r.number == number and r.field not in owed.closes)


def _refused(run: Run, owed: OwedTask, fields: tuple[str, ...]) -> Steps:
    """The CRM does not take the value: it is not sent again, and the event is put back. A switch that it does not let
    us turn off is taken for off: there is no event."""
    refusals = run.memory.refusals + _refusals(owed, fields)
    run.remember(owed=None, refusals=refusals)
    run.tell(Actor.GATEWAY, Story.TASK_REFUSED, fields=list(fields) or _names(owed.changes))
    yield from run.save()
    if owed.changes.sync_off:
        run.task = TaskOff()
        run.off_reason = Reason(owed.reason) if owed.reason else None


def _plain(due: When) -> str:
    """A due date as the timeline keeps it: a day, or an instant in UTC."""
    return due.date.isoformat() if isinstance(due, Day) else due.at.isoformat().replace("+00:00", "Z")


def _names(changes: TaskChanges) -> list[str]:
    told = (("title", changes.title is not None), ("due", changes.due is not None))
    return [name for name, changed in told if changed]


def _refusals(owed: OwedTask, fields: tuple[str, ...]) -> tuple[Refusal, ...]:
    """Which values are not to be sent again; where the CRM names no field of ours, all of them."""
    number = owed.agreed.number if owed.agreed else 0
    sent: list[tuple[Field, str | Day | Moment | None]] = [
        (Field.TITLE, owed.changes.title),
        (Field.DUE, owed.changes.due),
    ]
    all_of_them = [Refusal(name, value, number) for name, value in sent if value is not None]
    named = [refusal for refusal in all_of_them if refusal.field.value in fields]
    return tuple(named or all_of_them)
