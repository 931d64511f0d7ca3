"""What is counted: kept in the process for a few seconds, then added to the sums of the whole deployment.

So that one question to any web process is answered for all of them, on all machines. What a process has counted and not
yet added is lost with it when it is killed: these are numbers to watch, not to settle bills with.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

from gateway.core.counts import Series
from gateway.core.repositories import Store, StoreDown

log = logging.getLogger(__name__)

ADD_SECONDS: Final = 10.0
SERIES_LIMIT: Final = 2_000
"""So many different ones a process counts, so that a label that should not vary cannot fill its memory."""


class Tally:
    """The meter that counts. Thread-safe; may be made before a process forks."""

    def __init__(self) -> None:
        self._counts: Counter[Series] = Counter()
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def count(self, name: str, **labels: str) -> None:
        """One more of these."""
        series = Series(name, tuple(sorted((label, str(value)) for label, value in labels.items())))
        with self._lock:
            if series in self._counts or len(self._counts) < SERIES_LIMIT:
                self._counts[series] += 1
            if self._store is not None and self._thread is None:
                self._thread = threading.Thread(target=self._keep_adding, name="tally", daemon=True)
                self._thread.start()

    def waiting(self) -> Mapping[Series, int]:
        """What was counted here and not added yet."""
        with self._lock:
            return dict(self._counts)

    def add_to(self, store: Store) -> None:
        """From now on add to these sums now and then. The thread that does so starts with the next count, so that it
        is the forked process's own."""
        self._store = store

    def close(self) -> None:
        """Add what is left, once, if the database answers."""
        self._stop.set()
        self.add()

    def add(self) -> None:
        """Add now; what could not be added is kept for the next time."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        if not taken or self._store is None:
            return
        try:
            with self._store.begin() as uow:
                uow.counts.add(taken)
                uow.commit()
        except StoreDown as error:
            log.info("what was counted is added later: %s", error)
            with self._lock:
                self._counts.update(taken)

    def _keep_adding(self) -> None:
        while not self._stop.wait(ADD_SECONDS):
            self.add()
