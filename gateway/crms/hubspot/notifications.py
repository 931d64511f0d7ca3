"""Deliveries of a HubSpot app: batches of single-property events of any account, v3 signatures. Pure.

Nothing in an event is taken for a task's value: a retry brings old ones, and one edit comes in several. What an event
tells is where to look, and the switch. Signature: base64 HMAC-SHA256 over method, public address, body and time,
https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.model import TaskGone, TaskId
from gateway.core.ports import Knock
from gateway.core.reading import a_text, a_whole, an_object, read_json, shown
from gateway.core.signals import CrmDelivery, Ignored, Kind, Signal, TaskSignal
from gateway.crms.hubspot.translate import TASK_TYPE, TOGGLE, instant

WINDOW_MS: Final = 300_000
"""How far from now, either way, a delivery may have been signed."""

MOST_FAULTS: Final = 100
"""So many elements that cannot be read are named; the rest is only counted."""

_LATEST_MS: Final = 253_402_300_799_999
_NOBODY: Final = ("nobody knows what is compared here",)
_MILLISECONDS = re.compile(r"[0-9]{1,14}")
_PROPERTY_CHANGE: Final = "object.propertyChange"
_KINDS: Final = {
    "object.creation": Kind.CHANGED,
    _PROPERTY_CHANGE: Kind.CHANGED,
    "object.restore": Kind.RESTORED,
    "object.deletion": Kind.DELETED,
}


def read(knock: Knock) -> CrmDelivery:
    """What one batch means: one signal a task, whatever the number of its events. Raises ``NotTrusted`` (with the same
    words whatever was wrong) and ``NotReadable``; a bad element is named in ``faults``, and the others count."""
    _verify(knock)
    batch = read_json(knock.raw)
    if not isinstance(batch, list):
        raise NotReadable("body", "send a list of events")
    events: list[Signal] = []
    faults: list[str] = []
    for number, value in enumerate(batch):
        try:
            events.append(_signal(value, f"[{number}]"))
        except NotReadable as error:
            faults.append(str(error))
    if len(faults) > MOST_FAULTS:
        faults = [*faults[:MOST_FAULTS], f"and {len(faults) - MOST_FAULTS} more"]
    ignored = [event for event in events if not isinstance(event, TaskSignal)]
    about_tasks = [event for event in events if isinstance(event, TaskSignal)]
    return CrmDelivery(signals=(*_coalesced(about_tasks), *ignored), faults=tuple(faults))


# --- trust ----------------------------------------------------------------------------------------------------------


def _verify(knock: Knock) -> None:
    stamp = knock.headers.get("x-hubspot-request-timestamp", "")
    if not _MILLISECONDS.fullmatch(stamp) or abs(int(stamp) - knock.now.timestamp() * 1000) > WINDOW_MS:
        raise NotTrusted("the delivery is not trusted")
    presented = knock.headers.get("x-hubspot-signature-v3", "").encode("utf-8", "replace")
    signed, trusted = b"POST" + knock.url.encode() + knock.raw + stamp.encode(), False
    for secret in knock.secrets or _NOBODY:
        # No way out of the loop before the end: the time taken says nothing about which one fitted.
        expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
        trusted |= hmac.compare_digest(presented, expected)
    if not trusted or not knock.secrets:
        raise NotTrusted("the delivery is not trusted")


# --- meaning --------------------------------------------------------------------------------------------------------


def _signal(value: Any, path: str) -> Signal:
    said = an_object(value, path)
    word = a_text(said.get("subscriptionType"), f"{path}.subscriptionType")
    kind = _KINDS.get(word)
    if kind is None:
        return Ignored(f"event not known: {shown(word)}")
    if said.get("objectTypeId", TASK_TYPE) != TASK_TYPE:
        return Ignored("an object that is no task")
    is_change = word == _PROPERTY_CHANGE
    switch = _switch(said, path) if is_change else None
    return TaskSignal(
        task_id=TaskId(str(a_whole(said.get("objectId"), f"{path}.objectId"))),
        kind=kind,
        said=TaskGone() if kind is Kind.DELETED else None,
        sync_on=switch,
        at=_happened(said, path),
        actor="user" if said.get("changeSource") == "CRM_UI" else "api",
        # Of a new or a restored task nothing is told, so it is looked at: whether HubSpot also tells the properties
        # that a task is created with is not documented.
        switch_stands=is_change and switch is None,
        account=str(a_whole(said.get("portalId"), f"{path}.portalId")),
    )


def _switch(said: Mapping[str, Any], path: str) -> bool | None:
    """The switch, where the event is about it. An empty value is off."""
    name = a_text(said.get("propertyName"), f"{path}.propertyName")
    return said.get("propertyValue") == "true" if name == TOGGLE else None


def _happened(said: Mapping[str, Any], path: str) -> datetime | None:
    stamp = said.get("occurredAt")
    return None if stamp is None else instant(a_whole(stamp, f"{path}.occurredAt", 0, _LATEST_MS))


def _coalesced(events: Iterable[TaskSignal]) -> list[TaskSignal]:
    """One signal a task, in the order of what happened, however the batch was ordered; a deletion stands by itself."""
    told: dict[tuple[str | None, TaskId, bool], TaskSignal] = {}
    for event in sorted(events, key=_time):
        about = (event.account, event.task_id, event.kind is Kind.DELETED)
        told[about] = _both(told[about], event) if about in told else event
    return sorted(told.values(), key=_time)


def _time(signal: TaskSignal) -> float:
    return signal.at.timestamp() if signal.at else 0.0


def _both(early: TaskSignal, late: TaskSignal) -> TaskSignal:
    """Two events about one task as one signal: the later tells when and who; the latest that tells the switch, that.
    Any that says "look" is heard, and a restoration is not hidden by an edit."""
    return replace(
        late,
        kind=early.kind if early.kind is Kind.RESTORED else late.kind,
        sync_on=late.sync_on if late.sync_on is not None else early.sync_on,
        switch_stands=early.switch_stands and late.switch_stands,
    )
