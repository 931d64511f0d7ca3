"""Graph's handshakes and notifications as ours. Pure: bytes in, meaning out.

https://learn.microsoft.com/graph/change-notifications-delivery-webhooks and
https://learn.microsoft.com/graph/change-notifications-lifecycle-events; the forms that are really sent differ (other
names for the tenant, more fields: https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3103), so nothing is
refused for what it has too much. An item proves itself by its ``clientState``, in which our channel and its secret are
told; it is a hint to look, never data.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from gateway.core.errors import NotReadable
from gateway.core.signals import Handshake, Push, Pushes

LIMIT = 4 * 1024 * 1024
"""One arrival may hold notices of many people; some 5,000 fit."""
LONGEST_TOKEN = 2048
UNKNOWN = "unknown"
_CHANGES = {"created": "changed", "updated": "changed", "deleted": "deleted"}
_LIFECYCLE = {"reauthorizationRequired": "expiring", "subscriptionRemoved": "ended", "missed": "missed"}
_LONGEST_VALUE = 1024
_CHANGE_KEY_BYTES = 22
_STRANGER = Push("", "", UNKNOWN)


def client_state(channel_id: str, secret: str) -> str:
    """What a subscription is given to say: at most 128 characters."""
    return f"{channel_id}.{secret}"


def read(_headers: Mapping[str, str], body: bytes, query: str) -> Handshake | Pushes:
    """A handshake's answer, or all items of an arrival; one that cannot be understood is a stranger's.

    Raises ``NotReadable`` naming what is wrong with the arrival as a whole.
    """
    if (token := _token(query)) is not None:
        return Handshake(token)
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise NotReadable("body", "notifications come as JSON") from None
    items = told.get("value") if isinstance(told, dict) else None
    if not isinstance(items, list):
        raise NotReadable("value", "notifications come as a collection")
    return Pushes(tuple(_item(one) for one in items))


def same_version(one: str, other: str) -> bool:
    """Whether two etags name the same version of an event. A notification's is longer than the event's own; the last
    22 bytes are the change key (seen in the documentation's samples)."""
    first, second = _change_key(one), _change_key(other)
    return first is not None and first == second


def _token(query: str) -> str | None:
    """The validation token, decoded once. It is answered as plain text, so that no browser takes it for more."""
    if "validationToken" not in query:
        return None
    found = parse_qs(query, keep_blank_values=True).get("validationToken", [""])
    if not found[0] or len(found[0]) > LONGEST_TOKEN or not found[0].isprintable():
        raise NotReadable("validationToken", "a validation token is a short line of text")
    return found[0]


def _item(told: object) -> Push:
    if not isinstance(told, Mapping):
        return _STRANGER
    channel_id, _, secret = _text(told, "clientState").partition(".")
    if not channel_id or not secret:
        return _STRANGER
    lifecycle = _text(told, "lifecycleEvent")
    if lifecycle:
        return Push(channel_id, secret, _LIFECYCLE.get(lifecycle, UNKNOWN), _text(told, "subscriptionId") or None)
    data = told.get("resourceData")
    resource = data if isinstance(data, Mapping) else {}
    return Push(
        channel_id=channel_id,
        secret=secret,
        state=_CHANGES.get(_text(told, "changeType").lower(), UNKNOWN),
        resource=_text(told, "subscriptionId") or None,
        event_id=_text(resource, "id") or None,
        etag=_text(resource, "@odata.etag") or None,
    )


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST_VALUE else ""


def _change_key(etag: str) -> bytes | None:
    try:
        found = base64.b64decode(etag.removeprefix("W/").strip('"'), validate=True)
    except ValueError:
        return None
    return found[-_CHANGE_KEY_BYTES:] if len(found) >= _CHANGE_KEY_BYTES else None
