"""The per-user quota: a sliding minute of units for each person and client.

600 a minute per user per project: https://developers.google.com/workspace/calendar/api/guides/quota; a patch costs
three units: https://developers.google.com/workspace/calendar/api/v3/reference/events/patch.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from sandbox.google import errors

PER_MINUTE: Final = 600
PATCH_UNITS: Final = 3
_WINDOW: Final = timedelta(minutes=1)
# Both statuses and both reasons are documented for the same limit, so a client has to understand each.
_REFUSALS: Final = (
    (403, "rateLimitExceeded", "Rate Limit Exceeded"),
    (403, "userRateLimitExceeded", "User Rate Limit Exceeded"),
    (429, "rateLimitExceeded", "Rate Limit Exceeded"),
)


class Quota:
    """Counts units; not safe by itself: the world's lock is held."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._spent: dict[tuple[str, str], deque[tuple[datetime, int]]] = {}
        self._sums: dict[tuple[str, str], int] = {}
        self._refused = 0

    def spend(self, who: tuple[str, str], units: int, now: datetime) -> None:
        """Count one call of ``who`` (client id, email). Raises 403 or 429 in turn when the last minute is used up."""
        spent = self._spent.setdefault(who, deque())
        total = self._sums.get(who, 0)
        while spent and spent[0][0] <= now - _WINDOW:
            total -= spent.popleft()[1]
        if total + units > self._per_minute:
            self._sums[who] = total
            code, reason, message = _REFUSALS[self._refused % len(_REFUSALS)]
            self._refused += 1
            raise errors.ApiError(code, reason, message, domain="usageLimits")
        spent.append((now, units))
        self._sums[who] = total + units
