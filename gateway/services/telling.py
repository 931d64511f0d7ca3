"""What a user's settings page in the CRM is told of the connection: how it stands, and where the person has to act."""

from __future__ import annotations

from gateway.core.model import ConnectionId, ConnectionStatus
from gateway.core.ports import ConnectionReport
from gateway.core.records import Connection, Installation, Lease
from gateway.services.consent import CONNECT, LINK_LASTS, Ticket, keep_ticket
from gateway.services.context import Context

ASKS_FOR_THE_PERSON = frozenset(
    {ConnectionStatus.REVOKED, ConnectionStatus.REAUTHORIZE, ConnectionStatus.CALENDAR_GONE}
)


def send_connection(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Tell the CRM how a user's connection stands now."""
    with ctx.store.begin() as uow:
        connection = uow.connections.get(installation.id, ConnectionId(lease.key))
    if connection is not None:
        ctx.open_crm(installation).report_connection(connection.user_id, _report(ctx, connection))
    with ctx.store.begin() as uow:
        uow.outbox.settle(lease, ctx.clock.now())
        uow.commit()


def _report(ctx: Context, connection: Connection) -> ConnectionReport:
    return ConnectionReport(
        status=connection.status.value,
        provider=connection.provider,
        account_email=connection.email,
        reason=connection.reason,
        reconnect_url=_way_back(ctx, connection) if connection.status in ASKS_FOR_THE_PERSON else None,
    )


def _way_back(ctx: Context, connection: Connection) -> str:
    """A connect link: it opens once and for ten minutes, and says afterwards where a fresh one is to be had."""
    ticket = Ticket(connection.installation_id, connection.user_id, provider=connection.provider)
    token, _ = keep_ticket(ctx, CONNECT, ticket, LINK_LASTS)
    return f"{ctx.public_url}/connect/{token}"
