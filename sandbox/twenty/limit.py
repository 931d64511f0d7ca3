"""Twenty's rate limit: a bucket of tokens that all API keys of a workspace draw from, refilled as time goes by."""

from __future__ import annotations

import threading
from datetime import datetime

from sandbox.twenty.problems import Problem

WINDOW_S = 60.0


class Bucket:
    """`limit` calls a minute; `None`: as many as one likes. By the stand-ins' clock."""

    def __init__(self, limit: int | None) -> None:
        self._lock = threading.Lock()
        self._at: datetime | None = None
        self.change(limit)

    def change(self, limit: int | None) -> None:
        """Another limit, with a full bucket."""
        with self._lock:
            self.limit = limit
            self._left, self._at = float(limit or 0), None

    def draw(self, now: datetime) -> None:
        """Count one call. Raises the 429 that is sent without `Retry-After` (seen on the wire)."""
        with self._lock:
            if self.limit is None:
                return
            if self._at is not None:
                grown = (now - self._at).total_seconds() * self.limit / WINDOW_S
                self._left = min(float(self.limit), self._left + max(0.0, grown))
            self._at = now
            if self._left < 1:
                said = f"Limit reached ({self.limit} tokens per {WINDOW_S * 1000:.0f} ms)"
                raise Problem(429, "HttpException", said)
            self._left -= 1
