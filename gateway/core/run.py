"""The scratch pad of one journey: the link as it will be saved, what both sides are taken to be, what is untold."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.core import effects as fx
from gateway.core.model import Event, Field, FieldConflict, Memory, NoEvent, Place, Reason, Task, TaskState
from gateway.core.records import Entry, Link
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

    ``wrote``: something was written to either side, so the entry "nothing to do" would be wrong.
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
    off_reason: Reason | None = None
    wrote: bool = False

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
    def is_on(self) -> bool:
        """Whether the task is there with its switch on."""
        return isinstance(self.task, Task) and self.task.sync_on

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
