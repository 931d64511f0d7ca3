"""The calendar providers' door, without Flask: each item checked against its subscription, one commit, acknowledge.

What is not trusted leaves no trace but a count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.ports import Provider
from gateway.core.signals import Handshake, Pushes
from gateway.services import pushes
from gateway.services.context import Context
from webhooks.answers import NOT_FOUND, NOT_TRUSTED, Answer, problem, ring, while_it_answers

_TAKEN: Final = Answer(202)


def receive_calendar(ctx: Context, provider_name: str, headers: Mapping[str, str], raw: bytes, query: str) -> Answer:
    """One arrival from a calendar provider. ``headers``: names in lower case; ``query``: as it stood in the URL."""
    provider = ctx.providers.get(provider_name)
    if provider is None:
        return NOT_FOUND
    answer = while_it_answers(lambda: _receive_calendar(ctx, provider, headers, raw, query))
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
    ring(ctx, receipt.rings)
    return _TAKEN
