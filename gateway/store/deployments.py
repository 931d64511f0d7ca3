"""Whose database this is, and whether all of it is paused: one row at most."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection as Transaction
from sqlalchemy import text

from gateway.core.records import Deployment

_CLAIM = text("INSERT INTO deployment (id) SELECT :id WHERE NOT EXISTS (SELECT FROM deployment) ON CONFLICT DO NOTHING")
_READ = text("SELECT id, paused_at, paused_reason FROM deployment LIMIT 1")
_PAUSE = text("UPDATE deployment SET paused_at = coalesce(paused_at, :at), paused_reason = :reason")
# True time: a clock file does not make anybody absent.
_SILENT_FOR = text("SELECT clock_timestamp() - beat_at FROM deployment WHERE id = :id")
_BEAT = text("UPDATE deployment SET beat_at = clock_timestamp() WHERE id = :id")
_RESUME = text("UPDATE deployment SET id = :id, paused_at = NULL, paused_reason = NULL")


class PgDeployments:
    """The port ``Deployments``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def claim(self, deployment_id: str) -> Deployment:
        """Whose it is; ours from now on, if it was nobody's."""
        self._transaction.execute(_CLAIM, {"id": deployment_id})
        row = self._transaction.execute(_READ).one()
        return Deployment(row.id, row.paused_at, row.paused_reason)

    def pause(self, reason: str, at: datetime) -> None:
        """Nothing is leased any more, by whatever deployment."""
        self._transaction.execute(_PAUSE, {"reason": reason, "at": at})

    def silent_for(self, deployment_id: str) -> timedelta | None:
        """How long ago, in true time, a clock was last at work. ``None``: never, or it is not ours."""
        since: timedelta | None = self._transaction.execute(_SILENT_FOR, {"id": deployment_id}).scalar_one_or_none()
        return since

    def beat(self, deployment_id: str) -> None:
        """A clock is at work."""
        self._transaction.execute(_BEAT, {"id": deployment_id})

    def resume(self, deployment_id: str) -> None:
        """It is ours, and work goes on."""
        self._transaction.execute(_RESUME, {"id": deployment_id})
