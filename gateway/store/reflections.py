"""How long changes took, for all processes together: a row for each, folded by the clock into one for many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection as Transaction
from sqlalchemy import text

from gateway.core.reflecting import Direction, Slot, step_of

_ADD = text("""
INSERT INTO reflections (at, provider, direction, step, count) VALUES (:at, :provider, :direction, :step, 1)
""")
_SLOTS = text("""
SELECT slot, provider, direction, array_agg(step ORDER BY step) AS steps, array_agg(count ORDER BY step) AS counts
FROM (
    SELECT date_bin(:width, at, TIMESTAMPTZ '2000-01-01') AS slot, provider, direction, step,
        CAST(sum(count) AS bigint) AS count
    FROM reflections WHERE at >= :since
    GROUP BY slot, provider, direction, step
) AS bins
GROUP BY slot, provider, direction
ORDER BY slot, provider, direction
""")
_FOLD = text("""
WITH gone AS (
    DELETE FROM reflections WHERE seq IN (
        SELECT seq FROM reflections WHERE NOT folded AND at < :before
        ORDER BY at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING at, provider, direction, step, count
), folded AS (
    INSERT INTO reflections (at, provider, direction, step, count, folded)
    SELECT date_bin(:width, at, TIMESTAMPTZ '2000-01-01'), provider, direction, step, sum(count), true
    FROM gone GROUP BY 1, 2, 3, 4
)
SELECT count(*) FROM gone
""")
_DROP_OLD = text("""
DELETE FROM reflections WHERE seq IN (
    SELECT seq FROM reflections WHERE at < :before ORDER BY at LIMIT :limit FOR UPDATE SKIP LOCKED
)
""")


class PgReflections:
    """The port ``Reflections``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, provider: str, direction: Direction, took: timedelta, at: datetime) -> None:
        """One change was accepted by the other side."""
        told = {"at": at, "provider": provider, "direction": direction.value, "step": step_of(took)}
        self._transaction.execute(_ADD, told)

    def slots(self, since: datetime, width: timedelta) -> Sequence[Slot]:
        """What was measured since then, in slots of this width, oldest first."""
        rows = self._transaction.execute(_SLOTS, {"since": since, "width": width})
        return [
            Slot(row.slot, row.provider, Direction(row.direction), dict(zip(row.steps, row.counts, strict=True)))
            for row in rows
        ]

    def fold(self, before: datetime, width: timedelta, limit: int) -> int:
        """Make one row out of the many of a slot; two clocks never fold the same row."""
        which = {"before": before, "width": width, "limit": limit}
        return int(self._transaction.execute(_FOLD, which).scalar_one())

    def drop_old(self, before: datetime, limit: int) -> int:
        """Retention."""
        return self._transaction.execute(_DROP_OLD, {"before": before, "limit": limit}).rowcount
