"""Waiting for what another thread or process does: until it is so, with an end; never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable

_STEP_SECONDS = 0.01


def until(is_so: Callable[[], bool], seconds: float = 10, say: Callable[[], str] = lambda: "") -> None:
    """Return as soon as it is so; fail after so many seconds, with what ``say`` knows."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {say()}"
        time.sleep(_STEP_SECONDS)
