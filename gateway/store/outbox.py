"""What we still owe: one row per (installation, topic, key).

Its life:

- due: ``due_at`` set. ``generation`` counts how often it was asked for.
- taken: besides, ``lease_no`` and ``lease_until``. Leases last in database time (``clock_timestamp()``), so that no
  machine's clock matters; a lease that went cold is simply a due row again, and its number refuses the late holder.
- settled: ``due_at`` empty, ``settled_at`` set; the row stays a while, as requests within 1 s become one run.
- parked: ``due_at`` empty, ``parked_at`` set.
- cancelled while taken: ``due_at`` and ``lease_no`` empty; nobody else may begin before ``lease_until``.

Leasing is serialised per mailbox by an advisory lock until the commit: commit at once, and lease one row a transaction.
Rows of the outbox are the last that a transaction locks, ``hold`` included: ``gateway.store`` has the order of locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Row, TextClause

from gateway.core.errors import LeaseLost
from gateway.core.model import InstallationId
from gateway.core.ports import Clock, Lane
from gateway.core.records import LEASE_FOR, Due, Lease, Parked, ParkReason, Topic
from gateway.core.schedule import COALESCE, LOOKS_COALESCE, coalesced
from gateway.store import outbox_sql as sql

CALENDAR_LIMIT = 2
"""Calls in flight per mailbox of a calendar; of them at most 1 of ``backfill``, so that a person never waits for it."""

CRM_LIMIT = 8


class PgOutbox:
    """The port ``Outbox``."""

    def __init__(self, transaction: Transaction, clock: Clock, deployment_id: str = "") -> None:
        self._transaction = transaction
        self._clock = clock
        self._deployment = {"deployment": deployment_id}

    def request(
        self,
        installation_id: InstallationId,
        topic: Topic,
        key: str,
        *,
        mailbox: str,
        now: datetime,
        lane: Lane = Lane.NOW,
        due_at: datetime | None = None,
        since: datetime | None = None,
    ) -> datetime:
        """Owe it; see the port. One statement. For a row that is taken: the earliest time it can be due."""
        wanted = now if due_at is None else max(now, due_at)
        asked: datetime = self._transaction.execute(
            sql.REQUEST,
            {
                "installation": installation_id,
                "topic": topic.value,
                "key": key,
                "mailbox": mailbox,
                "lane": lane.value,
                "now": now,
                "soon": _soon(topic, now),
                "wanted": wanted,
                "since": wanted if since is None else since,
            },
        ).scalar_one()
        return asked

    def lease(self, installation_id: InstallationId, mailbox: str, lane: Lane, now: datetime) -> Lease | None:
        """Take the oldest due row of a mailbox; see the port. Commit at once: until then the mailbox is locked."""
        # A statement of its own: the count below must see what was committed before the lock was ours.
        self._transaction.execute(sql.LOCK, {"mailbox": mailbox})
        total, backfill = limits(mailbox)
        row = self._transaction.execute(
            sql.LEASE,
            {
                "installation": installation_id,
                "mailbox": mailbox,
                "lane": lane.value,
                "now": now,
                "total": total,
                "backfill": backfill,
                "lease_for": LEASE_FOR,
                **self._deployment,
            },
        ).one_or_none()
        return None if row is None else _lease(installation_id, row)

    def take(
        self, installation_id: InstallationId, topic: Topic, key: str, mailbox: str, now: datetime
    ) -> Lease | None:
        """Take one row by name, due or not, whatever the mailbox's limit; ``None``: busy."""
        row = self._transaction.execute(
            sql.TAKE,
            {
                "installation": installation_id,
                "topic": topic.value,
                "key": key,
                "mailbox": mailbox,
                "now": now,
                "lease_for": LEASE_FOR,
            },
        ).one_or_none()
        return None if row is None else _lease(installation_id, row)

    def hold(self, lease: Lease) -> None:
        """Lock the row until the commit and make sure the lease is still ours; raises ``LeaseLost``."""
        self._change(sql.HOLD, lease)

    def extend(self, lease: Lease) -> None:
        """Keep it for as long again, from now: for work of many steps. Raises ``LeaseLost``."""
        self._change(sql.EXTEND, lease, lease_for=LEASE_FOR)

    def settle(self, lease: Lease, now: datetime) -> datetime | None:
        """Paid off; or due again, then when. Raises ``LeaseLost``."""
        row = self._change(sql.SETTLE, lease, now=now, soon=_soon(lease.topic, now))
        again: datetime | None = row.due_at
        return again

    def postpone(self, lease: Lease, until: datetime, *, counts: bool, reason: str, mailbox: str | None = None) -> None:
        """Due again at ``until``; ``counts``: as a failed attempt; ``mailbox``: where it belongs, if elsewhere.
        Raises ``LeaseLost``."""
        where = {"was": lease.mailbox, "mailbox": mailbox or lease.mailbox}
        self._change(sql.POSTPONE, lease, until=until, failed=int(counts), reason=reason, **where)

    def park(self, lease: Lease, reason: ParkReason, now: datetime) -> None:
        """Set aside; but what was asked for while it ran is due again instead. Raises ``LeaseLost``."""
        self._change(sql.PARK, lease, now=now, soon=_soon(lease.topic, now), reason=reason.value)

    def cancel(self, installation_id: InstallationId, topic: Topic, key: str) -> None:
        """Owe it no more. Who holds a lease on it has lost it; nobody else may begin before that lease is cold."""
        which = {"installation": installation_id, "topic": topic.value, "key": key}
        self._transaction.execute(sql.CANCEL_TAKEN, which)
        self._transaction.execute(sql.CANCEL, which)

    def cancel_mailbox(self, installation_id: InstallationId, mailbox: str) -> None:
        """Owe nothing more in a mailbox, parked work included; a run in progress cannot commit any more."""
        which = {"installation": installation_id, "mailbox": mailbox}
        self._transaction.execute(sql.CANCEL_TAKEN_OF_MAILBOX, which)
        self._transaction.execute(sql.CANCEL_MAILBOX, which)

    def pause(self, mailbox: str, until: datetime) -> None:
        """Take nothing from this mailbox before then. The later of two pauses counts; one that is already over ends
        both."""
        self._transaction.execute(sql.PAUSE, {"mailbox": mailbox, "until": until, "now": self._clock.now()})

    def due(self, now: datetime, limit: int) -> Sequence[Due]:
        """Mailboxes with due, untaken work, oldest first; not those that are paused."""
        rows = self._transaction.execute(sql.DUE, {"now": now, "limit": limit, **self._deployment})
        return [_due(row.installation_id, row.mailbox, row) for row in rows]

    def next_due(self, installation_id: InstallationId, mailbox: str) -> Due | None:
        """The mailbox's next untaken work, now or later, not before its pause is over; nothing of a paused
        installation."""
        which = {"installation": installation_id, "mailbox": mailbox, **self._deployment}
        row = self._transaction.execute(sql.NEXT_DUE, which).one_or_none()
        return None if row is None else _due(installation_id, mailbox, row)

    def parked(self, installation_id: InstallationId | None, limit: int) -> Sequence[Parked]:
        """Work set aside, oldest first; ``None``: of all installations."""
        which = {"installation": installation_id, "limit": limit}
        rows = self._transaction.execute(sql.PARKED_OF_ALL if installation_id is None else sql.PARKED, which)
        return [parked_of(row) for row in rows]

    def replay(self, installation_id: InstallationId, topic: Topic, key: str, now: datetime) -> bool:
        """Owe a parked row again; ``False``: there is none."""
        which = {"installation": installation_id, "topic": topic.value, "key": key, "now": now}
        return self._transaction.execute(sql.REPLAY, which).rowcount == 1

    def drop_parked(self, installation_id: InstallationId, topic: Topic, key: str) -> bool:
        """Owe a parked row no more; ``False``: there is none."""
        which = {"installation": installation_id, "topic": topic.value, "key": key}
        return self._transaction.execute(sql.DROP_PARKED, which).rowcount == 1

    def time_went_back(self, by: timedelta, now: datetime) -> int:
        """What waits for its time waits no longer than it was to. Twice does no harm: it comes early. How many."""
        said = {"by": by, "now": now}
        self._transaction.execute(sql.PAUSES_WENT_BACK, said)
        return self._transaction.execute(sql.TIME_WENT_BACK, said).rowcount

    def drop_settled(self, before: datetime, limit: int) -> int:
        """Retention of rows that owe nothing, and of pauses that are over."""
        self._transaction.execute(sql.DROP_PAUSES, {"before": before})
        return self._transaction.execute(sql.DROP_SETTLED, {"before": before, "limit": limit}).rowcount

    def _change(self, statement: TextClause, lease: Lease, **values: object) -> Row[Any]:
        row = self._transaction.execute(
            statement,
            {
                "installation": lease.installation_id,
                "topic": lease.topic.value,
                "key": lease.key,
                "number": lease.number,
                "generation": lease.generation,
                **values,
            },
        ).one_or_none()
        if row is None:
            raise LeaseLost(f"{lease.topic} of lease {lease.number}: taken over or cancelled")
        return row


def limits(mailbox: str) -> tuple[int, int]:
    """How many calls may be in flight for a mailbox: in all, and of them for ``backfill``."""
    if mailbox.startswith("crm:"):
        return CRM_LIMIT, CRM_LIMIT
    return CALENDAR_LIMIT, CALENDAR_LIMIT - 1


def _soon(topic: Topic, now: datetime) -> datetime:
    """When a run may follow one that ends now."""
    return coalesced(now, now, LOOKS_COALESCE if topic is Topic.PULL else COALESCE)


def _lease(installation_id: InstallationId, row: Row[Any]) -> Lease:
    return Lease(
        installation_id=installation_id,
        topic=Topic(row.topic),
        key=row.key,
        mailbox=row.mailbox,
        lane=Lane(row.lane),
        number=row.lease_no,
        generation=row.generation,
        attempts=row.attempts,
        first_owed_at=row.first_owed_at,
        until=row.lease_until,
    )


def _due(installation_id: str, mailbox: str, row: Row[Any]) -> Due:
    return Due(InstallationId(installation_id), mailbox, Lane(row.lane), row.due_at)


def parked_of(row: Row[Any]) -> Parked:
    """Rows from before the codes had a text for a reason: that is what the log is for."""
    reason = ParkReason(row.reason) if row.reason in ParkReason.__members__.values() else ParkReason.UNEXPECTED
    return Parked(InstallationId(row.installation_id), Topic(row.topic), row.key, reason, row.parked_at, row.attempts)
