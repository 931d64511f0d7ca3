"""Tasks paired with events. Memory and hints are encrypted; what a pull needs of them stands beside them, plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection as Transaction

from gateway.core.errors import LeaseLost
from gateway.core.model import (
    ConnectionId,
    EventId,
    InstallationId,
    LinkId,
    LinkStatus,
    Reason,
    State,
    TaskId,
    UserId,
)
from gateway.core.records import EventHint, Link, LinkGlance, ReadAgain, Sighting, TaskHint
from gateway.core.stories import Actor, Story
from gateway.store import links_sql as sql
from gateway.store.link_rows import LinkRows
from gateway.store.vault import Vault


class PgLinks:
    """The port ``Links``."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._rows = LinkRows(vault)

    def get(self, installation_id: InstallationId, link_id: LinkId) -> Link | None:
        """By id."""
        return self._one(sql.GET, installation=installation_id, link=link_id)

    def by_task(self, installation_id: InstallationId, task_id: TaskId) -> Link | None:
        """By its task, locked against a second ingest until the commit."""
        return self._one(sql.BY_TASK, installation=installation_id, task=task_id)

    def by_tasks(self, tasks: Sequence[tuple[InstallationId, TaskId]]) -> Sequence[Link]:
        """Those of these tasks that exist, each locked against a second ingest until the commit, in the order of their
        ids."""
        if not tasks:
            return []
        which = {"tenants": [tenant for tenant, _task in tasks], "tasks": [task for _tenant, task in tasks]}
        return [self._rows.link(row) for row in self._transaction.execute(sql.BY_TASKS, which)]

    def by_events(
        self, installation_id: InstallationId, connection_id: ConnectionId, event_ids: Sequence[EventId]
    ) -> Sequence[Link]:
        """Those that are paired with one of these events now."""
        which = {"installation": installation_id, "connection": connection_id, "events": list(event_ids)}
        return [self._rows.link(row) for row in self._transaction.execute(sql.BY_EVENTS, which)]

    def add(self, link: Link) -> Link:
        """Store a new one, or give back (locked) the one the task already has."""
        if self._transaction.execute(sql.ADD, self._rows.new(link)).one_or_none() is not None:
            return link
        existing = self.by_task(link.installation_id, link.task_id)
        if existing is None:  # it was there a moment ago: its tenant was erased meanwhile
            raise LeaseLost("the link vanished while it was looked up")
        return existing

    def hint_task(
        self,
        installation_id: InstallationId,
        link_id: LinkId,
        hint: TaskHint,
        *,
        version: int | None,
        owner_id: UserId | None,
        status: LinkStatus,
    ) -> None:
        """Leave what the CRM told for the next run; ``version``/``owner_id`` replace the known ones where given."""
        self._transaction.execute(
            sql.HINT_TASK,
            {
                "installation": installation_id,
                "link": link_id,
                "hint": self._rows.task_hint(installation_id, link_id, hint),
                "version": version,
                "owner": owner_id,
                "status": status.value,
            },
        )

    def hint_event(
        self,
        installation_id: InstallationId,
        link_id: LinkId,
        hint: EventHint,
        *,
        expected_rev: int | None,
        doubted: bool = False,
    ) -> bool:
        """Leave what the calendar told, if the memory is still at ``expected_rev`` (``None``: whatever it is)."""
        changed = self._transaction.execute(
            sql.HINT_EVENT,
            {
                "installation": installation_id,
                "link": link_id,
                "hint": self._rows.event_hint(installation_id, link_id, hint),
                "rev": expected_rev,
                "doubted": doubted,
            },
        )
        return changed.rowcount == 1

    def save(self, link: Link, *, read_task_seq: int, read_event_seq: int) -> Link:
        """Write all but hints of newer runs; see the port. Where a newer task hint came in, what came with it
        (``status``, ``owner_id``, ``task_version``) stands; ``reported`` is ``mark_reported``'s alone. Gives the link
        as stored; raises ``LeaseLost`` where it has gone dormant meanwhile or is no more."""
        row = self._transaction.execute(
            sql.SAVE,
            {
                **self._rows.saved(link),
                "installation": link.installation_id,
                "link": link.id,
                "read_task_seq": read_task_seq,
                "read_event_seq": read_event_seq,
                "read_again": self._rows.event_hint(link.installation_id, link.id, ReadAgain()),
            },
        ).one_or_none()
        if row is None:
            raise LeaseLost("the link has gone dormant, or is no more")
        return replace(
            link,
            memory_rev=row.memory_rev,
            task_seq=row.task_seq,
            event_seq=row.event_seq,
            task_version=row.task_version,
            owner_id=row.owner_id,
            status=LinkStatus(row.status),
            reported=row.reported,
            task_hint=self._rows.opened_task_hint(link.installation_id, link.id, row.task_hint),
            event_hint=self._rows.opened_event_hint(link.installation_id, link.id, row.event_hint),
        )

    def set_state(
        self,
        installation_id: InstallationId,
        link_id: LinkId,
        state: State,
        reason: Reason | None,
        fields: Sequence[str],
    ) -> None:
        """Only what the banner says (work was parked, a right is missing)."""
        self._transaction.execute(
            sql.SET_STATE,
            {
                "installation": installation_id,
                "link": link_id,
                "state": state.value,
                "reason": reason and reason.value,
                "fields": list(fields),
            },
        )

    def mark_reported(self, installation_id: InstallationId, link_id: LinkId, digest: str) -> None:
        """The CRM has been told this state."""
        which = {"installation": installation_id, "link": link_id, "digest": digest}
        self._transaction.execute(sql.MARK_REPORTED, which)

    def wipe(self, installation_id: InstallationId, link_id: LinkId) -> None:
        """Forget all remembered text, conflict values and the raw deliveries of its task, and the event's place. Only
        the last write number stays: numbers are never used twice."""
        self._transaction.execute(sql.WIPE, {"installation": installation_id, "link": link_id})

    def glances(self, installation_id: InstallationId, connection_id: ConnectionId) -> Sequence[LinkGlance]:
        """Live links with an event in this connection's calendar."""
        rows = self._transaction.execute(sql.GLANCES, {"installation": installation_id, "connection": connection_id})
        return [
            LinkGlance(
                LinkId(row.id),
                TaskId(row.task_id),
                EventId(row.event_id),
                row.seen_etag,
                row.seen_number,
                row.memory_rev,
                row.ends_at,
                row.held,
                row.awaits_echo,
            )
            for row in rows
        ]

    def tell_echoes(self, sightings: Sequence[Sighting], at: datetime) -> None:
        """Once for each write, in one statement; see the port."""
        self._transaction.execute(
            sql.TELL_ECHOES,
            {
                "tenants": [one.installation_id for one in sightings],
                "links": [one.link_id for one in sightings],
                "etags": [one.etag for one in sightings],
                "at": at,
                "actor": Actor.GATEWAY.value,
                "code": Story.EVENT_ECHO.value,
            },
        )

    def doubts(self, installation_id: InstallationId, connection_id: ConnectionId) -> tuple[int, int]:
        """How many of a connection's live events are doubted and not held yet, and how many there are."""
        which = {"installation": installation_id, "connection": connection_id}
        row = self._transaction.execute(sql.DOUBTS, which).one()
        return row.doubted, row.all_of_them

    def hold(
        self, installation_id: InstallationId, connection_id: ConnectionId, held_id: str
    ) -> Sequence[tuple[LinkId, TaskId]]:
        """In one statement: all that ``doubts`` counts wait with this batch, and say so. Gives them."""
        which = {"installation": installation_id, "connection": connection_id, "held": held_id}
        return [(LinkId(row.id), TaskId(row.task_id)) for row in self._transaction.execute(sql.HOLD, which)]

    def of_held(self, installation_id: InstallationId, held_id: str) -> Sequence[tuple[LinkId, TaskId]]:
        """Live links that wait with a batch, or whose verdict is still to be carried out."""
        which = {"installation": installation_id, "held": held_id}
        return [(LinkId(row.id), TaskId(row.task_id)) for row in self._transaction.execute(sql.OF_HELD, which)]

    def of_connection(self, installation_id: InstallationId, connection_id: ConnectionId) -> Sequence[Link]:
        """Links whose event is, or waits to be, in this connection's calendar, dormant ones included.

        Waiting: a link of its user that has no place yet, while this is the user's newest connection.
        """
        which = {"installation": installation_id, "connection": connection_id}
        return [self._rows.link(row) for row in self._transaction.execute(sql.OF_CONNECTION, which)]

    def ids_of_owner(
        self, installation_id: InstallationId, owner_id: UserId, statuses: Sequence[LinkStatus]
    ) -> Sequence[tuple[LinkId, TaskId]]:
        """A user's links."""
        which = {
            "installation": installation_id,
            "owner": owner_id,
            "statuses": [status.value for status in statuses],
        }
        return [(LinkId(row.id), TaskId(row.task_id)) for row in self._transaction.execute(sql.IDS_OF_OWNER, which)]

    def task_ids(self, installation_id: InstallationId, after: TaskId | None, limit: int) -> Sequence[TaskId]:
        """Live links' tasks in id order, for the existence check."""
        which = {"installation": installation_id, "after": after or "", "limit": limit}
        return [TaskId(task_id) for task_id in self._transaction.execute(sql.TASK_IDS, which).scalars()]

    def make_dormant(
        self, installation_id: InstallationId, connection_id: ConnectionId, reason: Reason, *, remember_switch: bool
    ) -> Sequence[tuple[LinkId, TaskId]]:
        """At once: nothing more is written for the links that ``of_connection`` gives and that are live and
        their user's, their text is forgotten as by ``wipe``, their place is not. State ``off`` with this reason. Gives
        them back."""
        own = {"installation": installation_id, "connection": connection_id}
        links = list(self._transaction.execute(sql.LOCK_ENDING, own).scalars())
        which = {
            "installation": installation_id,
            "links": links,
            "reason": reason.value,
            "remember": remember_switch,
        }
        return [(LinkId(row.id), TaskId(row.task_id)) for row in self._transaction.execute(sql.MAKE_DORMANT, which)]

    def _one(self, statement: sql.Statement, **values: object) -> Link | None:
        row = self._transaction.execute(statement, values).one_or_none()
        return None if row is None else self._rows.link(row)
