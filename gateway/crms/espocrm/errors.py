"""What EspoCRM's refusals mean. Bodies are often empty; the header ``X-Status-Reason`` says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from gateway.core.errors import Forbidden, GatewayError, Refused, StaleWrite, TryLater, Unauthorised
from gateway.core.schedule import asked_delay
from gateway.crms.espocrm.names import FIELDS
from gateway.crms.http import Answer

GONE: Final = (404, 410)
"""Unknown and deleted records alike."""


def failure(answer: Answer, now: datetime) -> GatewayError:
    """The failure that this answer is. ``now``: for a ``Retry-After`` that is a date."""
    found = _BY_STATUS.get(answer.status)
    if found is not None:
        return found(answer, now)
    return _refused(answer, now) if 400 <= answer.status < 500 else _unwell(answer, now)


def _unwell(answer: Answer, now: datetime) -> GatewayError:
    why = f"status {answer.status}" if answer.status >= 500 else f"answer not understood: status {answer.status}"
    return TryLater(why, after=asked_delay(answer.headers.get("retry-after"), now))


def _busy(answer: Answer, now: datetime) -> GatewayError:
    """EspoCRM itself has no limit; what stands before it may, most often without saying how long."""
    after = asked_delay(answer.headers.get("retry-after"), now)
    return TryLater(f"status {answer.status}", after=after, everyone=answer.status == 429 or after is not None)


def _conflict(answer: Answer, now: datetime) -> GatewayError:
    """The optimistic lock. The body shows only the fields we wanted to write, so the task has to be read."""
    if answer.headers.get("x-status-reason", "modified") == "modified":
        return StaleWrite("the task has moved on")
    return _refused(answer, now)


def _refused(answer: Answer, _now: datetime) -> GatewayError:
    """A validation failure names one field."""
    try:
        body: Any = answer.json()
    except TryLater:
        body = None
    for name in ("messageTranslation", "data"):
        body = body.get(name) if isinstance(body, dict) else None
    field = FIELDS.get(str(body.get("field"))) if isinstance(body, dict) else None
    return Refused(f"status {answer.status}", (field,) if field else ())


_BY_STATUS: Final[dict[int, Callable[[Answer, datetime], GatewayError]]] = {
    401: lambda _answer, _now: Unauthorised("EspoCRM did not accept our API key"),
    403: lambda _answer, _now: Forbidden("EspoCRM does not let us at this"),
    408: _unwell,
    409: _conflict,
    425: _unwell,
    429: _busy,
    503: _busy,
}
