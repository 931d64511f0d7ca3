"""The store's port for deliveries and owed work: what was said to us, and what we still have to do about it.

As in ``gateway/core/repositories.py``, every method that touches a tenant's rows takes the installation first, and
nothing here makes a network call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gateway.core.model import InstallationId, TaskId, UserId
from gateway.core.ports import Lane
from gateway.core.records import Arrival, Due, Entry, Lease, Link, Parked, ParkReason, Topic


@dataclass(frozen=True, slots=True)
class Note:
    """A run that is owed to a link: its hint, version, owner and status are as ``link`` has them.

    ``owner``: the user whose calendar it will call, where that is known; ``mailbox``: where it waits if that one has no
    connection.
    """

    link: Link
    owner: UserId | None
    mailbox: str


class Intake(Protocol):
    """What arrivals leave behind, written in one statement however many they are."""

    def leave(
        self, notes: Sequence[Note], entries: Sequence[tuple[InstallationId, TaskId, Entry]], now: datetime
    ) -> Sequence[tuple[str, datetime]]:
        """Leave hints at links that exist, owe their runs as ``Outbox.request`` does, and write the timeline. Gives,
        for each note, the mailbox in which its run waits, and when it is due."""


class Inbox(Protocol):
    """What was said to us."""

    def record(self, installation_id: InstallationId | None, arrival: Arrival) -> str | None:
        """Store one; ``None``: this dedupe id was seen before at this door (nothing stored)."""

    def record_all(self, arrivals: Sequence[tuple[InstallationId, Arrival]]) -> Sequence[bool]:
        """Store several in one statement; ``False`` for those whose dedupe id was seen before at this door."""

    def drop_old(self, bodies_before: datetime, rows_before: datetime, limit: int) -> int:
        """Retention: raw bodies first, whole rows later. Gives the number touched."""


class Outbox(Protocol):
    """What we still owe: one row per (installation, topic, key), however often it is asked for."""

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
        """Owe it. The first request runs at once; one that comes while it runs, or within 1 s after, becomes one more
        run at 1 s after that run's end. A parked row is owed again. ``since``: when what asks for it was heard, where
        that is not now. Gives the time it is due."""

    def lease(self, installation_id: InstallationId, mailbox: str, lane: Lane, now: datetime) -> Lease | None:
        """Take the oldest due row of a mailbox, if fewer than its limit are taken (``cal:`` 2, of them at most 1 of
        ``backfill``; ``crm:`` 8) and it is not paused. Cold leases are taken over under a new number. Parked and
        paused rows are passed over."""

    def take(
        self, installation_id: InstallationId, topic: Topic, key: str, mailbox: str, now: datetime
    ) -> Lease | None:
        """Take one row by name, creating it if need be (for work done at once, under the same lock); ``None``:
        busy."""

    def hold(self, lease: Lease) -> None:
        """Lock the row until the commit and make sure the lease is still ours; raises ``LeaseLost``."""

    def extend(self, lease: Lease) -> None:
        """Keep it for as long again, from now: for work of many steps. Raises ``LeaseLost``."""

    def settle(self, lease: Lease, now: datetime) -> datetime | None:
        """Paid off; or, if it was asked for again meanwhile, due again: then when. Raises ``LeaseLost``."""

    def postpone(self, lease: Lease, until: datetime, *, counts: bool, reason: str, mailbox: str | None = None) -> None:
        """Due again at ``until``; ``counts``: as a failed attempt; ``mailbox``: where it belongs, if elsewhere.
        Raises ``LeaseLost``."""

    def park(self, lease: Lease, reason: ParkReason, now: datetime) -> None:
        """Set aside until replayed or asked for again. Raises ``LeaseLost``."""

    def cancel(self, installation_id: InstallationId, topic: Topic, key: str) -> None:
        """Owe it no more (and let a lease on it go cold)."""

    def cancel_mailbox(self, installation_id: InstallationId, mailbox: str) -> None:
        """Owe nothing more in a mailbox; a run in progress cannot commit any more."""

    def pause(self, mailbox: str, until: datetime) -> None:
        """Take nothing from this mailbox before then."""

    def due(self, now: datetime, limit: int) -> Sequence[Due]:
        """Mailboxes with due, untaken work, oldest first."""

    def next_due(self, installation_id: InstallationId, mailbox: str) -> Due | None:
        """The mailbox's next untaken work, now or later."""

    def parked(self, installation_id: InstallationId | None, limit: int) -> Sequence[Parked]:
        """Work set aside."""

    def replay(self, installation_id: InstallationId, topic: Topic, key: str, now: datetime) -> bool:
        """Owe a parked row again; ``False``: there is none."""

    def drop_parked(self, installation_id: InstallationId, topic: Topic, key: str) -> bool:
        """Owe a parked row no more; ``False``: there is none."""

    def time_went_back(self, by: timedelta, now: datetime) -> int:
        """What waits for its time waits no longer than it was to. Gives how much that is."""

    def drop_settled(self, before: datetime, limit: int) -> int:
        """Retention of rows that owe nothing."""
