"""Standing orders for pushes. Only the hash of a secret is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Row, bindparam, func, insert, select, text, update

from gateway.core.model import ConnectionId, InstallationId, SubscriptionId
from gateway.core.records import InstallationStatus, Subscription
from gateway.store.schema import INSTALLATIONS, SUBSCRIPTIONS

_S = SUBSCRIPTIONS.c
_SELECT = select(SUBSCRIPTIONS)
_ADD = insert(SUBSCRIPTIONS)
_GET = _SELECT.where(_S.id == bindparam("subscription"), _S.provider == bindparam("of_provider"))
_OF_CONNECTION = _SELECT.where(
    _S.installation_id == bindparam("installation"), _S.connection_id == bindparam("connection")
).order_by(_S.seq.desc())
# Renewed while paused too: the pushes of that time are what tells afterwards that there is something to catch up with.
_TO_RENEW = (
    _SELECT.join(INSTALLATIONS, INSTALLATIONS.c.id == _S.installation_id)
    .where(
        text("subscriptions.state = 'live' AND subscriptions.renew_at IS NOT NULL"),
        _S.renew_at <= bindparam("now"),
        INSTALLATIONS.c.status != InstallationStatus.REMOVED.value,
    )
    .order_by(_S.renew_at)
    .limit(bindparam("limit"))
)
_SAVE = (
    update(SUBSCRIPTIONS)
    .where(_S.installation_id == bindparam("installation"), _S.id == bindparam("subscription"))
    .values(
        # A push may have come in since the record was read.
        last_number=func.greatest(_S.last_number, bindparam("number")),
        verified_at=func.coalesce(bindparam("verified"), _S.verified_at),
        resource=func.coalesce(bindparam("of_resource"), _S.resource),
    )
)
_MARK_PUSH = text("""
UPDATE subscriptions SET
    last_number = greatest(last_number, :number), verified_at = coalesce(verified_at, :verified_at),
    resource = coalesce(resource, :resource)
WHERE id = :subscription
""")
_REMOVE = text("DELETE FROM subscriptions WHERE installation_id = :installation AND id = :subscription")


class PgSubscriptions:
    """The port ``Subscriptions``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, subscription: Subscription) -> None:
        """Written before the provider is asked. Raises ``AlreadyExists``."""
        self._transaction.execute(
            _ADD,
            {
                "id": subscription.id,
                "installation_id": subscription.installation_id,
                "connection_id": subscription.connection_id,
                "secret_hash": subscription.secret_hash,
                "resource": subscription.resource,
                "verified_at": subscription.verified_at,
                "last_number": subscription.last_number,
                **_plain_columns(subscription),
            },
        )

    def get(self, provider: str, channel_id: SubscriptionId) -> Subscription | None:
        """By the id its pushes name."""
        row = self._transaction.execute(_GET, {"subscription": channel_id, "of_provider": provider}).one_or_none()
        return None if row is None else _subscription(row)

    def save(self, subscription: Subscription) -> None:
        """Everything but the secret; what a push has marked meanwhile stands."""
        self._transaction.execute(
            _SAVE,
            {
                "installation": subscription.installation_id,
                "subscription": subscription.id,
                "number": subscription.last_number,
                "verified": subscription.verified_at,
                "of_resource": subscription.resource,
                **_plain_columns(subscription),
            },
        )

    def mark_push(
        self, subscription_id: SubscriptionId, *, number: int | None, verified_at: datetime | None, resource: str | None
    ) -> None:
        """A push came: remember its number and, the first time, that the subscription works."""
        which = {"subscription": subscription_id, "number": number, "verified_at": verified_at, "resource": resource}
        self._transaction.execute(_MARK_PUSH, which)

    def of_connection(self, installation_id: InstallationId, connection_id: ConnectionId) -> Sequence[Subscription]:
        """All of a connection, newest first."""
        which = {"installation": installation_id, "connection": connection_id}
        return [_subscription(row) for row in self._transaction.execute(_OF_CONNECTION, which)]

    def remove(self, installation_id: InstallationId, subscription_id: SubscriptionId) -> None:
        """Forget one."""
        self._transaction.execute(_REMOVE, {"installation": installation_id, "subscription": subscription_id})

    def to_renew(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """Live ones whose ``renew_at`` has come, in paused installations too."""
        return [_subscription(row) for row in self._transaction.execute(_TO_RENEW, {"now": now, "limit": limit})]


def _plain_columns(subscription: Subscription) -> dict[str, object]:
    """Those that a save replaces outright."""
    return {
        "provider": subscription.provider,
        "calendar_id": subscription.calendar_id,
        "state": subscription.state,
        "created_at": subscription.created_at,
        "expires_at": subscription.expires_at,
        "renew_at": subscription.renew_at,
    }


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(
        id=SubscriptionId(row.id),
        installation_id=InstallationId(row.installation_id),
        connection_id=ConnectionId(row.connection_id),
        provider=row.provider,
        calendar_id=row.calendar_id,
        secret_hash=row.secret_hash,
        state=row.state,
        resource=row.resource,
        created_at=row.created_at,
        expires_at=row.expires_at,
        renew_at=row.renew_at,
        verified_at=row.verified_at,
        last_number=row.last_number,
    )
