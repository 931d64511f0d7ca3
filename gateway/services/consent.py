"""From a one-use connect link to a consent given: the OAuth flow's two ends.

The flow's state is an encrypted one-use row bound to the browser, the CRM user and the provider; a callback of another
browser, another provider, or a second time, ends nowhere.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gateway.core.errors import AlreadyExists, TryLater
from gateway.core.model import LEFT, ConnectionId, ConnectionStatus, InstallationId, Reason, UserId
from gateway.core.ports import ConsentFailed, ConsentFailure, Grant, Mode
from gateway.core.records import Connection
from gateway.services.connect import end, owe_tell
from gateway.services.context import Context, tag_of

log = logging.getLogger(__name__)

LINK_LASTS = timedelta(minutes=10)
FLOW_LASTS = timedelta(minutes=10)
SESSION_LASTS = timedelta(minutes=30)

CONNECT = "connect"
FLOW = "oauth"
SESSION = "settings"
ANSWER = "oauth-answer"


class SpentError(Exception):
    """A link, flow or session that is unknown, used, expired, or another browser's. ``args``: its kind and, where it
    is certain that only its time has run out, ``True``."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """For whom a connect link or a settings session was made."""

    installation_id: InstallationId
    user_id: UserId
    return_url: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A consent has come back. ``failure``: it did not bring what we need; ``unwell``: the provider could not answer
    just now."""

    ticket: Ticket
    connection: Connection | None = None
    failure: ConsentFailure | None = None
    detail: str = ""
    unwell: bool = False


def new_token() -> str:
    """Unguessable, for URLs and cookies."""
    return secrets.token_urlsafe(32)


def keep_ticket(ctx: Context, kind: str, ticket: Ticket, lasts: timedelta) -> tuple[str, Any]:
    """A one-use token for a ticket, and when it ends."""
    token = new_token()
    expires_at = ctx.clock.now() + lasts
    payload = {
        "installation": ticket.installation_id,
        "user": ticket.user_id,
        "return_url": ticket.return_url,
        "provider": ticket.provider,
    }
    with ctx.store.begin() as uow:
        uow.one_use.put(kind, token, payload, expires_at, ticket.installation_id)
        uow.commit()
    return token, expires_at


def read_ticket(ctx: Context, kind: str, token: str, *, use: bool) -> Ticket:
    """The ticket behind a token. Raises ``SpentError``."""
    with ctx.store.begin() as uow:
        read = uow.one_use.take if use else uow.one_use.peek
        payload = read(kind, token, ctx.clock.now())
        over = payload is None and uow.one_use.is_over(kind, token, ctx.clock.now())
        uow.commit()
    if payload is None:
        raise SpentError(kind, over)
    return _ticket(payload)


def _ticket(payload: Mapping[str, Any]) -> Ticket:
    return Ticket(
        InstallationId(payload["installation"]), UserId(payload["user"]), payload["return_url"], payload["provider"]
    )


def _browser(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def begin(
    ctx: Context, ticket: Ticket, provider: str, mode: Mode, cookie: str, redirect_uri: str, *, extras: bool = False
) -> str:
    """Where to send the browser. ``cookie``: the secret by which it will be known again. ``extras``: the person wants
    what a further permission brings."""
    state = new_token()
    with ctx.store.begin() as uow:
        former = uow.connections.of_user(ticket.installation_id, ticket.user_id)
    hint = former.email if former is not None and former.provider == provider else None
    sign_in = ctx.providers[provider].sign_in
    start = sign_in.start(redirect_uri=redirect_uri, state=state, mode=mode, login_hint=hint, extras=extras)
    payload = {
        "installation": ticket.installation_id,
        "user": ticket.user_id,
        "return_url": ticket.return_url,
        "provider": provider,
        "mode": mode.value,
        "secret": base64.b64encode(start.secret).decode(),
        "browser": _browser(cookie),
        "redirect_uri": redirect_uri,
    }
    with ctx.store.begin() as uow:
        uow.one_use.put(FLOW, state, payload, ctx.clock.now() + FLOW_LASTS, ticket.installation_id)
        uow.commit()
    return start.url


def finish(ctx: Context, provider: str, answer: Mapping[str, str], cookie: str) -> Finished:
    """The browser is back. Raises ``SpentError`` for a state that is not this browser's, this provider's, or new."""
    with ctx.store.begin() as uow:
        payload = uow.one_use.take(FLOW, answer.get("state", ""), ctx.clock.now())
        uow.commit()
    same = payload is not None and secrets.compare_digest(payload["browser"], _browser(cookie))
    if payload is None or not same or payload["provider"] != provider:
        raise SpentError(FLOW)
    ticket = _ticket(payload)
    secret = base64.b64decode(payload["secret"])
    try:
        grant = ctx.providers[provider].sign_in.finish(secret, answer, payload["redirect_uri"])
    except ConsentFailed as failed:
        return Finished(ticket, failure=failed.how, detail=failed.detail)
    except TryLater as later:
        log.warning("a sign-in could not be finished: %s", later, extra={"provider": provider})
        return Finished(ticket, unwell=True)
    return Finished(ticket, _keep(ctx, ticket, provider, grant))


def hold_answer(ctx: Context, answer: Mapping[str, str]) -> None:
    """Keep, encrypted, what came by a cross-site POST, which carries no cookie of ours: :func:`held_answer` takes it
    where the browser can be known. Raises ``SpentError`` for a state that is not ours."""
    state, now = answer.get("state", ""), ctx.clock.now()
    with ctx.store.begin() as uow:
        flow = uow.one_use.peek(FLOW, state, now)
        if flow is None:
            raise SpentError(FLOW)
        inst = InstallationId(flow["installation"])
        try:
            uow.one_use.put(ANSWER, state, dict(answer), now + FLOW_LASTS, inst)
        except AlreadyExists as twice:
            raise SpentError(FLOW) from twice
        uow.commit()


def held_answer(ctx: Context, state: str) -> Mapping[str, str]:
    """What :func:`hold_answer` kept, once. Raises ``SpentError``."""
    with ctx.store.begin() as uow:
        answer = uow.one_use.take(ANSWER, state, ctx.clock.now())
        uow.commit()
    if answer is None:
        raise SpentError(FLOW)
    return answer


def _keep(ctx: Context, ticket: Ticket, provider: str, grant: Grant) -> Connection:
    """Store the consent: the same account takes its old connection up again, another account ends the former one."""
    inst = ticket.installation_id
    with ctx.store.begin() as uow:
        former = uow.connections.of_user(inst, ticket.user_id)
        if former is not None and former.status not in LEFT and not _same_account(former, provider, grant):
            end(ctx, uow, former, ConnectionStatus.DISCONNECTED, Reason.DISCONNECTED, patches=False, dormant=False)
        if former is not None and _same_account(former, provider, grant):
            connection = _taken_up(ctx, former, grant)
            uow.connections.save(connection)
            current = uow.connections.lock(inst, connection.id) or connection
            uow.connections.save_credential(inst, connection.id, grant.credential, current.credential_version)
        else:
            connection = _new(ctx, ticket, provider, grant)
            uow.connections.add(connection)
        owe_tell(ctx, uow, connection)
        uow.commit()
    with ctx.store.begin() as uow:
        return uow.connections.get(inst, connection.id) or connection


def _same_account(former: Connection, provider: str, grant: Grant) -> bool:
    return (former.provider, former.issuer, former.subject) == (provider, grant.issuer, grant.subject)


def _taken_up(ctx: Context, former: Connection, grant: Grant) -> Connection:
    """The same account again. Its former target is offered, and kept where the grant still reaches it."""
    keeps = former.calendar_id is not None and former.mode is grant.mode
    return replace(
        former,
        status=ConnectionStatus.CHOOSING,
        mode=grant.mode,
        email=grant.email,
        reason=None,
        calendar_id=former.calendar_id if keeps else None,
        connected_at=ctx.clock.now(),
        since=ctx.clock.now(),
    )


def _new(ctx: Context, ticket: Ticket, provider: str, grant: Grant) -> Connection:
    now = ctx.clock.now()
    return Connection(
        id=ConnectionId(str(uuid.uuid4())),
        installation_id=ticket.installation_id,
        user_id=ticket.user_id,
        provider=provider,
        status=ConnectionStatus.CHOOSING,
        mode=grant.mode,
        issuer=grant.issuer,
        subject=grant.subject,
        email=grant.email,
        tag=tag_of(ctx, ticket.installation_id, grant.issuer, grant.subject),
        credential=grant.credential,
        connected_at=now,
        since=now,
    )
