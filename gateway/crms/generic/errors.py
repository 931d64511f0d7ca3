"""What a CRM's refusals mean: the one table of the generic contract. Knows statuses and problem documents, no tasks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from gateway.core.errors import Forbidden, GatewayError, Refused, StaleWrite, TryLater, Unauthorised
from gateway.core.model import Cause
from gateway.core.schedule import asked_delay
from gateway.crms.http import Answer

GONE: Final = (404, 410)
"""Statuses that say: there is no such task (any more)."""

_FIELDS: Final = ("title", "due", "calendar_sync")


def failure(answer: Answer, now: datetime) -> GatewayError:
    """The failure that this answer is. ``now``: for a ``Retry-After`` that is a date."""
    found = _BY_STATUS.get(answer.status)
    if found is not None:
        return found(answer, now)
    return _refused(answer, now) if 400 <= answer.status < 500 else _unwell(answer, now)


def cause_of(answer: Answer) -> Cause:
    """Why a task is gone, where the problem document's ``code`` tells; else a plain deletion."""
    code = _problem(answer).get("code")
    return next((cause for cause in Cause if cause.value == code), Cause.DELETED)


def _unwell(answer: Answer, now: datetime) -> GatewayError:
    """A fault of theirs, or an answer outside the contract: a redirect, an odd success."""
    why = f"status {answer.status}" if answer.status >= 500 else f"answer not understood: status {answer.status}"
    return TryLater(why, after=asked_delay(answer.headers.get("retry-after"), now))


def _busy(answer: Answer, now: datetime) -> GatewayError:
    """Too many requests, or down for a while: either holds for all tasks of the installation."""
    after = asked_delay(answer.headers.get("retry-after"), now)
    return TryLater(f"status {answer.status}", after=after, everyone=answer.status == 429 or after is not None)


def _in_progress(answer: Answer, now: datetime) -> GatewayError:
    """The first request under the same idempotency key is still being worked on."""
    return TryLater("the same request is in progress", after=asked_delay(answer.headers.get("retry-after"), now))


def _refused(answer: Answer, _now: datetime) -> GatewayError:
    """A request called wrong, with the fields of ours that the problem document names."""
    errors = _problem(answer).get("errors")
    named = [str(error.get("field")).partition(".")[0] for error in errors or () if isinstance(error, dict)]
    return Refused(f"status {answer.status}", tuple(name for name in _FIELDS if name in named))


def _problem(answer: Answer) -> dict[str, Any]:
    """The problem document (RFC 9457) in an answer, empty where there is none that can be read."""
    try:
        found = answer.json()
    except TryLater:
        return {}
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(errors, list | None):
        return {}
    return found


_BY_STATUS: Final[dict[int, Callable[[Answer, datetime], GatewayError]]] = {
    401: lambda _answer, _now: Unauthorised("the CRM did not accept our token"),
    403: lambda _answer, _now: Forbidden("the CRM does not let us at this"),
    408: _unwell,
    409: _in_progress,
    412: lambda _answer, _now: StaleWrite("the task has moved on"),
    417: lambda _answer, _now: StaleWrite("the task has moved on"),
    425: _unwell,
    429: _busy,
    503: _busy,
}
"""Statuses with a meaning of their own; other 4xx are refusals, all the rest is trouble on their side."""
