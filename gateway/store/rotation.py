"""Every ciphertext under the newest key: walks all encrypted columns in portions, and tells how much is left.

Each portion is one short transaction. It may be stopped at any time and begun again: what is done is done, as the key
stands in front of each ciphertext. New writes are under the newest key anyway, so one walk is enough; after one that
ends with ``left == 0`` the older keys may be taken out of ``TOKEN_KEYS``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, bindparam, func, select, tuple_, update

from gateway.core.vitals import KeyState
from gateway.store.schema import CONFLICTS, CONNECTIONS, INBOX, INSTALLATIONS, LINKS, ONE_USE
from gateway.store.vault import PREFIX_BYTES, Vault, VaultError

BATCH = 500


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """A column of ciphertext, and the columns that name its tenant and its row in the vault's eyes."""

    column: Column[Any]
    tenant: Column[Any]
    row: Column[Any]

    @property
    def name(self) -> str:
        """As the vault was told: ``table.column``."""
        return f"{self.column.table}.{self.column.name}"

    @property
    def key(self) -> tuple[Column[Any], ...]:
        """The table's primary key."""
        return tuple(self.column.table.primary_key)


ENCRYPTED: Final = (
    EncryptedColumn(INSTALLATIONS.c.credentials, INSTALLATIONS.c.id, INSTALLATIONS.c.id),
    EncryptedColumn(INSTALLATIONS.c.webhook_secrets, INSTALLATIONS.c.id, INSTALLATIONS.c.id),
    EncryptedColumn(CONNECTIONS.c.credential, CONNECTIONS.c.installation_id, CONNECTIONS.c.id),
    EncryptedColumn(LINKS.c.memory, LINKS.c.installation_id, LINKS.c.id),
    EncryptedColumn(LINKS.c.task_hint, LINKS.c.installation_id, LINKS.c.id),
    EncryptedColumn(LINKS.c.event_hint, LINKS.c.installation_id, LINKS.c.id),
    EncryptedColumn(CONFLICTS.c.content, CONFLICTS.c.installation_id, CONFLICTS.c.id),
    EncryptedColumn(INBOX.c.raw, INBOX.c.installation_id, INBOX.c.id),
    EncryptedColumn(ONE_USE.c.payload, ONE_USE.c.installation_id, ONE_USE.c.token_hash),
)
"""All there are; a test compares with what the repositories write."""


@dataclass(frozen=True, slots=True)
class Progress:
    """After one portion. ``left``: ciphertexts still under an older key, in all columns; ``failed``: those of them that
    none of our keys opens, so far."""

    column: str
    done: int
    failed: int
    left: int


def rotate(engine: Engine, vault: Vault, batch: int = BATCH) -> Iterator[Progress]:
    """Encrypt anew whatever is not under the newest key; yields after each portion. Raises ``StoreDown``."""
    done = failed = 0
    waiting = {which.name: _count(engine, vault, which) for which in ENCRYPTED}
    for which in ENCRYPTED:
        after: tuple[Any, ...] | None = None
        while True:
            with engine.begin() as transaction:
                rows = _portion(transaction, vault, which, after, batch)
                good = _encrypt_anew(transaction, vault, which, rows)
            if not rows:
                break
            after = tuple(rows[-1])[: len(which.key)]
            done, failed = done + good, failed + len(rows) - good
            waiting[which.name] = max(waiting[which.name] - good, 0)
            yield Progress(which.name, done, failed, sum(waiting.values()))


def left(engine: Engine, vault: Vault) -> int:
    """How many ciphertexts are not under the newest key. Reads every table once."""
    return sum(_count(engine, vault, which) for which in ENCRYPTED)


def key_state(engine: Engine, vault: Vault) -> KeyState:
    """What is not under the newest key. Reads every table once. Raises ``StoreDown``."""
    older = lost = 0
    for which in ENCRYPTED:
        prefix = func.substring(which.column, 1, PREFIX_BYTES)
        with engine.connect() as transaction:
            found = transaction.execute(select(prefix, func.count()).where(_older(vault, which)).group_by(prefix)).all()
        older += sum(count for name, count in found if vault.knows(bytes(name)))
        lost += sum(count for name, count in found if not vault.knows(bytes(name)))
    return KeyState(older, lost)


def _older(vault: Vault, which: EncryptedColumn) -> Any:
    # False for NULL too.
    return func.substring(which.column, 1, PREFIX_BYTES) != vault.newest_prefix


def _count(engine: Engine, vault: Vault, which: EncryptedColumn) -> int:
    with engine.connect() as transaction:
        counted = select(func.count()).select_from(which.column.table).where(_older(vault, which))
        return transaction.execute(counted).scalar_one()


def _portion(
    transaction: Connection, vault: Vault, which: EncryptedColumn, after: tuple[Any, ...] | None, batch: int
) -> list[tuple[Any, ...]]:
    """The next rows in order of their key, locked: key, then tenant, row and ciphertext."""
    statement = (
        select(*which.key, which.tenant.label("of_tenant"), which.row.label("of_row"), which.column.label("sealed"))
        .where(_older(vault, which))
        .order_by(*which.key)
        .limit(batch)
        .with_for_update(key_share=True)
    )
    if after is not None:
        statement = statement.where(tuple_(*which.key) > after)
    return [tuple(row) for row in transaction.execute(statement)]


def _encrypt_anew(transaction: Connection, vault: Vault, which: EncryptedColumn, rows: list[tuple[Any, ...]]) -> int:
    fresh = []
    for *key, tenant, row, sealed in rows:
        name = row.hex() if isinstance(row, bytes) else row
        try:
            plain = vault.decrypt(sealed, tenant, name, which.name)
        except VaultError:  # counted: one lost row must not keep the others from their new key
            continue
        values = {f"of_{number}": part for number, part in enumerate(key)}
        fresh.append({**values, "fresh": vault.encrypt(plain, tenant, name, which.name)})
    if fresh:
        same = [column == bindparam(f"of_{number}") for number, column in enumerate(which.key)]
        statement = update(which.column.table).where(*same).values({which.column: bindparam("fresh")})
        transaction.execute(statement, fresh)
    return len(fresh)
