"""How long a change takes to reach the other side (B27): from our door's receipt to the other side's acceptance.

Times are kept in steps, each a fifth longer than the one before, so that a day of any traffic is a few hundred numbers
and a percentile is right to a tenth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

GROWTH: Final = 1.2
LAST_STEP: Final = 110
"""Step 110 begins at six days, later than work is given up."""

SLOT: Final = timedelta(minutes=10)
"""How finely a day is told."""


class Direction(StrEnum):
    """Which way a change went."""

    TO_CALENDAR = "to_calendar"
    TO_CRM = "to_crm"


@dataclass(frozen=True, slots=True)
class Slot:
    """Changes of one direction and provider accepted in the time from ``at``: how many by step."""

    at: datetime
    provider: str
    direction: Direction
    steps: Mapping[int, int]


class Reflections(Protocol):
    """Measured times, kept for all processes together."""

    def add(self, provider: str, direction: Direction, took: timedelta, at: datetime) -> None:
        """One change was accepted by the other side at ``at``."""

    def slots(self, since: datetime, width: timedelta) -> Sequence[Slot]:
        """What was measured since then, in slots of this width, oldest first."""

    def fold(self, before: datetime, width: timedelta, limit: int) -> int:
        """Make one row out of the many of a slot, for what is older than ``before``. Gives how many were folded."""

    def drop_old(self, before: datetime, limit: int) -> int:
        """Retention."""


def step_of(took: timedelta) -> int:
    """The step that a time falls into; below a millisecond and for a clock that went back: the first."""
    milliseconds = took.total_seconds() * 1000
    if milliseconds <= 1:
        return 0
    return min(LAST_STEP, math.ceil(math.log(milliseconds, GROWTH)))


def length_of(step: int) -> timedelta:
    """The time that stands for a step: its middle, on the scale of its logarithm."""
    return timedelta(milliseconds=GROWTH ** (step - 0.5) if step else 1)


def percentile(steps: Mapping[int, int], share: float) -> timedelta | None:
    """The time within which this share (0 to 1) of the changes was accepted; ``None`` where there was none."""
    wanted, seen = share * sum(steps.values()), 0
    for step, count in sorted(steps.items()):
        seen += count
        if seen >= wanted and count:
            return length_of(step)
    return None


def together(slots: Sequence[Slot]) -> dict[int, int]:
    """All steps of several slots."""
    steps: dict[int, int] = {}
    for slot in slots:
        for step, count in slot.steps.items():
            steps[step] = steps.get(step, 0) + count
    return steps
