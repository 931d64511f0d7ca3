"""A person's access token, refreshed by one worker at a time, and calls that survive one refusal of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from gateway.core.errors import TryLater, Unauthorised
from gateway.core.model import LEFT
from gateway.core.ports import Account, Calendar, Style
from gateway.core.records import Connection
from gateway.services.context import Context

T = TypeVar("T")

BUSY_FOR = timedelta(milliseconds=300)
"""How long to wait while another worker refreshes the same credential."""


def access_token(ctx: Context, connection: Connection, *, afresh: bool = False) -> tuple[str, Connection]:
    """A token good for some minutes, and the connection with the credential it came from.

    ``afresh``: the one at hand was refused. Raises ``AccessRevoked``, ``SignInAgain``, ``OperatorFault``, ``TryLater``.
    """
    sign_in = ctx.provider(connection).sign_in
    token = None if afresh else sign_in.access_token(connection.credential, ctx.clock.now())
    if token is not None:
        return token, connection
    return _refreshed(ctx, connection)


def _refreshed(ctx: Context, connection: Connection) -> tuple[str, Connection]:
    """One request for all workers: the others come back in a moment."""
    inst, cid = connection.installation_id, connection.id
    with ctx.store.begin() as uow:
        number = uow.connections.begin_refresh(inst, cid)
        current = uow.connections.get(inst, cid)
        uow.commit()
    if number is None or current is None:
        raise TryLater("another worker is refreshing the access token", after=BUSY_FOR)
    sign_in = ctx.provider(connection).sign_in
    now = ctx.clock.now()
    try:
        if current.credential_version != connection.credential_version:
            token = sign_in.access_token(current.credential, now)
            if token is not None:
                return token, current
        return _save_refreshed(ctx, current)
    finally:
        with ctx.store.begin() as uow:
            uow.connections.end_refresh(inst, cid, number)
            uow.commit()


def _save_refreshed(ctx: Context, connection: Connection) -> tuple[str, Connection]:
    sign_in = ctx.provider(connection).sign_in
    now = ctx.clock.now()
    credential = sign_in.refresh(connection.credential, now)
    with ctx.store.begin() as uow:
        saved = uow.connections.save_credential(
            connection.installation_id, connection.id, credential, connection.credential_version
        )
        uow.commit()
    if not saved and connection.status not in LEFT:  # who leaves needs it once more, and nobody keeps it
        raise TryLater("the connection changed while its token was refreshed", after=BUSY_FOR)
    token = sign_in.access_token(credential, now)
    if token is None:
        raise TryLater("the refreshed token is already stale: is this machine's clock right?")
    return token, replace(connection, credential=credential, credential_version=connection.credential_version + 1)


class OpenCalendar:
    """One connection's calendar for one job: opened on first use, reopened once when its token is refused."""

    def __init__(self, ctx: Context, connection: Connection, style: Style, calendar_id: str | None = None) -> None:
        self._ctx = ctx
        self._connection = connection
        self._style = style
        self._calendar_id = calendar_id or connection.calendar_id or ""
        self._calendar: Calendar | None = None

    def call(self, act: Callable[[Calendar], T]) -> T:
        """Run one call; a refused token is refreshed once. A second refusal in a row waits: only the token endpoint
        may say that a grant is dead."""
        try:
            return act(self._open(afresh=False))
        except Unauthorised:
            pass_on = self._open(afresh=True)
        try:
            return act(pass_on)
        except Unauthorised as error:
            raise TryLater("the provider refuses a fresh access token") from error

    def _open(self, *, afresh: bool) -> Calendar:
        if self._calendar is None or afresh:
            token, self._connection = access_token(self._ctx, self._connection, afresh=afresh)
            provider = self._ctx.provider(self._connection)
            self._calendar = provider.open_calendar(token, self._calendar_id, self._style)
        return self._calendar


def account_call(ctx: Context, connection: Connection, act: Callable[[Account], T]) -> T:
    """One call on a person's account, with the same single retry."""
    token, connection = access_token(ctx, connection)
    opened = ctx.provider(connection).open_account
    try:
        return act(opened(token))
    except Unauthorised:
        token, _ = access_token(ctx, connection, afresh=True)
    return act(opened(token))
