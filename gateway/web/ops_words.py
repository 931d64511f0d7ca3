"""How the operator's pages say times, counts and codes. Pure; English, as the log is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.core.survey import SOME

TOPICS: Final[Mapping[str, str]] = {
    "sync": "Bring a task in step",
    "report": "Tell the CRM a task's state",
    "pull": "Look at our events in a calendar",
    "tell": "Tell the CRM how a connection stands",
    "subscribe": "Order or renew a calendar's notices",
    "unsubscribe": "Cancel a calendar's notices",
    "revoke": "Give access back to the provider",
    "switch_off": "Turn a task's switch off",
    "catch_up": "Ask a CRM what was missed",
}
STATUSES: Final[Mapping[str, tuple[str, str]]] = {
    "connected": ("good", "live"),
    "suspect": ("warn", "notices are being set up again"),
    "reauthorize": ("bad", "must sign in again"),
    "calendar_gone": ("bad", "the calendar is gone; another must be chosen"),
    "choosing_calendar": ("warn", "a calendar is still to be chosen"),
    "paused": ("warn", "paused"),
    "revoked": ("bad", "access was withdrawn"),
    "disconnected": ("", "disconnected"),
    "active": ("good", "active"),
    "removed": ("", "removed"),
}
STATES: Final[Mapping[str, tuple[str, str]]] = {
    "synced": ("good", "in step"),
    "pending": ("warn", "waiting"),
    "conflict": ("warn", "changed on both sides"),
    "error": ("bad", "not in step"),
    "off": ("", "off"),
}
REASONS: Final[Mapping[str, str]] = {
    "crm_unauthorised": "the CRM refuses our credentials",
    "operator": "by the operator",
    "restored_elsewhere": "this database belongs to another deployment",
    "unavailable": "the other side was unwell for 72 hours",
    "contended": "it kept changing under every try for 72 hours",
    "forbidden": "the other side does not let us at it",
    "refused": "the other side calls our request or value wrong",
    "unexpected": "it failed for a reason that nobody foresaw; see the log",
    "no_due_date": "without a due date",
    "owner_not_connected": "its owner has no calendar connected",
    "reauthorize": "its owner must sign in again",
    "calendar_gone": "its calendar is gone",
    "invalid_value": "a value that cannot be held",
    "paused": "paused",
    "held": "held for a yes",
}
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def length(took: timedelta | None) -> str:
    """A length in one or two units: ``340 ms``, ``1.2 s``, ``4 min 10 s``, ``2 d 3 h``."""
    if took is None:
        return "\N{EN DASH}"
    seconds = took.total_seconds()
    if seconds < 0.9995:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    left = round(seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts)


def from_now(at: datetime | None, now: datetime) -> str:
    """How long ago, or in how long, in the largest unit: ``3 min ago``, ``in 2 d``, ``never``."""
    if at is None:
        return "never"
    seconds = round((at - now).total_seconds())
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(seconds) >= size), (1, "s"))
    if abs(seconds) < 1:
        return "now"
    return f"in {seconds // size} {unit}" if seconds > 0 else f"{-seconds // size} {unit} ago"


def clock(at: datetime | None) -> str:
    """Date and time in UTC, to the second."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def count(number: int) -> str:
    """A number with its thousands apart; beyond where counting ends: so many and more."""
    return f"{SOME:,}+" if number >= SOME else f"{number:,}"


def reason(code: str | None) -> str:
    """A reason's words; an unknown one as it is, cut where it is long."""
    return REASONS.get(code or "", (code or "no reason given")[:200])


FILTERS: Final = {"length": length, "clock": clock, "counted": count, "reason": reason}
"""For the templates."""
