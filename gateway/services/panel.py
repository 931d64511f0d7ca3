"""What a task's panel shows: its link, its open conflicts, whose calendar it is, its story. Looks, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.model import ConnectionStatus, LinkStatus, Task, TaskId, UserId
from gateway.core.records import Conflict, Connection, Entry, Installation, Link
from gateway.services.conflicts import NoSuchConflictError
from gateway.services.context import Context, link_id

SHOWN = 60
"""So many hops are read; several make one line."""


@dataclass(frozen=True, slots=True)
class Panel:
    """``link``: ``None`` for a task that was never switched on. ``connection``: the one its event is in, else the
    owner's newest."""

    task_id: TaskId
    link: Link | None = None
    conflicts: Sequence[Conflict] = ()
    entries: Sequence[Entry] = ()
    connection: Connection | None = None

    @property
    def is_on(self) -> bool:
        """Whether the person's switch is on, as far as is known."""
        return self.link is not None and self.link.status is LinkStatus.LIVE

    @property
    def owner(self) -> UserId | None:
        """Whose task it is, where that is known."""
        return self.link.owner_id if self.link else None

    @property
    def zone(self) -> str | None:
        """The person's zone, by the CRM or by the calendar."""
        task = self.link.memory.task if self.link else None
        said = task.owner.zone if isinstance(task, Task) and task.owner else None
        return said or (self.connection.calendar_zone if self.connection else None)

    @property
    def connection_status(self) -> ConnectionStatus:
        """How the owner's connection stands."""
        return self.connection.status if self.connection else ConnectionStatus.NONE


def of_task(ctx: Context, installation: Installation, task_id: TaskId) -> Panel:
    """The panel as it stands, in one transaction."""
    inst = installation.id
    with ctx.store.begin() as uow:
        link = uow.links.get(inst, link_id(inst, task_id))
        if link is None:
            return Panel(task_id)
        connection = uow.connections.get(inst, link.place.connection_id) if link.place else None
        if connection is None and link.owner_id is not None:
            connection = uow.connections.of_user(inst, link.owner_id)
        conflicts = uow.conflicts.of_link(inst, link.id)
        entries = uow.timeline.of_task(inst, task_id, SHOWN)
        return Panel(task_id, link, conflicts, entries, connection)


def conflict_of(panel: Panel, conflict_id: str) -> Conflict:
    """One of the panel's own. Raises ``NoSuchConflictError`` for any other, other tasks' among them."""
    for one in panel.conflicts:
        if one.id == conflict_id:
            return one
    raise NoSuchConflictError(conflict_id)
