"""Subscriptions: what one is, how one is made and renewed, and the handshake that proves its addresses.

https://learn.microsoft.com/graph/api/resources/subscription,
https://learn.microsoft.com/graph/change-notifications-delivery-webhooks (handshake),
https://learn.microsoft.com/graph/change-notifications-lifecycle-events
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

import requests

from sandbox.graph import errors, times
from sandbox.kit.clock import Clock
from sandbox.kit.ledger import Ledger
from sandbox.kit.sender import require_loopback

LONGEST: Final = timedelta(minutes=10_080)
SHORTEST: Final = timedelta(minutes=45)
"""A shorter wish is raised to this."""
MAX_PER_MAILBOX: Final = 1000
MAX_CLIENT_STATE: Final = 128
CHANGES: Final = frozenset({"created", "updated", "deleted"})
_ANSWER_WITHIN_S: Final = 10.0
_FAILED: Final = (
    "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request."
)


@dataclass
class Subscription:
    """One standing order. ``calendar_id`` is the folder it is about; ``blocked`` waits to be reauthorized."""

    id: str
    client_id: str
    creator: str
    email: str
    calendar_id: str
    resource: str
    changes: frozenset[str]
    change_type: str
    url: str
    lifecycle_url: str | None
    client_state: str | None = field(repr=False)
    immutable: bool
    expires_at: datetime
    blocked: bool = False
    waiting: list[tuple[datetime, Any]] = field(default_factory=list, repr=False)

    def shown(self) -> dict[str, Any]:
        """The subscription as Graph answers."""
        return {
            "id": self.id,
            "resource": self.resource,
            "applicationId": self.client_id,
            "changeType": self.change_type,
            "clientState": self.client_state,
            "notificationUrl": self.url,
            "notificationQueryOptions": None,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": times.stamp(self.expires_at),
            "creatorId": self.creator,
            "includeResourceData": None,
            "latestSupportedTlsVersion": "v1_2",
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
            "notificationUrlAppId": None,
        }


def expiry(text: str, now: datetime) -> datetime:
    """When a subscription ends that was asked to end at ``text``. Raises 400 for the past or for too far ahead.

    https://github.com/microsoftgraph/microsoft-graph-docs/issues/2988 (code and wording).
    """
    try:
        wanted = times.read_stamp(text)
    except ValueError as error:
        raise refused("Subscription expirationDateTime is not a valid DateTimeOffset.") from error
    if wanted <= now:
        raise refused("Subscription expiration can only be set to a time in the future.")
    # The age of the request's own clock is forgiven for a few seconds.
    if wanted - now > LONGEST + timedelta(seconds=5):
        minutes = int(LONGEST.total_seconds()) // 60
        text = f"Subscription expiration can only be {minutes} minutes in the future."
        raise errors.GraphError(400, "ExtensionError", text)
    return max(wanted, now + SHORTEST)


def check_address(url: str) -> None:
    """Raises 400 for an address that is not https; on loopback, and only there, http is taken too."""
    try:
        require_loopback(url)
    except ValueError as error:
        if urlsplit(url).scheme == "https":
            raise refused(_FAILED) from error
        raise refused("The underlying connection was closed: notificationUrl must be an https address.") from error


def shake_hands(url: str, request_id: str, clock: Clock, ledger: Ledger) -> None:
    """Ask an address to echo a token: 200, ``text/plain`` and the decoded token within 10 s. Raises 400."""
    token = f"Validation: Testing client application reachability for subscription Request-Id: {request_id}"
    joint = "&" if urlsplit(url).query else "?"
    address = f"{url}{joint}validationToken={quote(token, safe='')}"
    at, status, echoed = clock.now(), None, False
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                address,
                data=b"",
                headers={"Content-Type": "text/plain; charset=utf-8"},
                timeout=_ANSWER_WITHIN_S,
                allow_redirects=False,
            )
        status = answer.status_code
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        echoed = status == 200 and kind == "text/plain" and answer.text == token
    except requests.RequestException:
        # No answer at all, or too late: the same failure as a wrong one.
        echoed = False
    ledger.record(at=at, direction="out", method="POST", path=urlsplit(url).path, status=status, body="validationToken")
    if not echoed:
        raise refused(_FAILED)


def refused(message: str) -> errors.GraphError:
    """400: the subscription is not accepted."""
    return errors.GraphError(400, "InvalidRequest", message)
