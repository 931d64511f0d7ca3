"""Calendar v3's failures in our words: one table, by reason first, else by status.

Statuses and reasons: https://developers.google.com/workspace/calendar/api/guides/errors. A reason decides where there
is one; a web page, or a status that is none of the API's, says nothing about any event and is tried again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from gateway.core import schedule
from gateway.core.errors import (
    AlreadyExists,
    CursorExpired,
    EventGone,
    Forbidden,
    GatewayError,
    OperatorFault,
    Refused,
    StaleWrite,
    TryLater,
    Unauthorised,
)

QUOTA_PAUSE = timedelta(hours=1)
"""``quotaExceeded`` lasts for hours: https://support.google.com/a/answer/2905486."""

_REASON = re.compile(r"[A-Za-z][A-Za-z.]{0,59}")
_FIELDS = {"summary": "title", "start": "due", "end": "due", "description": "description"}


class NoCalendarUser(Forbidden):
    """The account has no Google Calendar."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer told: ``after`` is the delay it asked for, ``fields`` what it found wrong, in our words."""

    status: int
    reason: str
    after: timedelta | None = None
    fields: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For logs and people: nothing that the request or a person had written."""
        return f"Google answered {self.status} {self.reason}".rstrip()


_Row = Callable[[Told], GatewayError]


def _later(told: Told) -> GatewayError:
    return TryLater(told.words, after=told.after)


def _slower(told: Told) -> GatewayError:
    return TryLater(told.words, after=told.after, everyone=True)


def _much_slower(told: Told) -> GatewayError:
    return TryLater(told.words, after=max(told.after or QUOTA_PAUSE, QUOTA_PAUSE), everyone=True)


def _refused(told: Told) -> GatewayError:
    return Refused(told.words, told.fields)


def _as(kind: Callable[[str], GatewayError]) -> _Row:
    return lambda told: kind(told.words)


_BY_REASON: Mapping[str, _Row] = {
    "rateLimitExceeded": _slower,
    "userRateLimitExceeded": _slower,
    "quotaExceeded": _much_slower,
    "dailyLimitExceeded": _much_slower,
    "backendError": _later,
    "conflict": _later,
    "channelIdNotUnique": _later,  # every attempt takes a new channel id
    "notACalendarUser": _as(NoCalendarUser),
    "push.webhookUrlNotHttps": _as(OperatorFault),
    "push.webhookUrlUnauthorized": _as(OperatorFault),  # the domain is not verified; seen as 400, 401 and 403
    "fullSyncRequired": _as(CursorExpired),
    "updatedMinTooLongAgo": _as(CursorExpired),
}

_BY_STATUS: Mapping[int, _Row] = {
    401: _as(Unauthorised),
    403: _as(Forbidden),
    404: _as(EventGone),
    408: _later,
    409: _as(AlreadyExists),
    410: _as(EventGone),
    412: _as(StaleWrite),
    429: _slower,
}


def failure(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> GatewayError:
    """The error that an answer which is not a success stands for. Header names are in lower case.

    404 becomes ``EventGone``; a caller that named no event knows better and says ``TargetGone``.
    """
    error = _error(body)
    told = Told(
        status,
        _reason(error),
        schedule.asked_delay(headers.get("retry-after"), _their_time(headers) or now),
        _fields(error),
    )
    return _row(told, page=_is_page(headers, body))(told)


def _row(told: Told, *, page: bool) -> _Row:
    if told.reason in _BY_REASON:
        return _BY_REASON[told.reason]
    if told.status < 400 or told.status >= 500 or (page and told.status not in (401, 429)):
        return _later
    return _BY_STATUS.get(told.status, _refused)


def _is_page(headers: Mapping[str, str], body: bytes) -> bool:
    return "html" in headers.get("content-type", "") or body.lstrip()[:1] == b"<"


def _their_time(headers: Mapping[str, str]) -> datetime | None:
    """The answer's own date: with it a ``Retry-After`` date is right even where the two clocks differ."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _error(body: bytes) -> Mapping[str, Any]:
    try:
        error = json.loads(body).get("error")
    except (ValueError, AttributeError, RecursionError):
        return {}
    return error if isinstance(error, dict) else {}


def _details(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = error.get("errors")
    return [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []


def _reason(error: Mapping[str, Any]) -> str:
    reason = next((str(one["reason"]) for one in _details(error) if "reason" in one), "")
    return reason if _REASON.fullmatch(reason) else ""


def _fields(error: Mapping[str, Any]) -> tuple[str, ...]:
    if _reason(error) == "timeRangeEmpty":
        return ("due",)
    named = (str(one.get("location", "")).partition(".")[0] for one in _details(error))
    return tuple(dict.fromkeys(_FIELDS[name] for name in named if name in _FIELDS))
