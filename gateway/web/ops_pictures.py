"""Numbers for the operator's pictures: the plotted day and the subscriptions on their time line. No markup here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.core.reflecting import SLOT, Direction, Slot, percentile, together
from gateway.core.survey import SubscriptionGlance

DIRECTIONS: Final = {Direction.TO_CALENDAR: "CRM to calendar", Direction.TO_CRM: "Calendar to CRM"}
_WIDTH: Final = 1000
_LEAST_DAYS: Final = 1
_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Way:
    """One direction and provider over the last day. ``plot``: for the chart, JSON of seconds and milliseconds."""

    direction: Direction
    words: str
    provider: str
    count: int
    p50: timedelta | None
    p95: timedelta | None
    p99: timedelta | None
    plot: str


def ways(slots: Sequence[Slot], labels: Mapping[str, str], now: datetime) -> list[Way]:
    """All ways that changes went, and those of each provider in use even where none did."""
    known = dict.fromkeys((*labels, *(slot.provider for slot in slots)))
    return [
        _way([slot for slot in slots if (slot.direction, slot.provider) == way], *way, labels, now)
        for way in ((direction, provider) for direction in DIRECTIONS for provider in known)
    ]


def _way(slots: Sequence[Slot], direction: Direction, provider: str, labels: Mapping[str, str], now: datetime) -> Way:
    steps = together(slots)
    return Way(
        direction,
        DIRECTIONS[direction],
        labels.get(provider, provider),
        sum(steps.values()),
        percentile(steps, 0.5),
        percentile(steps, 0.95),
        percentile(steps, 0.99),
        json.dumps(_plot(slots, now)),
    )


def _plot(slots: Sequence[Slot], now: datetime) -> list[list[Any]]:
    """Times, p50s and p95s for every slot of the day; where nothing happened there is a gap."""
    width = SLOT.total_seconds()
    last = int(now.timestamp() // width)
    by_time = {int(slot.at.timestamp() // width): slot for slot in slots}
    times = range(last - round(_A_DAY / SLOT) + 1, last + 1)
    return [
        [int(one * width) for one in times],
        *(
            [_milliseconds(percentile(by_time[one].steps, share)) if one in by_time else None for one in times]
            for share in (0.5, 0.95)
        ),
    ]


def _milliseconds(took: timedelta | None) -> int | None:
    return None if took is None else round(took.total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Bar:
    """One subscription on the time line. Places in thousandths of the width."""

    subscription: SubscriptionGlance
    begin: int
    renew: int | None
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class TimeLine:
    """From now to the last end shown. ``ticks``: place and words."""

    bars: Sequence[Bar]
    ticks: Sequence[tuple[int, str]]


def time_line(subscriptions: Sequence[SubscriptionGlance], now: datetime, most: int = 12) -> TimeLine:
    """The first to end, suspect ones before all others."""
    chosen = sorted(subscriptions, key=lambda one: (not one.is_suspect, one.expires_at))[:most]
    chosen.sort(key=lambda one: one.expires_at)
    last = max((one.expires_at - now for one in chosen), default=_A_DAY)
    days = max(_LEAST_DAYS, -(-last // _A_DAY))
    whole = days * _A_DAY

    def place(at: datetime) -> int:
        return max(0, min(_WIDTH, round((at - now) / whole * _WIDTH)))

    bars = [
        Bar(one, 0, place(one.renew_at) if one.renew_at is not None else None, place(one.expires_at), _kind(one, now))
        for one in chosen
    ]
    every = max(1, -(-days // 6))
    ticks = [(round(day / days * _WIDTH), "now" if day == 0 else f"{day} d") for day in range(0, days + 1, every)]
    return TimeLine(bars, ticks)


def _kind(one: SubscriptionGlance, now: datetime) -> str:
    if one.is_suspect or one.expires_at <= now:
        return "bad"
    overdue = one.renew_at is not None and one.renew_at < now - timedelta(minutes=5)
    return "warn" if overdue or one.verified_at is None else "good"
