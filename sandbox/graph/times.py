"""Points in time as Graph reads and writes them, and the time zone names it knows.

https://learn.microsoft.com/graph/api/resources/datetimetimezone: ``dateTime`` has no offset, its zone stands beside
it under a Windows name or one of the IANA names on a short list (Europe/Madrid is not on it).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

WINDOWS: Final = {
    "UTC": "Etc/UTC",
    "Dateline Standard Time": "Etc/GMT+12",
    "Hawaiian Standard Time": "Pacific/Honolulu",
    "Alaskan Standard Time": "America/Anchorage",
    "Pacific Standard Time": "America/Los_Angeles",
    "US Mountain Standard Time": "America/Phoenix",
    "Mountain Standard Time": "America/Denver",
    "Central Standard Time": "America/Chicago",
    "Central Standard Time (Mexico)": "America/Mexico_City",
    "Canada Central Standard Time": "America/Regina",
    "SA Pacific Standard Time": "America/Bogota",
    "Eastern Standard Time": "America/New_York",
    "Atlantic Standard Time": "America/Halifax",
    "Newfoundland Standard Time": "America/St_Johns",
    "E. South America Standard Time": "America/Sao_Paulo",
    "Argentina Standard Time": "America/Argentina/Buenos_Aires",
    "Azores Standard Time": "Atlantic/Azores",
    "GMT Standard Time": "Europe/London",
    "Greenwich Standard Time": "Atlantic/Reykjavik",
    "W. Europe Standard Time": "Europe/Berlin",
    "Central Europe Standard Time": "Europe/Budapest",
    "Romance Standard Time": "Europe/Paris",
    "Central European Standard Time": "Europe/Warsaw",
    "W. Central Africa Standard Time": "Africa/Lagos",
    "GTB Standard Time": "Europe/Bucharest",
    "FLE Standard Time": "Europe/Kiev",
    "Egypt Standard Time": "Africa/Cairo",
    "South Africa Standard Time": "Africa/Johannesburg",
    "Israel Standard Time": "Asia/Jerusalem",
    "Turkey Standard Time": "Europe/Istanbul",
    "Russian Standard Time": "Europe/Moscow",
    "Arab Standard Time": "Asia/Riyadh",
    "E. Africa Standard Time": "Africa/Nairobi",
    "Iran Standard Time": "Asia/Tehran",
    "Arabian Standard Time": "Asia/Dubai",
    "Pakistan Standard Time": "Asia/Karachi",
    "India Standard Time": "Asia/Kolkata",
    "Nepal Standard Time": "Asia/Kathmandu",
    "SE Asia Standard Time": "Asia/Bangkok",
    "China Standard Time": "Asia/Shanghai",
    "Singapore Standard Time": "Asia/Singapore",
    "W. Australia Standard Time": "Australia/Perth",
    "Tokyo Standard Time": "Asia/Tokyo",
    "Korea Standard Time": "Asia/Seoul",
    "Cen. Australia Standard Time": "Australia/Adelaide",
    "E. Australia Standard Time": "Australia/Brisbane",
    "AUS Eastern Standard Time": "Australia/Sydney",
    "New Zealand Standard Time": "Pacific/Auckland",
    "Tonga Standard Time": "Pacific/Tongatapu",
    "Line Islands Standard Time": "Pacific/Kiritimati",
}
WINDOWS_UTC: Final = ZoneInfo("Etc/UTC")
_LISTED: Final = frozenset(WINDOWS.values()) | {"Etc/GMT", "Etc/GMT-12", "Etc/GMT+11", "Etc/GMT+2"}


def zone_named(name: str) -> ZoneInfo | None:
    """The zone behind a Windows name or a listed IANA name; ``None`` for any other."""
    known = WINDOWS.get(name, name)
    return ZoneInfo(known) if known in _LISTED else None


def read(text: str, zone: ZoneInfo) -> datetime:
    """The instant, aware, in UTC, that a ``dateTime`` names in ``zone``. Raises ValueError when it is none."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def local(moment: datetime, zone: ZoneInfo) -> str:
    """A ``dateTime`` as Graph writes it: in ``zone``, seven decimals, no offset."""
    return seven(moment.astimezone(zone).replace(tzinfo=None))


def midnight(day: date) -> str:
    """The ``dateTime`` of an all-day bound: midnight, whatever zone was asked for.

    https://github.com/microsoftgraph/microsoft-graph-docs/issues/1802
    """
    return seven(datetime.combine(day, time.min))


def seven(moment: datetime) -> str:
    """ISO text with seven decimals, as .NET writes it; an offset follows if the moment has one."""
    stamp = moment.isoformat(timespec="microseconds")
    return f"{stamp[:26]}0{stamp[26:]}"


def stamp(moment: datetime) -> str:
    """An aware moment in UTC with seven decimals and ``Z``."""
    return seven(moment.astimezone(UTC).replace(tzinfo=None)) + "Z"


def read_stamp(text: str) -> datetime:
    """An aware moment from RFC 3339 text. Raises ValueError when it is none, or has no offset."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an offset is missing")
    return found.astimezone(UTC)
