"""The truth about one link, kept apart from what the gateway remembers, and what follows from it for every write.

For each field: what both sides held when they were last equal. A side that differs from it has been edited by a person
since. So a write that takes effect may overwrite an edit only where both edited the field, to different values, and
the gateway had noted exactly that as a conflict; and a conflict that is noted otherwise is a false banner.
"""

from __future__ import annotations

from typing import Any

from gateway.core.model import Agreed, Event, Field, FieldConflict, OwedEvent, OwedTask, Place, Task
from gateway.core.text import STROKE

Values = dict[Field, Any]


def of_task(task: Task) -> Values:
    return {Field.TITLE: task.title, Field.DUE: task.due}


def of_event(event: Event) -> Values:
    return {Field.TITLE: event.title.replace(STROKE, ""), Field.DUE: event.start}


class Judge:
    """Told of everything that happens; raises ``AssertionError`` where a promise is broken.

    ``base``: what both sides last agreed on, ``None`` while there is no event. ``expected``: the conflicts that people
    made. ``put_back``: event values that may be overwritten, because the CRM refused them.
    """

    def __init__(self) -> None:
        self.place: Place | None = None
        self.base: Values | None = None
        self.expected: list[FieldConflict] = []
        self.put_back: set[tuple[Field, Any]] = set()
        self.notes: dict[int, OwedEvent] = {}
        self._task_had: dict[Field, list[Any]] = {Field.TITLE: [], Field.DUE: []}
        self._event_had: dict[Field, list[Any]] = {Field.TITLE: [], Field.DUE: []}
        self._late: set[tuple[Field, Any]] = set()
        self._read: Event | None = None

    # --- what is seen

    def saw_task(self, task: Task) -> None:
        for name, value in of_task(task).items():
            self._task_had[name].append(value)

    def saw_event(self, place: Place, event: Event) -> None:
        if place == self.place:
            for name, value in of_event(event).items():
                self._event_had[name].append(value)

    def saw_late(self, event: Event) -> None:
        """Edited where it is about to be deleted: what flows from there does not stand in the new event yet."""
        for name, value in of_event(event).items():
            self._event_had[name].append(value)
            self._late.add((name, value))

    def event_moved(self, place: Place, to: Place) -> None:
        """Taken to another calendar as it is."""
        if place == self.place:
            self.place = to

    def event_is_gone(self, place: Place) -> None:
        if place == self.place:
            self.place = None

    def read(self, event: Event) -> None:
        self._read = event

    def noted(self, owed: OwedEvent) -> None:
        assert owed.number in self.notes or owed.number > max(self.notes, default=0), "a number used twice"
        assert self.notes.setdefault(owed.number, owed) == owed, "a number used twice"

    def refused(self, values: Values) -> None:
        self.put_back |= set(values.items())

    # --- what is written

    def event_made(self, place: Place, event: Event) -> None:
        """Created, perhaps in the place of one elsewhere, whose edits count as they were last read."""
        owed, values = self._note_of(event), of_event(event)
        earned: list[FieldConflict] = []
        if self.place is not None and self._read is not None and self._read.id == self.place.event_id:
            left = of_event(self._read)
            earned = [c for name in values if (c := self._overwritten(owed, name, left[name], values[name]))]
        self._compare(owed, earned)
        self.place, self.base = place, dict(values)
        for name, value in values.items():
            self._agree(name, value)

    def event_written(self, old: Event, new: Event) -> None:
        owed, before, after = self._note_of(new), of_event(old), of_event(new)
        assert self.base is not None, "an event nobody made"
        earned = [c for name in after if (c := self._overwritten(owed, name, before[name], after[name]))]
        self._compare(owed, earned)
        for name in after:
            if before[name] != after[name]:
                assert after[name] in self._task_had[name], f"the CRM never held {after[name]}"
                self._agree(name, after[name])
        self._claimed(owed.agreed)

    def as_if_task_had(self, name: Field, value: Any) -> None:
        """Somebody's word: the task counts as if it had held this (B24)."""
        self._task_had[name].append(value)

    def task_written(self, task: Task, owed: OwedTask) -> None:
        told = {Field.TITLE: owed.changes.title, Field.DUE: owed.changes.due}
        for name, value in told.items():
            if value is None:
                continue
            assert self.base is not None
            old = of_task(task)[name]
            assert old in (value, self.base[name]), f"the CRM's edit of {name} is lost"
            assert value in self._event_had[name], f"{value} was never in the calendar"
            if (name, value) not in self._late:
                self._agree(name, value)
        if owed.agreed is not None:
            self._claimed(owed.agreed)

    def foresees(self, owed: OwedTask) -> bool:
        """Whether it makes no difference if a noted write to the task lands: it may know that both sides held the same
        value in the meantime, and that is known only once it has landed."""
        if owed.agreed is None or self.base is None:
            return True
        same = {Field.TITLE: owed.agreed.title.task, Field.DUE: owed.agreed.due.task}
        told = {Field.TITLE: owed.changes.title, Field.DUE: owed.changes.due}
        return all(told[name] is not None or same[name] == was for name, was in self.base.items())

    def outcome(self, task: Task, event: Event) -> Values:
        """What both sides are to hold once all is quiet."""
        assert self.base is not None
        one, other = of_task(task), of_event(event)
        return {name: one[name] if one[name] != was else other[name] for name, was in self.base.items()}

    def at_rest(self, agreed: Agreed) -> None:
        if self.place is not None:
            self._claimed(agreed)

    # --- the promises

    def _note_of(self, event: Event) -> OwedEvent:
        assert event.number in self.notes, "written without a note"
        return self.notes[event.number]

    def _overwritten(self, owed: OwedEvent, name: Field, old: Any, new: Any) -> FieldConflict | None:
        """The conflict that people have earned where ``new`` takes the place of the event's ``old``. A refusal may have
        been lost on its way to the gateway."""
        assert self.base is not None
        earned = FieldConflict(name, old, new)
        if old in (new, self.base[name]) or ((name, old) in self.put_back and earned not in owed.conflicts):
            return None
        assert new != self.base[name], f"the calendar's edit of {name} is lost"
        return earned

    def _compare(self, owed: OwedEvent, earned: list[FieldConflict]) -> None:
        assert list(owed.conflicts) == earned, f"noted {owed.conflicts}, earned {earned}"
        self.expected += earned

    def _claimed(self, agreed: Agreed) -> None:
        """Fields that the gateway takes for agreed without a write: both sides must have held the value."""
        assert self.base is not None
        for name, pair in ((Field.TITLE, agreed.title), (Field.DUE, agreed.due)):
            if pair.task == self.base[name]:
                continue
            assert pair.task == pair.event, "agreed on two values"
            assert pair.task in self._task_had[name], f"the CRM never held {pair.task}"
            assert pair.event in self._event_had[name], f"the calendar never held {pair.event}"
            self._agree(name, pair.task)

    def _agree(self, name: Field, value: Any) -> None:
        """Both sides are equal; what the event held before is history, but for what it holds now. What the CRM held may
        yet be told late."""
        assert self.base is not None
        self.base[name] = value
        self.put_back = {(field, refused) for field, refused in self.put_back if field is not name}
        self._event_had[name] = [value, *self._event_had[name][-1:]]
