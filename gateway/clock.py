"""The time: the machine's, or, for tests, the machine's plus the seconds written in a file that all processes share."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

_log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)


class ShiftedClock:
    """The machine's time plus the seconds in a file, which is read again when it has changed. No file: not shifted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: _Stamp | None = None
        self._shift = timedelta(0)

    def now(self) -> datetime:
        """Aware UTC."""
        with self._lock:
            self._look()
            return datetime.now(UTC) + self._shift

    def _look(self) -> None:
        try:
            found = self._path.stat()
        except OSError:
            self._stamp, self._shift = None, timedelta(0)
            return
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp == self._stamp:
            return
        try:
            text = self._path.read_text(encoding="ascii").strip()
            if not text:  # a writer caught between truncating and writing: what was last known still holds
                return
            self._shift = timedelta(seconds=float(text))
        except (OSError, ValueError, OverflowError):
            _log.warning("the clock file does not hold a number of seconds")
        self._stamp = stamp
