"""The operator's session, the brake on guessing the password, and the dropping of parked work.

Sessions and failed sign-ins are rows, so that every process knows them. A browser that has signed in before is known
by a token of its own and waits for its own mistakes only: strangers who keep guessing cannot lock it out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.core.model import InstallationId
from gateway.core.records import Parked
from gateway.services.consent import new_token
from gateway.services.context import Context
from gateway.services.parked import Choice
from gateway.services.sweep import ring_due

SESSION: Final = "operator"
SESSION_LASTS: Final = timedelta(hours=8)

WITHIN: Final = timedelta(minutes=15)
FREE: Final = 5
"""Wrong passwords in that time that cost nothing; each further one doubles the wait."""

LONGEST_WAIT: Final = timedelta(minutes=5)
BY_ANYBODY: Final = 100
"""With so many in that time, from wherever, browsers that are not known wait, too."""

AT_ONCE: Final = 1000
"""How much parked work one press of a button takes up or drops."""

_NOBODY: Final = InstallationId("")


# --- signing in -----------------------------------------------------------------------------------------------------


def who(ctx: Context, where: str) -> str:
    """Under which name failures are counted: a keyed hash of an address or of a known browser's token."""
    return hmac.new(ctx.id_key, f"operator\0{where}".encode(), hashlib.sha256).hexdigest()[:32]


def wait(ctx: Context, name: str, *, known: bool) -> timedelta:
    """How long there is to wait before the next password is looked at; nothing for most."""
    now = ctx.clock.now()
    with ctx.store.begin() as uow:
        own, own_last = uow.sign_ins.failures(name, now - WITHIN, 2 * FREE + 20)
        anybody, last = uow.sign_ins.failures(None, now - WITHIN, BY_ANYBODY)
    waits = [_left(own - FREE, own_last, now)]
    if not known and anybody >= BY_ANYBODY:
        waits.append(_left(3, last, now))
    return max(waits)


def _left(over: int, last: datetime | None, now: datetime) -> timedelta:
    if over < 0 or last is None:
        return timedelta(0)
    pause = min(timedelta(seconds=2 ** min(over + 1, 16)), LONGEST_WAIT)
    return max(timedelta(0), last + pause - now)


def failed(ctx: Context, name: str) -> None:
    """The password was wrong."""
    with ctx.store.begin() as uow:
        uow.sign_ins.failed(name, ctx.clock.now())
        uow.commit()
    ctx.meter.count("operator_sign_ins", outcome="wrong")


def begin(ctx: Context, name: str, stamp: str) -> str:
    """A session, for who gave the right password; its token. ``stamp``: of the password, so that a new one ends it."""
    token = new_token()
    with ctx.store.begin() as uow:
        uow.sign_ins.forgive(name)
        uow.one_use.put(SESSION, token, {"stamp": stamp}, ctx.clock.now() + SESSION_LASTS, _NOBODY)
        uow.commit()
    ctx.meter.count("operator_sign_ins", outcome="right")
    return token


def is_open(ctx: Context, token: str, stamp: str) -> bool:
    """Whether this session goes on."""
    if not token:
        return False
    with ctx.store.begin() as uow:
        kept = uow.one_use.peek(SESSION, token, ctx.clock.now())
    return kept is not None and hmac.compare_digest(str(kept.get("stamp", "")), stamp)


def end(ctx: Context, token: str) -> None:
    """Signed out."""
    with ctx.store.begin() as uow:
        uow.one_use.take(SESSION, token, ctx.clock.now())
        uow.commit()


# --- parked work (B26) ----------------------------------------------------------------------------------------------


def chosen(ctx: Context, inst: InstallationId | None, choice: Choice, limit: int = AT_ONCE) -> Sequence[Parked]:
    """Parked work of one kind or time, oldest first: of an installation or of all. By ``key``: in all that is shown."""
    with ctx.store.begin() as uow:
        found = uow.survey.parked(
            limit,
            installation_id=inst,
            topic=choice.topic,
            reason=choice.reason,
            after=choice.since,
            before=choice.until,
        )
    return [one for one in found if choice.key in (None, one.key)]


def drop(ctx: Context, work: Sequence[Parked]) -> int:
    """Owe it no more: what it was about stays as it is until something else happens to it. Gives how much."""
    dropped = 0
    with ctx.store.begin() as uow:
        for one in work:
            dropped += uow.outbox.drop_parked(one.installation_id, one.topic, one.key)
        uow.commit()
    ring_due(ctx)
    return dropped
