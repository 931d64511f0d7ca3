"""Google's push as ours. Pure: headers in, meaning out; the body of a push is empty and is not looked at.

Headers: https://developers.google.com/workspace/calendar/api/guides/push. There is no signature: the token is compared
by whoever knows the subscription, and the push is a hint to look again, never data.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.errors import NotReadable
from gateway.core.signals import Push, Pushes

STATES = {"sync": "verified", "exists": "changed", "not_exists": "gone"}
UNKNOWN = "unknown"
_LONGEST_VALUE = 1024
_LONGEST_NUMBER = 18


def read(headers: Mapping[str, str], _body: bytes, _query: str) -> Pushes:
    """The one push of this arrival. ``headers``: names in lower case. Raises ``NotReadable`` naming the header."""
    number = headers.get("x-goog-message-number", "")
    push = Push(
        channel_id=_needed(headers, "x-goog-channel-id"),
        secret=_needed(headers, "x-goog-channel-token"),
        state=STATES.get(_needed(headers, "x-goog-resource-state").lower(), UNKNOWN),
        resource=headers.get("x-goog-resource-id") or None,
        number=int(number) if number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER else None,
    )
    return Pushes((push,))


def _needed(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value or len(value) > _LONGEST_VALUE:
        raise NotReadable(name, "a push from Google Calendar carries this header")
    return value
