"""Change notifications: what each says, who gets it, how often, and the lifecycle notifications.

https://learn.microsoft.com/graph/change-notifications-delivery-webhooks and
https://learn.microsoft.com/graph/change-notifications-lifecycle-events. Nothing here holds any content of an event.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from sandbox.graph import times
from sandbox.graph.model import Event, Person
from sandbox.graph.subscriptions import Subscription
from sandbox.kit.sender import Delivery, Sender

LIFECYCLE: Final = ("reauthorizationRequired", "subscriptionRemoved", "missed")
RETRIED_FOR: Final = timedelta(hours=4)
_RETRIES: Final = (10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0, 2560.0, 3600.0, 3600.0)
"""Exponential backoff for up to four hours; the exact steps are not published."""
_OFFSETS: Final = (timedelta(hours=-7), timedelta(), timedelta(hours=5, minutes=30))
"""Expiry times in notifications carry an offset that need not be zero; these three were seen."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One item of a notification's ``value``, where it goes, and what the ledger says about it."""

    url: str
    item: Mapping[str, Any]
    email: str
    event_id: str | None = None
    ours: bool = False


class Notices:
    """The live subscriptions, and what is sent to them. Not safe by itself: the world's lock is held."""

    def __init__(self, sender: Sender, seed: int) -> None:
        self._sender = sender
        self._random = random.Random(seed)
        self.subscriptions: dict[str, Subscription] = {}
        self.gathered: list[Notice] = []

    def live(self, now: datetime) -> list[Subscription]:
        """The subscriptions that have not expired; those that have are forgotten."""
        for one in [one for one in self.subscriptions.values() if now >= one.expires_at]:
            del self.subscriptions[one.id]
        return list(self.subscriptions.values())

    def changed(
        self,
        person: Person,
        event: Event,
        kind: str,
        now: datetime,
        updates: tuple[int, int],
        together: float,
        gather: bool,
    ) -> None:
        """Tell the subscribers of the event's calendar that it was ``created``, ``updated`` or ``deleted``.

        A new event is ``created`` and then ``updated``: https://github.com/microsoftgraph/microsoft-graph-docs/issues/7598
        """
        concerned = [
            one for one in self.live(now) if one.email == person.email and one.calendar_id == event.calendar_id
        ]
        if not concerned:
            return
        match kind:
            case "created":
                stages = ["created", "updated"]
            case "updated":
                stages = ["updated"] * self._random.randint(*updates)
            case _:
                stages = [kind]
        posts = [
            [self._change(one, person, event, stage) for one in concerned if stage in one.changes] for stage in stages
        ]
        held = {one.id for one in concerned if one.blocked}
        for one in concerned:
            if one.blocked:
                one.waiting += [(now, notice) for post in posts for notice in post if _is_for(notice, one)]
        posts = [[notice for notice in post if notice.item["subscriptionId"] not in held] for post in posts]
        if gather:
            self.gathered += [notice for post in posts for notice in post]
        elif self._random.random() < together:
            self._post([notice for post in posts for notice in post])
        else:
            for post in posts:
                self._post(post)

    def deliver(self, *, shuffle: bool, copies: int, per_post: int) -> int:
        """Send what was gathered: each notice ``copies`` times, up to ``per_post`` in one POST; how many that were."""
        notices, self.gathered = self.gathered * copies, []
        if shuffle:
            self._random.shuffle(notices)
        for url in dict.fromkeys(notice.url for notice in notices):
            there = [notice for notice in notices if notice.url == url]
            for first in range(0, len(there), per_post):
                self._post(there[first : first + per_post])
        return len(notices)

    def authorised(self, subscription: Subscription, now: datetime) -> None:
        """A subscription was renewed or reauthorized: what waited for that goes, unless it waited too long."""
        subscription.blocked = False
        waiting, subscription.waiting = subscription.waiting, []
        self._post([notice for at, notice in waiting if now - at <= RETRIED_FOR])

    def lifecycle(self, subscription: Subscription, person: Person, event: str, form: str) -> bool:
        """Send a lifecycle notification; false where the subscription has no address for those."""
        if event == "subscriptionRemoved":
            self.subscriptions.pop(subscription.id, None)
        if subscription.lifecycle_url is None:
            return False
        item = self._lifecycle_item(subscription, person, event, form)
        self._post([Notice(subscription.lifecycle_url, item, person.email)])
        return True

    def _change(self, subscription: Subscription, person: Person, event: Event, change: str) -> Notice:
        event_id = event.id_for(subscription.immutable)
        path = f"Users/{person.oid}/Events/{event_id}"
        item = {
            "subscriptionId": subscription.id,
            "subscriptionExpirationDateTime": self._expiry(subscription),
            "changeType": change,
            "resource": path,
            "resourceData": {
                "@odata.type": "#Microsoft.Graph.Event",
                "@odata.id": path,
                "@odata.etag": event.notice_etag,
                "id": event_id,
            },
            "clientState": subscription.client_state,
            "tenantId": person.tenant,
        }
        return Notice(subscription.url, item, person.email, event.key, event.ours)

    def _lifecycle_item(self, subscription: Subscription, person: Person, event: str, form: str) -> dict[str, Any]:
        item: dict[str, Any] = {
            "subscriptionId": subscription.id,
            "subscriptionExpirationDateTime": self._expiry(subscription),
            "clientState": subscription.client_state,
            "lifecycleEvent": event,
        }
        if form == "documented":
            return {**item, "tenantId": person.tenant}
        # As really sent: https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3103
        return {
            **item,
            "organizationId": person.tenant,
            "resource": f"Subscriptions/{subscription.id}",
            "resourceData": {"@odata.type": "#microsoft.graph.subscription", "id": subscription.id},
            "resourceChangeType": None,
            "encryptedContent": None,
        }

    def _expiry(self, subscription: Subscription) -> str:
        return times.seven(subscription.expires_at.astimezone(timezone(self._random.choice(_OFFSETS))))

    def _post(self, notices: Iterable[Notice]) -> None:
        by_url: dict[str, list[Notice]] = {}
        for notice in notices:
            by_url.setdefault(notice.url, []).append(notice)
        for url, items in by_url.items():
            self._sender.submit(_delivery(url, items))


def _is_for(notice: Notice, subscription: Subscription) -> bool:
    return bool(notice.item["subscriptionId"] == subscription.id)


def _delivery(url: str, notices: list[Notice]) -> Delivery:
    body = json.dumps({"value": [notice.item for notice in notices]}, separators=(",", ":")).encode()
    shown = [{name: value for name, value in notice.item.items() if name != "clientState"} for notice in notices]
    about = [notice for notice in notices if notice.event_id is not None]
    return Delivery(
        url=url,
        body=body,
        headers_at=lambda _: {"Content-Type": "application/json; charset=utf-8"},
        key=f"{url}|{notices[0].email}",
        person=notices[0].email,
        ids=tuple(str(notice.event_id) for notice in about),
        ours=tuple(notice.ours for notice in about),
        shown_body={"value": shown},
        retries=_RETRIES,
        # Anything but a 2xx is tried again: https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
        retry_on=lambda status: status is None or not 200 <= status < 300,
    )
