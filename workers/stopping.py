"""Stopping when asked. SIGTERM and SIGINT are blocked in all threads and waited for in one place.

No handler runs in between other code, so a second signal, or one that comes while the process is still starting,
changes nothing: it is found waiting.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


def block() -> None:
    """From now on the signals wait, here and in every thread started later. Call it first."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def wait() -> None:
    """Return when one of them has come."""
    signal.sigwait(SIGNALS)


def leave(code: int) -> NoReturn:
    """End with this exit code at once, whatever other threads are doing: the database takes back what they held."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
