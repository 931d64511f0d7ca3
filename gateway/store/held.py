"""Mass changes that wait for somebody's word. Who waits is told by the links; no text of a task is here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Row, text

from gateway.core.model import ConnectionId, InstallationId, TaskId, UserId
from gateway.core.records import Held, HeldState
from gateway.store.ids import new_id

_OPEN = text("""
INSERT INTO held AS h (installation_id, id, connection_id, user_id, state, made_at)
VALUES (:installation, :id, :connection, :user, 'open', :at)
ON CONFLICT (installation_id, connection_id) WHERE state = 'open' DO UPDATE SET state = h.state
RETURNING id
""")
_TASKS = """
    SELECT array_agg(l.task_id ORDER BY l.task_id) AS tasks FROM links AS l
    WHERE l.installation_id = h.installation_id AND l.held_id = h.id AND l.status = 'live'
"""
_GET = text(f"""
SELECT h.*, t.tasks FROM held AS h, LATERAL ({_TASKS}) AS t
WHERE h.installation_id = :installation AND h.id = :held
""")  # noqa: S608 - no value of anybody's
_WAITING = text(f"""
SELECT h.*, t.tasks FROM held AS h, LATERAL ({_TASKS}) AS t
WHERE h.state = 'open' AND t.tasks IS NOT NULL
  AND (CAST(:installation AS text) IS NULL OR h.installation_id = CAST(:installation AS text))
ORDER BY h.made_at, h.id LIMIT :limit
""")  # noqa: S608 - no value of anybody's
_DECIDE = text("""
UPDATE held SET state = :state, decided_by = :decided_by, decided_at = :at
WHERE installation_id = :installation AND id = :held AND state = 'open'
""")


class PgHeldBatches:
    """The port ``HeldBatches``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def open(self, installation_id: InstallationId, connection_id: ConnectionId, user_id: UserId, at: datetime) -> str:
        """A connection's open batch, made where there is none. Gives its id."""
        which = {"installation": installation_id, "connection": connection_id, "user": user_id}
        opened: str = self._transaction.execute(_OPEN, {**which, "id": new_id(at), "at": at}).scalar_one()
        return opened

    def get(self, installation_id: InstallationId, held_id: str) -> Held | None:
        """By id, with its tasks."""
        row = self._transaction.execute(_GET, {"installation": installation_id, "held": held_id}).one_or_none()
        return None if row is None else _held(row)

    def waiting(self, installation_id: InstallationId | None, limit: int) -> Sequence[Held]:
        """Open ones that tasks wait with, oldest first; ``None``: of all installations."""
        which = {"installation": installation_id, "limit": limit}
        return [_held(row) for row in self._transaction.execute(_WAITING, which)]

    def decide(
        self, installation_id: InstallationId, held_id: str, state: HeldState, decided_by: str, at: datetime
    ) -> bool:
        """The word is spoken, unless it was before."""
        which = {"installation": installation_id, "held": held_id}
        said = {"state": state.value, "decided_by": decided_by, "at": at}
        return self._transaction.execute(_DECIDE, {**which, **said}).rowcount == 1


def _held(row: Row[Any]) -> Held:
    return Held(
        id=row.id,
        installation_id=InstallationId(row.installation_id),
        connection_id=ConnectionId(row.connection_id),
        user_id=UserId(row.user_id),
        made_at=row.made_at,
        state=HeldState(row.state),
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        tasks=tuple(TaskId(task) for task in row.tasks or ()),
    )
