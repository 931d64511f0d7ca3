"""All that is held about one CRM user, to be told or to be deleted (B31)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection as Transaction
from sqlalchemy import text

from gateway.core.model import ConnectionId, InstallationId, LinkId, TaskId, UserId
from gateway.store.vault import Vault

_CONNECTIONS = text("SELECT id FROM connections WHERE installation_id = :installation AND user_id = :user ORDER BY seq")
_BODIES = text("""
SELECT id, at, raw FROM inbox
WHERE installation_id = :installation AND raw IS NOT NULL AND id IN (
    SELECT inbox_id FROM inbox_bodies WHERE installation_id = :installation AND task_id = ANY(:tasks)
)
ORDER BY at, id
""")
_OWED = text("""
SELECT EXISTS (
    SELECT FROM outbox
    WHERE installation_id = :installation AND due_at IS NOT NULL AND split_part(key, '/', 1) = ANY(:keys)
)
""")
# In the order of locks: connections (what belongs to them goes along), links, the rest, work.
_ERASE = (
    text("DELETE FROM connections WHERE installation_id = :installation AND id = ANY(:connections)"),
    text("DELETE FROM links WHERE installation_id = :installation AND id = ANY(:links)"),
    text("DELETE FROM inbox_bodies WHERE installation_id = :installation AND task_id = ANY(:tasks)"),
    text("DELETE FROM inbox WHERE installation_id = :installation AND tasks && :tasks"),
    text("DELETE FROM timeline WHERE installation_id = :installation AND task_id = ANY(:tasks)"),
    text("DELETE FROM outbox WHERE installation_id = :installation AND split_part(key, '/', 1) = ANY(:keys)"),
)


class PgPeople:
    """The port ``People``."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._vault = vault

    def connections(self, installation_id: InstallationId, user_id: UserId) -> Sequence[ConnectionId]:
        """All of a user's, ended ones too, oldest first."""
        which = {"installation": installation_id, "user": user_id}
        return [ConnectionId(one) for one in self._transaction.execute(_CONNECTIONS, which).scalars()]

    def bodies(self, installation_id: InstallationId, tasks: Sequence[TaskId]) -> Sequence[tuple[datetime, bytes]]:
        """The raw deliveries kept that hold words of these tasks, oldest first."""
        rows = self._transaction.execute(_BODIES, {"installation": installation_id, "tasks": list(tasks)})
        return [(row.at, self._vault.decrypt(row.raw, installation_id, row.id, "inbox.raw")) for row in rows]

    def owes(self, installation_id: InstallationId, keys: Sequence[str]) -> bool:
        """Whether work about any of these links and connections is still owed, parked work aside."""
        which = {"installation": installation_id, "keys": list(keys)}
        owed: bool = self._transaction.execute(_OWED, which).scalar_one()
        return owed

    def erase(
        self,
        installation_id: InstallationId,
        connections: Sequence[ConnectionId],
        links: Sequence[LinkId],
        tasks: Sequence[TaskId],
    ) -> None:
        """Delete these and all that belongs to them, deliveries and timelines included."""
        which = {
            "installation": installation_id,
            "connections": list(connections),
            "links": list(links),
            "tasks": list(tasks),
            "keys": [*connections, *links],
        }
        for statement in _ERASE:
            named = {name: which[name] for name in statement.compile().params}
            self._transaction.execute(statement, named)
