"""The CRM's door, without Flask: verify, record once, commit, acknowledge, wake somebody.

One commit and nothing else happens inside a request; deliveries that arrive at the same time share it. What is not
trusted leaves no trace but a count. Bad input is never a 5xx; a failure of our own is, so that the sender comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.ports import CrmKind, Knock
from gateway.core.records import Installation, InstallationStatus
from gateway.core.repositories import Contended, StoreDown, UnitOfWork
from gateway.core.signals import CrmDelivery
from gateway.crash import crashpoint
from gateway.services import ingest
from gateway.services.context import Context, url_of_door
from gateway.services.ingest import Receipt, Told
from webhooks.answers import NOT_TRUSTED, Answer, problem, ring, while_it_answers
from webhooks.together import Together

LIMIT: Final = 5 * 1024 * 1024
"""The largest delivery of a CRM in bytes."""

_ALONE: Final = 64 * 1024
"""What is larger than this would keep others waiting."""

_REMOVED: Final = problem(410, "removed", "this installation was removed: stop sending")
_RECORDED: Final = Answer(202, b'{"status":"recorded"}')
_SEEN_BEFORE: Final = Answer(200, b'{"status":"seen before"}')
_NOBODYS: Final = Answer(200, b'{"status":"not an account of ours"}')


@dataclass(frozen=True, slots=True)
class _Caller:
    """One delivery as it came in. ``url``: the door's public address with the query."""

    key: str
    headers: Mapping[str, str]
    raw: bytes
    url: str


class CrmDoor:
    """``POST /webhooks/crm/<key>`` of one gateway. Thread-safe."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._together = Together(self._receive, _is_everybodys)

    def receive(self, key: str, headers: Mapping[str, str], raw: bytes, query: str = "") -> Answer:
        """One delivery at an installation's or an app's door. ``headers``: names in lower case; ``query``: as it stood
        in the URL."""
        url = url_of_door(self._ctx, key) + (f"?{query}" if query else "")
        caller = _Caller(key, headers, raw, url)
        if len(raw) > _ALONE:
            answer = while_it_answers(lambda: self._receive([caller])[0])
        else:
            answer = while_it_answers(lambda: self._together(caller))
        self._ctx.meter.count("deliveries", status=str(answer.status))
        return answer

    def _receive(self, callers: Sequence[_Caller]) -> Sequence[Answer]:
        ctx, now = self._ctx, self._ctx.clock.now()
        with ctx.store.begin() as uow:
            behind = uow.installations.by_doors(sorted({one.key for one in callers if _may_be_key(one.key)}))
            read = [_read(ctx, one, behind.get(one.key), now) for one in callers]
            receipts = _take(ctx, uow, [one for one in read if isinstance(one, Told)], now)
            if any(not (one.seen_before or one.nobodys) for one in receipts):
                crashpoint("web_before_commit")
                uow.commit()
                crashpoint("web_after_commit")
        ring(ctx, [each for one in receipts for each in one.rings])
        left = iter(receipts)
        return [one if isinstance(one, Answer) else _answer(next(left)) for one in read]


def _is_everybodys(failure: BaseException) -> bool:
    """Whether the database does not answer, rather than refuses something that one of them brought."""
    return isinstance(failure, StoreDown) and not isinstance(failure, Contended)


def _read(ctx: Context, caller: _Caller, installation: Installation | None, now: datetime) -> Told | Answer:
    """A delivery that is trusted and understood; or the answer to one that is not."""
    if installation is not None and installation.status is InstallationStatus.REMOVED:
        return _REMOVED
    try:
        # Without an installation there are no secrets, and the adapter does the same work for nothing.
        delivery: CrmDelivery = _kind(ctx, installation).read_webhook(_knock(installation, caller, now))
    except NotTrusted:
        return NOT_TRUSTED
    except NotReadable as error:
        return problem(400, "not_readable", error.hint, error.field) if installation else NOT_TRUSTED
    return Told(installation, delivery, caller.raw) if installation else NOT_TRUSTED


def _knock(installation: Installation | None, caller: _Caller, now: datetime) -> Knock:
    if installation is None:
        return Knock(caller.headers, caller.raw, (), now, caller.url)
    secrets, settings = installation.webhook_secrets, installation.settings
    return Knock(caller.headers, caller.raw, secrets, now, caller.url, installation.base_url, settings)


def _kind(ctx: Context, installation: Installation | None) -> CrmKind:
    """The installation's adapter; for an unknown one any will do, to spend the same time."""
    return ctx.crms[installation.adapter] if installation else next(iter(ctx.crms.values()))


def _may_be_key(key: str) -> bool:
    """Whether the database can be asked for it at all."""
    return key.isascii() and key.isprintable() and len(key) <= 255


def _take(ctx: Context, uow: UnitOfWork, told: Sequence[Told], now: datetime) -> Sequence[Receipt]:
    """All of them recorded; those at an app's door after the others, since each is looked up by its account."""
    own = [one for one in told if one.installation.door is None]
    receipts = dict(zip(map(id, own), ingest.receive_crm(ctx, uow, own, now), strict=True))
    for one in told:
        if one.installation.door is not None:
            receipts[id(one)] = ingest.receive_app(ctx, uow, one.installation.door, one.delivery, one.raw, now)
    return [receipts[id(one)] for one in told]


def _answer(receipt: Receipt) -> Answer:
    if receipt.nobodys:
        return _NOBODYS
    return _SEEN_BEFORE if receipt.seen_before else _RECORDED
