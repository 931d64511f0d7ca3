"""When to try, look or renew again: arithmetic on given times. Knows no clock and draws no random number.

All datetimes are aware. ``jitter`` is the caller's random number in [0, 1): it spreads work that would otherwise fall
due together. ``attempt`` counts from 1: the first failure asks with 1.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

RETRIES = (
    timedelta(seconds=1),
    timedelta(seconds=4),
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
)
"""The waits after the first failures; the last one repeats."""

GIVE_UP = timedelta(hours=72)
LONGEST_ASKED = timedelta(days=1)

_NOTHING = timedelta()
COALESCE = timedelta(seconds=1)
LOOKS_COALESCE = timedelta(milliseconds=250)
"""For looks at a whole calendar: they write nothing, and every edit in that calendar waits for the next one."""

_SAFETY_READ = timedelta(hours=24)
_SAFETY_SPREAD = timedelta(hours=2)
_FIRST_RECREATION = timedelta(minutes=1)
_LAST_RECREATION = timedelta(hours=1)
_RENEWAL_MARGIN = timedelta(hours=1)
_SHORT_LIFE = timedelta(hours=3)
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


def retry_after(attempt: int, *, asked: timedelta | None, jitter: float) -> timedelta:
    """How long to wait after failure number ``attempt``.

    Our own schedule within 20 % either way, unless the other side asked for a wait (:func:`asked_delay`): then that and
    up to 20 % more, never less, a day at most. Asking for no wait at all is not a wish: a host that is down and says
    "retry after 0" would otherwise be called without pause.
    """
    _check(attempt)
    if asked is not None and asked > _NOTHING:
        capped = min(asked, LONGEST_ASKED)
        return min(capped * (1 + 0.2 * jitter), LONGEST_ASKED)
    return RETRIES[min(attempt, len(RETRIES)) - 1] * (0.8 + 0.4 * jitter)


def asked_delay(header: str | None, now: datetime) -> timedelta | None:
    """The wait that a ``Retry-After`` header asks for: nothing to a day. Absent, negative or nonsense: ``None``.

    Seconds or an HTTP date, https://www.rfc-editor.org/rfc/rfc9110#field.retry-after; fractions, which some hosts send,
    are understood. A date that has passed asks for no wait.
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        # A float first: it takes any number of digits, where int() and timedelta() refuse.
        return timedelta(seconds=min(float(text), LONGEST_ASKED.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # A zone of "-0000", or none at all, reads as a naive time; HTTP dates are always UTC.
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(aware - now, _NOTHING), LONGEST_ASKED)


def gives_up(first_owed_at: datetime, now: datetime) -> bool:
    """Whether work that has just failed again is parked: 72 h after it was first owed.

    Ask after a failure, never before an attempt: the first attempt after a 72 h outage must still be made.
    """
    return now - first_owed_at >= GIVE_UP


def coalesced(now: datetime, last_settled_at: datetime | None, window: timedelta = COALESCE) -> datetime:
    """When a run that is asked for now is due: at once, but not within a window (1 s) of the end of the last run.

    Never later than that from now, even if the last end lies in the future because a clock was set back.
    """
    if last_settled_at is None:
        return now
    return min(max(now, last_settled_at + window), now + window)


def renew_at(created_at: datetime, expires_at: datetime, jitter: float, *, share: float = 2 / 3) -> datetime:
    """When to renew a subscription: after ``share`` of its life, give or take 5 % of that life.

    At least an hour before it expires, unless it lives for less than 3 h. One that was born expired: at once.
    """
    life = max(expires_at - created_at, _NOTHING)
    due = created_at + life * (share + 0.1 * (jitter - 0.5))
    return due if life < _SHORT_LIFE else min(due, expires_at - _RENEWAL_MARGIN)


def next_safety_read(last: datetime, jitter: float) -> datetime:
    """When to look again without having been called: 22 to 24 h after the last look."""
    return last + _SAFETY_READ - _SAFETY_SPREAD * jitter


def recreate_after(attempt: int) -> timedelta:
    """How long to wait after failure number ``attempt`` to create a subscription: 1 min, doubling, 1 h at most."""
    _check(attempt)
    doublings = min(attempt - 1, 6)  # Six are past the hour; more would only overflow.
    return min(_FIRST_RECREATION * (1 << doublings), _LAST_RECREATION)


def _check(attempt: int) -> None:
    if attempt < 1:
        raise ValueError(f"attempts count from 1, not {attempt}")
