"""JSON from strangers: bytes to plain values, defensively, and values to types with the path of what is wrong.

``json.loads`` alone accepts what no database stores (``NaN``, NUL, lone surrogates), lets the last of two equal keys
win and dies of deep nesting. Everything here answers bad input with ``NotReadable``, which names the field and the
way out, and never with another error. Pure: knows no CRM, no clock.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from typing import Any, Final, NoReturn

from gateway.core.errors import NotReadable
from gateway.core.model import Day, Moment

DEPTH_LIMIT: Final = 64
"""Levels of lists and objects within each other."""

ID_LIMIT: Final = 255
WHOLE_LIMIT: Final = 2**63 - 1
"""The largest whole number: what a database column of eight bytes holds."""

_NUMBER_LIMIT: Final = 32
_BODY: Final = "body"
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC, microsecond=0)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# RFC 3339, section 5.6 (https://www.rfc-editor.org/rfc/rfc3339#section-5.6); the offset apart, to name it if missing.
_DATE_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(.*)", re.DOTALL)
_OFFSET = re.compile(r"[Zz]|[+-][0-9]{2}:[0-9]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNREADABLE_BYTES = {
    b"\xff\xfe": "send UTF-8, not UTF-16",
    b"\xfe\xff": "send UTF-8, not UTF-16",
    b"\xef\xbb": "send UTF-8 without a byte order mark",
}


# --- bytes to values ------------------------------------------------------------------------------------------------


def read_json(raw: bytes) -> Any:
    """The value in ``raw``, which must be strict JSON in UTF-8: finite numbers, no key twice, at most 64 levels."""
    try:
        value = _DECODER.decode(_utf8(raw))
    except RecursionError as error:
        raise NotReadable(_BODY, f"nest at most {DEPTH_LIMIT} levels deep") from error
    except ValueError as error:
        raise NotReadable(_BODY, "send valid JSON") from error
    if raw.count(b"[") + raw.count(b"{") > DEPTH_LIMIT:
        _check_depth(value)
    return value


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in ``raw``."""
    value = read_json(raw)
    if not isinstance(value, dict):
        raise NotReadable(_BODY, "send a JSON object")
    return value


def _utf8(raw: bytes) -> str:
    if raw[:2] in _UNREADABLE_BYTES:
        raise NotReadable(_BODY, _UNREADABLE_BYTES[raw[:2]])
    if b"\x00" in raw[:4]:
        # UTF-16 or UTF-32 without a mark; in UTF-8 no JSON text holds this byte.
        raise NotReadable(_BODY, "send UTF-8, not UTF-16")
    if not raw:
        raise NotReadable(_BODY, "send a JSON object, the body is empty")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotReadable(_BODY, "send UTF-8") from error


def _refuse_constant(_name: str) -> NoReturn:
    raise NotReadable(_BODY, "NaN and Infinity are not JSON")


def _whole(text: str) -> int:
    if len(text) > _NUMBER_LIMIT:
        raise NotReadable(_BODY, f"write numbers with at most {_NUMBER_LIMIT} characters")
    return int(text)


def _fraction(text: str) -> float:
    value = float(text) if len(text) <= _NUMBER_LIMIT else math.inf
    if math.isinf(value):
        raise NotReadable(_BODY, f"write finite numbers with at most {_NUMBER_LIMIT} characters")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise NotReadable(shown(twice), "send this key once, not twice")
    return found


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_int=_whole, parse_float=_fraction, object_pairs_hook=_object
)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise NotReadable(_BODY, f"nest at most {DEPTH_LIMIT} levels deep")


def shown(text: str, limit: int = 60) -> str:
    """A stranger's word, fit for a hint or a log: printable ASCII, short."""
    return _CONTROL.sub("?", text[:limit].encode("ascii", "backslashreplace").decode("ascii"))[:limit]


# --- values to types ------------------------------------------------------------------------------------------------


def an_object(value: Any, path: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise NotReadable(path, "send an object" if value is not None else "this is required: send an object")
    return value


def a_text(value: Any, path: str, limit: int | None = None) -> str:
    """A text that a database can store, of at most ``limit`` characters. Line ends and tabs are fine."""
    if not isinstance(value, str):
        raise NotReadable(path, "send a text" if value is not None else "this is required: send a text")
    if "\x00" in value:
        raise NotReadable(path, "remove the NUL character")
    if not value.isascii() and _has_lone_surrogate(value):
        raise NotReadable(path, "remove the lone surrogate: half of a character cannot be stored")
    if limit is not None and len(value) > limit:
        raise NotReadable(path, f"send at most {limit} characters")
    return value


def an_id(value: Any, path: str) -> str:
    """An opaque id: 1 to 255 characters without control characters. Not ``.`` or ``..``, which no URL can carry."""
    text = a_text(value, path, ID_LIMIT)
    if not text or text in (".", "..") or _CONTROL.search(text):
        raise NotReadable(path, "send an id of 1 to 255 printable characters")
    return text


def a_flag(value: Any, path: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise NotReadable(path, "send true or false")
    return value


def a_whole(value: Any, path: str, least: int = 0, most: int = WHOLE_LIMIT) -> int:
    """A whole number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise NotReadable(path, f"send a whole number from {least} to {most}")
    return value


def a_word(value: Any, path: str, words: Mapping[str, Any]) -> Any:
    """What one of the known words stands for."""
    if not isinstance(value, str) or value not in words:
        raise NotReadable(path, "send one of " + ", ".join(words))
    return words[value]


def a_day(value: Any, path: str) -> Day:
    """A date, ``YYYY-MM-DD``."""
    hint = "send a date that exists, as YYYY-MM-DD"
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise NotReadable(path, hint)
    try:
        return Day(date.fromisoformat(value))
    except ValueError as error:
        raise NotReadable(path, hint) from error


def an_instant(value: Any, path: str) -> datetime:
    """An RFC 3339 time with an offset, as aware UTC in microseconds.

    A naive time is refused: it could mean any of forty instants. Where an offset leads out of the years 1 to 9999, the
    first or last instant there is takes its place; both are far from every due date we accept.
    """
    parts = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise NotReadable(path, "send a time such as 2026-12-02T08:00:00Z")
    day, clock, fraction, offset = parts.groups()
    if not offset:
        raise NotReadable(path, "give an offset such as Z or +01:00")
    if _OFFSET.fullmatch(offset) is None:
        raise NotReadable(path, "give an offset as Z or in the form +01:00")
    if clock >= "24":  # Newer Pythons read 24:00 as the next day.
        raise NotReadable(path, "send a time that exists, hours from 00 to 23")
    try:
        at = datetime.fromisoformat(f"{day}T{clock}{(fraction or '')[:7]}{offset.upper()}")
    except ValueError as error:
        raise NotReadable(path, "send a time that exists, hours from 00 to 23") from error
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return _EARLIEST if at.year == 1 else _LATEST


def a_moment(value: Any, path: str, zone: str | None = None) -> Moment:
    """An RFC 3339 time with an offset, in whole seconds, shown in ``zone``."""
    return Moment(an_instant(value, path), zone)


def a_zone(value: Any, path: str) -> str:
    """The name of an IANA time zone."""
    if not isinstance(value, str) or not is_zone(value):
        raise NotReadable(path, "send an IANA time zone such as Europe/Berlin, or leave it out")
    return value


def is_zone(name: str) -> bool:
    """Whether this names a zone of the pinned zone data."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("ascii").split())


def _has_lone_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
