"""Query options and preferences of a request: ``$select``, ``$expand``, paging, and the ``Prefer`` header.

https://learn.microsoft.com/graph/query-parameters, https://learn.microsoft.com/graph/paging and
https://learn.microsoft.com/graph/api/event-get (``Prefer``)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from sandbox.graph import errors, times
from sandbox.graph.content import normal_id
from sandbox.graph.schema import Complex

_KNOWN: Final = frozenset({"$select", "$expand", "$filter", "$top", "$skip", "$orderby", "$count"})
DEFAULT_PAGE, LONGEST_PAGE = 10, 1000
_PREFERENCE: Final = re.compile(r"""([A-Za-z.\-]+)\s*=\s*(?:"([^"]*)"|([^\s,;"]+))""")
_EXPAND: Final = re.compile(r"singleValueExtendedProperties\(\s*\$filter\s*=\s*(.+)\)", re.DOTALL)
_ID_IS: Final = re.compile(r"\s*\(?\s*id eq '((?:[^']|'')+)'\s*\)?\s*")
_NAVIGATION: Final = "singleValueExtendedProperties"
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the ``Prefer`` header asks for; ``zone_name`` None: nothing was said. ``page``: items in one answer."""

    immutable: bool = False
    zone_name: str | None = None
    text_body: bool = False
    page: int | None = None
    applied: str = ""


def preferences(header: str) -> Preferences:
    """The preferences of a request; unknown ones are ignored. Raises 400 for a time zone that is not known."""
    found = {name.lower(): quoted or plain for name, quoted, plain in _PREFERENCE.findall(header)}
    zone_name = found.get("outlook.timezone")
    if zone_name is not None and times.zone_named(zone_name) is None:
        raise errors.bad_zone(zone_name)
    page = found.get("odata.maxpagesize", "")
    immutable = found.get("idtype") == "ImmutableId"
    text_body = found.get("outlook.body-content-type") == "text"
    applied = ['IdType="ImmutableId"'] if immutable else []
    applied += [f'outlook.timezone="{zone_name}"'] if zone_name is not None else []
    applied += ['outlook.body-content-type="text"'] if text_body else []
    return Preferences(immutable, zone_name, text_body, int(page) if page.isdigit() else None, ", ".join(applied))


def check_options(query: Mapping[str, str]) -> None:
    """Raises 400 for a ``$`` option that is not one.

    https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part1-protocol.html#sec_SystemQueryOptions
    """
    for name in query:
        if name.startswith("$") and name not in _KNOWN:
            raise errors.bad_request(f"Query option '{name}' was specified more than once or is not known.")


def selected(body: Mapping[str, Any], query: Mapping[str, str], kind: Complex) -> dict[str, Any]:
    """The parts of an entity that ``$select`` names; its id and annotations always stay. Raises 400."""
    names = [name.strip() for name in query.get("$select", "").split(",") if name.strip()]
    for name in names:
        if name not in kind.properties or name == _NAVIGATION:
            raise errors.not_selectable(name, kind.name)
    if not names:
        return dict(body)
    return {name: value for name, value in body.items() if name in names or name in ("id", _NAVIGATION) or "@" in name}


def expanded(query: Mapping[str, str]) -> frozenset[str]:
    """The ids of the extended properties to show. Raises 400 without the ``$filter`` that has to name them.

    https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get
    """
    text = query.get("$expand")
    if text is None:
        return frozenset()
    found = _EXPAND.fullmatch(text.strip())
    if found is None:
        if text.startswith(_NAVIGATION):
            raise errors.bad_request("An expansion of extended properties has to filter them by id.")
        raise errors.not_modelled(f"$expand={text}")
    ids = [_ID_IS.fullmatch(part) for part in re.split(r"\s+or\s+", found[1])]
    if not all(ids):
        raise errors.bad_request("Invalid filter clause in $expand.")
    return frozenset(normal_id(one[1].replace("''", "'")) for one in ids if one is not None)


def ordered(rows: list[Item], query: Mapping[str, str], kind: Complex, field: Callable[[Item, str], Any]) -> list[Item]:
    """The rows as ``$orderby`` wants them. Raises 400 for what ``kind`` does not have."""
    for clause in reversed([one.strip() for one in query.get("$orderby", "").split(",") if one.strip()]):
        path, _, direction = clause.partition(" ")
        if path.partition("/")[0] not in kind.properties or direction not in ("", "asc", "desc"):
            raise errors.not_selectable(path, kind.name)
        rows = sorted(rows, key=lambda row, path=path: str(field(row, path) or ""), reverse=direction == "desc")  # type: ignore[misc]
    return rows


def page(
    rows: Sequence[Item], address: str, query: Mapping[str, str], preferred: int | None, short: int
) -> tuple[Sequence[Item], str | None]:
    """One page of the rows, and the address of the next if there is one. ``short`` above 0 makes smaller pages."""
    skip, size = _number(query, "$skip", 0), _number(query, "$top", preferred or DEFAULT_PAGE)
    if not 1 <= size <= LONGEST_PAGE:
        raise errors.bad_request("Invalid value for $top: want 1 to 1000.")
    size = min(size, short or size)
    shown = rows[skip : skip + size]
    if skip + size >= len(rows):
        return shown, None
    following = {**query, "$skip": str(skip + size)}
    return shown, f"{address}?{urlencode(following, quote_via=quote, safe='$')}"


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise errors.bad_request(f"Invalid value '{text}' for {name}.")
    return int(text)
