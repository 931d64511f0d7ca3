"""The two doors, without Flask: verify, record once, commit, acknowledge, wake somebody.

One commit and nothing else happens inside a request. What is not trusted leaves no trace but a count. Bad input is
never a 5xx; a failure of our own is, so that the sender comes back. What the answers mean stands in the door table of
``docs/``.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.ports import CrmKind, Knock, Provider
from gateway.core.records import Installation, InstallationStatus
from gateway.core.repositories import StoreDown, UnitOfWork
from gateway.core.signals import CrmDelivery, Handshake, Pushes
from gateway.crash import crashpoint
from gateway.services import ingest, pushes
from gateway.services.context import Context, Ring, url_of_door

log = logging.getLogger(__name__)

CRM_LIMIT: Final = 5 * 1024 * 1024
"""The largest delivery of a CRM in bytes; a provider's own limit stands in its record."""

ATTEMPTS: Final = 3
_QUICKLY: Final = 0.5
_COME_BACK_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(status: int, code: str, detail: str, field: str = "") -> Answer:
    """A problem document: https://www.rfc-editor.org/rfc/rfc9457. ``field``: the path of the value at fault."""
    said = {"type": "/docs#Problem", "title": HTTPStatus(status).phrase, "status": status, "code": code}
    found = [{"field": field, "code": "invalid", "hint": detail}] if field else []
    document = said | {"detail": f"{field}: {detail}" if field else detail} | ({"errors": found} if found else {})
    headers = {"Retry-After": str(_COME_BACK_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Answer(status, json.dumps(document).encode(), "application/problem+json", headers)


NOT_TRUSTED: Final = problem(401, "not_trusted", "the delivery is not trusted")
NOT_FOUND: Final = problem(404, "not_found", "nothing is expected here")
REMOVED: Final = problem(410, "removed", "this installation was removed: stop sending")
TOO_LARGE: Final = problem(413, "too_large", "the body is too large: send less at once")
WRONG_TYPE: Final = problem(415, "unsupported_type", "send application/json, not compressed")
STORE_DOWN: Final = problem(503, "unavailable", "nothing was recorded: send it again in a moment")
_RECORDED: Final = Answer(202, b'{"status":"recorded"}')
_SEEN_BEFORE: Final = Answer(200, b'{"status":"seen before"}')
_NOBODYS: Final = Answer(200, b'{"status":"not an account of ours"}')
_TAKEN: Final = Answer(202)


# --- a CRM's door ---------------------------------------------------------------------------------------------------


def receive_crm(ctx: Context, key: str, headers: Mapping[str, str], raw: bytes, query: str = "") -> Answer:
    """One delivery at an installation's door. ``headers``: names in lower case; ``query``: as it stood in the URL."""
    url = url_of_door(ctx, key) + (f"?{query}" if query else "")
    answer = _while_it_answers(lambda: _receive_crm(ctx, key, headers, raw, url))
    ctx.meter.count("deliveries", status=str(answer.status))
    return answer


def _receive_crm(ctx: Context, key: str, headers: Mapping[str, str], raw: bytes, url: str) -> Answer:
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        installation = _behind(uow, key) if _may_be_key(key) else None
        if installation is not None and installation.status is InstallationStatus.REMOVED:
            return REMOVED
        read = _kind(ctx, installation).read_webhook
        try:
            # Without an installation there are no secrets, and the adapter does the same work for nothing.
            delivery: CrmDelivery = read(_knock(installation, headers, raw, url, now))
        except NotTrusted:
            return NOT_TRUSTED
        except NotReadable as error:
            return problem(400, "not_readable", error.hint, error.field) if installation else NOT_TRUSTED
        if installation is None:
            return NOT_TRUSTED
        if installation.door is None:
            receipt = ingest.receive_crm(ctx, uow, installation, delivery, raw, now)
        else:
            receipt = ingest.receive_app(ctx, uow, installation.door, delivery, raw, now)
        if receipt.nobodys:
            return _NOBODYS
        if receipt.seen_before:
            return _SEEN_BEFORE
        crashpoint("web_before_commit")
        uow.commit()
    crashpoint("web_after_commit")
    _ring(ctx, receipt.rings)
    return _RECORDED


def _knock(installation: Installation | None, headers: Mapping[str, str], raw: bytes, url: str, now: datetime) -> Knock:
    if installation is None:
        return Knock(headers, raw, (), now, url)
    return Knock(headers, raw, installation.webhook_secrets, now, url, installation.base_url, installation.settings)


def _behind(uow: UnitOfWork, key: str) -> Installation | None:
    """The installation behind a door; behind an app's door, the newest of many."""
    found = uow.installations.by_key(key)
    return found if found is not None and found.door is None else uow.installations.at_door(key)


def _kind(ctx: Context, installation: Installation | None) -> CrmKind:
    """The installation's adapter; for an unknown one any will do, to spend the same time."""
    return ctx.crms[installation.adapter] if installation else next(iter(ctx.crms.values()))


def _may_be_key(key: str) -> bool:
    """Whether the database can be asked for it at all."""
    return key.isascii() and key.isprintable() and len(key) <= 255


# --- a calendar provider's door -------------------------------------------------------------------------------------


def receive_calendar(ctx: Context, provider_name: str, headers: Mapping[str, str], raw: bytes, query: str) -> Answer:
    """One arrival from a calendar provider. ``headers``: names in lower case; ``query``: as it stood in the URL."""
    provider = ctx.providers.get(provider_name)
    if provider is None:
        return NOT_FOUND
    answer = _while_it_answers(lambda: _receive_calendar(ctx, provider, headers, raw, query))
    ctx.meter.count("arrivals", provider=provider.name, status=str(answer.status))
    return answer


def push_limit(ctx: Context, provider_name: str) -> int | None:
    """The largest arrival of this provider in bytes; ``None`` for one that this deployment does not have."""
    provider = ctx.providers.get(provider_name)
    return provider.push_limit if provider else None


def _receive_calendar(ctx: Context, provider: Provider, headers: Mapping[str, str], raw: bytes, query: str) -> Answer:
    try:
        arrival = provider.read_notification(headers, raw, query)
    except NotTrusted:
        return NOT_TRUSTED
    except NotReadable as error:
        return problem(400, "not_readable", error.hint, error.field)
    match arrival:
        case Handshake(reply=reply):
            return Answer(200, reply.encode(), "text/plain; charset=utf-8", {"X-Content-Type-Options": "nosniff"})
        case Pushes():
            return _take(ctx, provider, arrival, raw)


def _take(ctx: Context, provider: Provider, told: Pushes, raw: bytes) -> Answer:
    with ctx.store.begin() as uow:
        receipt = pushes.receive_pushes(ctx, uow, provider, told, raw, ctx.clock.now())
        if receipt.taken:
            uow.commit()
    if not receipt.taken and provider.refuses_strangers:
        if receipt.wrong:
            return NOT_TRUSTED
        if receipt.unknown:
            return NOT_FOUND
    _ring(ctx, receipt.rings)
    return _TAKEN


# --- both -----------------------------------------------------------------------------------------------------------


def _ring(ctx: Context, rings: Iterable[Ring]) -> None:
    """After the commit. A bell that does not ring costs the answer nothing."""
    for ring in dict.fromkeys(rings):
        ctx.alarm(*ring)


def _while_it_answers(receive: Callable[[], Answer]) -> Answer:
    """Another try where the database refused at once: most often another transaction was in the way, and is through.

    Not where it kept us waiting: the sender is to have its answer within 3 s.
    """
    began = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return receive()
        except StoreDown as error:
            if attempt == ATTEMPTS or time.monotonic() - began > _QUICKLY:
                log.warning("a delivery could not be recorded: %s", error)
                break
    return STORE_DOWN
