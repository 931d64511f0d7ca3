"""The heart: what both sides say, what was agreed, and so the one next step.

Existence is decided before fields (B15); each field is weighed on its own (``core.weigh``), and news on both sides that
differs is a conflict, which the CRM's value wins. Nothing here writes: a step is a decision, ``core.journey`` notes it
before it is carried out.

Three simpler memories (one agreed value; a value and a note; per side the values that are not news) each lose an edit
in a short history of crashes and undos; ``tests/core/test_machine.py`` keeps the histories.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.core.model import (
    Absence,
    Agreed,
    Cause,
    Day,
    Event,
    EventWrite,
    Field,
    FieldConflict,
    Memory,
    Moment,
    NoEvent,
    OwedEvent,
    Paint,
    Pair,
    Reason,
    Refusal,
    Remind,
    Sent,
    Span,
    State,
    Task,
    TaskChanges,
    TaskGone,
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
from gateway.core.text import fits, lacks_strokes, read, shown
from gateway.core.weigh import Weighed, number_on, weigh_both

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
    """Create the event at its new home, then delete the old one. ``closes``: see ``OwedEvent``."""

    conflicts: tuple[FieldConflict, ...] = ()
    closes: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """Read the event for real: what is assumed of it is not enough."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to write. ``ends``: the switch is off, forget the text. ``keeps_event``: it stays as history.

    ``agreed``: what both sides hold, with the ``refusals`` still to be told; ``None``: nothing new.
    """

    state: State
    reason: Reason | None = None
    fields: tuple[str, ...] = ()
    agreed: Agreed | None = None
    refusals: tuple[Refusal, ...] = ()
    closes: tuple[Field, ...] = ()
    ends: bool = False
    keeps_event: bool = False


Step = Insert | PatchEvent | PatchTask | DeleteEvent | Relocate | ReadEvent | Rest


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at the moment of deciding. ``event``: ``None`` when there has never been one under this memory.

    ``home``: why there is nowhere to put the event, or ``None``. ``away``: the event lives elsewhere than it should.
    ``off_reason``: what to say where the switch is already off. ``was_done``: the task was when it was last seen.
    """

    now: datetime
    task: TaskState
    event: Event | NoEvent | None
    rules: Rules
    home: Reason | None = None
    away: bool = False
    off_reason: Reason | None = None
    was_done: bool = False


# --- the decision ---------------------------------------------------------------------------------------------------


def decide(memory: Memory, facts: Facts) -> Step:
    """The one next step. Never called with an owed write that is not settled."""
    task = facts.task
    if not isinstance(task, Task) or not task.sync_on:
        return _unwanted(facts, task)
    if isinstance(facts.event, NoEvent):
        reason = Reason.MOVED_CALENDAR if facts.event.how is Absence.MOVED else Reason.EVENT_DELETED
        return PatchTask(TaskChanges(sync_off=True), task.version, None, reason=reason)
    if task.due is None:
        return _withdrawn(facts, Reason.NO_DUE_DATE)
    if not in_range(task.due):
        return Rest(State.ERROR, Reason.INVALID_VALUE, (Field.DUE.value,))
    if facts.home is not None:
        leaves = facts.home is Reason.OWNER_NOT_CONNECTED and facts.away
        return _withdrawn(facts, facts.home) if leaves else Rest(State.PENDING, facts.home)
    return _wanted(memory, facts, task, task.due)


def _wanted(memory: Memory, facts: Facts, task: Task, due: When) -> Step:
    """There is to be an event: create it, or bring both in step, then where it belongs."""
    if not isinstance(facts.event, Event):
        return _insert(memory, facts, task, due)
    step = _fields(memory, facts, weigh_both(memory, facts.rules, task, due, facts.event))
    if not facts.away or isinstance(step, PatchTask | ReadEvent):
        return step
    if isinstance(step, PatchEvent):
        return Relocate(step.owed.conflicts, step.owed.closes)
    return Relocate(closes=step.closes if isinstance(step, Rest) else ())


def _unwanted(facts: Facts, task: TaskState) -> Step:
    """The task is gone or its switch is off: no event, even if it was edited."""
    if isinstance(task, TaskGone) and task.cause is Cause.ARCHIVED and facts.was_done:
        return Rest(State.OFF, ends=True, keeps_event=True)
    if isinstance(facts.event, Event):
        return DeleteEvent()
    return Rest(State.OFF, facts.off_reason, ends=True)


def _withdrawn(facts: Facts, reason: Reason) -> Step:
    """The wish stands, but there can be no event now. A due date taken away is an edit of it."""
    closes = (Field.DUE,) if reason is Reason.NO_DUE_DATE else ()
    return DeleteEvent() if isinstance(facts.event, Event) else Rest(State.PENDING, reason, closes=closes)


def next_number(memory: Memory, now: datetime) -> int:
    """The number for a new write. It follows the clock, so that it is new even where the memory is a restored one and
    the event carries numbers from after the backup."""
    return max(memory.last_number + 1, int(now.timestamp()))


def first_write(memory: Memory, facts: Facts, task: Task, due: When) -> EventWrite:
    """A new event's content."""
    return EventWrite(
        number=next_number(memory, facts.now),
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
    owed = OwedEvent(write.number, agreed, sent, inserts=True, paints=True, reminds=True)
    return Insert(write, _instead(owed, memory, task, due))


def _instead(owed: OwedEvent, memory: Memory, task: Task, due: When) -> OwedEvent:
    """A creation that takes the place of one that never happened: what that one would have told is told now."""
    kept = {Field.TITLE: task.title, Field.DUE: due}
    for earlier in memory.strays:
        if earlier.inserts:
            conflicts = (replace(c, kept=kept[c.field]) for c in earlier.conflicts if c.calendar != kept[c.field])
            return replace(owed, conflicts=tuple(conflicts), closes=earlier.closes)
    return owed


def insert_elsewhere(memory: Memory, facts: Facts, step: Relocate) -> Insert:
    """The creation of the event at its new home. The task must be one that can be synced."""
    task = facts.task
    if not isinstance(task, Task) or task.due is None:
        raise ValueError("only a task that is on and has a due date becomes an event")
    made = _insert(memory, facts, task, task.due)
    return replace(made, owed=replace(made.owed, conflicts=step.conflicts, closes=step.closes))


# --- fields ---------------------------------------------------------------------------------------------------------


def _fields(memory: Memory, facts: Facts, both: Weighed) -> Step:
    """Both exist: title and due both ways (the event's news first), the rest outwards."""
    if memory.agreed is not None and (both.title.to_task or both.when.to_task):
        return _patch_task(memory, memory.agreed, facts, both)
    mine = block(both.task, facts.rules)
    if mine != memory.sent.block and both.event.description is None:
        return ReadEvent()
    write = _event_write(memory, facts, both, mine)
    if not write.empty:
        return _patch_event(memory, both, write, mine)
    return _resting(memory, facts, both)


def _patch_task(memory: Memory, agreed: Agreed, facts: Facts, both: Weighed) -> PatchTask:
    """The event's news flows to the task; what else is news stays news."""
    raw = read(both.event.title, struck=memory.sent.done)
    held = holdable(both.event.start, both.task, facts.rules)
    title, when = both.title, both.when
    still_title = agreed.title if title.to_event else title.pair
    still_due = agreed.due if when.to_event else when.pair
    after = Agreed(
        number_on(both.event),
        Pair(raw, raw) if title.to_task else still_title,
        Pair(held, both.event.start) if when.to_task else still_due,
    )
    changes = TaskChanges(title=raw if title.to_task else None, due=held if when.to_task else None)
    flowing = ((Field.TITLE, title.to_task), (Field.DUE, when.to_task))
    return PatchTask(changes, both.task.version, after, tuple(field for field, flows in flowing if flows))


def _event_write(memory: Memory, facts: Facts, both: Weighed, mine: str) -> EventWrite:
    """What is to be sent to the event: only what changes."""
    task, event = both.task, both.event
    dress = dressing(task, event, memory)
    return EventWrite(
        number=next_number(memory, facts.now),
        title=_new_title(memory, facts, both),
        span=_new_span(memory, facts, both),
        description=compose(event.description or "", memory.sent.block, mine) if mine != memory.sent.block else None,
        paint=dress.paint,
        remind=dress.remind,
        priority=task.priority,
        kept=dress.kept or event.look,
        url=task.url,
    )


def _new_title(memory: Memory, facts: Facts, both: Weighed) -> str | None:
    """Written where the task's is news, where "done" begins or ends, or where a struck title was typed into plainly."""
    bared = both.task.done and lacks_strokes(both.event.title)
    if not both.title.to_event and both.task.done == memory.sent.done and not bared:
        return None
    candidate = shown(both.task.title, struck=both.task.done, limit=facts.rules.title_limit)
    return candidate if candidate != both.event.title else None


def _new_span(memory: Memory, facts: Facts, both: Weighed) -> Span | None:
    longer = both.task.duration != memory.sent.duration
    if not (both.when.to_event or longer):
        return None
    candidate = span(both.task, both.due, facts.rules, both.event, new_length=longer)
    changed = candidate.start != both.event.start or candidate.length != both.event.length
    return candidate if changed else None


def _patch_event(memory: Memory, both: Weighed, write: EventWrite, mine: str) -> PatchEvent:
    task, title, when = both.task, both.title, both.when
    conflicts: list[FieldConflict] = []
    if title.conflict:
        conflicts.append(FieldConflict(Field.TITLE, read(both.event.title, struck=memory.sent.done), task.title))
    if when.conflict:
        conflicts.append(FieldConflict(Field.DUE, both.event.start, both.due))
    owed = OwedEvent(
        write.number,
        Agreed(write.number, title.pair, when.pair),
        Sent(mine, priority_of(task, memory), task.done, task.duration, memory.sent.look),
        kept_look=dressing(task, both.event, memory).kept if task.done else None,
        conflicts=tuple(conflicts),
        closes=both.closes,
        puts_back=(title.put_back or when.put_back) and not both.closes and not conflicts,
        paints=write.paint is not None,
        reminds=write.remind is not None,
        refusals=both.refusals,
        drops_time=when.dropped and isinstance(both.event.start, Moment) and isinstance(both.due, Day),
    )
    return PatchEvent(write, owed, both.event.etag)


def _resting(memory: Memory, facts: Facts, both: Weighed) -> Rest:
    """Both sides agree: the state to show. A refusal is told until a person's edit of its field was taken up."""
    task = both.task
    agreed = Agreed(number_on(both.event), both.title.pair, both.when.pair)
    told = tuple(refusal for refusal in memory.refusals if refusal.field not in both.closes)
    if told:
        return Rest(State.ERROR, Reason.REFUSED, _names(r.field for r in told), agreed, told, both.closes)
    if not fits(task.title, struck=task.done, limit=facts.rules.title_limit):
        return Rest(State.SYNCED, Reason.CLIPPED, _names([Field.TITLE]), agreed, closes=both.closes)
    if memory.time_dropped:
        return Rest(State.SYNCED, Reason.TIME_DROPPED, _names([Field.DUE]), agreed, closes=both.closes)
    return Rest(State.SYNCED, agreed=agreed, closes=both.closes)


def _names(fields: Iterable[Field]) -> tuple[str, ...]:
    return tuple(sorted({field.value for field in fields}))
