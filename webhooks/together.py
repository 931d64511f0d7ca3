"""Group commit: what several threads bring at the same time is done in one go.

Nobody waits for company: who comes while nothing is under way goes at once, alone; who comes meanwhile goes with all
who did so too, led by the first of them. Under load one transaction serves many, and an idle door is as fast as ever.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

MOST: Final = 32
"""How many go in one: beyond this, one more transaction costs each of them next to nothing."""


@dataclass(eq=False, slots=True)
class _Place(Generic[A, B]):
    """One thread's place in the row. ``turn``: it has its result, or is to lead, or is to go alone."""

    brought: A
    turn: threading.Event = field(default_factory=threading.Event)
    results: list[B] = field(default_factory=list)
    failure: BaseException | None = None
    leads: bool = False


class Together(Generic[A, B]):
    """``do`` is given what at most ``MOST`` threads brought and gives back a result for each; it may raise.

    A failure that ``all_alike`` says to be everybody's (the database is down) is raised to all of them; after any other
    each goes alone, so that nobody suffers from what another brought. Thread-safe; does not survive a fork.
    """

    def __init__(self, do: Callable[[Sequence[A]], Sequence[B]], all_alike: Callable[[BaseException], bool]) -> None:
        self._do = do
        self._all_alike = all_alike
        self._lock = threading.Lock()
        self._row: deque[_Place[A, B]] = deque()
        self._busy = False

    def __call__(self, brought: A) -> B:
        """The result for what this thread brings. Raises what ``do`` raises."""
        place = _Place[A, B](brought)
        with self._lock:
            self._row.append(place)
            place.leads, self._busy = not self._busy, True
        if not place.leads:
            place.turn.wait()
        if place.leads:
            self._lead()
        if place.failure is not None:
            raise place.failure
        return place.results[0] if place.results else self._do([brought])[0]

    def _lead(self) -> None:
        """Do it for all who are in the row (oneself is the first), then hand over to whoever came meanwhile."""
        with self._lock:
            group = [self._row.popleft() for _ in range(min(MOST, len(self._row)))]
        try:
            for place, result in zip(group, self._do([place.brought for place in group]), strict=True):
                place.results.append(result)
        except BaseException as failure:  # noqa: BLE001 - raised again, in the threads that it concerns
            if len(group) == 1 or self._all_alike(failure):
                for place in group:
                    place.failure = failure
        finally:
            self._hand_over()
            for place in group[1:]:
                place.turn.set()

    def _hand_over(self) -> None:
        with self._lock:
            self._busy = bool(self._row)
            if self._row:
                self._row[0].leads = True
                self._row[0].turn.set()
