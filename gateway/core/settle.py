"""What became of a noted write to the event, as its answer or a later reading of the event tells it."""

from __future__ import annotations

from dataclasses import replace

from gateway.core.model import Absence, Agreed, Event, EventWrite, Look, Memory, NoEvent, OwedEvent, Pair, Sent
from gateway.core.text import read

STRAYS = 3
"""How many noted writes that never landed are remembered: a worker that was paused may still send one."""


def landed(memory: Memory, owed: OwedEvent, event: Event) -> Memory:
    """The memory after a write to the event is known to have taken effect.

    Seen later than its answer, the look it left behind is the one found now: nobody can tell whose it is.
    """
    look = Look(
        event.look.colour if owed.paints else owed.sent.look.colour,
        event.look.reminders if owed.reminds else owed.sent.look.reminders,
    )
    return replace(
        memory,
        agreed=owed.agreed,
        sent=replace(owed.sent, look=look),
        kept_look=owed.kept_look,
        refusals=owed.refusals,
        time_dropped=owed.drops_time,
        owed=None,
        strays=(),  # their etags are no more
        absent_at=None,
    )


def settle_event(memory: Memory, event: Event | NoEvent) -> tuple[Memory, Event | NoEvent | None, OwedEvent | None]:
    """What the owed writes to the event turned into, seen from a reading of it.

    Gives the settled memory, the event (``None``: as if there had never been one), and the write that landed, if any.
    """
    owed = memory.owed if isinstance(memory.owed, OwedEvent) else None
    noted = (owed, *memory.strays) if owed else memory.strays
    if isinstance(event, Event):
        for write in noted:
            if write.number == event.number:
                return landed(memory, write, event), event, write
    memory = replace(memory, owed=None, strays=noted[:STRAYS]) if owed else memory
    if isinstance(event, Event) or memory.agreed is not None:
        return memory, event, None
    if event.how is Absence.UNKNOWN:  # the noted creation never happened
        return memory, None, None
    return memory, event, next((write for write in noted if write.inserts), None)


def as_answered(agreed: Agreed, sent: Sent, event: Event, write: EventWrite) -> Agreed:
    """What was agreed, with the values that were written as the provider's own answer shows them (it may normalise a
    text or round a time, and that is no person's edit). Of a field that was not written the answer may show a person's
    edit, where the provider did not heed our condition: that stays news."""
    title, due = agreed.title, agreed.due
    if write.title is not None:
        title = Pair(title.task, read(event.title, struck=sent.done))
    if write.span is not None:
        due = Pair(due.task, event.start)
    return Agreed(agreed.number, title, due)
