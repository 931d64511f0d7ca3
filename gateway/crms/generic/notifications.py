"""Deliveries of the generic contract: Standard Webhooks. Pure: bytes, secrets and the time in, meaning out.

The signature covers ``id.timestamp.body``, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
The library's ``Webhook.verify`` asks the machine for the time, lets fractions and blanks pass in it and cannot take
bytes that are no text, so what is used of it is its signing; a test holds both to the same answers.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hmac import compare_digest
from typing import Any, Final

from standardwebhooks.webhooks import hmac_data

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.model import TaskGone, TaskId, UserId
from gateway.core.reading import ID_LIMIT, a_text, a_whole, an_id, an_object, read_object, shown
from gateway.core.signals import CrmDelivery, Ignored, Kind, Ping, Signal, TaskSignal, UserDeactivated
from gateway.crms.generic.translate import optional_instant, read_cause, read_snapshot, read_switch

WINDOW_S: Final = 300
"""How far from now, either way, a delivery may have been signed."""

_PREFIX: Final = "whsec_"
_NOBODY: Final = (_PREFIX + base64.b64encode(b"nobody knows what is compared here").decode(),)
_MESSAGE_ID = re.compile(r"[\x21-\x7e]+")
_SECONDS = re.compile(r"[0-9]{1,11}")


def read(headers: Mapping[str, str], raw: bytes, secrets: Sequence[str], now: datetime) -> CrmDelivery:
    """What one delivery means. ``headers`` are lower-cased; any of ``secrets`` may have signed it.

    Raises ``NotTrusted`` (with the same words whatever was wrong) and ``NotReadable``. Without any secret the work is
    the same and nothing is trusted, so that an unknown installation cannot be told from a wrong signature by time.
    """
    message_id = _verified(headers, raw, secrets, now)
    if len(message_id) > ID_LIMIT:
        raise NotReadable("webhook-id", f"send an id of at most {ID_LIMIT} characters")
    return CrmDelivery(signals=(_signal(read_object(raw)),), dedupe_id=message_id)


# --- trust ----------------------------------------------------------------------------------------------------------


def _verified(headers: Mapping[str, str], raw: bytes, secrets: Sequence[str], now: datetime) -> str:
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    well_formed = _MESSAGE_ID.fullmatch(message_id) and _SECONDS.fullmatch(timestamp)
    if not well_formed or abs(int(timestamp) - now.timestamp()) > WINDOW_S:
        raise NotTrusted("the delivery is not trusted")
    presented = [part.encode("utf-8", "replace") for part in headers.get("webhook-signature", "").split(" ")]
    signed = b"%b.%b.%b" % (message_id.encode(), timestamp.encode(), raw)
    trusted = False
    for key in map(_key, secrets or _NOBODY):
        expected = b"v1," + base64.b64encode(hmac_data(key, signed))
        for part in presented:
            # No way out of the loops before the end: the time taken says nothing about which one fitted.
            trusted |= compare_digest(part, expected) and bool(key)
    if not trusted or not secrets:
        raise NotTrusted("the delivery is not trusted")
    return message_id


def _key(secret: str) -> bytes:
    """The bytes in a secret; none, and so nothing that can fit, in one that cannot be read."""
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX) + "==")
    except (binascii.Error, ValueError):
        return b""


# --- meaning --------------------------------------------------------------------------------------------------------


def _signal(body: Mapping[str, Any]) -> Signal:
    said = a_text(body.get("type"), "type")
    meaning = _MEANING.get(said)
    return meaning(body) if meaning else Ignored(f"event type not known: {shown(said)}")


def _changed(body: Mapping[str, Any]) -> Signal:
    return _about_task(body, Kind.CHANGED)


def _restored(body: Mapping[str, Any]) -> Signal:
    return _about_task(body, Kind.RESTORED)


def _about_task(body: Mapping[str, Any], kind: Kind) -> TaskSignal:
    data, task = _task_in(body)
    return TaskSignal(
        task_id=TaskId(an_id(task.get("id"), "data.task.id")),
        kind=kind,
        said=read_snapshot(task, "data.task"),
        version=task["version"],
        sync_on=read_switch(task, "data.task"),
        at=optional_instant(body.get("timestamp"), "timestamp"),
        actor=_actor(data),
    )


def _deleted(body: Mapping[str, Any]) -> Signal:
    data, task = _task_in(body)
    version = task.get("version")
    return TaskSignal(
        task_id=TaskId(an_id(task.get("id"), "data.task.id")),
        kind=Kind.DELETED,
        said=TaskGone(read_cause(data.get("cause", task.get("cause")), "data.cause")),
        version=None if version is None else a_whole(version, "data.task.version"),
        at=optional_instant(body.get("timestamp"), "timestamp"),
        actor=_actor(data),
    )


def _user_left(body: Mapping[str, Any]) -> Signal:
    data = an_object(body.get("data"), "data")
    user = an_object(data.get("user"), "data.user")
    return UserDeactivated(UserId(an_id(user.get("id"), "data.user.id")))


def _ping(_body: Mapping[str, Any]) -> Signal:
    return Ping()


def _task_in(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    data = an_object(body.get("data"), "data")
    return data, an_object(data.get("task"), "data.task")


def _actor(data: Mapping[str, Any]) -> str | None:
    """Who did it, as far as it is told: a person, or whatever else a CRM calls those that are none."""
    if data.get("actor") is None:
        return None
    kind = an_object(data["actor"], "data.actor").get("kind")
    if kind is None:
        return None
    return "user" if a_text(kind, "data.actor.kind") == "user" else "api"


_MEANING: Mapping[str, Callable[[Mapping[str, Any]], Signal]] = {
    "task.created": _changed,
    "task.updated": _changed,
    "task.restored": _restored,
    "task.deleted": _deleted,
    "user.deactivated": _user_left,
    "ping": _ping,
}
