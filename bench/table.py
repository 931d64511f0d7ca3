"""Figures, and how they are shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Row:
    """One line: what was measured, beside its baseline. ``values`` and ``base``: figures by their column's name.

    ``target``: in words; ``met``: ``None`` where none was set.
    """

    part: str
    name: str
    unit: str
    values: Mapping[str, float]
    base: Mapping[str, float] = field(default_factory=dict)
    target: str = ""
    met: bool | None = None

    def shown(self) -> dict[str, object]:
        """As JSON has it."""
        return asdict(self)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile in milliseconds (nearest rank), and how many there were."""
    if not seconds:
        return {"n": 0}
    ordered = sorted(seconds)

    def rank(share: float) -> float:
        return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000, 1)

    return {"n": len(ordered), "p50": rank(0.5), "p95": rank(0.95), "p99": rank(0.99)}


def median(values: Sequence[float]) -> float:
    """The middle one, the lower of two."""
    return sorted(values)[(len(values) - 1) // 2]


def render(rows: Sequence[Row]) -> str:
    """All rows as one table of text."""
    head = ("part", "what", "measured", "baseline", "target", "")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join([shown[0], "-" * max(map(len, shown)), *shown[1:]])


def _cells(row: Row) -> tuple[str, str, str, str, str, str]:
    met = {True: "met", False: "MISSED", None: ""}[row.met]
    return row.part, row.name, _figures(row.values, row.unit), _figures(row.base, row.unit), row.target, met


def _figures(values: Mapping[str, float], unit: str) -> str:
    told = [f"{name} {value:g}" if name != "" else f"{value:g}" for name, value in values.items()]
    return f"{' / '.join(told)} {unit}" if told else "-"
