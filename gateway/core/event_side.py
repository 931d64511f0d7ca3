"""The journey's half on the calendar's side: what the event is, and how it is created, changed, deleted, moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.core import effects as fx
from gateway.core import reconcile as rc
from gateway.core.errors import TryLater
from gateway.core.model import (
    Absence,
    Day,
    Event,
    EventWrite,
    Memory,
    NoEvent,
    OwedDelete,
    OwedEvent,
    OwedMove,
    Place,
    Task,
)
from gateway.core.run import BELIEVE_AFTER, Run, Steps, believed
from gateway.core.settle import as_answered, landed, settle_event
from gateway.core.stories import Actor, Story
from gateway.core.taking_up import taken_up, was_left


def same_calendar(one: Place, other: Place) -> bool:
    """Whether two places are in one calendar."""
    return (one.connection_id, one.calendar_id) == (other.connection_id, other.calendar_id)


def learn_event(run: Run, where: fx.Whereabouts) -> Steps:
    """A pull's fresh reading if there is one, else what we last saw; a read where a write of ours is in doubt.

    A deletion that was noted is carried through, whatever has changed since: a worker that was paused may yet do it.
    A static copy is kept in mind only as long as its task is on.
    """
    place, hint = run.link.place, run.event_hint
    waits = where.old is fx.Reach.LATER or (where.old is fx.Reach.LEFT and run.is_on)
    if place is None or waits:
        return
    if where.old in (fx.Reach.NEVER, fx.Reach.LEFT):
        run.forget_event()
    elif was_left(run.memory):
        yield from _take_up(run, where)
    elif isinstance(run.memory.owed, OwedDelete):
        yield from _carry_through(run)
    elif isinstance(run.memory.owed, OwedMove):
        yield from _settle_move(run, run.memory.owed.to)
    elif not run.is_on:
        run.event = run.memory.event or _something(run, place)
    elif isinstance(run.memory.owed, OwedEvent) or run.memory.event is None:
        yield from read_event(run)
    elif isinstance(hint, Event) and not _is_stale(hint, run.memory):
        _settle(run, hint)
        run.takes_event(hint, is_read=False)
    else:
        run.event = run.memory.event


def _take_up(run: Run, where: fx.Whereabouts) -> Steps:
    """An event that was left as a static copy belongs to its task again. One that is gone was no event of the task's
    when it went, so the switch stays on and a new one is made."""
    if not run.is_on:
        run.event = _something(run, run.place)
        return
    yield from read_event(run)
    if isinstance(run.event, Event) and isinstance(run.task, Task):
        rules = where.home.rules if where.home else where.rules
        run.link = replace(run.link, memory=taken_up(run.memory, run.task, run.event, rules))
        run.tell(Actor.GATEWAY, Story.EVENT_TAKEN_UP)
    elif run.event is not None:
        run.forget_event()


def _something(run: Run, place: Place) -> Event:
    """An event of which only the id is known, and need be: it is to be deleted."""
    return Event(place.event_id, "", None, "", Day(run.now.date()), timedelta(days=1))


def _is_stale(hint: Event, memory: Memory) -> bool:
    """A reading from before our own last write tells nothing new."""
    agreed = memory.agreed.number if memory.agreed else 0
    return hint.number is not None and hint.number < agreed


def read_event(run: Run) -> Steps:
    """A direct read; it also tells what became of an owed write. "Not found" is believed the second time."""
    found = yield fx.ReadEvent(run.place, doubted=isinstance(run.event_hint, NoEvent))
    yield from _take_found(run, found)


def _take_found(run: Run, found: Event | NoEvent | fx.Unreachable) -> Steps:
    if isinstance(found, fx.Unreachable):
        run.forget_event()
        return
    ever_was = run.memory.agreed is not None  # else it is a creation of ours that never happened
    doubtful = isinstance(found, NoEvent) and found.how is Absence.UNKNOWN and ever_was
    if doubtful and not believed(run.memory.absent_at, run.now):
        run.remember(event=None, absent_at=run.memory.absent_at or run.now)
        yield from run.save()
        raise TryLater("the event is not found; looking again before believing it", after=BELIEVE_AFTER)
    event = _settle(run, found)
    if isinstance(event, Event):
        run.takes_event(event, is_read=True)
    else:
        run.event, run.event_is_read = event, True
        run.remember(event=None)


def _settle_move(run: Run, to: Place) -> Steps:
    """Was the noted move made? The event lives here or there; found in neither, it is doubted as ever."""
    found = yield fx.ReadEvent(run.place)
    if not isinstance(found, Event):
        there = yield fx.ReadEvent(to)
        if isinstance(there, Event) and there.link == run.link.id:
            _arrive(run, to)
            found = there
        elif isinstance(found, NoEvent) and isinstance(there, NoEvent):
            found = there
    yield from _take_found(run, found)
    run.remember(owed=None)


def _arrive(run: Run, to: Place) -> None:
    run.link, run.wrote = replace(run.link, place=to), True
    run.tell(Actor.GATEWAY, Story.EVENT_MOVED)


def _settle(run: Run, found: Event | NoEvent) -> Event | NoEvent | None:
    """What this reading tells of the writes that were noted."""
    memory, event, write = settle_event(run.memory, found)
    run.link = replace(run.link, memory=memory)
    if write is not None:
        _land(run, write)
    return event


def _land(run: Run, owed: OwedEvent) -> None:
    """A write to the event took effect: what it meant for conflicts is told now, once."""
    run.opens.extend(owed.conflicts)
    run.closes.extend(owed.closes)
    run.wrote = True
    if owed.conflicts:
        run.tell(Actor.GATEWAY, Story.CONFLICT, fields=sorted({c.field.value for c in owed.conflicts}))
    story = Story.EVENT_CREATED if owed.inserts else Story.EVENT_PUT_BACK if owed.puts_back else Story.EVENT_UPDATED
    run.tell(Actor.GATEWAY, story, number=owed.number)


def _note(run: Run, owed: OwedEvent) -> Steps:
    run.remember(owed=owed, last_number=owed.number)
    yield from run.save()


def _answered(run: Run, owed: OwedEvent, write: EventWrite, event: Event) -> None:
    """The answer to our own write: its fields are what the event shows under this number, however normalised."""
    _land(run, owed)
    memory = landed(run.memory, owed, event)
    run.link = replace(run.link, memory=replace(memory, agreed=as_answered(owed.agreed, owed.sent, event, write)))
    run.takes_event(event, is_read=True)


def insert(run: Run, home: fx.Home, step: rc.Insert) -> Steps:
    """Create under an id derived from the generation. The id of an event that once was is never used again."""
    if run.link.place is None or not same_calendar(run.link.place, home.place_of(0)):
        _next_generation(run, home)
    yield from _note(run, step.owed)
    answer = yield fx.InsertEvent(run.place, step.write)
    if isinstance(answer, fx.Taken):
        answer = yield fx.ReadEvent(run.place)
        if not isinstance(answer, Event) or answer.link != run.link.id:
            _next_generation(run, home)
            run.remember(strays=(step.owed,))
            return
    run.link = replace(run.link, place=replace(run.place, event_id=answer.id))
    if answer.number == step.owed.number:
        _answered(run, step.owed, step.write, answer)
    else:  # created by an earlier try that was taken for lost
        _settle(run, answer)
        run.takes_event(answer, is_read=True)


def _next_generation(run: Run, home: fx.Home) -> None:
    """A fresh id at home, with nothing agreed. An event left in another calendar is deleted once the new one stands."""
    generation, owed = run.link.generation + 1, run.memory.owed
    lived = (run.link.place, owed.to if isinstance(owed, OwedMove) else None)
    left = [place for place in lived if place is not None and not same_calendar(place, home.place_of(0))]
    last = run.event
    run.forget_event()
    if left and isinstance(last, Event):
        run.remember(left=(*run.memory.left, replace(last, description=None)))
    run.link = replace(
        run.link, generation=generation, place=home.place_of(generation), leaving=(*run.link.leaving, *left)
    )


def relocate(run: Run, home: fx.Home, facts: rc.Facts, step: rc.Relocate) -> Steps:
    """To another calendar: moved as it is where that can be, with all that its person gave it. Else create there and
    confirm; the old place is remembered until it is cleared at the end."""
    to = replace(home.place_of(0), event_id=run.place.event_id)
    moved: Event | fx.Missing | None = None
    if to.connection_id == run.place.connection_id:
        run.remember(owed=OwedMove(to))
        yield from run.save()
        moved = yield fx.MoveEvent(run.place, to)
        run.remember(owed=None)
    if isinstance(moved, Event):
        _arrive(run, to)
        run.takes_event(moved, is_read=True)
    elif moved is not None:
        yield from read_event(run)
    else:
        yield from insert(run, home, rc.insert_elsewhere(run.memory, facts, step))


def patch_event(run: Run, step: rc.PatchEvent) -> Steps:
    """Note, write under If-Match; where it was refused as stale, or met no event, read for real."""
    yield from _note(run, step.owed)
    answer = yield fx.PatchEvent(run.place, step.write, step.etag)
    if isinstance(answer, Event):
        _answered(run, step.owed, step.write, answer)
    else:
        yield from read_event(run)


def delete_event(run: Run) -> Steps:
    """Noted first: an event found gone under this note was deleted by us, not by a person."""
    run.remember(owed=OwedDelete())
    yield from run.save()
    yield from _carry_through(run)


def _carry_through(run: Run) -> Steps:
    yield fx.DeleteEvent(run.place)
    run.tell(Actor.GATEWAY, Story.EVENT_DELETED)
    run.wrote = True
    run.forget_event()
