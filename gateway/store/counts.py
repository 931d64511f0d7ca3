"""Sums of what was counted, one row a series."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection as Transaction
from sqlalchemy import text

from gateway.core.counts import Series

# In one order, so that two processes that add the same series do not wait for each other in a ring.
_ADD = text("""
INSERT INTO counts AS c (name, labels, value)
SELECT name, labels, value FROM jsonb_to_recordset(CAST(:more AS jsonb)) AS more (name text, labels text, value bigint)
ORDER BY name, labels
ON CONFLICT (name, labels) DO UPDATE SET value = c.value + excluded.value
""")
_ALL = text("SELECT name, labels, value FROM counts ORDER BY name, labels")


class PgCounts:
    """The port ``Counts``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, more: Mapping[Series, int]) -> None:
        """Add these."""
        rows = [{"name": one.name, "labels": json.dumps(one.labels), "value": value} for one, value in more.items()]
        self._transaction.execute(_ADD, {"more": json.dumps(rows)})

    def all(self) -> Mapping[Series, int]:
        """Everything that was ever counted."""
        return {
            Series(row.name, tuple((label, value) for label, value in json.loads(row.labels))): row.value
            for row in self._transaction.execute(_ALL)
        }
