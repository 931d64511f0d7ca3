"""The ground of the toy world: one CRM task, people's calendars, a stored link, and what people do and senders tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gateway.core import effects as fx
from gateway.core.model import (
    Absence,
    Cause,
    ConnectionId,
    Event,
    EventId,
    Field,
    FieldConflict,
    LinkStatus,
    Memory,
    Place,
    Task,
    TaskChanges,
    TaskGone,
    TaskOff,
)
from gateway.core.records import Link, ReadAgain, TaskHint
from tests.core.judge import Judge
from tests.factories import NOW, a_link, a_task


@dataclass(frozen=True)
class Kept:
    """One event that is, or was, in a calendar."""

    event: Event
    absence: Absence | None = None


@dataclass(frozen=True)
class Reading:
    """What a pull saw of the link's event, and the memory it compared it with."""

    event: Event | None
    rev: int
    etag: str | None


class Ground:
    """Everything outside of the journey, without the journey. Public attributes are the levers of a test."""

    def __init__(self, task: Task | None = None, *, replays_keys: bool = True, moves: bool = False) -> None:
        self.now = NOW
        self.moves = moves
        self.replays_keys = replays_keys
        self.task: Task | TaskGone = task or a_task()
        self.history: dict[int, Task] = {}
        self.keys: dict[str, tuple[TaskChanges, Task]] = {}
        self.refuses: dict[Field, set[Any]] = {Field.TITLE: set(), Field.DUE: set()}
        self.reach = {"u-1": "connected", "u-2": "none"}
        self.chosen = {"u-1": "work", "u-2": "work"}
        self.shelves: dict[tuple[str, str], dict[EventId, Kept]] = {}
        self.link: Link = a_link(place=None, generation=0, memory=Memory(), task_version=None)
        self.judge = Judge()
        self.opened: list[FieldConflict] = []
        self.closed: list[Field] = []
        self.late: list[fx.InsertEvent | fx.PatchEvent] = []
        self.hiccups: set[str] = set()
        self.vague = False
        self.asked_leave = fx.Leave(fx.Word.YES)
        self._lied: set[str] = set()
        self.calls: list[fx.Effect] = []
        self.outcome: dict[Field, Any] | None = None
        self.owes_run = False
        self._etags = 0
        self._next: Any = None
        self._read_seqs = (0, 0)
        self._remember_version()
        self.hear(self.link.task_version or 1)

    # --- what people do

    def edit_task(self, **changes: Any) -> None:
        if isinstance(self.task, Task) and (changed := replace(self.task, **changes)) != self.task:
            self.task = replace(changed, version=max(self.history) + 1)
            self._remember_version()

    def _remember_version(self) -> None:
        if isinstance(self.task, Task):
            self.history[self.task.version] = self.task
            self.judge.saw_task(self.task)

    def edit_event(self, **changes: Any) -> None:
        """A title is given plain: a person renames what they see, and types no strokes."""
        place = self.alive()
        if place is None:
            return
        event = self.event_at(place)
        if event is not None and (changed := replace(event, **changes)) != event:
            self._put(place, changed)

    def edit_left(self, place: Place, **changes: Any) -> None:
        """A person edits an event that is about to be deleted, because it was created anew elsewhere."""
        event = self.event_at(place)
        assert event is not None
        changed = self._put(place, replace(event, **changes))
        self.judge.saw_late(changed)

    def delete_event(self) -> None:
        place = self.alive()
        if place is not None:
            self._shelf(place)[place.event_id] = replace(self._shelf(place)[place.event_id], absence=Absence.DELETED)
            self.judge.event_is_gone(place)

    def delete_task(self, cause: Cause) -> None:
        if isinstance(self.task, Task):
            self.task = TaskGone(cause)

    def reach_of(self, user: str, reach: str) -> None:
        """A person connects, pauses or goes on: their links are looked at again."""
        self.reach[user] = reach
        self.owes_run = True

    def choose(self, user: str, calendar: str) -> None:
        """Another target calendar: likewise."""
        self.chosen[user] = calendar
        self.owes_run = True

    def alive(self) -> Place | None:
        """Where the link's event is, or any event of ours that lives."""
        places = self.all_alive()
        return self.link.place if self.link.place in places else places[-1] if places else None

    @property
    def event(self) -> Event:
        """The event that lives."""
        event = self.event_at(self.alive())
        assert event is not None, "no event"
        return event

    def all_alive(self) -> list[Place]:
        return [
            Place(ConnectionId(user), calendar, name)
            for (user, calendar), shelf in self.shelves.items()
            for name, kept in shelf.items()
            if kept.absence is None
        ]

    def event_at(self, place: Place | None) -> Event | None:
        kept = self._shelf(place).get(place.event_id) if place else None
        return kept.event if kept and kept.absence is None else None

    def _shelf(self, place: Place) -> dict[EventId, Kept]:
        return self.shelves.setdefault((place.connection_id, place.calendar_id), {})

    def _put(self, place: Place, event: Event) -> Event:
        self._etags += 1
        event = replace(event, etag=f'"{self._etags}"')
        self._shelf(place)[place.event_id] = Kept(event)
        self.judge.saw_event(place, event)
        return event

    # --- what is told: deliveries from the CRM, pulls from the calendar

    def hear(self, version: int, *, thin: bool = False) -> None:
        """A delivery about one version arrives at the door (late, again, out of order: as it comes)."""
        told = self.history[version]
        if told.sync_on:
            known = self.link.task_version if self.link.status is LinkStatus.LIVE else None
        elif self.link.status is LinkStatus.LIVE:
            known = self.link.task_version
        else:
            return
        if known is not None and version <= known:
            return
        hint: TaskHint = ReadAgain() if thin else told if told.sync_on else TaskOff(version)
        self._hint_task(hint, version)

    def hear_deletion(self) -> None:
        if isinstance(self.task, TaskGone) and self.link.status is LinkStatus.LIVE:
            self._hint_task(ReadAgain(self.task.cause), self.link.task_version)

    def tell(self, **changes: Any) -> None:
        """The task is edited, and its delivery arrives at once."""
        self.edit_task(**changes)
        self.hear(max(self.history))

    def show(self, **changes: Any) -> None:
        """The event is edited, and a pull finds it at once."""
        self.edit_event(**changes)
        self.leave(self.look())

    def _hint_task(self, hint: TaskHint, version: int | None) -> None:
        self.link = replace(
            self.link, task_hint=hint, task_seq=self.link.task_seq + 1, task_version=version, status=LinkStatus.LIVE
        )
        self.owes_run = True

    def look(self) -> Reading:
        """A pull lists our events."""
        event = self.event_at(self.link.place)
        known = self.link.memory.event
        reading = replace(event, description=None) if event else None
        return Reading(reading, self.link.memory_rev, known.etag if known else None)

    def leave(self, reading: Reading) -> None:
        """The pull leaves what it saw, unless it is an echo or the memory has moved on."""
        if self.link.status is not LinkStatus.LIVE or self.link.place is None or reading.rev != self.link.memory_rev:
            return
        if reading.event is None or reading.event.etag != reading.etag:
            hint = reading.event or ReadAgain()
            self.link = replace(self.link, event_hint=hint, event_seq=self.link.event_seq + 1)
            self.owes_run = True

    def read_all_again(self) -> None:
        """The catch-up and the safety read."""
        if self.link.status is LinkStatus.LIVE or (isinstance(self.task, Task) and self.task.sync_on):
            self._hint_task(ReadAgain(), self.link.task_version)
            self.link = replace(self.link, event_hint=ReadAgain(), event_seq=self.link.event_seq + 1)
