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
    FieldConflict,
    Memory,
    NoEvent,
    OwedDelete,
    OwedEvent,
    Place,
)
from gateway.core.run import BELIEVE_AFTER, Run, Steps, believed
from gateway.core.stories import Actor, Story


def same_calendar(one: Place, other: Place) -> bool:
    """Whether two places are in one calendar."""
    return (one.connection_id, one.calendar_id) == (other.connection_id, other.calendar_id)


def learn_event(run: Run, where: fx.Whereabouts) -> Steps:
    """A pull's fresh reading if there is one, else what we last saw; a read where a write of ours is in doubt."""
    place, memory, hint = run.link.place, run.memory, run.link.event_hint
    if place is None or where.old is not fx.Reach.NOW:
        return
    if not run.is_on and not isinstance(memory.owed, OwedDelete):
        run.event = memory.event or _something(run, place)
        return
    moving = where.home is not None and not same_calendar(place, where.home.place_of(0))
    if isinstance(memory.owed, OwedEvent | OwedDelete) or moving or memory.event is None:
        yield from read_event(run)
    elif isinstance(hint, Event):
        run.event = memory.event if _is_stale(hint, memory) else hint
        run.remember(event=run.event)
    elif hint is None:
        run.event = memory.event
    else:
        yield from read_event(run)


def _something(run: Run, place: Place) -> Event:
    """An event of which only the id is known, and need be: it is to be deleted."""
    return Event(place.event_id, "", None, "", Day(run.now.date()), timedelta(days=1))


def _is_stale(hint: Event, memory: Memory) -> bool:
    """A reading from before our own last write tells nothing new."""
    agreed = memory.agreed.number if memory.agreed else 0
    return hint.number is not None and hint.number < agreed


def read_event(run: Run) -> Steps:
    """A direct read; it also tells what became of an owed write. "Not found" is believed the second time."""
    found = yield fx.ReadEvent(run.place)
    if isinstance(found, fx.Unreachable):
        run.forget_event()
        return
    doubtful = isinstance(found, NoEvent) and found.how is Absence.UNKNOWN and not _explained(run.memory)
    if doubtful and not believed(run.memory.absent_at, run.now):
        run.remember(absent_at=run.memory.absent_at or run.now)
        yield from run.save()
        raise TryLater("the event is not found; looking again before believing it", after=BELIEVE_AFTER)
    deleted_by_us = isinstance(run.memory.owed, OwedDelete)
    settled, event, write = rc.settle_event(run.memory, found)
    run.link = replace(run.link, memory=settled)
    run.event = event
    if write is not None:
        _land(run, write)
    if isinstance(event, Event):
        run.remember(event=event, absent_at=None)
        run.link = replace(run.link, event_url=event.url or run.link.event_url)
    elif event is None and deleted_by_us:
        run.forget_event()


def _explained(memory: Memory) -> bool:
    """Whether a missing event is our own doing: a deletion of ours, or a creation that never happened."""
    return isinstance(memory.owed, OwedDelete) or (isinstance(memory.owed, OwedEvent) and memory.owed.inserts)


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


def _answered(run: Run, owed: OwedEvent, event: Event) -> None:
    """The answer to our own write: its fields are what the event shows under this number, however normalised."""
    _land(run, owed)
    memory = rc.landed(run.memory, owed, event)
    agreed = rc.as_answered(owed.agreed, owed.sent, event)
    run.event = event
    run.link = replace(
        run.link, memory=replace(memory, agreed=agreed, event=event), event_url=event.url or run.link.event_url
    )


def insert(run: Run, home: fx.Home, step: rc.Insert) -> Steps:
    """Create under an id derived from the generation. The id of an event that once was is never used again."""
    if run.link.place is None or not same_calendar(run.link.place, home.place_of(0)):
        _next_generation(run, home)
    yield from _note(run, step.owed)
    answer = yield fx.InsertEvent(run.place, step.write)
    if isinstance(answer, Event):
        run.link = replace(run.link, place=replace(run.place, event_id=answer.id))
        _answered(run, step.owed, answer)
        return
    found = yield fx.ReadEvent(run.place)
    if isinstance(found, Event) and found.link == run.link.id:
        memory, event, write = rc.settle_event(run.memory, found)
        run.link = replace(run.link, memory=replace(memory, event=found))
        run.event = event
        if write is not None:
            _land(run, write)
        return
    run.remember(owed=None)
    _next_generation(run, home)


def _next_generation(run: Run, home: fx.Home) -> None:
    generation = run.link.generation + 1
    run.link = replace(run.link, generation=generation, place=home.place_of(generation), event_url=None)


def relocate(run: Run, home: fx.Home, facts: rc.Facts, conflicts: tuple[FieldConflict, ...]) -> Steps:
    """To another calendar: create there and confirm; the old place is remembered until it is cleared at the end."""
    memory = run.memory.without_event()
    step = rc.insert(memory, facts, conflicts)
    run.link = replace(run.link, memory=memory, leaving=(*run.link.leaving, run.place), place=None)
    run.event = None
    yield from insert(run, home, step)


def patch_event(run: Run, step: rc.PatchEvent) -> Steps:
    """Note, write under If-Match; where it was refused as stale, or met no event, read for real."""
    yield from _note(run, step.owed)
    answer = yield fx.PatchEvent(run.place, step.write, step.etag)
    if isinstance(answer, Event):
        _answered(run, step.owed, answer)
    else:
        yield from read_event(run)


def delete_event(run: Run) -> Steps:
    """Noted first: an event found gone under this note was deleted by us, not by a person."""
    run.remember(owed=OwedDelete())
    yield from run.save()
    yield fx.DeleteEvent(run.place)
    run.tell(Actor.GATEWAY, Story.EVENT_DELETED)
    run.wrote = True
    run.forget_event()
