"""Every hop of a task, append only. Details hold no text of a task."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection as Transaction
from sqlalchemy import text

from gateway.core.model import InstallationId, TaskId
from gateway.core.records import Entry

# One statement of one form for any number of entries.
_ADD = text("""
INSERT INTO timeline (installation_id, task_id, at, actor, code, detail)
SELECT :installation, :task, at, actor, code, CAST(detail AS jsonb)
FROM unnest(CAST(:at AS timestamptz[]), CAST(:actor AS text[]), CAST(:code AS text[]), CAST(:detail AS text[]))
    WITH ORDINALITY AS entry (at, actor, code, detail, place)
ORDER BY place
""")
_OF_TASK = text("""
SELECT at, actor, code, detail FROM timeline
WHERE installation_id = :installation AND task_id = :task
ORDER BY seq DESC LIMIT :limit
""")
_DROP_OLD = text("""
DELETE FROM timeline WHERE (installation_id, task_id, seq) IN (
    SELECT installation_id, task_id, seq FROM timeline WHERE at < :before LIMIT :limit FOR UPDATE SKIP LOCKED
)
""")


class PgTimeline:
    """The port ``Timeline``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, installation_id: InstallationId, task_id: TaskId, *entries: Entry) -> None:
        """Written in the same transaction as the state it tells of, in the order given."""
        if not entries:
            return
        self._transaction.execute(
            _ADD,
            {
                "installation": installation_id,
                "task": task_id,
                "at": [entry.at for entry in entries],
                "actor": [entry.actor for entry in entries],
                "code": [entry.code for entry in entries],
                "detail": [json.dumps(dict(entry.detail), default=str) for entry in entries],
            },
        )

    def of_task(self, installation_id: InstallationId, task_id: TaskId, limit: int) -> Sequence[Entry]:
        """Newest first, in the order they were written."""
        which = {"installation": installation_id, "task": task_id, "limit": limit}
        return [Entry(row.at, row.actor, row.code, row.detail) for row in self._transaction.execute(_OF_TASK, which)]

    def drop_old(self, before: datetime, limit: int) -> int:
        """Retention."""
        return self._transaction.execute(_DROP_OLD, {"before": before, "limit": limit}).rowcount
