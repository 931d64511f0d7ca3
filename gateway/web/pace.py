"""How fast one caller may call: a bucket each, in this process's own memory. Not for the webhooks' doors: some CRMs
never send again what met a 429.

A flood guard, not a quota: nobody who works as people and servers do ever meets it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

MOST_CALLERS: Final = 10_000
"""Of so many the buckets are kept; the longest silent is forgotten first."""


class TooFastError(Exception):
    """Come back in ``after`` seconds (429)."""

    def __init__(self, after: float) -> None:
        super().__init__(f"again in {after:.1f} s")
        self.after = after


@dataclass(slots=True)
class Pace:
    """``burst`` calls at once, ``per_second`` in the long run. Thread-safe."""

    per_second: float
    burst: int
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict, init=False, repr=False)

    def take(self, caller: str, now: float) -> None:
        """One call more, at ``now`` (monotonic seconds). Raises ``TooFastError``."""
        with self._lock:
            level, at = self._buckets.pop(caller, (float(self.burst), now))
            level = min(float(self.burst), level + max(0.0, now - at) * self.per_second)
            allowed = level >= 1.0
            self._buckets[caller] = (level - 1.0 if allowed else level, now)
            while len(self._buckets) > MOST_CALLERS:
                self._buckets.popitem(last=False)
        if not allowed:
            raise TooFastError((1.0 - level) / self.per_second)
