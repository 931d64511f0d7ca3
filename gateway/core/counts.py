"""Sums of what was counted, kept for all processes together, and their port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, order=True, slots=True)
class Series:
    """One thing that is counted. ``labels``: sorted, so that the same are equal."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()


class Counts(Protocol):
    """The sums. They only grow."""

    def add(self, more: Mapping[Series, int]) -> None:
        """Add these."""

    def all(self) -> Mapping[Series, int]:
        """Everything that was ever counted."""
