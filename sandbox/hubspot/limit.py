"""HubSpot's burst limit: so many calls of an app in an account within ten seconds, counted as a rolling window.

Source: https://developers.hubspot.com/changelog/increasing-our-api-limits (the figure for OAuth apps is second-hand)
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta

from sandbox.hubspot.problems import Problem

WINDOW = timedelta(seconds=10)


class Window:
    """`limit` calls in ten seconds of the stand-ins' clock; `None`: as many as one likes."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._calls: deque[datetime] = deque()

    def draw(self, now: datetime) -> None:
        """Count one call. Raises the 429, which says in headers how long its window is and never when to come back."""
        with self._lock:
            if self.limit is None:
                return
            while self._calls and now - self._calls[0] >= WINDOW:
                self._calls.popleft()
            if len(self._calls) >= self.limit:
                raise Problem(
                    429,
                    "RATE_LIMITS",
                    "You have reached your ten_secondly_rolling limit.",
                    {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"},
                    {
                        "X-HubSpot-RateLimit-Max": str(self.limit),
                        "X-HubSpot-RateLimit-Remaining": "0",
                        "X-HubSpot-RateLimit-Interval-Milliseconds": f"{WINDOW.total_seconds() * 1000:.0f}",
                    },
                )
            self._calls.append(now)
