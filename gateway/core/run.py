"""The scratch pad of one journey: the link as it will be saved, what both sides are taken to be, what is untold."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.core import effects as fx
from gateway.core.model import (
    Cause,
    Event,
    Field,
    FieldConflict,
    Memory,
    NoEvent,
    Place,
    Reason,
    State,
    Task,
    TaskGone,
    TaskOff,
    TaskState,
)
from gateway.core.records import Entry, EventHint, Link, ReadAgain, TaskHint
from gateway.core.stories import Actor, Story

BELIEVE_AFTER = timedelta(seconds=3)
"""A side that is "not found" is believed to be gone when a read at least this much later says so again."""

Steps = Generator[fx.Effect, Any, None]


def believed(first_at: datetime | None, now: datetime) -> bool:
    """Whether a "not found" has been heard before, long enough ago."""
    return first_at is not None and now - first_at >= BELIEVE_AFTER


@dataclass(slots=True)
class Run:
    """What a journey knows. ``task_is_read``/``event_is_read``: seen in this run, not assumed.

    ``task_hint``/``event_hint``: what was told since the last run. ``was_done``: the task was, when last seen.
    ``seen``: the event as it was known before. ``wrote``: something was written to either side, so the entry "nothing
    to do" would be wrong.
    """

    now: datetime
    link: Link
    replays_keys: bool = True
    opens: list[FieldConflict] = field(default_factory=list)
    closes: list[Field] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    task: TaskState | None = None
    task_is_read: bool = False
    event: Event | NoEvent | None = None
    event_is_read: bool = False
    task_hint: TaskHint | None = None
    event_hint: EventHint | None = None
    seen: Event | None = None
    off_reason: Reason | None = None
    was_done: bool = False
    wrote: bool = False

    @classmethod
    def of(cls, link: Link, now: datetime, *, replays_keys: bool = True) -> Run:
        """A new run. The first save clears the hints, so that they are taken to heart before: of a side that a hint
        calls in question nothing stays remembered, and a later run will read it."""
        seen, task_hint, event_hint = link.memory, _news(link.task_hint, link.memory.task), link.event_hint
        task = seen.task if task_hint is None else task_hint if isinstance(task_hint, Task) else None
        event = None if event_hint is not None and not isinstance(event_hint, Event) else seen.event
        return cls(
            now,
            replace(link, memory=replace(seen, task=task, event=event)),
            replays_keys,
            task_hint=task_hint,
            event_hint=event_hint,
            seen=seen.event,
            off_reason=link.reason if link.state is State.OFF else None,
            was_done=seen.task is not None and seen.task.done,
        )

    @property
    def memory(self) -> Memory:
        """What the link remembers."""
        return self.link.memory

    @property
    def place(self) -> Place:
        """Where the event lives; only asked where there is one."""
        if self.link.place is None:
            raise ValueError("the link has no place")
        return self.link.place

    @property
    def is_echo(self) -> bool:
        """Whether a calendar's notice turned out to be of our own last write, told for the first time: under its number
        all that we read is as we left it (an etag may move on without anybody's doing)."""
        event, seen = self.event, self.seen
        if self.wrote or not isinstance(event, Event) or seen is None or not self.event_is_news:
            return False
        same = replace(event, etag=seen.etag, description=seen.description, link=seen.link, url=seen.url) == seen
        return same and self.link.echoed is not None and (event.number or 0) > self.link.echoed

    @property
    def event_is_news(self) -> bool:
        """Whether the calendar told of a change, and not of an absence."""
        return self.event_hint is not None and not isinstance(self.event_hint, NoEvent)

    @property
    def is_on(self) -> bool:
        """Whether the task is there with its switch on."""
        return isinstance(self.task, Task) and self.task.sync_on

    @property
    def cause(self) -> Cause | None:
        """Why the task is gone, as a deletion's delivery named it."""
        return self.task_hint.cause if isinstance(self.task_hint, ReadAgain) else None

    def takes_task(self, task: Task, *, is_read: bool) -> None:
        """This is the task now. A read one is the truth even where its version went back (B36)."""
        self.task, self.task_is_read = task, is_read
        self.remember(task=task, task_absent_at=None)
        self.link = replace(self.link, task_version=task.version)

    def takes_event(self, event: Event, *, is_read: bool) -> None:
        """This is the event now, under the id that its calendar gives it: pushes name it by that one."""
        self.event, self.event_is_read = event, is_read
        self.remember(event=event, absent_at=None)
        place = replace(self.link.place, event_id=event.id) if self.link.place is not None else None
        self.link = replace(self.link, place=place, event_url=event.url or self.link.event_url)

    def remember(self, **changes: Any) -> None:
        """Change the memory, to be saved with the next note."""
        self.link = replace(self.link, memory=replace(self.link.memory, **changes))

    def forget_event(self) -> None:
        """There is no event any more: nothing agreed, and the next one takes a new generation."""
        self.event = None
        self.link = replace(self.link, memory=self.memory.without_event(), place=None, event_url=None)

    def tell(self, actor: Actor, story: Story, **detail: Any) -> None:
        """A line for the timeline, saved with the state it tells of."""
        self.entries.append(Entry(self.now, actor.value, story.value, detail))

    def save(self, *, final: bool = False, wipes: bool = False) -> Steps:
        """Commit everything so far."""
        self.link = yield fx.Save(
            self.link, tuple(self.opens), tuple(self.closes), tuple(self.entries), wipes=wipes, final=final
        )
        self.opens, self.closes, self.entries = [], [], []


def _news(hint: TaskHint | None, known: Task | None) -> TaskHint | None:
    """The hint, unless it is older than what the CRM itself has told since. A deletion, and a switch told without a
    version, are too grave and too vague to be taken at their word: the task is read."""
    match hint:
        case TaskGone(cause):
            return ReadAgain(cause)
        case TaskOff(version=None):
            return ReadAgain()
        case Task(version=version) | TaskOff(version=int(version)) if known is not None and version <= known.version:
            return None
    return hint
