"""Alembic's entry: the database that ``DATABASE_URL`` names, or a connection that a caller passes in.

``alembic upgrade head`` is the release step. Two at once are safe: the second waits for the first one's commit.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import timedelta

from alembic import context
from sqlalchemy import Connection, text

from gateway.store.engine import make_engine
from gateway.store.schema import metadata

_EXAMPLE = "postgresql://user:password@host:5432/calendar_gateway"
# A migration may take its time; a lock that it waits for may not hold up everybody behind it.
_LONGEST = timedelta(minutes=30)
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '20s'"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('calendar-gateway migrations', 0))"


def run(connection: Connection) -> None:
    """Migrate in one transaction: all of it or nothing."""
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
    with context.begin_transaction():
        connection.execute(text(_LOCK_TIMEOUT))
        connection.execute(text(_ONE_AT_A_TIME))
        context.run_migrations()


def main() -> None:
    """Find the database and migrate it."""
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        run(given)
        return
    if context.is_offline_mode():
        sys.exit("Migrations run against a database: set DATABASE_URL and leave --sql out.")
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        sys.exit(f"DATABASE_URL is not set: the database to migrate, for example {_EXAMPLE}")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    engine = make_engine(url, pool_size=1, patience=_LONGEST, statement_timeout=_LONGEST, application_name="release")
    with engine.connect() as connection:
        run(connection)
    engine.dispose()


main()
