"""The app's webhooks: one address for all accounts, batches of single-property events, v3 signatures, stubborn retries.

Events: https://developers.hubspot.com/docs/guides/webhooks/create-generic-webhook-subscriptions
Signature: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
Retries: https://developers.hubspot.com/docs/api-reference/latest/error-handling
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from sandbox.hubspot.model import TASK_TYPE
from sandbox.kit.sender import Delivery, Sender

RETRIES_S = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 10800.0, 14400.0, 18000.0, 28800.0)
"""Ten more attempts within 24 hours."""

BATCH = 100
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def milliseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Subscription:
    """What the app wants to be told."""

    id: int
    event_type: str
    object_type: str
    property_name: str | None = None
    active: bool = True

    def shown(self) -> dict[str, Any]:
        """As the webhooks API shows it."""
        return {
            "id": str(self.id),
            "eventType": self.event_type,
            "objectTypeId": self.object_type,
            "propertyName": self.property_name,
            "active": self.active,
        }


@dataclass(frozen=True)
class Change:
    """Something that happened to a task: a `kind` such as `object.propertyChange`, by whom, and what it is now."""

    portal_id: int
    task_id: str
    kind: str
    at: datetime
    source: str
    source_id: str
    property_name: str | None = None
    property_value: str | None = None


@dataclass(frozen=True)
class App:
    """An app: who it is, where its webhooks go, what they are about."""

    id: int
    client_id: str
    client_secret: str
    developer_token: str
    target_url: str | None = None
    subscriptions: Mapping[int, Subscription] = field(default_factory=dict)

    def wants(self, change: Change) -> Subscription | None:
        """The subscription that this change falls under."""
        fitting = (
            one
            for one in self.subscriptions.values()
            if (one.active, one.object_type, one.event_type) == (True, TASK_TYPE, change.kind)
            and one.property_name in (None, change.property_name)
        )
        return next(fitting, None)


def event(app: App, subscription: Subscription, change: Change, event_id: int, attempt: int = 0) -> dict[str, Any]:
    """One element of a batch."""
    said: dict[str, Any] = {
        "eventId": event_id,
        "subscriptionId": subscription.id,
        "portalId": change.portal_id,
        "appId": app.id,
        "occurredAt": milliseconds(change.at),
        "subscriptionType": change.kind,
        "attemptNumber": attempt,
        "objectId": int(change.task_id),
        "objectTypeId": TASK_TYPE,
    }
    if change.property_name is not None:
        said |= {"propertyName": change.property_name, "propertyValue": change.property_value}
    return said | {"changeSource": change.source, "sourceId": change.source_id}


def body(events: Sequence[Mapping[str, Any]]) -> bytes:
    """The bytes of a batch."""
    return json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()


def headers(secret: str, url: str, raw: bytes, at: datetime) -> dict[str, str]:
    """What goes with these bytes: the signature covers method, address, body and time in milliseconds."""
    stamp = str(milliseconds(at))
    signed = hmac.new(secret.encode(), b"POST" + url.encode() + raw + stamp.encode(), hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "HubSpot Connect 2.0 (http://dev.hubspot.com/)",
        "X-HubSpot-Request-Timestamp": stamp,
        "X-HubSpot-Signature-v3": base64.b64encode(signed).decode(),
    }


def _failed(status: int | None) -> bool:
    return status is None or status >= HTTPStatus.BAD_REQUEST


class Announcer:
    """Sends changes to the app. `silent`: nothing is sent, and what happens meanwhile never will be."""

    def __init__(self, sender: Sender, retries_s: Sequence[float] = RETRIES_S) -> None:
        self._sender, self._retries_s = sender, tuple(retries_s)
        self._random = random.Random(0)
        self.silent = False

    def announce(self, app: App, changes: Sequence[Change], about: str | None) -> None:
        """Send what the app wants to know, up to a hundred events a POST; a retry says which attempt it is."""
        if self.silent or app.target_url is None:
            return
        wanted = [(one, app.wants(one)) for one in changes]
        events = [
            event(app, subscription, one, self._random.getrandbits(31))
            for one, subscription in wanted
            if subscription is not None
        ]
        for begin in range(0, len(events), BATCH):
            self._send(app, app.target_url, events[begin : begin + BATCH], about)

    def raw(self, app: App, raw: bytes, **odd: Any) -> None:
        """Send any bytes once. `odd`: another `secret`, an `at` to sign for, further `headers`."""
        if app.target_url is None:
            raise ValueError("the app has no target address")
        url, extra = app.target_url, odd.get("headers") or {}
        secret = odd.get("secret") or app.client_secret

        def headers_at(now: datetime) -> Mapping[str, str]:
            return {**headers(secret, url, raw, odd.get("at") or now), **extra}

        self._sender.submit(Delivery(url, raw, headers_at, "raw", shown_body=raw.decode("utf-8", "replace")))

    def _send(self, app: App, url: str, events: Sequence[Mapping[str, Any]], about: str | None) -> None:
        raw = body(events)
        ids = tuple(str(one["objectId"]) for one in events)

        def again(delivery: Delivery, attempt: int) -> Delivery:
            told = [{**one, "attemptNumber": attempt} for one in events]
            return replace(delivery, shown_body=told, **_signed(app, url, body(told)))

        self._sender.submit(
            Delivery(
                url=url,
                key=f"{events[0]['eventId']}",
                person=about,
                ids=ids,
                ours=tuple(False for _ in ids),
                shown_body=list(events),
                retries=self._retries_s,
                retry_on=_failed,
                again=again,
                **_signed(app, url, raw),
            )
        )


def _signed(app: App, url: str, raw: bytes) -> dict[str, Any]:
    return {"body": raw, "headers_at": lambda now: headers(app.client_secret, url, raw, now)}
