"""Rings in time: work that falls due in a few seconds is rung for by the process that knows of it.

Kept in memory only. A lost alarm costs at most one sweep, which finds all work that is due.
"""

from __future__ import annotations

import heapq
import threading
from datetime import datetime, timedelta

from gateway.core.model import InstallationId
from gateway.core.ports import Clock, Doorbell, Lane

HORIZON = timedelta(seconds=60)
"""What falls due later is left to the sweep."""

MOST = 10_000
"""How many alarms are kept at once."""

LOOK_SECONDS = 0.05
"""How often the clock is looked at while something waits: it may jump."""

_Key = tuple[InstallationId, str, Lane]


class Alarm:
    """Rings a doorbell at once or in time. Thread-safe; its thread starts with the first alarm that has to wait, so
    that it may be made before a process forks."""

    def __init__(self, clock: Clock, doorbell: Doorbell) -> None:
        self._clock = clock
        self._doorbell = doorbell
        self._wake = threading.Condition()
        self._heap: list[tuple[datetime, _Key]] = []
        self._earliest: dict[_Key, datetime] = {}
        self._thread: threading.Thread | None = None

    def __call__(self, installation_id: InstallationId, mailbox: str, lane: str, seconds: float) -> None:
        """Ring for this mailbox in so many seconds; now, if there are none to wait."""
        key = (installation_id, mailbox, Lane(lane))
        if seconds <= 0:
            self._doorbell.ring(*key)
            return
        if seconds > HORIZON.total_seconds():
            return
        at = self._clock.now() + timedelta(seconds=seconds)
        with self._wake:
            known = self._earliest.get(key)
            if (known is not None and known <= at) or len(self._heap) >= MOST:
                return
            self._earliest[key] = at
            heapq.heappush(self._heap, (at, key))
            self._ensure_thread()
            self._wake.notify()

    def _ensure_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="alarm", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._heap:
                    self._wake.wait()
                due = self._take_due()
                if not due:
                    self._wake.wait(LOOK_SECONDS)
            for key in due:
                self._doorbell.ring(*key)

    def _take_due(self) -> list[_Key]:
        now, found = self._clock.now(), []
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._earliest.get(key) == at:  # else an earlier alarm has rung for it already
                del self._earliest[key]
                found.append(key)
        return found
