"""Connections to PostgreSQL that never keep anybody waiting: every wait has an end, and dead ones are noticed.

- to connect: 2 s; to wait for a free connection of the pool: 0.9 s; for the answer to one statement: ``patience``;
- a connection that the server has closed while it lay idle is found out without asking (its socket has something to
  say) and replaced before it is used;
- a server that is silent is given up after ``patience``: the connection is thrown away, ``StoreDown`` is raised, and
  the server ends the statement itself a little later.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import QueuePool

from gateway.store.failures import translate
from gateway.store.schema import REVISION

T = TypeVar("T")

CONNECT_SECONDS = 2
"""The shortest limit that PostgreSQL's client library knows
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-CONNECT-TIMEOUT)."""

_POOL_SECONDS = 0.9
_PATIENCE = timedelta(seconds=2)
_STATEMENT = timedelta(seconds=5)
_IDLE_IN_TRANSACTION = timedelta(seconds=15)  # a stopped process must not hold its locks for ever


def modern_url(url: str) -> str:
    """The address as the client library takes it; ``postgres://`` is an older spelling that platforms still hand
    out."""
    scheme, found, rest = url.partition("://")
    if not found or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ValueError("the database's address begins with postgresql:// (or postgres://)")
    return f"postgresql://{rest}"


def make_engine(
    url: str,
    *,
    pool_size: int = 3,
    patience: timedelta = _PATIENCE,
    statement_timeout: timedelta = _STATEMENT,
    application_name: str = "calendar-gateway",
) -> Engine:
    """An engine that opens at most ``pool_size`` connections, none of them now.

    ``patience``: how long one answer may take before the database counts as down. ``statement_timeout``: when the
    server gives up by itself.
    """
    engine = create_engine(
        "postgresql+psycopg://",
        creator=_opener(url, patience, statement_timeout, application_name),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,
        use_native_hstore=False,
    )
    event.listen(engine, "checkout", _refuse_dead)
    translate(engine)
    return engine


def is_migrated(engine: Engine) -> bool:
    """Whether the tables are those that this code was written for. Raises ``StoreDown``."""
    with engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
            return False
        return REVISION in connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()


class _Connection(psycopg.Connection[Any]):
    """Waits for an answer no longer than its ``patience`` in seconds."""

    patience: float = _PATIENCE.total_seconds()

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As the library's, but never for ever. What was left half done is closed: no answer may be read later."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def _opener(url: str, patience: timedelta, statement: timedelta, name: str) -> Callable[[], _Connection]:
    address = modern_url(url)
    given = conninfo_to_dict(address)
    limits = {
        "statement_timeout": statement,
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION,
    }
    options = [f"-c {key}={int(value.total_seconds() * 1000)}" for key, value in limits.items()]
    settings: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": name,
        "options": " ".join([str(given.get("options") or ""), *options, "-c timezone=UTC"]).strip(),
        "tcp_user_timeout": int(patience.total_seconds() * 1000),
    }

    def connect() -> _Connection:
        connection = _Connection.connect(address, **settings)
        connection.patience = patience.total_seconds()
        return connection

    return connect


def _refuse_dead(connection: Any, _record: Any, _proxy: Any) -> None:
    """An idle connection has nothing to say: only where its socket has (mostly: the server closed it), ask it."""
    if not connection.closed:
        poll = select.poll()
        poll.register(connection.pgconn.socket, select.POLLIN)
        if not poll.poll(0):
            return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as error:
        raise InvalidatePoolError("closed by the server while idle") from error
