"""How one user's connection stands: for the API, the settings page and the widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.model import LEFT, WRITABLE, ConnectionStatus, InstallationId, LinkStatus, UserId
from gateway.core.records import Connection, LedgerCount, Link
from gateway.services.connect import NoConnectionError
from gateway.services.context import Context


@dataclass(frozen=True, slots=True)
class Standing:
    """``connection``: the user's newest, ``None`` if there never was one. ``moving``: events that have still to reach
    the target calendar, of ``events`` in all. ``left``: tasks whose event was left behind as a copy."""

    connection: Connection | None
    moving: int = 0
    events: int = 0
    left: int = 0

    @property
    def status(self) -> ConnectionStatus:
        """``none`` where there never was a connection."""
        return self.connection.status if self.connection else ConnectionStatus.NONE

    @property
    def is_live(self) -> bool:
        """Whether it is neither left nor revoked."""
        return self.connection is not None and self.connection.status not in LEFT


def of_user(ctx: Context, installation_id: InstallationId, user_id: UserId) -> Standing:
    """How it stands now."""
    with ctx.store.begin() as uow:
        connection = uow.connections.of_user(installation_id, user_id)
        if connection is None:
            return Standing(None)
        links = uow.links.of_connection(installation_id, connection.id)
    live = [link for link in links if link.status is LinkStatus.LIVE]
    moving = _moving(live, connection) if connection.status in WRITABLE else 0
    events = sum(1 for link in live if link.place or link.leaving)
    left = sum(1 for link in links if link.status is LinkStatus.DORMANT and link.place is not None)
    return Standing(connection, moving, events, left)


def _moving(live: Sequence[Link], connection: Connection) -> int:
    """Events in a former target, and those that have found none yet while they move."""
    elsewhere = [link for link in live if link.place and link.place.calendar_id != connection.calendar_id]
    return len(elsewhere) + sum(1 for link in live if link.leaving and link not in elsewhere)


def connected(ctx: Context, installation_id: InstallationId, user_id: UserId) -> Connection:
    """The user's live connection. Raises ``NoConnectionError``."""
    with ctx.store.begin() as uow:
        connection = uow.connections.of_user(installation_id, user_id)
    if connection is None or connection.status in LEFT:
        raise NoConnectionError("this user has no connection")
    return connection


def ledger(ctx: Context, installation_id: InstallationId, user_id: UserId) -> LedgerCount:
    """What was seen of the user's calendar since it was connected. Raises ``NoConnectionError``."""
    with ctx.store.begin() as uow:
        connection = uow.connections.of_user(installation_id, user_id)
        if connection is None:
            raise NoConnectionError("this user never had a connection")
        return uow.connections.ledger(installation_id, connection.id)
