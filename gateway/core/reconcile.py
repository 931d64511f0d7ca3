"""The heart: what both sides say, what was agreed, and so the one next step.

Existence is decided before fields (B15). A field's news is what differs from what both sides last agreed on under the
write number found on the event; news on both sides that differs is a conflict, and the CRM's value wins. Nothing here
writes: a step is a decision, ``core.journey`` notes it before it is carried out.

Three simpler memories (one agreed value; a value and a note; per side the values that are not news) each lose an edit
in a short history of crashes and undos; ``tests/core/test_machine.py`` keeps the histories.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from gateway.core.model import (
    Absence,
    Agreed,
    Cause,
    Event,
    EventWrite,
    Field,
    FieldConflict,
    Memory,
    NoEvent,
    Owed,
    OwedDelete,
    OwedEvent,
    Paint,
    Pair,
    Reason,
    Remind,
    Sent,
    Span,
    State,
    Task,
    TaskChanges,
    TaskGone,
    TaskOff,
    TaskState,
    When,
)
from gateway.core.render import (
    Rules,
    block,
    compose,
    dressing,
    has_passed,
    holdable,
    in_range,
    priority_of,
    span,
)
from gateway.core.text import NO_TITLE, clean, fits, is_blank, read, shown

T = TypeVar("T")


# --- steps ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Insert:
    """Create the event."""

    write: EventWrite
    owed: OwedEvent


@dataclass(frozen=True, slots=True)
class PatchEvent:
    """Change the event, if it is still as it was read."""

    write: EventWrite
    owed: OwedEvent
    etag: str


@dataclass(frozen=True, slots=True)
class PatchTask:
    """Change the task, if it is still at this version. ``reason``: why its switch goes off."""

    changes: TaskChanges
    version: int
    agreed: Agreed | None
    closes: tuple[Field, ...] = ()
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class DeleteEvent:
    """Delete the event; what remains to be said comes with the next look."""


@dataclass(frozen=True, slots=True)
class Relocate:
    """Create the event at its new home, then delete the old one."""

    conflicts: tuple[FieldConflict, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """Read the event for real: what is assumed of it is not enough."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to write. ``ends``: the switch is off, forget the text. ``keeps_event``: it stays as history."""

    state: State
    reason: Reason | None = None
    fields: tuple[str, ...] = ()
    agreed: Agreed | None = None
    closes: tuple[Field, ...] = ()
    ends: bool = False
    keeps_event: bool = False


Step = Insert | PatchEvent | PatchTask | DeleteEvent | Relocate | ReadEvent | Rest


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at the moment of deciding. ``event``: ``None`` when there has never been one under this memory.

    ``home``: why there is nowhere to put the event, or ``None``. ``away``: the event lives elsewhere than it should.
    ``off_reason``: what to say where the switch is already off.
    """

    now: datetime
    task: TaskState
    event: Event | NoEvent | None
    rules: Rules
    home: Reason | None = None
    away: bool = False
    off_reason: Reason | None = None


# --- what became of an owed write -----------------------------------------------------------------------------------


def landed(memory: Memory, owed: OwedEvent, event: Event) -> Memory:
    """The memory after a write to the event is known to have taken effect."""
    kept = () if not owed.puts_back else memory.refusals
    return replace(
        memory,
        agreed=owed.agreed,
        sent=replace(owed.sent, look=event.look),
        kept_look=owed.kept_look,
        refusals=kept,
        owed=None,
        absent_at=None,
    )


def settle_event(memory: Memory, event: Event | NoEvent) -> tuple[Memory, Event | NoEvent | None, OwedEvent | None]:
    """What the owed write or deletion turned into, seen from a real read of the event.

    Gives the settled memory, the event (``None``: as if there had never been one), and the write that landed, if any.
    """
    owed: Owed | None = memory.owed
    if isinstance(owed, OwedDelete):
        if isinstance(event, NoEvent):
            return memory.without_event(), None, None
        return replace(memory, owed=None), event, None
    if not isinstance(owed, OwedEvent):
        return memory, event, None
    if isinstance(event, Event):
        if event.number == owed.number:
            return landed(memory, owed, event), event, owed
        return replace(memory, owed=None), event, None
    if owed.inserts and not _was_removed(event):
        return replace(memory, owed=None), None, None
    return replace(memory, owed=None), event, owed if owed.inserts else None


def _was_removed(event: NoEvent) -> bool:
    """Whether the calendar itself says that there was an event."""
    return event.how in (Absence.DELETED, Absence.MOVED)


# --- the decision ---------------------------------------------------------------------------------------------------


def decide(memory: Memory, facts: Facts) -> Step:
    """The one next step. Never called with an owed write that is not settled."""
    task = facts.task
    if not isinstance(task, Task) or not task.sync_on:
        return _unwanted(memory, facts, task)
    if task.due is None:
        return _withdrawn(facts, Reason.NO_DUE_DATE)
    if not in_range(task.due):
        return Rest(State.ERROR, Reason.INVALID_VALUE, (Field.DUE.value,))
    if facts.home is not None:
        leaves = facts.home is Reason.OWNER_NOT_CONNECTED and facts.away
        return _withdrawn(facts, facts.home) if leaves else Rest(State.PENDING, facts.home)
    return _wanted(memory, facts, task, task.due)


def _wanted(memory: Memory, facts: Facts, task: Task, due: When) -> Step:
    """There is to be an event: create it, notice that a person deleted it, or bring both in step."""
    match facts.event:
        case None:
            return _insert(memory, facts, task, due)
        case NoEvent(how):
            reason = Reason.MOVED_CALENDAR if how is Absence.MOVED else Reason.EVENT_DELETED
            return PatchTask(TaskChanges(sync_off=True), task.version, None, reason=reason)
        case Event() as event:
            step = _fields(memory, facts, task, due, event)
            if not facts.away or isinstance(step, PatchTask | ReadEvent):
                return step
            return Relocate(step.owed.conflicts if isinstance(step, PatchEvent) else ())


def _unwanted(memory: Memory, facts: Facts, task: TaskOff | TaskGone | Task) -> Step:
    """The task is gone or its switch is off: no event, even if it was edited."""
    if isinstance(task, TaskGone) and task.cause is Cause.ARCHIVED and memory.task is not None and memory.task.done:
        return Rest(State.OFF, ends=True, keeps_event=True)
    if isinstance(facts.event, Event):
        return DeleteEvent()
    return Rest(State.OFF, facts.off_reason, ends=True)


def _withdrawn(facts: Facts, reason: Reason) -> Step:
    """The wish stands, but there can be no event now."""
    return DeleteEvent() if isinstance(facts.event, Event) else Rest(State.PENDING, reason)


def first_write(memory: Memory, facts: Facts, task: Task, due: When) -> EventWrite:
    """A new event's content."""
    return EventWrite(
        number=memory.last_number + 1,
        title=shown(task.title, struck=task.done, limit=facts.rules.title_limit),
        span=span(task, due, facts.rules),
        description=block(task, facts.rules),
        paint=Paint.DONE if task.done else Paint.PRIORITY,
        remind=Remind.NONE if task.done or has_passed(due, facts.now) else Remind.DEFAULT,
        priority=task.priority,
        url=task.url,
    )


def _insert(memory: Memory, facts: Facts, task: Task, due: When) -> Insert:
    write = first_write(memory, facts, task, due)
    agreed = Agreed(
        write.number,
        Pair(task.title, read(write.title or "", struck=task.done)),
        Pair(due, due),
    )
    sent = Sent(write.description or "", task.priority, task.done, task.duration)
    return Insert(write, OwedEvent(write.number, agreed, sent, inserts=True))


def insert(memory: Memory, facts: Facts, conflicts: tuple[FieldConflict, ...] = ()) -> Insert:
    """The creation of the event, for a relocation as well. The task must be one that can be synced."""
    task = facts.task
    if not isinstance(task, Task) or task.due is None:
        raise ValueError("only a task that is on and has a due date becomes an event")
    step = _insert(memory, facts, task, task.due)
    return replace(step, owed=replace(step.owed, conflicts=conflicts))


# --- fields ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """One field weighed. ``to_task``: the event's news that is to flow; ``to_event``: the task's value must be written.

    ``pair``: what is agreed once the event has been written; ``news``: a person changed it on either side.
    """

    pair: Pair[T]
    to_task: bool = False
    to_event: bool = False
    conflict: bool = False
    news: bool = False
    put_back: bool = False


def weigh(*, task_news: bool, event_news: bool, same: bool, settled: Pair[T], before: Pair[T] | None) -> Verdict[T]:
    """The three-way rule for one field, whatever it holds. ``settled``: both values once the CRM's has been written."""
    if event_news and not task_news and not same:
        return Verdict(before or settled, to_task=True, news=True)
    conflict = task_news and event_news and not same
    return Verdict(settled, to_event=not same, conflict=conflict, news=task_news or event_news)


def _weigh_title(memory: Memory, facts: Facts, task: Task, event: Event, *, known: bool) -> Verdict[str]:
    agreed, limit = memory.agreed, facts.rules.title_limit
    raw = read(event.title, struck=memory.sent.done)
    wanted = read(shown(task.title, struck=task.done, limit=limit), struck=task.done)
    empty = is_blank(raw) or raw == NO_TITLE
    refused = any(r.field is Field.TITLE and r.value == raw for r in memory.refusals)
    task_news = agreed is None or task.title != agreed.title.task
    event_news = not (empty or refused) and not (known and agreed is not None and raw == agreed.title.event)
    same = raw in (wanted, clean(task.title)) or not (task_news or event_news or empty or refused)
    stays = same and task.done == memory.sent.done
    verdict = weigh(
        task_news=task_news,
        event_news=event_news,
        same=same,
        settled=Pair(task.title, raw if stays else wanted),
        before=agreed.title if agreed else None,
    )
    return replace(verdict, put_back=(empty or refused) and verdict.to_event and not task_news)


def _weigh_due(memory: Memory, facts: Facts, task: Task, due: When, event: Event, *, known: bool) -> Verdict[When]:
    agreed, start = memory.agreed, event.start
    held = holdable(start, task, facts.rules)
    refused = any(r.field is Field.DUE and r.value == held for r in memory.refusals)
    task_news = agreed is None or due != agreed.due.task
    event_news = not refused and not (known and agreed is not None and start == agreed.due.event)
    dropped = held != start  # the CRM cannot hold this form: the event is written back as the CRM holds it
    quiet = not (task_news or event_news or refused or dropped)
    same = due == held or quiet
    verdict = weigh(
        task_news=task_news,
        event_news=event_news,
        same=same,
        settled=Pair(due, start if same and not dropped else due),
        before=agreed.due if agreed else None,
    )
    return replace(
        verdict,
        to_event=verdict.to_event or (same and dropped and start != due),
        put_back=refused and not task_news,
    )


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Both sides exist, and each field has its verdict."""

    task: Task
    due: When
    event: Event
    title: Verdict[str]
    when: Verdict[When]

    @property
    def closes(self) -> tuple[Field, ...]:
        """Fields a person edited without a conflict: an open conflict in them is a thing of the past."""
        fields = ((Field.TITLE, self.title.news, self.title.conflict), (Field.DUE, self.when.news, self.when.conflict))
        return tuple(field for field, news, conflict in fields if news and not conflict)


def _fields(memory: Memory, facts: Facts, task: Task, due: When, event: Event) -> Step:
    """Both exist: title and due both ways (the event's news first), the rest outwards."""
    known = memory.agreed is not None and event.number == memory.agreed.number
    title = _weigh_title(memory, facts, task, event, known=known)
    when = _weigh_due(memory, facts, task, due, event, known=known)
    both = _Weighed(task, due, event, title, when)
    if memory.agreed is not None and (title.to_task or when.to_task):
        return _patch_task(memory, memory.agreed, facts, both)
    mine = block(task, facts.rules)
    if mine != memory.sent.block and event.description is None:
        return ReadEvent()
    write = _event_write(memory, facts, both, mine)
    if not write.empty:
        return _patch_event(memory, both, write, mine)
    number = event.number if event.number is not None else 0
    return _resting(memory, facts, task, Agreed(number, title.pair, when.pair), both.closes)


def _patch_task(memory: Memory, agreed: Agreed, facts: Facts, both: _Weighed) -> PatchTask:
    """The event's news flows to the task; what else is news stays news."""
    raw = read(both.event.title, struck=memory.sent.done)
    held = holdable(both.event.start, both.task, facts.rules)
    title, when = both.title, both.when
    still_title = agreed.title if title.to_event else title.pair
    still_due = agreed.due if when.to_event else when.pair
    after = Agreed(
        both.event.number if both.event.number is not None else 0,
        Pair(raw, raw) if title.to_task else still_title,
        Pair(held, both.event.start) if when.to_task else still_due,
    )
    changes = TaskChanges(title=raw if title.to_task else None, due=held if when.to_task else None)
    flowing = ((Field.TITLE, title.to_task), (Field.DUE, when.to_task))
    return PatchTask(changes, both.task.version, after, tuple(field for field, flows in flowing if flows))


def _event_write(memory: Memory, facts: Facts, both: _Weighed, mine: str) -> EventWrite:
    """What is to be sent to the event: only what changes."""
    task, event = both.task, both.event
    dress = dressing(task, event, memory)
    return EventWrite(
        number=memory.last_number + 1,
        title=_new_title(memory, facts, both),
        span=_new_span(memory, facts, both),
        description=compose(event.description or "", memory.sent.block, mine) if mine != memory.sent.block else None,
        paint=dress.paint,
        remind=dress.remind,
        priority=task.priority,
        kept=dress.kept or event.look,
        url=task.url,
    )


def _new_title(memory: Memory, facts: Facts, both: _Weighed) -> str | None:
    if not both.title.to_event and both.task.done == memory.sent.done:
        return None
    candidate = shown(both.task.title, struck=both.task.done, limit=facts.rules.title_limit)
    return candidate if candidate != both.event.title else None


def _new_span(memory: Memory, facts: Facts, both: _Weighed) -> Span | None:
    longer = both.task.duration != memory.sent.duration
    if not (both.when.to_event or longer):
        return None
    candidate = span(both.task, both.due, facts.rules, both.event, new_length=longer)
    changed = candidate.start != both.event.start or candidate.length != both.event.length
    return candidate if changed else None


def _patch_event(memory: Memory, both: _Weighed, write: EventWrite, mine: str) -> PatchEvent:
    task, title, when = both.task, both.title, both.when
    dress = dressing(task, both.event, memory)
    conflicts: list[FieldConflict] = []
    if title.conflict:
        conflicts.append(FieldConflict(Field.TITLE, read(both.event.title, struck=memory.sent.done), task.title))
    if when.conflict:
        conflicts.append(FieldConflict(Field.DUE, both.event.start, both.due))
    owed = OwedEvent(
        write.number,
        Agreed(write.number, title.pair, when.pair),
        Sent(mine, priority_of(task, memory), task.done, task.duration),
        kept_look=dress.kept if task.done else None,
        conflicts=tuple(conflicts),
        closes=both.closes,
        puts_back=(title.put_back or when.put_back) and not both.closes and not conflicts,
    )
    return PatchEvent(write, owed, both.event.etag)


def _resting(memory: Memory, facts: Facts, task: Task, agreed: Agreed, closes: tuple[Field, ...]) -> Rest:
    """Both sides agree: the state to show."""
    if memory.refusals:
        fields = tuple(sorted({r.field.value for r in memory.refusals}))
        return Rest(State.ERROR, Reason.REFUSED, fields, agreed, closes)
    if not fits(task.title, struck=task.done, limit=facts.rules.title_limit):
        return Rest(State.SYNCED, Reason.CLIPPED, ("title",), agreed, closes)
    return Rest(State.SYNCED, None, (), agreed, closes)


def as_answered(agreed: Agreed, sent: Sent, event: Event) -> Agreed:
    """What was agreed, with the event's values as the provider's own answer shows them (it may normalise a text or
    round a time, and that is no person's edit)."""
    return Agreed(
        agreed.number,
        Pair(agreed.title.task, read(event.title, struck=sent.done)),
        Pair(agreed.due.task, event.start),
    )
