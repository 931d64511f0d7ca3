"""Things that may be used once. The token is known by its hash, the payload is encrypted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import TextClause, text

from gateway.core.model import InstallationId
from gateway.store.vault import Vault

_PAYLOAD = "one_use.payload"

_PUT = text("""
INSERT INTO one_use (kind, token_hash, installation_id, payload, expires_at)
VALUES (:kind, :token_hash, :installation, :payload, :expires_at)
""")
_TAKE = text("""
DELETE FROM one_use WHERE kind = :kind AND token_hash = :token_hash AND expires_at > :now
RETURNING installation_id, payload
""")
_PEEK = text("""
SELECT installation_id, payload FROM one_use WHERE kind = :kind AND token_hash = :token_hash AND expires_at > :now
""")
_IS_OVER = text("SELECT 1 FROM one_use WHERE kind = :kind AND token_hash = :token_hash AND expires_at <= :now")
_DROP_EXPIRED = text("""
DELETE FROM one_use WHERE (kind, token_hash) IN (
    SELECT kind, token_hash FROM one_use WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
""")


class PgOneUse:
    """The port ``OneUse``."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._vault = vault

    def put(
        self, kind: str, token: str, payload: Mapping[str, Any], expires_at: datetime, installation_id: InstallationId
    ) -> None:
        """Keep an encrypted payload of plain JSON values under a token. Raises ``AlreadyExists`` for one in use."""
        hashed = _hash(token)
        plain = json.dumps(dict(payload)).encode()
        self._transaction.execute(
            _PUT,
            {
                "kind": kind,
                "token_hash": hashed,
                "installation": installation_id,
                "payload": self._vault.encrypt(plain, installation_id, hashed.hex(), _PAYLOAD),
                "expires_at": expires_at,
            },
        )

    def take(self, kind: str, token: str, now: datetime) -> Mapping[str, Any] | None:
        """Use it up; ``None``: unknown, used or expired. Used only once this transaction is committed."""
        return self._find(_TAKE, kind, token, now)

    def peek(self, kind: str, token: str, now: datetime) -> Mapping[str, Any] | None:
        """Look without using it."""
        return self._find(_PEEK, kind, token, now)

    def is_over(self, kind: str, token: str, now: datetime) -> bool:
        """Whether it was never used and its time has run out, as long as it is kept."""
        which = {"kind": kind, "token_hash": _hash(token), "now": now}
        return self._transaction.execute(_IS_OVER, which).one_or_none() is not None

    def drop_expired(self, now: datetime, limit: int) -> int:
        """Retention."""
        return self._transaction.execute(_DROP_EXPIRED, {"now": now, "limit": limit}).rowcount

    def _find(self, statement: TextClause, kind: str, token: str, now: datetime) -> Mapping[str, Any] | None:
        hashed = _hash(token)
        which = {"kind": kind, "token_hash": hashed, "now": now}
        row = self._transaction.execute(statement, which).one_or_none()
        if row is None:
            return None
        found: Mapping[str, Any] = json.loads(
            self._vault.decrypt(row.payload, row.installation_id, hashed.hex(), _PAYLOAD)
        )
        return found


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
