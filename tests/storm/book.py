"""What each side said last: the book that the people keep while they edit."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Word:
    """One person's change of one field (``title``, ``due``) on one side (``crm``, ``calendar``); monotonic times.
    ``version``: of the task that was changed, where it is known."""

    side: str
    field: str
    value: Any
    began: float
    ended: float
    version: int = 0


@dataclass
class Page:
    """One task in one round. ``unsettled``: its event may have been replaced, so that what was said in the calendar may
    rightly be lost; ``ended``: its event was deleted by hand; ``switched``: its switch was used."""

    words: list[Word] = field(default_factory=list)
    unsettled: bool = False
    ended: bool = False
    switched: bool = False
    log: list[str] = field(default_factory=list)

    def said(self, side: str, name: str) -> list[Word]:
        """What a side said of a field, oldest first."""
        said = (word for word in self.words if (word.side, word.field) == (side, name))
        return sorted(said, key=lambda word: (word.version, word.ended))

    def last(self, side: str, name: str) -> list[Word]:
        """What may have been said last: where two spoke at the same time and no version tells, both."""
        said = self.said(side, name)
        if said and said[-1].version:
            return said[-1:]
        return [word for word in said if all(other.began <= word.ended for other in said)]


class Book:
    """One round's pages, and the counts of all rounds. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.pages: dict[str, Page] = {}
        self.counts: Counter[str] = Counter()

    def begin_round(self, tasks: list[str]) -> None:
        """Turn over a new leaf."""
        with self._lock:
            self.pages = {task: Page() for task in tasks}

    @contextmanager
    def page(self, task: str) -> Iterator[Page]:
        """One task's page, to be written in."""
        with self._lock:
            yield self.pages.setdefault(task, Page())

    def say(self, task: str, side: str, values: dict[str, Any], began: float, version: int = 0) -> None:
        """A person has changed these fields, and was told that it is so."""
        ended = time.monotonic()
        with self.page(task) as page:
            page.words += [Word(side, name, value, began, ended, version) for name, value in values.items()]

    def note(self, task: str, what: str) -> None:
        """A line for whoever has to understand a failure, and a count."""
        with self.page(task) as page:
            page.log.append(f"{time.strftime('%H:%M:%S')} {what}")
            self.counts[what.partition(":")[0]] += 1
