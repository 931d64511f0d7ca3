"""What marks our events in Outlook: single-value extended properties, which no Outlook shows and a list can filter by.

https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get. Each name is taken from a mailbox's finite
store of names for ever, so these four are all there will be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SET = "{6c1f0a52-93d4-4b7e-8f21-5d0e7a3b9c64}"

TAG, KEY, LINK, NUMBER = "GatewayTag", "GatewayKey", "GatewayLink", "GatewayNumber"
"""Deployment and account; the id we derived for the event; the link; the number of our last write."""
_ALL = (TAG, KEY, LINK, NUMBER)


def written(values: Mapping[str, str]) -> list[dict[str, str]]:
    """As they are sent with an event."""
    return [{"id": _id(name), "value": value} for name, value in values.items()]


def read(resource: Mapping[str, Any]) -> dict[str, str]:
    """Those of ours that an event was told with. Exchange may write the letters of the set's name as it likes."""
    told = resource.get("singleValueExtendedProperties")
    found: dict[str, str] = {}
    for one in told if isinstance(told, list) else ():
        head, _, name = str(one.get("id", "")).partition(" Name ") if isinstance(one, Mapping) else ("", "", "")
        if name in _ALL and _SET in head.lower():
            found[name] = str(one.get("value", ""))
    return found


def expand() -> str:
    """The ``$expand`` that has them told."""
    named = " or ".join(f"id eq '{_id(name)}'" for name in _ALL)
    return f"singleValueExtendedProperties($filter={named})"


def having(name: str, value: str) -> str:
    """The ``$filter`` for events of which one of them has just this value: nothing else is ever received."""
    quoted = value.replace("'", "''")
    return f"singleValueExtendedProperties/Any(ep: ep/id eq '{_id(name)}' and ep/value eq '{quoted}')"


def _id(name: str) -> str:
    return f"String {_SET} Name {name}"
