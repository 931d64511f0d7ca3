"""What Twenty's refusals mean: one table. They look like ``{"statusCode", "error", "messages": [...]}``."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gateway.core.errors import Forbidden, GatewayError, Refused, TryLater, Unauthorised
from gateway.core.schedule import asked_delay
from gateway.crms.http import Answer
from gateway.crms.twenty.translate import OURS

GONE: Final = 404
"""Unknown, destroyed and soft-deleted tasks look alike."""

_KEY: Final = "api key"


def failure(answer: Answer, now: datetime) -> GatewayError:
    """The failure that this answer is. A revoked key is answered 403 and named: it is no missing right at one task."""
    said = messages(answer)
    match answer.status:
        case 401:
            return Unauthorised("Twenty did not accept our API key")
        case 403 if any(_KEY in message.lower() for message in said):
            return Unauthorised("Twenty has revoked our API key")
        case 403:
            return Forbidden("Twenty does not let us at this: the API key's role lacks a right")
        case 429:
            # One bucket for all keys of the workspace, and no word on when it is full again.
            return TryLater("status 429", after=asked_delay(answer.headers.get("retry-after"), now), everyone=True)
        case 408 | 409 | 425:
            return TryLater(f"status {answer.status}")
        case status if 400 <= status < 500:
            return Refused(f"status {status}", named(said))
        case status if status >= 500:
            return TryLater(f"status {status}", after=asked_delay(answer.headers.get("retry-after"), now))
        case status:
            return TryLater(f"answer not understood: status {status}")


def messages(answer: Answer) -> tuple[str, ...]:
    """What it says; empty where it is no error of Twenty's own."""
    try:
        body = answer.json()
    except TryLater:
        return ()
    found = body.get("messages") if isinstance(body, dict) else None
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def named(said: tuple[str, ...]) -> tuple[str, ...]:
    """The fields of ours that the messages name. They repeat values too, so nothing else of them is kept."""
    whole = " ".join(said)
    return tuple(ours for theirs, ours in OURS.items() if f'"{theirs}"' in whole)
