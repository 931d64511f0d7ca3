"""The operator's questions, answered by bounded statements (``survey_sql``). Nothing encrypted is opened here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Row

from gateway.core.model import ConnectionId, ConnectionStatus, EventId, InstallationId, LinkId, TaskId, UserId
from gateway.core.records import InstallationStatus, Parked, ParkReason, Topic
from gateway.core.survey import (
    SOME,
    ConnectionGlance,
    Counted,
    InstallationGlance,
    OwedWork,
    ParkedKind,
    SubscriptionGlance,
    TaskGlance,
    WaitingWork,
)
from gateway.store import survey_sql as sql
from gateway.store.outbox import parked_of


class PgSurvey:
    """The port ``Survey``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def waiting(self, now: datetime, installation_id: InstallationId | None = None) -> Sequence[WaitingWork]:
        """Owed work by topic."""
        which = {"now": now, "installation": installation_id, "some": SOME}
        return [
            WaitingWork(Topic(row.topic), row.many, row.running, row.retrying, row.later, row.oldest_at)
            for row in self._transaction.execute(sql.WAITING, which)
        ]

    def parked_kinds(self, installation_id: InstallationId | None = None) -> Sequence[ParkedKind]:
        """Parked work by topic and reason, the largest heap first."""
        rows = self._transaction.execute(sql.PARKED_KINDS, {"installation": installation_id, "some": SOME})
        return [ParkedKind(Topic(row.topic), row.reason, row.many, row.oldest_at, row.newest_at) for row in rows]

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
        """Parked work of one kind or time, oldest first."""
        which = {
            "installation": installation_id,
            "topic": topic and topic.value,
            "reason": reason and reason.value,
            "after": after,
            "before": before,
            "limit": limit,
        }
        return [parked_of(row) for row in self._transaction.execute(sql.PARKED, which)]

    def failing(self, installation_id: InstallationId, mailbox: str, limit: int) -> Sequence[OwedWork]:
        """Work of one mailbox that has failed."""
        which = {"installation": installation_id, "mailbox": mailbox, "limit": limit}
        return [_owed(row) for row in self._transaction.execute(sql.FAILING, which)]

    def owed_for(self, installation_id: InstallationId, key: str) -> Sequence[OwedWork]:
        """All work about one link or connection."""
        which = {"installation": installation_id, "topics": [topic.value for topic in Topic], "key": key}
        return [_owed(row) for row in self._transaction.execute(sql.OWED_FOR, which)]

    def installations(self, limit: int) -> Sequence[InstallationGlance]:
        """Those that are not removed: paused ones first, then by name."""
        return [
            InstallationGlance(
                InstallationId(row.id),
                row.key,
                row.name,
                row.adapter,
                InstallationStatus(row.status),
                row.paused_reason,
                row.caught_up_at,
            )
            for row in self._transaction.execute(sql.INSTALLATIONS, {"limit": limit})
        ]

    def connection_counts(self, installation_id: InstallationId | None = None) -> Sequence[Counted]:
        """Connections that have not ended, by status and provider."""
        rows = self._transaction.execute(sql.CONNECTION_COUNTS, {"installation": installation_id, "some": SOME})
        return [Counted(row.name, row.kind, row.many) for row in rows]

    def in_trouble(self, limit: int, installation_id: InstallationId | None = None) -> Sequence[ConnectionGlance]:
        """Connections that are live and not well, longest first."""
        which = {"installation": installation_id, "limit": limit}
        return [_connection(row) for row in self._transaction.execute(sql.IN_TROUBLE, which)]

    def task_counts(self, installation_id: InstallationId) -> Sequence[Counted]:
        """Live tasks by state and reason."""
        rows = self._transaction.execute(sql.TASK_COUNTS, {"installation": installation_id, "some": SOME})
        return [Counted(row.name, row.kind, row.many) for row in rows]

    def tasks_of(
        self, installation_id: InstallationId, connection_id: ConnectionId, limit: int
    ) -> Sequence[TaskGlance]:
        """A connection's live tasks: those that are not in step first."""
        which = {"installation": installation_id, "connection": connection_id, "limit": limit}
        return [_task(row) for row in self._transaction.execute(sql.TASKS_OF, which)]

    def expiring(self, limit: int) -> Sequence[SubscriptionGlance]:
        """Live subscriptions, the first to end first."""
        return [
            SubscriptionGlance(
                InstallationId(row.installation_id),
                ConnectionId(row.connection_id),
                row.email,
                row.provider,
                row.suspect,
                row.created_at,
                row.renew_at,
                row.expires_at,
                row.verified_at,
            )
            for row in self._transaction.execute(sql.EXPIRING, {"limit": limit})
        ]

    def expiry_by_day(self, now: datetime) -> Mapping[int, int]:
        """How many live subscriptions end in so many days."""
        rows = self._transaction.execute(sql.EXPIRY_BY_DAY, {"now": now, "some": SOME})
        return {int(row.day): int(row.many) for row in rows}

    def find_tasks(self, text: str, limit: int) -> Sequence[TaskGlance]:
        """By the exact id of a task or of an event."""
        return [_task(row) for row in self._transaction.execute(sql.FIND_TASKS, {"text": text, "limit": limit})]

    def find_people(self, text: str, limit: int) -> Sequence[ConnectionGlance]:
        """By the exact id of a CRM user or connection, or the beginning of an e-mail address."""
        plain = text.lower()
        for special in "!%_":
            plain = plain.replace(special, f"!{special}")
        which = {"text": text, "prefix": f"{plain}%", "limit": limit}
        return [_connection(row) for row in self._transaction.execute(sql.FIND_PEOPLE, which)]


def _owed(row: Row[Any]) -> OwedWork:
    return OwedWork(
        InstallationId(row.installation_id),
        Topic(row.topic),
        row.key,
        row.due_at,
        row.first_owed_at,
        row.attempts,
        row.reason,
        row.parked_at,
        row.taken,
    )


def _connection(row: Row[Any]) -> ConnectionGlance:
    return ConnectionGlance(
        InstallationId(row.installation_id),
        row.installation,
        ConnectionId(row.id),
        UserId(row.user_id),
        row.email,
        row.provider,
        ConnectionStatus(row.status),
        row.reason,
        row.since,
        row.heard_at,
        row.read_at,
    )


def _task(row: Row[Any]) -> TaskGlance:
    return TaskGlance(
        InstallationId(row.installation_id),
        row.installation,
        TaskId(row.task_id),
        LinkId(row.id),
        None if row.owner_id is None else UserId(row.owner_id),
        row.status,
        row.state,
        row.reason,
        None if row.event_id is None else EventId(row.event_id),
        None if row.connection_id is None else ConnectionId(row.connection_id),
        row.synced_at,
    )
