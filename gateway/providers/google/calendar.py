"""The port ``Calendar`` on Google Calendar v3. Every request names one of our events, or filters by our own tag.

https://developers.google.com/workspace/calendar/api/v3/reference
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from gateway.core.errors import EventGone, Forbidden, Refused, TargetGone, TryLater
from gateway.core.model import Absence, Event, EventId, EventWrite, NoEvent
from gateway.core.ports import Mark, Style, Watch
from gateway.providers.google import translate
from gateway.providers.google.account import GoogleAccount
from gateway.providers.google.transport import Client

PAGE = 2500
MOST_PAGES = 200
WATCH_SECONDS = 30 * 24 * 3600
"""Asked for; a longer life was seen cut to this (https://stackoverflow.com/q/64986662). What is granted counts."""
_DEFAULT_LIFE = timedelta(days=7)
_MOST_SEARCHED = 50
_CANCELLED = "cancelled"


class GoogleCalendar:
    """One calendar, for one job. See ``ports.Calendar`` for the promises."""

    def __init__(self, client: Client, calendar_id: str, style: Style, now: datetime) -> None:
        self._client, self._id, self._style, self._now = client, calendar_id, style, now

    def get(self, event_id: EventId, *, doubted: bool = False) -> Event | NoEvent:  # noqa: ARG002 - told for certain
        """Read one of our events by id.

        "Not found" with the calendar still there is ``UNKNOWN``; without it, ``TargetGone``. A cancelled event of which
        only a trace is left may have been moved by hand: then it is looked for, by its id, in the other calendars.
        """
        try:
            resource = self._read(self._id, event_id)
        except EventGone:
            if not self.exists():
                raise TargetGone("the calendar is not there any more") from None
            return NoEvent(Absence.UNKNOWN)
        if resource.get("status") != _CANCELLED:
            return _readable(resource)
        if translate.is_bare(resource) and self._lives_elsewhere(event_id):
            return NoEvent(Absence.MOVED)
        return NoEvent(Absence.DELETED)

    def insert(self, event_id: EventId, mark: Mark, write: EventWrite) -> Event:
        """Create under our own id; the id of a deleted event stays taken. Nobody is sent an invitation."""
        if write.span is None:
            raise Refused("an event needs a time", ("due",))
        body = translate.new_body(event_id, mark, write, self._style)
        request = self._events.insert(calendarId=self._id, body=body, sendUpdates="none", fields=translate.EVENT_FIELDS)
        return _readable(self._on_target(request))

    def patch(self, event_id: EventId, write: EventWrite, etag: str) -> Event:
        """Change only the fields given, if ``etag`` still stands."""
        request = self._events.patch(
            calendarId=self._id,
            eventId=event_id,
            body=translate.patch_body(write, self._style),
            sendUpdates="none",
            fields=translate.EVENT_FIELDS,
        )
        resource = self._client.call(request, etag=etag)
        if resource.get("status") == _CANCELLED:
            # The API lets a deleted event be changed, which does not bring it back.
            raise EventGone("the event had been deleted")
        return _readable(resource)

    def delete(self, event_id: EventId, etag: str | None = None) -> None:
        """Delete, if ``etag`` still stands; 404 and 410 mean that it is done."""
        request = self._events.delete(calendarId=self._id, eventId=event_id, sendUpdates="none")
        try:
            self._client.call(request, etag=etag)
        except EventGone:
            return

    def move(self, event_id: EventId, to_calendar: str) -> Event | None:
        """Move, keeping the id; ``None`` where the grant does not cover both calendars.

        The answer is the cancelled trace left behind, so the event is read back where it went.
        """
        request = self._events.move(
            calendarId=self._id, eventId=event_id, destination=to_calendar, sendUpdates="none", fields="id"
        )
        try:
            self._client.call(request)
        except Forbidden:
            return None
        except EventGone:
            # Either of three is not there: the event, this calendar, or the other one.
            if isinstance(self.get(event_id), Event):
                raise TargetGone("the calendar to move to is not there") from None
            raise
        try:
            return _readable(self._read(to_calendar, event_id))
        except EventGone:
            raise TryLater("a moved event cannot be read yet where it went") from None

    def ours(
        self,
        tag: str,
        *,
        known: Sequence[EventId] = (),  # noqa: ARG002 - Google's filter is there for everybody
        changed_since: datetime | None = None,
    ) -> list[Event]:
        """Our live events, by the one property that tags them: nothing else is ever received.

        Raises ``CursorExpired`` when ``changed_since`` is too long ago for Google.
        """
        found: list[Event] = []
        for item in self._pages(tag, changed_since):
            if item.get("status") == _CANCELLED or "recurringEventId" in item:
                continue  # instances of a series carry its property, and so does what was deleted since
            event = translate.event(item, described=False)
            if event is not None and translate.private_properties(item).get(translate.TAG) == tag:
                found.append(event)
        return found

    def exists(self) -> bool:
        """Whether the calendar is in the person's list and writable. Both modes' grants cover this question."""
        request = self._client.calendar_list.get(calendarId=self._id, fields="id,accessRole,deleted")
        try:
            entry = self._client.call(request)
        except EventGone:
            return False
        return entry.get("accessRole") in ("owner", "writer") and not entry.get("deleted")

    def prepare(self) -> None:
        """Nothing: Google's events bring their colours along."""

    def watch(self, channel_id: str, secret: str, address: str) -> Watch:
        """Open a channel for the calendar's ordinary events. Raises ``OperatorFault`` for an address Google refuses."""
        body = {
            "id": channel_id,
            "type": "web_hook",
            "address": address,
            "token": secret,
            "params": {"ttl": str(WATCH_SECONDS)},
        }
        answer = self._on_target(self._events.watch(calendarId=self._id, body=body, eventTypes=["default"]))
        return Watch(channel_id, str(answer.get("resourceId", "")), self._expiry(answer.get("expiration")))

    def extend(self, channel_id: str, resource: str) -> Watch | None:  # noqa: ARG002 - the port's
        """``None``: a channel's end cannot be put off (https://developers.google.com/workspace/calendar/api/guides/push)."""
        return None

    def unwatch(self, channel_id: str, resource: str) -> None:
        """Close a channel; one that is unknown, or closed before, is success."""
        try:
            self._client.call(self._client.channels.stop(body={"id": channel_id, "resourceId": resource}))
        except EventGone:
            return

    @cached_property
    def _events(self) -> Any:
        return self._client.events

    def _read(self, calendar_id: str, event_id: EventId) -> dict[str, Any]:
        return self._client.call(
            self._events.get(calendarId=calendar_id, eventId=event_id, fields=translate.EVENT_FIELDS)
        )

    def _on_target(self, request: Any) -> dict[str, Any]:
        """Send a request that names no event of which to be told "not found": then it is the calendar."""
        try:
            return self._client.call(request)
        except EventGone:
            raise TargetGone("the calendar is not there any more") from None

    def _pages(self, tag: str, changed_since: datetime | None) -> Iterator[dict[str, Any]]:
        filters: dict[str, Any] = {"privateExtendedProperty": f"{translate.TAG}={tag}", "showDeleted": False}
        if changed_since is not None:
            filters["updatedMin"] = changed_since.astimezone(UTC).isoformat().replace("+00:00", "Z")
        seen: set[str] = set()
        page: str | None = None
        while len(seen) < MOST_PAGES:
            request = self._events.list(
                calendarId=self._id,
                singleEvents=False,
                maxResults=PAGE,
                pageToken=page,
                fields=translate.LIST_FIELDS,
                **filters,
            )
            answer = self._on_target(request)
            yield from (item for item in answer.get("items", ()) if isinstance(item, dict))
            page = answer.get("nextPageToken")
            if not page:
                return
            if page in seen:
                break
            seen.add(page)
        raise TryLater("the list of our events has no end")

    def _lives_elsewhere(self, event_id: EventId) -> bool:
        """Whether another calendar of the person's own holds the event alive, with our mark; asked for by our id."""
        for calendar in GoogleAccount(self._client).calendars()[:_MOST_SEARCHED]:
            if calendar.id == self._id:
                continue
            try:
                there = self._read(calendar.id, event_id)
            except (EventGone, Forbidden):
                continue
            if there.get("status") != _CANCELLED and translate.LINK in translate.private_properties(there):
                return True
        return False

    def _expiry(self, told: object) -> datetime:
        """The end of a channel, told in milliseconds; untold, the life that the documentation gives by default."""
        try:
            return datetime.fromtimestamp(int(str(told)) // 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return self._now + _DEFAULT_LIFE


def _readable(resource: dict[str, Any]) -> Event:
    event = translate.event(resource, described=True)
    if event is None:
        raise TryLater("Google's answer does not hold the event")
    return event
