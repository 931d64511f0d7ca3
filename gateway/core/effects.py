"""What a journey asks of the world, and what it may be answered. Plain records, so that a test can be the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.core.model import (
    EventWrite,
    Field,
    FieldConflict,
    Place,
    Reason,
    Task,
    TaskChanges,
    UserId,
)
from gateway.core.records import Entry, Link
from gateway.core.render import Rules


class Reach(StrEnum):
    """Whether the calendar in which an event lives can be read and written.

    ``LEFT``: its connection has ended, and the event is a static copy that its person may take up again.
    """

    NOW = "now"
    LATER = "later"
    LEFT = "left"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Home:
    """Where a task's event should live. ``event_id`` derives the id of a generation; the same every time."""

    place_of: Callable[[int], Place]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The answer to :class:`FindHome`. ``why_not``: there is no home, and why. ``old``: what of the present place."""

    home: Home | None
    why_not: Reason | None = None
    old: Reach = Reach.NOW
    rules: Rules = field(default_factory=Rules)


# --- asked of the world ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadTask:
    """-> ``Task`` or ``TaskGone``."""


@dataclass(frozen=True, slots=True)
class FindHome:
    """-> :class:`Whereabouts`."""

    owner: UserId | None


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """-> ``Event``, ``NoEvent`` or :class:`Unreachable`. ``doubted``: it was said to be gone."""

    place: Place
    doubted: bool = False


@dataclass(frozen=True, slots=True)
class AskLeave:
    """May what the calendar says of this event be carried to the task? -> :class:`Leave`. Asked where a look at the
    whole calendar found many such at once, perhaps (B24)."""

    place: Place


@dataclass(frozen=True, slots=True)
class WriteTask:
    """-> ``Task``, ``TaskGone``, :class:`Stale` or :class:`Refusing`."""

    changes: TaskChanges
    version: int
    key: str


@dataclass(frozen=True, slots=True)
class InsertEvent:
    """-> ``Event`` or :class:`Taken`."""

    place: Place
    write: EventWrite


@dataclass(frozen=True, slots=True)
class PatchEvent:
    """-> ``Event``, :class:`Stale` or :class:`Missing`."""

    place: Place
    write: EventWrite
    etag: str


@dataclass(frozen=True, slots=True)
class DeleteEvent:
    """-> ``None``; an event that is not there is success. At a former place also :class:`Unreachable`: not now; and
    :class:`Stale` where it is not as it was under ``etag`` any more."""

    place: Place
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class MoveEvent:
    """To another calendar of the same connection, keeping its id -> ``Event``, :class:`Missing`, or ``None``: it cannot
    be moved, but may be created there."""

    place: Place
    to: Place


@dataclass(frozen=True, slots=True)
class Save:
    """Commit the link and what is told of it, all or nothing -> the link as stored.

    Each save clears the hints that were there when the run began, and those only: later ones are for a later run.
    ``opens`` and ``closes`` never name the same field. ``final``: the run is over and the work is paid off in the same
    commit.
    """

    link: Link = field(repr=False)
    opens: tuple[FieldConflict, ...] = ()
    closes: tuple[Field, ...] = ()
    entries: tuple[Entry, ...] = ()
    wipes: bool = False
    final: bool = False


_Read = ReadTask | FindHome | ReadEvent | AskLeave
Effect = _Read | WriteTask | InsertEvent | PatchEvent | DeleteEvent | MoveEvent | Save


# --- answers beside the obvious -------------------------------------------------------------------------------------


class Word(StrEnum):
    """``HELD``: it waits for somebody's yes. ``NO``: somebody wants the tasks as they are."""

    YES = "yes"
    HELD = "held"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Leave:
    """``held``: the batch that it waits with."""

    word: Word
    held: str | None = None


@dataclass(frozen=True, slots=True)
class Stale:
    """It moved meanwhile. ``current``: what it is now, where the answer said so."""

    current: Task | None = None


@dataclass(frozen=True, slots=True)
class Refusing:
    """The CRM does not take this value, in these fields."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """The id of an insert is in use."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The calendar in which the event lived is gone: that is no deletion of the event."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A write to an event found none."""
