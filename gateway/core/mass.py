"""When a calendar's change is a mass change, which looks more like an accident than like a person's wish (B24)."""

from __future__ import annotations

from datetime import UTC, datetime, time

from gateway.core.model import Day, Event, Moment

FEW = 10
"""So many at once are nobody's accident, however small the calendar."""


def is_mass(doubted: int, all_of_them: int) -> bool:
    """Whether so many events gone or moved at once, out of all that we have in that calendar, are to be held."""
    return doubted > FEW and 2 * doubted > all_of_them


def ends_at(event: Event) -> datetime | None:
    """When the event is over, whole days by UTC; ``None``: a series, or later than a date can say."""
    if event.recurring:
        return None
    try:
        match event.start:
            case Moment(at=at):
                return at + event.length
            case Day(date=day):
                return datetime.combine(day, time(), UTC) + event.length
    except OverflowError:
        return None


def has_moved(event: Event, known_end: datetime | None) -> bool:
    """Whether an event just listed ends at another time than the one we know: moved, or made longer."""
    return known_end is not None and ends_at(event) != known_end
