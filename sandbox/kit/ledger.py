"""The ledger of a stand-in: every request it served and every webhook or push it sent, in order.

Benchmarks and the privacy test read it from outside, so the shape of an entry is pinned.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Literal, TypedDict

from sandbox.kit.clock import iso

LIMIT = 500_000
"""Entries kept; the oldest go first."""


class Entry(TypedDict):
    """One line of the ledger; `status` is None when no answer was given or received."""

    n: int
    at: str
    direction: Literal["in", "out"]
    caller: str
    method: str
    path: str
    query: dict[str, str | list[str]]
    headers: dict[str, str]
    body: object
    status: int | None
    ids: list[str]
    ours: list[bool]


class Ledger:
    """An append-only list that any thread may write.

    Numbers grow by one and are never used twice, not even after `clear`.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._last = 0
        self._era = 0

    @property
    def era(self) -> int:
        """How often the ledger was cleared."""
        return self._era

    def record(  # noqa: PLR0913 - an entry has that many parts, and all are named
        self,
        *,
        at: datetime,
        direction: Literal["in", "out"],
        method: str,
        path: str,
        caller: str = "gateway",
        query: Mapping[str, str | list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        status: int | None = None,
        ids: Sequence[str] = (),
        ours: Sequence[bool] = (),
        era: int | None = None,
    ) -> int:
        """Write one entry and return its number. `at` is when the request arrived or the delivery left.

        With `era`, the entry is left out when the ledger was cleared since that was read: what began before a reset
        is not news after it.
        """
        entry: Entry = {
            "n": 0,
            "at": iso(at),
            "direction": direction,
            "caller": caller,
            "method": method,
            "path": path,
            "query": dict(query or {}),
            "headers": dict(headers or {}),
            "body": body,
            "status": status,
            "ids": list(ids),
            "ours": list(ours),
        }
        with self._lock:
            if era not in (None, self._era):
                return self._last
            self._last += 1
            entry["n"] = self._last
            self._entries.append(entry)
            return self._last

    def since(self, n: int) -> tuple[list[Entry], int]:
        """The entries numbered above `n`, oldest first, and the number to ask with the next time."""
        with self._lock:
            wanted = min(max(self._last - n, 0), len(self._entries))
            newest_first = list(islice(reversed(self._entries), wanted))
            return newest_first[::-1], self._last

    def clear(self) -> None:
        """Forget every entry; numbering goes on."""
        with self._lock:
            self._era += 1
            self._entries.clear()
