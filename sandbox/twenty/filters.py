"""The part of Twenty's list language that is served: `field[op]:value` parts joined by commas, sorting, cursors.

Source: https://docs.twenty.com/developers/extend/api (filter, order_by, limit, starting_after).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sandbox.twenty.fields import instant, require_uuid
from sandbox.twenty.model import Record
from sandbox.twenty.problems import bad

PAGE_LIMIT = 60
_PART = re.compile(r"(?P<field>\w+)\[(?P<op>\w+)\]:(?P<value>.*)", re.DOTALL)
_ORDERS = ("updatedAt[AscNullsFirst]", "updatedAt[AscNullsLast]", "updatedAt")

Wanted = Callable[[Record], bool]


def wanted(text: str) -> Wanted:
    """The test that a filter stands for; without one every task passes. Raises Problem."""
    tests = [_test(part) for part in _parts(text)]
    return lambda record: all(test(record) for test in tests)


def limit_of(text: str | None) -> int:
    """How many at most. Raises Problem."""
    if text is None:
        return PAGE_LIMIT
    if not text.isdigit() or not 1 <= int(text) <= PAGE_LIMIT:
        raise bad(f"limit '{text}' is invalid. Should be an integer from 1 to {PAGE_LIMIT}")
    return int(text)


def require_order(text: str | None) -> None:
    """Only the one order that a sweep needs is served; without one it is the same."""
    if text is not None and text not in _ORDERS:
        raise bad(f"order_by '{text}' is not served by this stand-in")


def cursor_of(record: Record) -> str:
    """Where a page ended: opaque to callers."""
    said = json.dumps({"updatedAt": record.updated_at.isoformat(), "id": record.id})
    return base64.b64encode(said.encode()).decode()


def after(records: Sequence[Record], cursor: str | None) -> list[Record]:
    """Those behind a cursor. Raises Problem."""
    if cursor is None:
        return list(records)
    try:
        said = json.loads(base64.b64decode(cursor, validate=True))
        place = (datetime.fromisoformat(said["updatedAt"]), said["id"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise bad(f"Invalid cursor: {cursor}") from None
    return [record for record in records if (record.updated_at, record.id) > place]


def _parts(text: str) -> list[str]:
    """Split at the commas that stand outside of lists and quotes."""
    parts, depth, quoted, part = [], 0, False, ""
    for char in text:
        quoted ^= char == '"'
        depth += (char == "[") - (char == "]") if not quoted else 0
        if char == "," and depth == 0 and not quoted:
            parts.append(part)
            part = ""
        else:
            part += char
    return [one for one in [*parts, part] if one]


def _test(part: str) -> Wanted:
    found = _PART.fullmatch(part)
    if found is None:
        raise bad(f"'filter' invalid for '{part}'")
    name, op, value = found["field"], found["op"], _value(found["value"])
    if name == "updatedAt" and op in ("gte", "gt"):
        at = instant(name, value)
        return (lambda r: r.updated_at >= at) if op == "gte" else (lambda r: r.updated_at > at)
    if name == "id" and op == "in" and isinstance(value, list):
        ids = {require_uuid(one) for one in value}
        return lambda r: r.id in ids
    if op == "eq":
        return lambda r: r.shown().get(name) == value
    raise bad(f"'filter' operation '{name}[{op}]' is not served by this stand-in")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise bad(f"'filter' value '{text}' is not readable") from None
