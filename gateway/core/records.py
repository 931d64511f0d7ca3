"""What the store keeps: one frozen record per kind of row. Secrets are ``bytes`` or ``str`` with no place in ``repr``.

Times are aware UTC. Text of a task or event is only ever inside ``Link.memory``, ``Link.task_hint``,
``Link.event_hint`` and conflict values, all encrypted at rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.core.model import (
    Cause,
    ConnectionId,
    ConnectionStatus,
    Event,
    EventId,
    FieldConflict,
    InstallationId,
    LinkId,
    LinkStatus,
    Memory,
    NoEvent,
    Place,
    Reason,
    State,
    SubscriptionId,
    TaskId,
    TaskState,
    UserId,
)
from gateway.core.ports import Lane, Mode


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """A hint without a snapshot: the side must be read. ``cause``: what a deletion's delivery named."""

    cause: Cause | None = None


TaskHint = TaskState | ReadAgain
EventHint = Event | NoEvent | ReadAgain


class InstallationStatus(StrEnum):
    """``paused``: changes wait. ``removed``: its webhooks are answered 410."""

    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


REFUSED_US = "crm_unauthorised"
"""Why an installation is paused whose CRM does not accept our credentials."""


@dataclass(frozen=True, slots=True)
class Installation:
    """One CRM tenant. ``webhook_secrets``: those valid now, newest first. ``settings``: plain JSON values.

    ``door``: the key in its webhook URL where that is one for many installations (an app's), who are then told apart by
    ``account``: the CRM's own id of the tenant, as its webhooks name it. ``caught_up_at``: as of when all that changed
    is known; ``existence_at``: as of when it is known which tasks exist (``None``: look with the next catch-up).
    """

    id: InstallationId
    key: str
    name: str
    adapter: str
    base_url: str
    status: InstallationStatus = InstallationStatus.ACTIVE
    settings: Mapping[str, Any] = field(default_factory=dict)
    credentials: str = field(default="", repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    caught_up_at: datetime | None = None
    existence_at: datetime | None = None
    paused_reason: str | None = None
    door: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """One CRM user's consent at one provider. At most one that is not ``disconnected``/``revoked`` per user.

    ``credential_version`` grows with each save, so that a stale save cannot bring a dead grant back.
    ``tag``: the value of our filterable property for this account and installation.
    """

    id: ConnectionId
    installation_id: InstallationId
    user_id: UserId
    provider: str
    status: ConnectionStatus
    mode: Mode
    issuer: str
    subject: str
    email: str
    tag: str
    calendar_id: str | None = None
    calendar_name: str | None = None
    calendar_zone: str | None = None
    credential: bytes = field(default=b"", repr=False)
    credential_version: int = 0
    reason: str | None = None
    connected_at: datetime | None = None
    heard_at: datetime | None = None
    read_at: datetime | None = None
    next_read_at: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One task paired with one event.

    ``memory`` is written by the holder of the link's lease only; ``memory_rev`` grows with each such write.
    ``task_hint``/``event_hint`` are left by ingest and pull for the next run; ``task_seq``/``event_seq`` grow with
    each, so that a run clears only the hint it has used. ``task_version`` is the newest version heard of.
    ``leaving``: former places whose events are to be deleted. ``reported``: digest of the last state the CRM was told.
    ``switched_on_before``: the switch was on when we turned it off because access was lost. ``doubted``: its calendar
    said that the event is gone, or elsewhere in time, and no run has weighed that yet. ``held``: the batch of a mass
    change that it waits with, or whose verdict is still to be carried out (B24). ``echoed``: the number of our last
    write that is known to have come back; ``None``: not looked for yet.
    """

    id: LinkId
    installation_id: InstallationId
    task_id: TaskId
    owner_id: UserId | None = None
    status: LinkStatus = LinkStatus.LIVE
    state: State = State.PENDING
    reason: Reason | None = None
    reason_fields: tuple[str, ...] = ()
    place: Place | None = None
    generation: int = 0
    memory: Memory = field(default=Memory(), repr=False)
    memory_rev: int = 0
    task_hint: TaskHint | None = field(default=None, repr=False)
    task_seq: int = 0
    event_hint: EventHint | None = field(default=None, repr=False)
    event_seq: int = 0
    task_version: int | None = None
    leaving: tuple[Place, ...] = ()
    event_url: str | None = None
    synced_at: datetime | None = None
    reported: str | None = None
    switched_on_before: bool = False
    doubted: bool = False
    held: str | None = None
    echoed: int | None = field(default=None, compare=False)

    @property
    def awaits_echo(self) -> bool:
        """Whether what was last written to the event has not come back yet."""
        event = self.memory.event
        return event is not None and self.echoed is not None and (event.number or 0) > self.echoed


@dataclass(frozen=True, slots=True)
class Sighting:
    """A link's event as a push or a list told of it. ``etag``: ``None`` where it is no echo for certain."""

    installation_id: InstallationId
    link_id: LinkId
    etag: str | None


@dataclass(frozen=True, slots=True)
class LinkGlance:
    """What a pull needs of a link: enough to see an echo, no text."""

    id: LinkId
    task_id: TaskId
    event_id: EventId
    etag: str | None
    number: int | None
    memory_rev: int
    ends_at: datetime | None
    held: bool = False
    awaits_echo: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """One standing order for pushes. ``secret_hash``: SHA-256 of what its pushes must present.

    ``state``: ``pending`` (row written, provider not yet asked), ``live``, ``old`` (replaced, still delivering).
    ``created_at``: or when its end was last put off.
    """

    id: SubscriptionId
    installation_id: InstallationId
    connection_id: ConnectionId
    provider: str
    calendar_id: str
    secret_hash: bytes = field(repr=False)
    state: str = "pending"
    resource: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    renew_at: datetime | None = None
    verified_at: datetime | None = None
    last_number: int = 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """One recorded conflict. ``closed_by``: ``crm``, ``calendar``, ``superseded``, ``expired``; ``None`` while open.

    ``version``: the task's version when it was recorded.
    """

    id: str
    installation_id: InstallationId
    link_id: LinkId
    task_id: TaskId
    user_id: UserId | None
    what: FieldConflict = field(repr=False)
    version: int
    detected_at: datetime
    closed_at: datetime | None = None
    closed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """Whose database this is (B28). ``paused_at``: since when all of it waits, and why (B29)."""

    id: str
    paused_at: datetime | None = None
    paused_reason: str | None = None


class HeldState(StrEnum):
    """``open``: waits for a yes or a no. ``approved``: the calendar's word counts. ``dropped``: the tasks' does."""

    OPEN = "open"
    APPROVED = "approved"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Held:
    """A mass change in one calendar that waits for somebody's word (B24). ``tasks``: those that wait with it now.

    ``decided_by``: ``person``, ``operator`` or ``crm`` (its server, by the API).
    """

    id: str
    installation_id: InstallationId
    connection_id: ConnectionId
    user_id: UserId
    made_at: datetime
    state: HeldState = HeldState.OPEN
    decided_at: datetime | None = None
    decided_by: str | None = None
    tasks: tuple[TaskId, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a task's timeline: when, who, a code of ``core.stories``, and details without any text of a task."""

    at: datetime
    actor: str
    code: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class Topic(StrEnum):
    """What the outbox can owe. The key beside it: a link, a connection or an installation."""

    SYNC = "sync"
    REPORT = "report"
    PULL = "pull"
    TELL = "tell"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    REVOKE = "revoke"
    SWITCH_OFF = "switch_off"
    CATCH_UP = "catch_up"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one piece of owed work until ``until`` (database time). ``number`` fences every commit."""

    installation_id: InstallationId
    topic: Topic
    key: str
    mailbox: str
    lane: Lane
    number: int
    generation: int
    attempts: int
    first_owed_at: datetime
    until: datetime


class ParkReason(StrEnum):
    """Why work was set aside. The list is closed: there is a next move for each (B26)."""

    UNAVAILABLE = "unavailable"  # the other side was unwell for 72 hours
    CONTENDED = "contended"  # one side kept changing under every try for 72 hours
    FORBIDDEN = "forbidden"  # it does not let us at this
    REFUSED = "refused"  # it calls our request wrong: a bug of ours
    UNEXPECTED = "unexpected"  # it failed for 72 hours for a reason that nobody foresaw


@dataclass(frozen=True, slots=True)
class Parked:
    """Work set aside after it kept failing."""

    installation_id: InstallationId
    topic: Topic
    key: str
    reason: ParkReason
    parked_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Due:
    """A mailbox in which work is due."""

    installation_id: InstallationId
    mailbox: str
    lane: Lane
    due_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerCount:
    """The privacy ledger of one connection, in whole numbers since it was connected."""

    pushes: int = 0
    dropped: int = 0
    read: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery for the inbox. ``raw`` is kept (encrypted) only where every task in it is on or linked."""

    door: str
    dedupe_id: str | None
    digest: bytes
    at: datetime
    raw: bytes | None = field(default=None, repr=False)
    tasks: tuple[TaskId, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)


LEASE_FOR = timedelta(seconds=25)
"""How long a lease lasts: longer than a job's calls may take (10 s each to read, 20 s in all), short enough that a
killed worker's work runs again within 30 s."""
