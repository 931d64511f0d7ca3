"""What an arrival can mean. Adapters translate a sender's bytes into these, and nothing else leaves their reading room.

A signal says "look again" and carries what the sender told: a snapshot only where it is complete and versioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.model import Task, TaskGone, TaskId, TaskOff, UserId


class Kind(StrEnum):
    """What happened to a task, in our words."""

    CHANGED = "changed"
    RESTORED = "restored"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class TaskSignal:
    """Something about one task. ``said``: the sender's snapshot; ``None``: go and read it.

    ``version``: the sender's, for order; ``at``: when the sender says it happened; ``actor``: ``user`` or ``api``.
    ``sync_on``: the switch where it was told without the rest. ``switch_stands``: the sender tells changes only, and
    the switch is not among them: of a task that is not linked this is no news. ``account``: at a door that serves many
    installations, whose task it is.
    """

    task_id: TaskId
    kind: Kind
    said: Task | TaskOff | TaskGone | None
    version: int | None = None
    sync_on: bool | None = None
    at: datetime | None = None
    actor: str | None = None
    switch_stands: bool = False
    account: str | None = None


@dataclass(frozen=True, slots=True)
class UserDeactivated:
    """The CRM's user left: stop their sync."""

    user_id: UserId
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """A handshake."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and of no concern. ``why``: a plain reason for the timeline or for ops."""

    why: str


Signal = TaskSignal | UserDeactivated | Ping | Ignored


@dataclass(frozen=True, slots=True)
class CrmDelivery:
    """A trusted arrival from a CRM. ``dedupe_id``: only where the sender promises it unique.

    ``faults``: elements that could not be read.
    """

    signals: tuple[Signal, ...]
    dedupe_id: str | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Handshake:
    """Answer with this text, store nothing."""

    reply: str


@dataclass(frozen=True, slots=True)
class Push:
    """One item a calendar provider told us. Not yet trusted: ``secret`` is what it presented, to be compared.

    ``event_id`` where the push names it, with the ``etag`` it now has. ``number``: the message's number where they are
    counted. ``state``: the provider's word, in ours: ``verified`` (a subscription's first message), ``changed``,
    ``deleted`` (the event it names), ``gone``; of the subscription itself: ``expiring`` (to be renewed now), ``ended``
    (there will be no more pushes), ``missed`` (pushes were lost).
    """

    channel_id: str
    secret: str
    state: str
    resource: str | None = None
    event_id: str | None = None
    number: int | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Pushes:
    """All items of one arrival."""

    items: tuple[Push, ...]


CalendarDelivery = Handshake | Pushes
