"""The nouns: tasks, events, links and what a link remembers. Frozen; instants are aware UTC in whole seconds.

Names are those of the glossary in ``CONTRIBUTING.md``: a *link* pairs one task with one event; *agreed* is the last
common value of a field; *owed* is a write noted before it is made, so that a crash cannot make it unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Generic, NewType, TypeVar

InstallationId = NewType("InstallationId", str)
ConnectionId = NewType("ConnectionId", str)
LinkId = NewType("LinkId", str)
SubscriptionId = NewType("SubscriptionId", str)
TaskId = NewType("TaskId", str)
UserId = NewType("UserId", str)
EventId = NewType("EventId", str)

V = TypeVar("V")


# --- time -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar date without a time: the same day in every zone, never converted."""

    date: date


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant. ``at`` is UTC in whole seconds; ``zone`` (IANA) says how to show it and is never compared."""

    at: datetime
    zone: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Normalise, and refuse a naive time: it could mean any of forty instants."""
        if self.at.tzinfo is None:
            raise ValueError("a moment needs an offset")
        object.__setattr__(self, "at", self.at.astimezone(UTC).replace(microsecond=0))


When = Day | Moment


@dataclass(frozen=True, slots=True)
class Span:
    """When an event begins and how long it lasts; whole days for a :class:`Day`. ``zone``: how a moment is shown."""

    start: When
    length: timedelta
    zone: str | None = None


# --- the CRM's side -------------------------------------------------------------------------------------------------


class Status(StrEnum):
    """A task's status; ``canceled`` is shown like completed."""

    OPEN = "open"
    COMPLETED = "completed"
    CANCELED = "canceled"


class Priority(StrEnum):
    """A task's priority."""

    NONE = "none"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Cause(StrEnum):
    """Why a task is gone."""

    DELETED = "deleted"
    ARCHIVED = "archived"
    OUT_OF_REACH = "out_of_reach"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose calendar is written. ``zone``: the person's IANA zone, where the CRM knows it."""

    id: UserId
    zone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A task as its CRM tells it. ``version`` grows with every change; ``title`` is raw, as the CRM holds it."""

    id: TaskId
    version: int
    title: str
    due: When | None
    owner: Owner | None
    sync_on: bool
    description: str = ""
    status: Status = Status.OPEN
    priority: Priority = Priority.NONE
    duration: timedelta | None = None
    url: str = ""
    updated_at: datetime | None = None

    @property
    def done(self) -> bool:
        """Completed or canceled: shown struck through."""
        return self.status is not Status.OPEN


@dataclass(frozen=True, slots=True)
class TaskOff:
    """All that is known of a task whose switch is off: its text is nobody's business."""

    version: int | None = None


@dataclass(frozen=True, slots=True)
class TaskGone:
    """The task is no more, or out of our reach."""

    cause: Cause = Cause.DELETED


TaskState = Task | TaskOff | TaskGone


@dataclass(frozen=True, slots=True)
class TaskChanges:
    """What is to be written to a task. ``None`` leaves a field; the gateway never clears a due date."""

    title: str | None = None
    due: When | None = None
    sync_off: bool = False


# --- the calendar's side --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """How an event looks to its person: two texts only the provider's adapter can read; compared, kept, given back."""

    colour: str | None = None
    reminders: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One of our events as its calendar tells it.

    ``title`` is raw, with any strike-through. ``number`` is our write number found on it (``None``: no number of ours).
    ``description`` is ``None`` where it was not read. ``length`` in whole days for a :class:`Day`.
    """

    id: EventId
    etag: str
    number: int | None
    title: str
    start: When
    length: timedelta
    look: Look = Look()
    recurring: bool = False
    url: str | None = None
    description: str | None = None
    link: str | None = None


class Absence(StrEnum):
    """How an event is not there."""

    DELETED = "deleted"  # the calendar itself says: cancelled
    MOVED = "moved"  # found alive in another calendar of the same account
    UNKNOWN = "unknown"  # "not found": only believed when seen twice


@dataclass(frozen=True, slots=True)
class NoEvent:
    """A direct read found no live event."""

    how: Absence


class Paint(StrEnum):
    """Which colour to give: the priority's, the colour of done, or the one kept in ``EventWrite.kept``."""

    PRIORITY = "priority"
    DONE = "done"
    KEPT = "kept"


class Remind(StrEnum):
    """Which reminders to give: the calendar's default, none, or the ones kept in ``EventWrite.kept``."""

    DEFAULT = "default"
    NONE = "none"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class EventWrite:
    """One write to an event. ``None`` leaves a field as it is. ``number`` goes into our private property."""

    number: int
    title: str | None = None
    span: Span | None = None
    description: str | None = None
    paint: Paint | None = None
    remind: Remind | None = None
    priority: Priority = Priority.NONE
    kept: Look = Look()
    url: str = ""
    """The task's deep link, for providers with a field of their own for it."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to send."""
        return not any(v is not None for v in (self.title, self.span, self.description, self.paint, self.remind))


# --- what a link remembers ------------------------------------------------------------------------------------------


class Field(StrEnum):
    """The fields that flow both ways, in the contract's words."""

    TITLE = "title"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Pair(Generic[V]):
    """One field as the CRM held it and as the event showed it, under one write number."""

    task: V
    event: V


@dataclass(frozen=True, slots=True)
class Agreed:
    """What both sides last agreed on. ``number``: the write number on the event when they did."""

    number: int
    title: Pair[str]
    due: Pair[When]


@dataclass(frozen=True, slots=True)
class Sent:
    """What the last landed write was made of, for the fields that only flow out."""

    block: str = ""
    priority: Priority = Priority.NONE
    done: bool = False
    duration: timedelta | None = None
    look: Look = Look()
    """The look that write left behind: where the event's differs, a person changed it."""


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """Both sides changed one field: the calendar's value that lost, and the CRM's that was kept."""

    field: Field
    calendar: str | Day | Moment
    kept: str | Day | Moment


@dataclass(frozen=True, slots=True)
class Refusal:
    """A calendar value that the CRM refused. It is not sent again while the event carries this write ``number``; under
    a newer one (it was put back) it is only told."""

    field: Field
    value: str | Day | Moment
    number: int = 0


@dataclass(frozen=True, slots=True)
class OwedEvent:
    """A write to the event, noted before it is made; it landed when its number is found on the event.

    ``paints``/``reminds``: it changes the colour, the reminders. ``refusals``: those whose values it puts back.
    ``drops_time``: it takes a time of day away that the CRM cannot hold.
    """

    number: int
    agreed: Agreed
    sent: Sent
    inserts: bool = False
    kept_look: Look | None = None
    conflicts: tuple[FieldConflict, ...] = ()
    closes: tuple[Field, ...] = ()
    puts_back: bool = False
    paints: bool = False
    reminds: bool = False
    refusals: tuple[Refusal, ...] = ()
    drops_time: bool = False


@dataclass(frozen=True, slots=True)
class OwedTask:
    """A write to the task, noted before it is made; sending it again under the same key tells whether it landed."""

    key: str
    version: int
    changes: TaskChanges
    agreed: Agreed | None
    closes: tuple[Field, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OwedDelete:
    """The deletion of the event, noted before it is made: an event gone under it was deleted by us."""


@dataclass(frozen=True, slots=True)
class OwedMove:
    """The event is moved to another calendar as it is, noted before: until it is seen, it lives here or there."""

    to: Place


Owed = OwedEvent | OwedTask | OwedDelete | OwedMove


@dataclass(frozen=True, slots=True)
class Memory:
    """All that one link remembers between two runs.

    ``task`` and ``event`` are the sides as last seen, good for an optimistic write and for nothing else; ``None``: to
    be read. ``strays``: noted writes that had not landed when it was last looked, newest first; one may still arrive.
    ``last_number``: the highest write number ever noted; numbers are never used twice.
    ``left``: the event as last read at each former place that is not cleared yet.
    ``absent_at``/``task_absent_at``: when a read first said "not found"; only a second one, later, is believed.
    """

    task: Task | None = None
    event: Event | None = None
    agreed: Agreed | None = None
    sent: Sent = Sent()
    owed: Owed | None = None
    strays: tuple[OwedEvent, ...] = ()
    last_number: int = 0
    kept_look: Look | None = None
    refusals: tuple[Refusal, ...] = ()
    time_dropped: bool = False
    absent_at: datetime | None = None
    task_absent_at: datetime | None = None
    left: tuple[Event, ...] = ()

    def without_event(self) -> Memory:
        """The same memory after the event is gone: nothing agreed, nothing owed, numbers go on."""
        return Memory(task=self.task, last_number=self.last_number, task_absent_at=self.task_absent_at, left=self.left)


class State(StrEnum):
    """What a task's banner says."""

    OFF = "off"
    PENDING = "pending"
    SYNCED = "synced"
    CONFLICT = "conflict"
    ERROR = "error"


class Reason(StrEnum):
    """Why a state is not simply ``synced`` or ``off``."""

    NO_DUE_DATE = "no_due_date"
    OWNER_NOT_CONNECTED = "owner_not_connected"
    REAUTHORIZE = "reauthorize"
    DISCONNECTED = "disconnected"
    REVOKED = "revoked"
    EVENT_DELETED = "event_deleted"
    MOVED_CALENDAR = "moved_calendar"
    CALENDAR_GONE = "calendar_gone"
    FORBIDDEN = "forbidden"
    INVALID_VALUE = "invalid_value"
    REFUSED = "refused"
    CLIPPED = "clipped"
    TIME_DROPPED = "time_dropped"
    PAUSED = "paused"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a link's event lives, or lived."""

    connection_id: ConnectionId
    calendar_id: str
    event_id: EventId


class LinkStatus(StrEnum):
    """``live``: kept in step. ``off``: switched off, text wiped. ``dormant``: disconnected, the event may be taken up
    again."""

    LIVE = "live"
    OFF = "off"
    DORMANT = "dormant"


class ConnectionStatus(StrEnum):
    """One person's connection, as screens and the API tell it."""

    NONE = "none"
    CHOOSING = "choosing_calendar"
    CONNECTED = "connected"
    REAUTHORIZE = "reauthorize"
    REVOKED = "revoked"
    DISCONNECTED = "disconnected"
    CALENDAR_GONE = "calendar_gone"
    PAUSED = "paused"
    SUSPECT = "suspect"


WRITABLE = frozenset({ConnectionStatus.CONNECTED, ConnectionStatus.SUSPECT})
"""Connections whose calendar may be written."""

LEFT = frozenset({ConnectionStatus.DISCONNECTED, ConnectionStatus.REVOKED})
"""Connections that have ended: their events stay as static copies, and may be taken up again."""
