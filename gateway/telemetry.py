"""Logs: one JSON object a line, redacted in the one place all lines pass.

What a line may hold beside its message are the fields of ``FIELDS``, given as ``extra`` or set for a while by
:func:`fields`; others are dropped, so that no text of a task slips in by a new name.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TextIO

from gateway.redaction import Redactor

FIELDS: Final = frozenset((
    "request", "delivery", "installation", "user", "link", "task", "event", "connection", "subscription", "provider",
    "adapter", "mailbox", "lane", "topic", "key", "attempt", "attempts", "lease", "reason", "field", "status",
    "method", "path", "ms", "bytes", "count", "outcome", "version",
))
"""Ids, codes and numbers; never a text that a person has written."""

SPARE_SECONDS: Final = 10.0
_SERIES_LIMIT: Final = 2_000
# RQ tells of every job it takes, and names itself as its own authority on levels.
_TALKATIVE: Final = ("rq.worker", "rq.queue", "rq.job", "rq.registry", "rq.execution", "urllib3", "googleapiclient")
_REPETITIVE: Final = ("rq.worker", "workers", "workers.queue", "workers.pool", "workers.jobs", "workers.clock")

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_around: ContextVar[Mapping[str, Any]] = ContextVar("log_fields", default=_NONE)


@contextmanager
def fields(**more: Any) -> Iterator[None]:
    """Put these fields on every line that is logged within, in this thread."""
    token = _around.set({**_around.get(), **more})
    try:
        yield
    finally:
        _around.reset(token)


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time (UTC), level, logger, message, the allowed fields, the exception."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The line. JSON's own escapes keep line breaks of a message inside it."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {"at": at, "level": record.levelname, "logger": record.name}
        line["message"] = _said(record)
        line |= {name: value for name, value in {**_around.get(), **record.__dict__}.items() if name in FIELDS}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(self._redactor.value(line))


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} (with arguments that do not fit)"


class Sparingly(logging.Filter):
    """Lets the same message through once in a while, so that an outage of an hour is no gigabyte of log."""

    def __init__(self, seconds: float = SPARE_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._now = now
        self._last: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one is told. Below a warning everything is."""
        if record.levelno < logging.WARNING:
            return True
        key, now = (record.name, str(record.msg)[:100]), self._now()
        with self._lock:
            if now - self._last.get(key, -self._seconds) < self._seconds:
                return False
            if len(self._last) > _SERIES_LIMIT:
                self._last.clear()
            self._last[key] = now
            return True


def begin(level: str, secrets: tuple[str, ...], stream: TextIO | None = None) -> None:
    """Send all logging of this process through one handler to ``stream`` (standard output); replaces what was set up.

    ``secrets``: values that are taken out wherever they turn up.
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines(Redactor(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _REPETITIVE:
        logger = logging.getLogger(name)
        logger.filters[:] = [Sparingly()]


class NullMeter:
    """The meter that does not."""

    def count(self, name: str, **labels: str) -> None:
        """Nobody counts."""
