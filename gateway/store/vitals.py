"""What the database's server says of itself, for the doctor. No table of ours is read."""

from __future__ import annotations

from sqlalchemy import Engine, text

from gateway.core.vitals import DatabaseVitals

# https://www.postgresql.org/docs/current/runtime-config-connection.html: the reserved ones are for superusers.
_ASK = text("""
SELECT clock_timestamp() AS at, current_setting('server_version_num')::int AS version,
    (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database)::int AS connections,
    least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)
    ) AS most
""")


def vitals_of(engine: Engine) -> DatabaseVitals:
    """Asked now. Raises ``StoreDown``."""
    with engine.connect() as connection:
        row = connection.execute(_ASK).one()
    return DatabaseVitals(row.at, row.version, row.connections, row.most)
