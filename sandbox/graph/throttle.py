"""Outlook's limits for one app and one mailbox: requests in a window of time, and four requests at once.

https://learn.microsoft.com/graph/throttling-limits: 10,000 requests in 10 minutes, 4 concurrent requests. Throttled
calls count as well: https://learn.microsoft.com/graph/throttling
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from sandbox.graph import errors

REQUESTS: Final = 10_000
WINDOW: Final = timedelta(minutes=10)
AT_ONCE: Final = 4
CROWDED: Final = "sandbox.graph.crowded"
"""Set in the environment of a request that came while four others of its app and mailbox were under way."""
Who = tuple[str, str]


class Throttle:
    """Counts requests; not safe by itself: the world's lock is held. ``per_minute`` replaces the real window."""

    def __init__(self, per_minute: int | None) -> None:
        self._limit, self._window = (REQUESTS, WINDOW) if per_minute is None else (per_minute, timedelta(minutes=1))
        self._spent: dict[Who, deque[datetime]] = {}

    def spend(self, who: Who, now: datetime) -> None:
        """Count one request of ``who`` (client id, email). Raises 429 when the window is used up."""
        spent = self._spent.setdefault(who, deque())
        while spent and spent[0] <= now - self._window:
            spent.popleft()
        spent.append(now)
        if len(spent) > self._limit:
            # The next one fits in when so many of the oldest have left the window that there is room for it.
            leaves_at = spent[len(spent) - self._limit] + self._window
            raise errors.too_many_requests(max(1, math.ceil((leaves_at - now).total_seconds())))


class AtOnce:
    """Counts what is under way for each app and mailbox, around the whole handling, latency and faults included."""

    def __init__(self, inner: WSGIApplication, who_asks: Callable[[WSGIEnvironment], Who | None]) -> None:
        self._inner, self._who_asks = inner, who_asks
        self._lock = threading.Lock()
        self._under_way: Counter[Who] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve, and mark the request if it is one too many."""
        who = self._who_asks(environ)
        if who is None:
            return self._inner(environ, start_response)
        with self._lock:
            environ[CROWDED] = self._under_way[who] >= AT_ONCE
            self._under_way[who] += 1
        try:
            return self._inner(environ, start_response)
        finally:
            with self._lock:
                self._under_way[who] -= 1
