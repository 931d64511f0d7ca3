"""What the doors answer, and how they go about it: one commit, a quick second try, and bells after the commit."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from gateway.core.model import InstallationId
from gateway.core.ports import Lane
from gateway.core.repositories import StoreDown
from gateway.services.context import Context, Ring

log = logging.getLogger(__name__)

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
TOO_LARGE: Final = problem(413, "too_large", "the body is too large: send less at once")
WRONG_TYPE: Final = problem(415, "unsupported_type", "send application/json, not compressed")
STORE_DOWN: Final = problem(503, "unavailable", "nothing was recorded: send it again in a moment")


def ring(ctx: Context, rings: Iterable[Ring]) -> None:
    """After the commit, each mailbox once. A bell that does not ring costs the answer nothing."""
    soonest: dict[tuple[InstallationId, str, Lane], float] = {}
    for installation, mailbox, lane, seconds in rings:
        known = soonest.get((installation, mailbox, lane), seconds)
        soonest[installation, mailbox, lane] = min(known, seconds)
    for (installation, mailbox, lane), seconds in soonest.items():
        ctx.alarm(installation, mailbox, lane, seconds)


def while_it_answers(receive: Callable[[], Answer]) -> Answer:
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
