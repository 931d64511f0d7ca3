"""Subscriptions to one calendar's changes: https://learn.microsoft.com/graph/api/resources/subscription.

``me/calendars/{id}/events`` is not among the documented resources and works
(https://github.com/microsoftgraph/microsoft-graph-docs/issues/21978); ``me/events`` means the default calendar alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.core.errors import AlreadyExists, EventGone, Refused, TargetGone, TryLater, WatchGone
from gateway.core.ports import Watch
from gateway.providers.outlook.notifications import client_state
from gateway.providers.outlook.transport import Client, part

LIFE = timedelta(days=6, hours=20)
"""Asked for: 10,080 minutes are the most (https://learn.microsoft.com/graph/api/resources/subscription), and clocks
differ. What is granted counts."""
_KINDS = ("updated,deleted", "created,updated,deleted")
"""What is asked for. A second subscription like one that is there is refused, so where another connection of the same
account has it, the other form is taken; what is created is of no interest, and dropped."""


class Watching:
    """Subscriptions of one person, for one calendar."""

    def __init__(self, client: Client, calendar_id: str) -> None:
        self._client, self._id = client, calendar_id

    def begin(self, channel_id: str, secret: str, address: str) -> Watch:
        """A new subscription; both addresses answer Microsoft's handshake while this call waits."""
        state = client_state(channel_id, secret)
        try:
            answer = self._created(f"me/calendars/{self._id}/events", state, address)
        except Refused:
            if not self._is_default():
                raise
            answer = self._created("me/events", state, address)
        except EventGone:
            raise TargetGone("the calendar is not there any more") from None
        return self._watch(channel_id, answer)

    def extend(self, channel_id: str, resource: str) -> Watch:
        """Its end put off, which also renews what it may do: never paired with ``/reauthorize``
        (https://learn.microsoft.com/graph/change-notifications-lifecycle-events). Raises ``WatchGone``."""
        try:
            answer = self._client.call("PATCH", self._path(resource), body={"expirationDateTime": self._end()})
        except (EventGone, TargetGone):
            raise WatchGone("Microsoft does not know this subscription any more") from None
        return self._watch(channel_id, {"id": resource, **answer})

    def end(self, resource: str) -> None:
        """Delete it; one that is unknown is success."""
        try:
            self._client.call("DELETE", self._path(resource))
        except (EventGone, TargetGone):
            return

    def _created(self, resource: str, state: str, address: str) -> dict[str, Any]:
        """In the first form that is free; where none is, those are ours from attempts whose answer was lost."""
        for kinds in _KINDS:
            try:
                return self._asked(resource, kinds, state, address)
            except AlreadyExists:
                continue
        for old in self._left_over(resource, address):
            self.end(old)
        try:
            return self._asked(resource, _KINDS[0], state, address)
        except AlreadyExists:
            raise TryLater("Microsoft says that this subscription exists already") from None

    def _asked(self, resource: str, kinds: str, state: str, address: str) -> dict[str, Any]:
        wanted = {
            "changeType": kinds,
            "notificationUrl": address,
            "lifecycleNotificationUrl": f"{address}/lifecycle",
            "resource": resource,
            "expirationDateTime": self._end(),
            "clientState": state,
        }
        return self._client.call("POST", "subscriptions", body=wanted)

    def _left_over(self, resource: str, address: str) -> Iterator[str]:
        for one in self._client.pages("subscriptions", {}):
            mine = one.get("notificationUrl") == address
            if mine and str(one.get("resource", "")).strip("/") == resource and isinstance(one.get("id"), str):
                yield one["id"]

    def _is_default(self) -> bool:
        answer = self._client.call("GET", f"me/calendars/{part(self._id)}", query={"$select": "id,isDefaultCalendar"})
        return bool(answer.get("isDefaultCalendar"))

    def _end(self) -> str:
        return (self._client.now() + LIFE).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")

    def _watch(self, channel_id: str, answer: dict[str, Any]) -> Watch:
        name, until = answer.get("id"), str(answer.get("expirationDateTime"))
        try:
            expires_at = datetime.fromisoformat(until)
        except ValueError:
            expires_at = self._client.now() + LIFE
        if not isinstance(name, str) or not name:
            raise TryLater("Microsoft's answer does not name the subscription")
        return Watch(channel_id, name, expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC))

    @staticmethod
    def _path(resource: str) -> str:
        return f"subscriptions/{part(resource)}"
