"""What HubSpot's refusals mean: one table. They look like ``{"status": "error", "message", "category", ...}``.

Source: https://developers.hubspot.com/docs/api-reference/latest/error-handling
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from gateway.core.errors import Forbidden, GatewayError, Refused, TryLater, Unauthorised
from gateway.core.schedule import asked_delay
from gateway.crms.http import Answer
from gateway.crms.hubspot.translate import OURS

GONE: Final = 404
"""Unknown and archived objects look alike."""

_BURST: Final = timedelta(seconds=10)
_DAILY: Final = timedelta(hours=1)
"""A day's calls are used up until midnight of the account's zone: asked again once an hour."""

_LONGEST_WINDOW_MS: Final = 3_600_000


def failure(answer: Answer, now: datetime) -> GatewayError:
    """The failure that this answer is. ``now``: for a ``Retry-After`` that is a date."""
    match answer.status:
        case 401:
            return Unauthorised("HubSpot did not accept our token")
        case 403:
            return Forbidden("HubSpot does not let us at this: a scope or a right is missing")
        case 429:
            return TryLater("status 429", after=_patience(answer, now), everyone=True)
        case 408 | 409 | 423 | 425 | 477:  # 423: another call holds a lock; 477: the account is being moved
            return TryLater(f"status {answer.status}", after=asked_delay(answer.headers.get("retry-after"), now))
        case status if 400 <= status < 500:
            return Refused(f"status {status}", named(answer))
        case status if status >= 500:
            return TryLater(f"status {status}", after=asked_delay(answer.headers.get("retry-after"), now))
        case status:
            return TryLater(f"answer not understood: status {status}")


def named(answer: Answer) -> tuple[str, ...]:
    """The fields of ours that a refusal names. Its message repeats values too, so nothing else of it is kept."""
    said = str(_body(answer).get("message", ""))
    return tuple(ours for theirs, ours in OURS.items() if f'"{theirs}"' in said)


def _patience(answer: Answer, now: datetime) -> timedelta:
    """How long: what it asks for, else the window of the limit that was hit, else ten seconds."""
    asked = asked_delay(answer.headers.get("retry-after"), now)
    if asked is not None:
        return asked
    if _body(answer).get("policyName") == "DAILY":
        return _DAILY
    window = answer.headers.get("x-hubspot-ratelimit-interval-milliseconds", "")
    if window.isascii() and window.isdecimal() and len(window) < 8 and int(window) <= _LONGEST_WINDOW_MS:
        return timedelta(milliseconds=int(window))
    return _BURST


def _body(answer: Answer) -> dict[str, Any]:
    try:
        found = answer.json()
    except TryLater:
        return {}
    return found if isinstance(found, dict) else {}
