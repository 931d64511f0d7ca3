"""Push channels: watching a calendar's events, the pushes, and stopping.

https://developers.google.com/workspace/calendar/api/guides/push (headers, delivery, retries) and
https://developers.google.com/workspace/calendar/api/v3/reference/events/watch (the body's limits).
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

from sandbox.google import errors, times
from sandbox.google.calendars import Calendar
from sandbox.google.model import Event
from sandbox.kit.sender import Delivery, Sender, require_loopback

USER_AGENT: Final = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"
DEFAULT_LIFE: Final = timedelta(seconds=604_800)
LONGEST_LIFE: Final = timedelta(days=30)
"""A longer wish was seen cut to this: https://stackoverflow.com/q/64986662."""
RETRIED: Final = frozenset({500, 502, 503, 504})
_RETRIES: Final = tuple(float(min(2**n, 3600)) for n in range(32))
"""Exponential backoff; the sender's page says retries can last for days:
https://developers.google.com/crawling/docs/crawlers-fetchers/apis-user-agent."""
_ID: Final = re.compile(r"[A-Za-z0-9\-_+/=]{1,64}")
_MAX_TOKEN: Final = 256


@dataclass
class Channel:
    """One channel; ``number`` is that of the last message sent."""

    id: str
    client_id: str
    email: str
    calendar_id: str
    address: str
    token: str | None = field(repr=False)
    resource_id: str
    expires_at: datetime
    event_types: frozenset[str]
    number: int = 0

    @property
    def resource_uri(self) -> str:
        """The watched collection, as the real service names it."""
        return f"https://www.googleapis.com/calendar/v3/calendars/{quote(self.calendar_id)}/events?alt=json"

    def answer(self) -> dict[str, Any]:
        """The answer to the watch call."""
        shown: dict[str, Any] = {
            "kind": "api#channel",
            "id": self.id,
            "resourceId": self.resource_id,
            "resourceUri": self.resource_uri,
            "expiration": str(times.epoch_ms(self.expires_at)),
        }
        return {**shown, "token": self.token} if self.token is not None else shown

    def headers(self, state: str, number: int) -> dict[str, str]:
        """The headers of one push; its body is empty."""
        headers = {
            "User-Agent": USER_AGENT,
            "X-Goog-Channel-ID": self.id,
            "X-Goog-Channel-Expiration": format_datetime(self.expires_at.astimezone(UTC), usegmt=True),
            "X-Goog-Resource-ID": self.resource_id,
            "X-Goog-Resource-URI": self.resource_uri,
            "X-Goog-Resource-State": state,
            "X-Goog-Message-Number": str(number),
        }
        return {**headers, "X-Goog-Channel-Token": self.token} if self.token is not None else headers


class Channels:
    """All channels; not safe by itself: the world's lock is held."""

    def __init__(self, sender: Sender, chance: random.Random) -> None:
        self._sender = sender
        self._random = random.Random(chance.random())
        self._used: set[tuple[str, str]] = set()
        self._by_calendar: dict[str, dict[tuple[str, str], Channel]] = {}

    def watch(
        self, calendar: Calendar, who: tuple[str, str], body: Mapping[str, Any], types: frozenset[str], now: datetime
    ) -> Channel:
        """Open a channel for ``who`` (client id, email) and send its ``sync`` message. Raises 400 or 401."""
        client_id, email = who
        channel_id, token = _checked(body)
        if (client_id, channel_id) in self._used:
            # Also the id of a channel stopped long ago: https://github.com/googleapis/google-api-nodejs-client/issues/774
            raise errors.ApiError(400, "channelIdNotUnique", f"Channel id {channel_id} not unique")
        expires_at = _expiry(body, now)
        calendar_id = calendar.info.id
        resource_id = hashlib.sha256(f"events|{calendar_id}".encode()).hexdigest()[:27]
        channel = Channel(
            channel_id, client_id, email, calendar_id, body["address"], token, resource_id, expires_at, types
        )
        self._used.add((client_id, channel_id))
        self._by_calendar.setdefault(calendar_id, {})[client_id, channel_id] = channel
        channel.number = 1
        self._push(channel, "sync")
        return channel

    def stop(self, who: tuple[str, str], body: Mapping[str, Any], now: datetime) -> None:
        """End a channel: only for the person and client that opened it. Raises 404 for any other."""
        client_id, email = who
        channel_id = body.get("id", "")
        for channels in self._by_calendar.values():
            found = channels.get((client_id, channel_id))
            same = found is not None and found.email == email and found.resource_id == body.get("resourceId")
            if same and found is not None and now < found.expires_at:
                del channels[client_id, channel_id]
                return
        raise errors.not_found(f"Channel '{channel_id}' not found for project '{client_id.partition('-')[0]}'")

    def drop(self, calendar_id: str) -> None:
        """Nothing more is pushed about that calendar."""
        self._by_calendar.pop(calendar_id, None)

    def changed(self, calendar: Calendar, event: Event, now: datetime, repeat_chance: float) -> None:
        """Push ``exists`` to every live channel of the calendar; who made the change does not matter."""
        channels = self._by_calendar.get(calendar.info.id)
        if not channels:
            return
        for key, channel in list(channels.items()):
            if now >= channel.expires_at:
                del channels[key]
            elif not channel.event_types or event.content.get("eventType", "default") in channel.event_types:
                self._exists(channel, repeat_chance)

    def _exists(self, channel: Channel, repeat_chance: float) -> None:
        # Several pushes for one edit are normal:
        # https://github.com/googleapis/google-api-java-client-services/issues/20532
        repeats = self._random.randint(1, 2) if self._random.random() < repeat_chance else 0
        for _ in range(1 + repeats):
            channel.number += self._random.randint(1, 3)  # numbers rise, but not by one
            self._push(channel, "exists")

    def _push(self, channel: Channel, state: str) -> None:
        headers = channel.headers(state, channel.number)
        self._sender.submit(
            Delivery(
                url=channel.address,
                body=b"",
                headers_at=lambda _: headers,
                key=channel.id,
                person=channel.email,
                retries=_RETRIES,
                retry_on=lambda status: status in RETRIED,
            )
        )


def _checked(body: Mapping[str, Any]) -> tuple[str, str | None]:
    channel_id, token = body.get("id") or "", body.get("token")
    if not _ID.fullmatch(channel_id):
        raise errors.invalid("Invalid channel id: want 1 to 64 characters of A-Z a-z 0-9 - _ + / =")
    if body.get("type") not in ("web_hook", "webhook"):
        raise errors.invalid("Unknown channel type.")
    if token is not None and len(token) > _MAX_TOKEN:
        raise errors.invalid("The channel token may be 256 characters at most.")
    address = body.get("address") or ""
    try:
        require_loopback(address)
    except ValueError as error:
        if urlsplit(address).scheme == "https":
            text = f"Unauthorized WebHook callback channel: {address}"
            raise errors.ApiError(401, "push.webhookUrlUnauthorized", text) from error
        # https://stackoverflow.com/q/43484709; the sandbox alone takes http too, on loopback.
        text = f"WebHook callback must be HTTPS: {address}"
        raise errors.ApiError(400, "push.webhookUrlNotHttps", text) from error
    return channel_id, token


def _expiry(body: Mapping[str, Any], now: datetime) -> datetime:
    """The stricter of what was asked for and the longest allowed."""
    ttl, until = (body.get("params") or {}).get("ttl"), body.get("expiration")
    lives = []
    if ttl is not None:
        lives.append(timedelta(milliseconds=_ahead(ttl) * 1000))
    if until is not None:
        lives.append(timedelta(milliseconds=_ahead(until, times.epoch_ms(now))))
    return now + min(LONGEST_LIFE, *lives or (DEFAULT_LIFE,))


def _ahead(text: str, since: int = 0) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15) or int(text) <= since:
        raise errors.invalid("Invalid channel expiration.")
    return int(text) - since
