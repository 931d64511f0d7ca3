"""Series: when the instances of a recurring event start, and the ids they have.

Rules are RFC 5545's (https://developers.google.com/workspace/calendar/api/concepts/events-calendars#recurring_events);
they are expanded in the zone of the series, so that nine o'clock stays nine o'clock across a change of clocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # the library ships no types

from sandbox.google import errors, times
from sandbox.google.model import When

MAX_INSTANCES: Final = 730
"""A series without an end is expanded this far from its first instance; the real limit is not published."""
_LINE: Final = re.compile(r"(RRULE|EXRULE|RDATE|EXDATE)((?:;[^:]*)?):(.+)")
_UNTIL: Final = re.compile(r"UNTIL=([0-9TZ]+)")
_INSTANCE: Final = re.compile(r"(.+)_(\d{8}(?:T\d{6}Z)?)")


def check(lines: Sequence[str], when: When) -> None:
    """Raises 400 unless every line is a rule that can be expanded; DTSTART and DTEND lines are not allowed."""
    try:
        next(starts(lines, when), None)
    except (ValueError, TypeError, AttributeError) as error:
        raise errors.invalid("Invalid recurrence rule.") from error


def starts(lines: Sequence[str], when: When) -> Iterator[date | datetime]:
    """The starts of the instances in order, as ``when.start`` is: dates, or instants in UTC."""
    zone = _zone(when)
    for local in islice(_rules(tuple(lines), when), MAX_INSTANCES):
        yield local.date() if when.all_day else local.replace(tzinfo=zone).astimezone(UTC)


def shifted(when: When, start: date | datetime) -> When:
    """The span of the instance that begins at ``start``."""
    if isinstance(start, datetime) and isinstance(when.start, datetime) and isinstance(when.end, datetime):
        return When(start, start + (when.end - when.start), when.start_zone, when.end_zone)
    days = when.end.toordinal() - when.start.toordinal()
    return When(start, start + timedelta(days=days))


def instance_id(series: str, start: date | datetime) -> str:
    """The id of the instance that begins at ``start`` by the rule: the series' id and that moment."""
    text = start.strftime("%Y%m%dT%H%M%SZ") if isinstance(start, datetime) else start.strftime("%Y%m%d")
    return f"{series}_{text}"


def split_id(event_id: str) -> tuple[str, date | datetime] | None:
    """The series' id and the original start that an instance's id names; ``None`` if it is no such id."""
    found = _INSTANCE.fullmatch(event_id)
    if not found:
        return None
    try:
        text = found[2]
        if "T" in text:
            return found[1], datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return found[1], date.fromisoformat(text)
    except ValueError:
        return None


def _zone(when: When) -> ZoneInfo:
    return times.zone_named(when.start_zone or "UTC") or ZoneInfo("UTC")


@lru_cache(maxsize=256)
def _rules(lines: tuple[str, ...], when: When) -> Any:
    zone = _zone(when)
    first = when.start_at(zone).astimezone(zone).replace(tzinfo=None)
    return rrulestr("\n".join(_localised(line, zone) for line in lines), dtstart=first, forceset=True, cache=True)


def _localised(line: str, zone: ZoneInfo) -> str:
    """The line with every moment as wall time of ``zone`` and without parameters: what the expander takes."""
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError("not a recurrence line")
    kind, params, value = found.groups()
    if kind in ("RRULE", "EXRULE"):
        return f"{kind}:{_UNTIL.sub(lambda until: 'UNTIL=' + _wall(until[1], zone, zone), value)}"
    given = re.search(r"TZID=([^;]+)", params)
    source = times.zone_named(given[1]) if given else zone
    if source is None:
        raise ValueError("unknown zone")
    return f"{kind}:{','.join(_wall(one, source, zone) for one in value.split(','))}"


def _wall(text: str, source: ZoneInfo, zone: ZoneInfo) -> str:
    if "T" not in text:
        return f"{date.fromisoformat(text):%Y%m%d}T000000"
    if text.endswith("Z"):
        at = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    else:
        at = datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=source)
    return at.astimezone(zone).strftime("%Y%m%dT%H%M%S")
