"""Times as RFC 3339 has them, and zones by their IANA names. All instants are aware and in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)?")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def parse_stamp(text: str, zone: ZoneInfo | None = None) -> datetime | None:
    """The instant in UTC, whole seconds (parts of a second are dropped); ``zone`` is for a text without an offset.

    ``None`` when the text is not RFC 3339; a text without an offset and no ``zone`` gives a naive value.
    """
    found = _STAMP.fullmatch(text)
    if not found:
        return None
    day, clock, offset = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock}{(offset or '').upper()}")
        if at.tzinfo is None:
            if zone is None:
                return at
            at = at.replace(tzinfo=zone)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_date(text: str) -> date | None:
    """The date, or ``None`` when the text is not one."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def stamp(at: datetime, zone: ZoneInfo | None = None) -> str:
    """Whole seconds with the offset of ``zone`` (``Z`` for none), as ``start.dateTime`` comes back."""
    text = at.astimezone(zone or UTC).isoformat(timespec="seconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def stamp_ms(at: datetime) -> str:
    """Milliseconds and ``Z``, as ``updated`` comes."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which ``day`` begins in ``zone``."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone, or ``None`` when IANA has no such name."""
    return ZoneInfo(name) if name in _known_zones() else None


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())
