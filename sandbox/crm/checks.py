"""What the stand-in CRM accepts, field by field; everything else is an error that names the field.

The gateway is held to the contract to the letter. Persons may write what real people write (an empty title, a year
far away), because the gateway has to cope with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sandbox.crm.model import Due
from sandbox.crm.problems import FieldError

STATUSES = ("open", "completed", "canceled")
PRIORITIES = ("none", "low", "normal", "high", "urgent")
CAUSES = ("deleted", "archived", "out_of_reach")
TITLE_LIMIT = 255
DESCRIPTION_LIMIT = 8 * 1024
MINUTES_LIMIT = 24 * 60
_DUE_KEYS = frozenset({"date", "date_time", "time_zone"})
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# RFC 3339, section 5.6: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?(?P<offset>[Zz]|[+-]\d{2}:\d{2})?")


class Invalid(ValueError):
    """A value cannot be used; `errors` name every field at fault."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(", ".join(f"{error.field}: {error.code}" for error in errors))
        self.errors = errors


def invalid(name: str, code: str) -> Invalid:
    """One field at fault."""
    return Invalid(FieldError(name, code))


def text(value: object, name: str, limit: int) -> str:
    """A string of at most `limit` UTF-8 bytes."""
    if not isinstance(value, str):
        raise invalid(name, "must_be_string")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise invalid(name, "not_unicode") from error
    if size > limit:
        raise invalid(name, "too_long")
    return value


def title(value: object, strict: bool) -> str:
    """A title of at most 255 characters; `strict` (the gateway) also means not empty and plain."""
    found = text(value, "title", TITLE_LIMIT * 4)
    if len(found) > TITLE_LIMIT:
        raise invalid("title", "too_long")
    if strict and not found.strip():
        raise invalid("title", "empty")
    if strict and any(unicodedata.category(char) == "Cc" for char in found):
        raise invalid("title", "not_plain")
    return found


def one_of(value: object, name: str, allowed: tuple[str, ...]) -> str:
    """One of the words in `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise invalid(name, "unknown_value")
    return value


def flag(value: object, name: str) -> bool:
    """True or false, nothing else."""
    if not isinstance(value, bool):
        raise invalid(name, "must_be_boolean")
    return value


def minutes(value: object, name: str = "duration_minutes") -> int | None:
    """A length in whole minutes, 1 to 1440, or None for the installation's default."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MINUTES_LIMIT:
        raise invalid(name, "must_be_minutes")
    return value


def instant(value: object, name: str) -> datetime:
    """An RFC 3339 moment with an offset, as aware UTC; a naive time is refused as such."""
    found = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise invalid(name, "not_rfc3339")
    if found["offset"] is None:
        raise invalid(name, "naive_time")
    try:
        return datetime.fromisoformat(found[0].upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(name, "not_rfc3339") from error


def zone(value: object, name: str) -> str | None:
    """An IANA time zone name, or None."""
    if value is None:
        return None
    try:
        ZoneInfo(text(value, name, 255))
    except (LookupError, ValueError, OSError) as error:
        raise invalid(name, "unknown_time_zone") from error
    return str(value)


def due(value: object, name: str = "due") -> Due | None:
    """A due date: null, `{"date"}` or `{"date_time", "time_zone"?}`."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise invalid(name, "must_be_object")
    known(value, _DUE_KEYS, f"{name}.")
    given = {key: part for key, part in value.items() if part is not None}
    if ("date" in given) == ("date_time" in given):
        raise invalid(name, "date_or_date_time")
    if "date_time" in given:
        moment = instant(given["date_time"], f"{name}.date_time")
        return Due(instant=moment, time_zone=zone(given.get("time_zone"), f"{name}.time_zone"))
    if "time_zone" in given:
        raise invalid(f"{name}.time_zone", "without_date_time")
    return Due(day=_day(given["date"], f"{name}.date"))


def known(value: Mapping[str, Any], allowed: frozenset[str] | set[str], prefix: str = "") -> None:
    """Refuse every key outside `allowed`, all of them in one go."""
    unknown = [FieldError(f"{prefix}{key}", "unknown_field") for key in value if key not in allowed]
    if unknown:
        raise Invalid(*unknown)


def address(value: object, name: str) -> str | None:
    """An absolute web address, or None."""
    if value is None:
        return None
    parts = urlsplit(text(value, name, 2048))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise invalid(name, "not_absolute_url")
    return str(value)


def all_of(*checks: Callable[[], object]) -> None:
    """Run every check and raise once, with all that is wrong."""
    errors: list[FieldError] = []
    for check in checks:
        try:
            check()
        except Invalid as error:
            errors.extend(error.errors)
    if errors:
        raise Invalid(*errors)


def _day(value: object, name: str) -> date:
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise invalid(name, "not_a_date")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise invalid(name, "not_a_date") from error
