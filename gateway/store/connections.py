"""People's consents. The credential is encrypted, and replaced only by who has seen the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Row, bindparam, func, insert, select, text, update

from gateway.core.model import ConnectionId, ConnectionStatus, InstallationId, UserId
from gateway.core.ports import Mode
from gateway.core.records import Connection, InstallationStatus, LedgerCount
from gateway.store.schema import CONNECTIONS, INSTALLATIONS
from gateway.store.vault import Vault

_C = CONNECTIONS.c
_CREDENTIAL = "connections.credential"
# The same words as in the partial indexes, or the planner does not use them.
_LIVE = text("NOT (connections.status IN ('disconnected', 'revoked'))")
_WRITABLE = text("connections.status IN ('connected', 'suspect') AND connections.next_read_at IS NOT NULL")

_ADD = insert(CONNECTIONS)
_SELECT = select(CONNECTIONS)
_OURS = _SELECT.where(_C.installation_id == bindparam("installation"))
_GET = _OURS.where(_C.id == bindparam("connection"))
_LOCK = _GET.with_for_update(key_share=True)
_OF_USER = _OURS.where(_C.user_id == bindparam("user")).order_by(_C.seq.desc()).limit(1)
_WITH_STATUS = _OURS.where(_C.status == bindparam("of_status")).order_by(_C.seq)
_OF_ACCOUNT = _SELECT.where(_C.issuer == bindparam("of_issuer"), _C.subject == bindparam("of_subject"), _LIVE)
_TO_READ = (
    _SELECT.join(INSTALLATIONS, INSTALLATIONS.c.id == _C.installation_id)
    .where(
        _WRITABLE,
        _C.next_read_at <= bindparam("now"),
        INSTALLATIONS.c.status == InstallationStatus.ACTIVE.value,
    )
    .order_by(_C.next_read_at)
    .limit(bindparam("limit"))
)
_SAVE = (
    update(CONNECTIONS)
    .where(_C.installation_id == bindparam("installation"), _C.id == bindparam("connection"))
    # A push may have been heard since the record was read.
    .values(heard_at=func.greatest(_C.heard_at, bindparam("heard")))
)
_SAVE_CREDENTIAL = text("""
UPDATE connections SET credential = :credential, credential_version = credential_version + 1
WHERE installation_id = :installation AND id = :connection AND credential_version = :version
  AND NOT (status IN ('disconnected', 'revoked'))
""")
_ERASE_CREDENTIAL = text("""
UPDATE connections SET credential = NULL, credential_version = credential_version + 1
WHERE installation_id = :installation AND id = :connection
""")
_BEGIN_REFRESH = text("""
UPDATE connections
SET refresh_number = nextval('lease_numbers'), refresh_until = clock_timestamp() + interval '15 seconds'
WHERE installation_id = :installation AND id = :connection
  AND (refresh_until IS NULL OR refresh_until <= clock_timestamp())
RETURNING refresh_number
""")
_END_REFRESH = text("""
UPDATE connections SET refresh_until = NULL
WHERE installation_id = :installation AND id = :connection AND refresh_number = :number
""")
_HEARD = text("""
UPDATE connections AS c SET
    heard_at = greatest(c.heard_at, :at), unechoed_since = NULL,
    status = CASE WHEN c.status = 'suspect' THEN 'connected' ELSE c.status END
FROM (
    SELECT status FROM connections WHERE installation_id = :installation AND id = :connection FOR NO KEY UPDATE
) AS before
WHERE c.installation_id = :installation AND c.id = :connection
RETURNING before.status = 'suspect'
""")
_WROTE = text("""
UPDATE connections SET unechoed_since = :at
WHERE installation_id = :installation AND id = :connection AND unechoed_since IS NULL
  AND (heard_at IS NULL OR heard_at < :at) -- a push may be faster than the answer that it tells of
""")
_SILENT = (
    _SELECT.join(INSTALLATIONS, INSTALLATIONS.c.id == _C.installation_id)
    .where(
        text("""(
            (connections.status = 'connected' AND connections.unechoed_since IS NOT NULL
                AND connections.unechoed_since < :connected_before)
            OR (connections.status = 'suspect' AND connections.unechoed_since < :suspect_before)
        )"""),
        INSTALLATIONS.c.status == InstallationStatus.ACTIVE.value,
    )
    .order_by(_C.unechoed_since)
    .limit(bindparam("limit"))
)
_BREAK_SILENCE = text("""
UPDATE connections SET unechoed_since = NULL WHERE installation_id = :installation AND id = :connection
""")
_MARK_READ = text("""
UPDATE connections SET read_at = :read_at, next_read_at = :next_read_at
WHERE installation_id = :installation AND id = :connection
""")
_COUNT = text("""
INSERT INTO connection_ledger AS l (installation_id, connection_id, pushes, dropped, read, written)
VALUES (:installation, :connection, :pushes, :dropped, :read, :written)
ON CONFLICT (installation_id, connection_id) DO UPDATE SET
    pushes = l.pushes + excluded.pushes, dropped = l.dropped + excluded.dropped,
    read = l.read + excluded.read, written = l.written + excluded.written
""")
_LEDGER = text("""
SELECT pushes, dropped, read, written FROM connection_ledger
WHERE installation_id = :installation AND connection_id = :connection
""")


class PgConnections:
    """The port ``Connections``."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._vault = vault

    def add(self, connection: Connection) -> None:
        """Store a new one. Raises ``AlreadyExists`` where the user has one that is not disconnected or revoked."""
        self._transaction.execute(
            _ADD,
            {
                "installation_id": connection.installation_id,
                "id": connection.id,
                **_plain_columns(connection),
                "heard_at": connection.heard_at,
                "credential": self._sealed(connection.installation_id, connection.id, connection.credential),
                "credential_version": connection.credential_version,
            },
        )

    def get(self, installation_id: InstallationId, connection_id: ConnectionId) -> Connection | None:
        """By id."""
        return self._one(_GET, installation=installation_id, connection=connection_id)

    def lock(self, installation_id: InstallationId, connection_id: ConnectionId) -> Connection | None:
        """By id, locked until the commit: read it so before saving it."""
        return self._one(_LOCK, installation=installation_id, connection=connection_id)

    def of_user(self, installation_id: InstallationId, user_id: UserId) -> Connection | None:
        """The user's newest connection, whatever its status."""
        return self._one(_OF_USER, installation=installation_id, user=user_id)

    def of_account(self, issuer: str, subject: str) -> Sequence[Connection]:
        """All live connections of one provider account, in every installation: who else uses its grant."""
        return self._many(_OF_ACCOUNT, of_issuer=issuer, of_subject=subject)

    def save(self, connection: Connection) -> None:
        """Everything but the credential."""
        self._transaction.execute(
            _SAVE,
            {
                "installation": connection.installation_id,
                "connection": connection.id,
                "heard": connection.heard_at,
                **_plain_columns(connection),
            },
        )

    def save_credential(
        self, installation_id: InstallationId, connection_id: ConnectionId, credential: bytes, version: int
    ) -> bool:
        """Replace the credential if ``version`` is still the stored one; ``False``: somebody was faster, or it is
        gone."""
        which = {"installation": installation_id, "connection": connection_id, "version": version}
        sealed = self._sealed(installation_id, connection_id, credential)
        return self._transaction.execute(_SAVE_CREDENTIAL, {**which, "credential": sealed}).rowcount == 1

    def erase_credential(self, installation_id: InstallationId, connection_id: ConnectionId) -> None:
        """Forget the tokens, and refuse a save by who still holds them."""
        self._transaction.execute(_ERASE_CREDENTIAL, {"installation": installation_id, "connection": connection_id})

    def begin_refresh(self, installation_id: InstallationId, connection_id: ConnectionId) -> int | None:
        """Take the right to refresh for 15 s of database time; ``None``: somebody else is at it. Commit at once."""
        which = {"installation": installation_id, "connection": connection_id}
        number: int | None = self._transaction.execute(_BEGIN_REFRESH, which).scalar_one_or_none()
        return number

    def end_refresh(self, installation_id: InstallationId, connection_id: ConnectionId, number: int) -> None:
        """Give it back; nothing happens where somebody else has it by now."""
        which = {"installation": installation_id, "connection": connection_id, "number": number}
        self._transaction.execute(_END_REFRESH, which)

    def to_read(self, now: datetime, limit: int) -> Sequence[Connection]:
        """Writable connections of active installations whose ``next_read_at`` has come."""
        return self._many(_TO_READ, now=now, limit=limit)

    def mark_read(
        self, installation_id: InstallationId, connection_id: ConnectionId, read_at: datetime, next_read_at: datetime
    ) -> None:
        """When our events in it were last looked at, and when the next safety read is due."""
        which = {"installation": installation_id, "connection": connection_id}
        self._transaction.execute(_MARK_READ, {**which, "read_at": read_at, "next_read_at": next_read_at})

    def heard(self, installation_id: InstallationId, connection_id: ConnectionId, at: datetime) -> bool:
        """A push came in: no echo is missed any more, and a suspect connection is connected again (``True``)."""
        which = {"installation": installation_id, "connection": connection_id, "at": at}
        return bool(self._transaction.execute(_HEARD, which).scalar_one_or_none())

    def wrote(self, installation_id: InstallationId, connection_id: ConnectionId, at: datetime) -> None:
        """The writing of an event began then: a push is to tell of it, unless one came in since."""
        self._transaction.execute(_WROTE, {"installation": installation_id, "connection": connection_id, "at": at})

    def silent(self, connected_before: datetime, suspect_before: datetime, limit: int) -> Sequence[Connection]:
        """Connections of active installations with a write before then of which no push has told since."""
        return self._many(_SILENT, connected_before=connected_before, suspect_before=suspect_before, limit=limit)

    def break_silence(self, installation_id: InstallationId, connection_id: ConnectionId) -> None:
        """Wait for the echo of the next write instead."""
        self._transaction.execute(_BREAK_SILENCE, {"installation": installation_id, "connection": connection_id})

    def with_status(self, installation_id: InstallationId, status: ConnectionStatus) -> Sequence[Connection]:
        """All in one status, oldest first."""
        return self._many(_WITH_STATUS, installation=installation_id, of_status=status.value)

    def count(self, installation_id: InstallationId, connection_id: ConnectionId, more: LedgerCount) -> None:
        """Add to the privacy ledger."""
        which = {"installation": installation_id, "connection": connection_id}
        counts = {"pushes": more.pushes, "dropped": more.dropped, "read": more.read, "written": more.written}
        self._transaction.execute(_COUNT, {**which, **counts})

    def ledger(self, installation_id: InstallationId, connection_id: ConnectionId) -> LedgerCount:
        """Read the privacy ledger."""
        which = {"installation": installation_id, "connection": connection_id}
        row = self._transaction.execute(_LEDGER, which).one_or_none()
        return LedgerCount() if row is None else LedgerCount(*row)

    def _one(self, statement: Any, **values: object) -> Connection | None:
        row = self._transaction.execute(statement, values).one_or_none()
        return None if row is None else self._connection(row)

    def _many(self, statement: Any, **values: object) -> list[Connection]:
        return [self._connection(row) for row in self._transaction.execute(statement, values)]

    def _sealed(self, installation_id: str, connection_id: str, credential: bytes) -> bytes | None:
        if not credential:
            return None
        return self._vault.encrypt(credential, installation_id, connection_id, _CREDENTIAL)

    def _connection(self, row: Row[Any]) -> Connection:
        sealed = row.credential
        return Connection(
            id=ConnectionId(row.id),
            installation_id=InstallationId(row.installation_id),
            user_id=UserId(row.user_id),
            provider=row.provider,
            status=ConnectionStatus(row.status),
            mode=Mode(row.mode),
            issuer=row.issuer,
            subject=row.subject,
            email=row.email,
            tag=row.tag,
            calendar_id=row.calendar_id,
            calendar_name=row.calendar_name,
            calendar_zone=row.calendar_zone,
            credential=self._vault.decrypt(sealed, row.installation_id, row.id, _CREDENTIAL) if sealed else b"",
            credential_version=row.credential_version,
            reason=row.reason,
            connected_at=row.connected_at,
            heard_at=row.heard_at,
            read_at=row.read_at,
            next_read_at=row.next_read_at,
            since=row.since,
        )


def _plain_columns(connection: Connection) -> dict[str, object]:
    """Those that a save replaces outright."""
    return {
        "user_id": connection.user_id,
        "provider": connection.provider,
        "status": connection.status.value,
        "mode": connection.mode.value,
        "issuer": connection.issuer,
        "subject": connection.subject,
        "email": connection.email,
        "tag": connection.tag,
        "calendar_id": connection.calendar_id,
        "calendar_name": connection.calendar_name,
        "calendar_zone": connection.calendar_zone,
        "reason": connection.reason,
        "connected_at": connection.connected_at,
        "read_at": connection.read_at,
        "next_read_at": connection.next_read_at,
        "since": connection.since,
    }
