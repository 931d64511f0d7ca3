"""The stand-ins' clock: real time plus the seconds written in a file that the whole deployment shares.

The gateway reads the same file, so a test lets hours go by for everyone by writing one number.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

_Stamp = tuple[int, int, int]


class Clock:
    """Tells the time in UTC, shifted by the seconds in `path` (no file, or no path: not shifted)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: _Stamp | None = None
        self._offset = 0.0

    def now(self) -> datetime:
        """The present, aware, in UTC: real time plus `offset()` seconds."""
        return datetime.now(UTC) + timedelta(seconds=self.offset())

    def offset(self) -> float:
        """Seconds that this clock is ahead of real time; the file is read again only when it has changed.

        Raises ValueError when the file holds anything but a number.
        """
        if self._path is None:
            return self._offset
        with self._lock:
            return self._refresh(self._path)

    def advance(self, seconds: float) -> None:
        """Let `seconds` go by for everyone who reads the file; it is replaced in one step, never half-written."""
        with self._lock:
            if self._path is None:
                self._offset += seconds
                return
            total = self._refresh(self._path) + seconds
            draft = self._path.with_name(f"{self._path.name}.{os.getpid()}.{threading.get_ident()}")
            draft.write_text(f"{total:.6f}\n", encoding="ascii")
            draft.replace(self._path)
            self._refresh(self._path)

    def _refresh(self, path: Path) -> float:
        try:
            found = path.stat()
        except FileNotFoundError:
            self._stamp, self._offset = None, 0.0
            return 0.0
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            text = path.read_text(encoding="ascii").strip()
            # An empty file is a writer caught between truncating and writing: the last known time still holds.
            if text:
                self._offset = float(text)
                self._stamp = stamp
        return self._offset


def iso(moment: datetime) -> str:
    """An aware moment as RFC 3339 text in UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
