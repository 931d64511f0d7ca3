"""CRM tenants. Credentials and webhook secrets are encrypted; the API token is known by its hash alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Row, bindparam, insert, select, text, update

from gateway.core.model import InstallationId
from gateway.core.ports import Clock
from gateway.core.records import Installation, InstallationStatus
from gateway.store.schema import INSTALLATIONS
from gateway.store.vault import Vault

_REMOVED = InstallationStatus.REMOVED.value
_CREDENTIALS = "installations.credentials"
_SECRETS = "installations.webhook_secrets"

_ADD = insert(INSTALLATIONS)
_SELECT = select(INSTALLATIONS)
_GET = _SELECT.where(INSTALLATIONS.c.id == bindparam("installation"))
_BY_KEY = _SELECT.where(INSTALLATIONS.c.key == bindparam("by_key"))
_BY_TOKEN = _SELECT.where(INSTALLATIONS.c.api_token_hash == bindparam("by_token"), INSTALLATIONS.c.status != _REMOVED)
_ALL = _SELECT.where(INSTALLATIONS.c.status != _REMOVED).order_by(INSTALLATIONS.c.seq)
_AT_DOOR = (
    _SELECT.where(INSTALLATIONS.c.door == bindparam("at_door"))
    .order_by(INSTALLATIONS.c.status == _REMOVED, INSTALLATIONS.c.seq.desc())
    .limit(1)
)
_BY_DOORS = text("""
SELECT asked.at, found.* FROM unnest(CAST(:keys AS text[])) AS asked (at)
CROSS JOIN LATERAL (
    (SELECT * FROM installations WHERE key = asked.at AND door IS NULL)
    UNION ALL
    (SELECT * FROM installations WHERE door = asked.at AND status = 'removed' ORDER BY seq DESC LIMIT 1)
    UNION ALL
    (SELECT * FROM installations WHERE door = asked.at AND status <> 'removed' ORDER BY seq DESC LIMIT 1)
) AS found
ORDER BY found.status <> 'removed'
""")
_OF_ACCOUNT = _SELECT.where(
    INSTALLATIONS.c.door == bindparam("at_door"),
    INSTALLATIONS.c.account == bindparam("of_account"),
    INSTALLATIONS.c.status != _REMOVED,
)
_LOCKED = _GET.with_for_update(key_share=True)
_CHANGE = update(INSTALLATIONS).where(INSTALLATIONS.c.id == bindparam("installation"))
# A late or repeated page of a catch-up never takes the mark back.
_CAUGHT_UP = text("UPDATE installations SET caught_up_at = greatest(caught_up_at, :at) WHERE id = :installation")


class PgInstallations:
    """The port ``Installations``."""

    def __init__(self, transaction: Transaction, vault: Vault, clock: Clock) -> None:
        self._transaction = transaction
        self._vault = vault
        self._clock = clock

    def add(self, installation: Installation, api_token_hash: bytes) -> None:
        """Store a new one. Raises ``AlreadyExists`` when the id, key or token is taken."""
        id_ = installation.id
        self._transaction.execute(
            _ADD,
            {
                "id": id_,
                "key": installation.key,
                "name": installation.name,
                "adapter": installation.adapter,
                "base_url": installation.base_url,
                "status": installation.status.value,
                "paused_reason": installation.paused_reason,
                "settings": dict(installation.settings),
                "credentials": self._vault.encrypt(installation.credentials.encode(), id_, id_, _CREDENTIALS),
                "webhook_secrets": self._sealed(id_, [(secret, None) for secret in installation.webhook_secrets]),
                "api_token_hash": api_token_hash,
                "caught_up_at": installation.caught_up_at,
                "existence_at": installation.existence_at,
                "door": installation.door,
                "account": installation.account,
            },
        )

    def by_key(self, key: str) -> Installation | None:
        """By the unguessable key in its webhook URL; removed ones too."""
        return self._one(self._transaction.execute(_BY_KEY, {"by_key": key}).one_or_none())

    def by_doors(self, keys: Sequence[str]) -> Mapping[str, Installation]:
        """As ``by_key``, several in one statement; for an app's door as ``at_door``."""
        rows = self._transaction.execute(_BY_DOORS, {"keys": list(keys)}).all()
        return {row.at: self._installation(row) for row in rows}

    def at_door(self, door: str) -> Installation | None:
        """Of the installations behind one app's door the newest; a removed one only where there is no other."""
        return self._one(self._transaction.execute(_AT_DOOR, {"at_door": door}).one_or_none())

    def of_account(self, door: str, account: str) -> Installation | None:
        """The installation behind this door that has this account; not a removed one."""
        return self._one(self._transaction.execute(_OF_ACCOUNT, {"at_door": door, "of_account": account}).one_or_none())

    def by_token(self, api_token_hash: bytes) -> Installation | None:
        """By the SHA-256 of its API token; not removed ones."""
        return self._one(self._transaction.execute(_BY_TOKEN, {"by_token": api_token_hash}).one_or_none())

    def get(self, installation_id: InstallationId) -> Installation | None:
        """By id."""
        return self._one(self._transaction.execute(_GET, {"installation": installation_id}).one_or_none())

    def all(self) -> Sequence[Installation]:
        """All that are not removed, oldest first."""
        return [self._installation(row) for row in self._transaction.execute(_ALL)]

    def set_status(self, installation_id: InstallationId, status: InstallationStatus, reason: str | None) -> None:
        """Pause, resume, remove."""
        self._change(installation_id, status=status.value, paused_reason=reason)

    def set_settings(self, installation_id: InstallationId, settings: Mapping[str, Any]) -> None:
        """Replace the settings."""
        self._change(installation_id, settings=dict(settings))

    def set_credentials(self, installation_id: InstallationId, credentials: str) -> None:
        """Replace what the CRM is called with."""
        id_ = installation_id
        self._change(id_, credentials=self._vault.encrypt(credentials.encode(), id_, id_, _CREDENTIALS))

    def set_account(self, installation_id: InstallationId, account: str) -> None:
        """Remember the CRM's own id of the tenant. Raises ``AlreadyExists`` when another one at its door has it."""
        self._change(installation_id, account=account)

    def add_secret(self, installation_id: InstallationId, secret: str, old_until: datetime) -> None:
        """A new webhook secret; those before it stay valid until ``old_until``, or as long as they were to."""
        row = self._transaction.execute(_LOCKED, {"installation": installation_id}).one_or_none()
        if row is None:
            return
        now = self._clock.now()
        valid = [(old, until) for old, until in self._opened(row) if until is None or until > now]
        ending = [(old, min(until or old_until, old_until)) for old, until in valid]
        self._change(installation_id, webhook_secrets=self._sealed(installation_id, [(secret, None), *ending]))

    def caught_up(self, installation_id: InstallationId, at: datetime) -> None:
        """Remember how far the catch-up has come."""
        self._transaction.execute(_CAUGHT_UP, {"installation": installation_id, "at": at})

    def existence_known(self, installation_id: InstallationId, at: datetime) -> None:
        """Remember when it was looked which tasks exist."""
        self._change(installation_id, existence_at=at)

    def doubt_existence(self, installation_id: InstallationId) -> None:
        """The next catch-up is to look which tasks exist."""
        self._change(installation_id, existence_at=None)

    def _change(self, installation_id: InstallationId, **values: object) -> None:
        self._transaction.execute(_CHANGE, {"installation": installation_id, **values})

    def _one(self, row: Row[Any] | None) -> Installation | None:
        return None if row is None else self._installation(row)

    def _installation(self, row: Row[Any]) -> Installation:
        now = self._clock.now()
        return Installation(
            id=InstallationId(row.id),
            key=row.key,
            name=row.name,
            adapter=row.adapter,
            base_url=row.base_url,
            status=InstallationStatus(row.status),
            settings=row.settings,
            credentials=self._vault.decrypt(row.credentials, row.id, row.id, _CREDENTIALS).decode(),
            webhook_secrets=tuple(secret for secret, until in self._opened(row) if until is None or until > now),
            caught_up_at=row.caught_up_at,
            existence_at=row.existence_at,
            paused_reason=row.paused_reason,
            door=row.door,
            account=row.account,
        )

    def _sealed(self, id_: str, secrets: Sequence[tuple[str, datetime | None]]) -> bytes:
        plain = json.dumps([(secret, until and until.isoformat()) for secret, until in secrets])
        return self._vault.encrypt(plain.encode(), id_, id_, _SECRETS)

    def _opened(self, row: Row[Any]) -> list[tuple[str, datetime | None]]:
        """Newest first, each with its end where it has one."""
        plain = json.loads(self._vault.decrypt(row.webhook_secrets, row.id, row.id, _SECRETS))
        return [(secret, until and datetime.fromisoformat(until)) for secret, until in plain]
