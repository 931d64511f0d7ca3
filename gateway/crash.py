"""Crash points: named places where a test may kill the process, to see that nothing is lost there.

Armed by ``CRASH_AT``, which is honoured only together with ``ALLOW_LOOPBACK``. Passing one that is not armed costs a
comparison.
"""

from __future__ import annotations

import os
import signal
import threading


class _Fuse:
    """Which point kills, and how many times it may be passed before."""

    name = ""
    left = 0
    lock = threading.Lock()


def arm(at: str) -> None:
    """Arm one point: ``name``, or ``name:3`` to be killed at the third pass. The empty text disarms."""
    name, _, times = at.partition(":")
    _Fuse.name, _Fuse.left = name, int(times) if times.isdecimal() else 1


def crashpoint(name: str) -> None:
    """Die here, at once and without a goodbye, if this point is armed."""
    if not name or name != _Fuse.name:
        return
    with _Fuse.lock:
        _Fuse.left -= 1
        if _Fuse.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
