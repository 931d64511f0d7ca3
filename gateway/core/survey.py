"""What an operator looks at: short rows about work, people and tasks, without a word of any of them, and their port.

Every question is bounded: lists by a limit, counts by ``SOME``, beyond which "more" is all that is said. Questions
without an installation are the operator's alone; nobody else is given their answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from gateway.core.model import ConnectionId, ConnectionStatus, EventId, InstallationId, LinkId, TaskId, UserId
from gateway.core.records import InstallationStatus, Parked, ParkReason, Topic

SOME: Final = 20_000
"""Counting ends here: nobody acts differently on a larger number."""


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """Owed work of one topic: how much in all, how much runs now, how much has failed and comes back, how much is due
    only later, and since when the oldest due one has been owed."""

    topic: Topic
    count: int
    running: int
    retrying: int
    later: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class ParkedKind:
    """Parked work of one topic and reason."""

    topic: Topic
    reason: str
    count: int
    oldest_at: datetime
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class OwedWork:
    """One row of owed or parked work, with why it failed last."""

    installation_id: InstallationId
    topic: Topic
    key: str
    due_at: datetime | None
    first_owed_at: datetime
    attempts: int
    reason: str | None
    parked_at: datetime | None
    is_taken: bool


@dataclass(frozen=True, slots=True)
class InstallationGlance:
    """One CRM tenant in a list."""

    id: InstallationId
    key: str
    name: str
    adapter: str
    status: InstallationStatus
    paused_reason: str | None
    caught_up_at: datetime | None


@dataclass(frozen=True, slots=True)
class ConnectionGlance:
    """One connection in a list."""

    installation_id: InstallationId
    installation: str
    id: ConnectionId
    user_id: UserId
    email: str
    provider: str
    status: ConnectionStatus
    reason: str | None
    since: datetime | None
    heard_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class SubscriptionGlance:
    """One live subscription on its way to its end."""

    installation_id: InstallationId
    connection_id: ConnectionId
    email: str
    provider: str
    is_suspect: bool
    created_at: datetime | None
    renew_at: datetime | None
    expires_at: datetime
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class TaskGlance:
    """One task in a list: ids and state, no text."""

    installation_id: InstallationId
    installation: str
    id: TaskId
    link_id: LinkId
    owner_id: UserId | None
    status: str
    state: str
    reason: str | None
    event_id: EventId | None
    connection_id: ConnectionId | None
    synced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of a kind: ``name`` a status or state, ``kind`` a provider or reason."""

    name: str
    kind: str
    count: int


class Survey(Protocol):
    """The operator's questions. Without an installation they are about all."""

    def waiting(self, now: datetime, installation_id: InstallationId | None = None) -> Sequence[WaitingWork]:
        """Owed work by topic."""

    def parked_kinds(self, installation_id: InstallationId | None = None) -> Sequence[ParkedKind]:
        """Parked work by topic and reason, the largest heap first."""

    def parked(
        self,
        limit: int,
        *,
        installation_id: InstallationId | None = None,
        topic: Topic | None = None,
        reason: ParkReason | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
    ) -> Sequence[Parked]:
        """Parked work of one kind, or parked in ``after`` <= time < ``before``, oldest first."""

    def failing(self, installation_id: InstallationId, mailbox: str, limit: int) -> Sequence[OwedWork]:
        """Work of one mailbox that has failed: comes back or is parked, newest failure of each."""

    def owed_for(self, installation_id: InstallationId, key: str) -> Sequence[OwedWork]:
        """All work about one link or connection."""

    def installations(self, limit: int) -> Sequence[InstallationGlance]:
        """Those that are not removed: paused ones first, then by name."""

    def connection_counts(self, installation_id: InstallationId | None = None) -> Sequence[Counted]:
        """Connections that have not ended, by status and provider."""

    def in_trouble(self, limit: int, installation_id: InstallationId | None = None) -> Sequence[ConnectionGlance]:
        """Connections that are live and not well, longest first."""

    def task_counts(self, installation_id: InstallationId) -> Sequence[Counted]:
        """Live tasks by state and reason."""

    def tasks_of(
        self, installation_id: InstallationId, connection_id: ConnectionId, limit: int
    ) -> Sequence[TaskGlance]:
        """A connection's live tasks: those that are not in step first."""

    def expiring(self, limit: int) -> Sequence[SubscriptionGlance]:
        """Live subscriptions, the first to end first; suspect ones among them."""

    def expiry_by_day(self, now: datetime) -> Mapping[int, int]:
        """How many live subscriptions end in 0, 1, 2 ... days from now (-1: should have ended already)."""

    def find_tasks(self, text: str, limit: int) -> Sequence[TaskGlance]:
        """By the exact id of a task or of an event."""

    def find_people(self, text: str, limit: int) -> Sequence[ConnectionGlance]:
        """By the exact id of a CRM user or connection, or the beginning of an e-mail address."""
