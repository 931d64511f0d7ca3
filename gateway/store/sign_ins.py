"""Sign-ins that failed, for all processes together. Who tried is known by a hash that is not undone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection as Transaction
from sqlalchemy import text

_ADD = text("INSERT INTO failed_sign_ins (who, at) VALUES (:who, :at)")
_OF = text("""
SELECT count(*) AS times, max(at) AS last_at FROM (
    SELECT at FROM failed_sign_ins WHERE who = :who AND at >= :since ORDER BY at DESC LIMIT :limit
) AS lately
""")
_BY_ANYBODY = text("""
SELECT count(*) AS times, max(at) AS last_at FROM (
    SELECT at FROM failed_sign_ins WHERE at >= :since ORDER BY at DESC LIMIT :limit
) AS lately
""")
_FORGIVE = text("DELETE FROM failed_sign_ins WHERE who = :who")
_DROP_OLD = text("""
DELETE FROM failed_sign_ins WHERE seq IN (
    SELECT seq FROM failed_sign_ins WHERE at < :before ORDER BY at LIMIT :limit FOR UPDATE SKIP LOCKED
)
""")


class PgSignIns:
    """The port ``SignIns``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def failed(self, who: str, at: datetime) -> None:
        """Somebody gave a wrong password."""
        self._transaction.execute(_ADD, {"who": who, "at": at})

    def failures(self, who: str | None, since: datetime, limit: int) -> tuple[int, datetime | None]:
        """How often since then, counting to ``limit``, and when last; ``None``: by anybody."""
        which: dict[str, object] = {"since": since, "limit": limit}
        row = self._transaction.execute(*((_BY_ANYBODY, which) if who is None else (_OF, {**which, "who": who}))).one()
        return int(row.times), row.last_at

    def forgive(self, who: str) -> None:
        """The right password was given."""
        self._transaction.execute(_FORGIVE, {"who": who})

    def drop_old(self, before: datetime, limit: int) -> int:
        """Retention."""
        return self._transaction.execute(_DROP_OLD, {"before": before, "limit": limit}).rowcount
