"""Graph's failures in our words: one table, by code first, else by status.

Statuses: https://learn.microsoft.com/graph/errors. The codes of Exchange (``Error...``) are not documented; they are
those that are widely reported. A web page, or a status that is none of the API's, says nothing about any event and is
tried again.
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
    EventGone,
    Forbidden,
    GatewayError,
    Refused,
    StaleWrite,
    TargetGone,
    TryLater,
    Unauthorised,
)

QUOTA_PAUSE = timedelta(hours=1)
"""507 and 509 are about storage and bandwidth: nothing that passes in seconds."""

_CODE = re.compile(r"[A-Za-z][A-Za-z.]{0,79}")
_HANDSHAKE = re.compile(r"subscription validation request", re.IGNORECASE)


class NoMailbox(Forbidden):
    """The account has no mailbox in Microsoft's cloud, and so no calendar."""


class HandshakeFailed(TryLater):
    """Microsoft could not reach our address for notifications, or had another answer than it wanted."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer told: ``after`` is the delay it asked for, ``trace`` Microsoft's id of the request."""

    status: int
    code: str
    after: timedelta | None = None
    trace: str = ""

    @property
    def words(self) -> str:
        """For logs and people: nothing that the request or a person had written."""
        known = f"Microsoft Graph answered {self.status} {self.code}".rstrip()
        return f"{known} (request-id {self.trace})" if self.trace else known


_Row = Callable[[Told], GatewayError]


def _later(told: Told) -> GatewayError:
    return TryLater(told.words, after=told.after)


def _slower(told: Told) -> GatewayError:
    return TryLater(told.words, after=told.after, everyone=True)


def _much_slower(told: Told) -> GatewayError:
    return TryLater(told.words, after=max(told.after or QUOTA_PAUSE, QUOTA_PAUSE), everyone=True)


def _as(kind: Callable[[str], GatewayError]) -> _Row:
    return lambda told: kind(told.words)


_BY_CODE: Mapping[str, _Row] = {
    "ErrorItemNotFound": _as(EventGone),
    "ErrorInvalidIdMalformed": _as(EventGone),  # an id that Graph cannot read names nothing
    "ErrorFolderNotFound": _as(TargetGone),
    "ErrorFolderExists": _as(AlreadyExists),
    "MailboxNotEnabledForRESTAPI": _as(NoMailbox),
    "MailboxNotSupportedForRESTAPI": _as(NoMailbox),
    "ErrorIrresolvableConflict": _as(StaleWrite),  # seen with 409 and with 412
    "ApplicationThrottled": _slower,  # MailboxConcurrency
    "TooManyRequests": _slower,
    "ErrorServerBusy": _slower,
    "ErrorInternalServerTransientError": _later,
    "ErrorMailboxStoreUnavailable": _later,
    "ErrorTimeoutExpired": _later,
}

_BY_STATUS: Mapping[int, _Row] = {
    401: _as(Unauthorised),
    403: _as(Forbidden),
    404: _as(EventGone),
    408: _later,
    409: _as(AlreadyExists),
    410: _as(EventGone),
    412: _as(StaleWrite),
    423: _later,
    429: _slower,
    501: _as(Refused),  # not implemented: the same again is of no use
    507: _much_slower,
    509: _much_slower,
}


def failure(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> GatewayError:
    """The error that an answer which is not a success stands for. Header names are in lower case.

    404 without a code that says more becomes ``EventGone``; a caller that named no event knows better.
    """
    error = _error(body)
    told = Told(
        status,
        _plain(error.get("code")),
        schedule.asked_delay(headers.get("retry-after"), _their_time(headers) or now),
        _trace(headers),
    )
    if status == 400 and _HANDSHAKE.search(str(error.get("message", ""))):
        return HandshakeFailed(f"{told.words}: PUBLIC_URL did not answer Microsoft's validation request")
    return _row(told, page=_is_page(headers, body))(told)


def _row(told: Told, *, page: bool) -> _Row:
    if told.code in _BY_CODE:
        return _BY_CODE[told.code]
    if told.status in (507, 509) or (told.status == 501 and not page):
        return _BY_STATUS[told.status]
    if told.status < 400 or told.status >= 500 or (page and told.status not in (401, 429)):
        return _later
    return _BY_STATUS.get(told.status, _as(Refused))


def _is_page(headers: Mapping[str, str], body: bytes) -> bool:
    return "html" in headers.get("content-type", "") or body.lstrip()[:1] == b"<"


def _their_time(headers: Mapping[str, str]) -> datetime | None:
    """The answer's own date: with it a ``Retry-After`` date is right even where the two clocks differ."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _trace(headers: Mapping[str, str]) -> str:
    told = headers.get("request-id", "")
    return told if re.fullmatch(r"[0-9a-fA-F-]{1,40}", told) else ""


def _error(body: bytes) -> Mapping[str, Any]:
    try:
        error = json.loads(body).get("error")
    except (ValueError, AttributeError, RecursionError):
        return {}
    return error if isinstance(error, dict) else {}


def _plain(code: object) -> str:
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
