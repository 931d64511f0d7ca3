"""One transaction on PostgreSQL, its repositories, and what runs after the commit.

``READ COMMITTED``; rolls back unless committed. The commit ends it: the connection goes back to the pool before what
waited for the commit is run, so that a slow doorbell keeps no connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection as Transaction
from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.core.boxes import Inbox, Intake, Outbox
from gateway.core.counts import Counts
from gateway.core.ports import Clock
from gateway.core.reflecting import Reflections
from gateway.core.repositories import (
    Conflicts,
    Connections,
    Contended,
    Deployments,
    HeldBatches,
    Installations,
    Links,
    OneUse,
    People,
    SignIns,
    StoreDown,
    Subscriptions,
    Timeline,
)
from gateway.core.survey import Survey
from gateway.store.conflicts import PgConflicts
from gateway.store.connections import PgConnections
from gateway.store.counts import PgCounts
from gateway.store.deployments import PgDeployments
from gateway.store.held import PgHeldBatches
from gateway.store.inbox import PgInbox
from gateway.store.installations import PgInstallations
from gateway.store.intake import PgIntake
from gateway.store.links import PgLinks
from gateway.store.one_use import PgOneUse
from gateway.store.outbox import PgOutbox
from gateway.store.people import PgPeople
from gateway.store.reflections import PgReflections
from gateway.store.sign_ins import PgSignIns
from gateway.store.subscriptions import PgSubscriptions
from gateway.store.survey import PgSurvey
from gateway.store.timeline import PgTimeline
from gateway.store.vault import Vault

T = TypeVar("T")
_log = logging.getLogger(__name__)


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)


class PgUnitOfWork:
    """One transaction. Use it once, in one thread, as a context manager."""

    def __init__(self, engine: Engine, vault: Vault, clock: Clock, deployment_id: str = "") -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock
        self._deployment_id = deployment_id
        self._transaction: Transaction | None = None
        self._waiting: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        """Take a connection. Raises ``StoreDown``."""
        try:
            open_ = self._transaction = self._engine.connect()
        except PoolTimeout:
            raise StoreDown("no connection to the database came free in time") from None
        vault = self._vault
        self.installations: Installations = PgInstallations(open_, vault, self._clock)
        self.connections: Connections = PgConnections(open_, vault)
        self.links: Links = PgLinks(open_, vault)
        self.subscriptions: Subscriptions = PgSubscriptions(open_)
        self.intake: Intake = PgIntake(open_, vault)
        self.inbox: Inbox = PgInbox(open_, vault)
        self.outbox: Outbox = PgOutbox(open_, self._clock, self._deployment_id)
        self.timeline: Timeline = PgTimeline(open_)
        self.conflicts: Conflicts = PgConflicts(open_, vault)
        self.deployments: Deployments = PgDeployments(open_)
        self.held: HeldBatches = PgHeldBatches(open_)
        self.people: People = PgPeople(open_, vault)
        self.one_use: OneUse = PgOneUse(open_, vault)
        self.counts: Counts = PgCounts(open_)
        self.reflections: Reflections = PgReflections(open_)
        self.survey: Survey = PgSurvey(open_)
        self.sign_ins: SignIns = PgSignIns(open_)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Roll back what was not committed."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        try:
            transaction.close()
        except StoreDown:  # then the server rolls back by itself, and whatever brought us here counts for more
            _log.warning("the database was gone before the rollback")

    def commit(self) -> None:
        """Commit, then run what waits for it. Raises ``StoreDown``: then it is not known whether it was committed."""
        transaction = self._transaction
        if transaction is None:
            raise RuntimeError("this transaction has ended: begin another")
        transaction.commit()
        self._transaction = None
        transaction.close()
        for act in self._waiting:
            try:
                act()
            except Exception:  # noqa: BLE001 - it is committed: nobody may come to believe that it is not
                _log.exception("something that waited for a commit failed")

    @property
    def is_open(self) -> bool:
        """Whether it was begun and has not ended yet."""
        return self._transaction is not None

    def after_commit(self, act: Callable[[], None]) -> None:
        """Run ``act`` once the commit has succeeded; never if it has not."""
        self._waiting.append(act)


class PgStore:
    """Opens transactions. Thread-safe; one a process. Never take it across a fork."""

    def __init__(self, engine: Engine, vault: Vault, clock: Clock | None = None, deployment_id: str = "") -> None:
        """``clock`` serves where no time is passed in: which webhook secrets are valid now, whether a pause is over.
        ``deployment_id``: whose work is leased here; empty: anybody's."""
        self._engine = engine
        self._vault = vault
        self._clock = clock or SystemClock()
        self._deployment_id = deployment_id

    def begin(self) -> PgUnitOfWork:
        """A new one; entering it raises ``StoreDown`` when the database does not answer."""
        return PgUnitOfWork(self._engine, self._vault, self._clock, self._deployment_id)

    def run(self, work: Callable[[PgUnitOfWork], T], attempts: int = 3) -> T:
        """Run ``work`` in a transaction and commit it (unless it did so itself); again from the start where another
        transaction was in the way, at most ``attempts`` times in all. ``work`` must do nothing but use its unit."""
        for _ in range(attempts - 1):
            try:
                return self._once(work)
            except Contended as error:
                _log.info("%s", error)
        return self._once(work)

    def close(self) -> None:
        """Close all idle connections."""
        self._engine.dispose()

    def _once(self, work: Callable[[PgUnitOfWork], T]) -> T:
        with self.begin() as unit:
            result = work(unit)
            if unit.is_open:
                unit.commit()
            return result
