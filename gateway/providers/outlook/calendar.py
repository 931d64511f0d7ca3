"""The port ``Calendar`` on Microsoft Graph. Every request names one of our events, or filters by our own properties.

https://learn.microsoft.com/graph/api/resources/event. Graph names events itself; the id that the gateway derives is
kept on the event as a property, by which it is found after a crash between the insert and the commit.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.core.errors import AlreadyExists, EventGone, Forbidden, Refused, StaleWrite, TargetGone, TryLater
from gateway.core.model import Absence, Event, EventId, EventWrite, NoEvent
from gateway.core.ports import Mark, Style, Watch
from gateway.providers.outlook import batch, looks, properties, translate
from gateway.providers.outlook.account import OutlookAccount
from gateway.providers.outlook.transport import Client, part
from gateway.providers.outlook.watching import Watching

log = logging.getLogger(__name__)

_WHOLE = {"$select": translate.WHOLE, "$expand": properties.expand()}
_LISTED = {"$select": translate.LISTED, "$expand": properties.expand()}
_MOST_SEARCHED = 50
Resource = dict[str, Any]


class OutlookCalendar:
    """One calendar, for one job. See ``ports.Calendar`` for the promises."""

    def __init__(self, client: Client, calendar_id: str, style: Style) -> None:
        self._client, self._id, self._style = client, calendar_id, style
        self._watching = Watching(client, calendar_id)

    def get(self, event_id: EventId, *, doubted: bool = False) -> Event | NoEvent:
        """Read one of our events by Graph's id, or by the one we derived.

        Graph tells "not found" alike for what was deleted and for a bad moment; only where somebody else has said
        already that the event is gone (``doubted``) is it ``DELETED``. One that is read while in doubt is looked for in
        the calendar itself: by its immutable id Graph may still tell what lies among the deleted items.
        """
        if translate.is_key(event_id):
            found = self._by_property(self._id, properties.KEY, event_id)
            return _readable(found) if found else NoEvent(Absence.UNKNOWN)
        try:
            resource = self._client.call("GET", f"{self._path()}/{part(event_id)}", query=_WHOLE)
        except EventGone:
            return NoEvent(self._absence(event_id, doubted=doubted))
        except TargetGone:
            return _readable(self._outliving(event_id))
        if doubted and not self._holds(self._id, resource):
            return NoEvent(self._whereabouts(resource))
        return _readable(resource)

    def insert(self, event_id: EventId, mark: Mark, write: EventWrite) -> Event:
        """Create under our own id. Repeated, it gives back what was created before, with the number it carries.

        The answer does not tell our properties, so it is read again: a repeated request may have created nothing.
        """
        if write.span is None:
            raise Refused("an event needs a time", ("due",))
        body = translate.new_body(event_id, mark, write, self._style)
        try:
            made = self._client.call("POST", self._path(), body=body)
        except EventGone:
            raise TargetGone("the calendar is not there any more") from None
        if properties.NUMBER in properties.read(made):
            return _readable(made)
        try:
            return _readable(self._client.call("GET", f"me/events/{part(_name(made))}", query=_WHOLE))
        except EventGone:
            raise AlreadyExists("an event that is gone was created under this id") from None

    def patch(self, event_id: EventId, write: EventWrite, etag: str) -> Event:
        """Change only the fields given, if ``etag`` still stands.

        Graph documents no ``If-Match`` for events; that it is heeded was seen. A text is not written over the blob of
        an online meeting (https://learn.microsoft.com/graph/api/event-update).
        """
        name = self._name_of(event_id)
        body = translate.patch_body(write)
        if "body" in body and self._is_meeting(name):
            del body["body"]
        try:
            resource = self._client.call("PATCH", f"me/events/{part(name)}", body=body, etag=etag)
        except AlreadyExists as conflict:
            raise StaleWrite(str(conflict)) from None
        own = properties.written({properties.NUMBER: str(write.number), **properties.read(resource)})
        return _readable({**resource, "singleValueExtendedProperties": own})

    def delete(self, event_id: EventId, etag: str | None = None) -> None:
        """To Deleted Items, if ``etag`` still stands; 404 means that it is done. People who were invited are told so by
        Exchange."""
        try:
            self._client.call("DELETE", f"me/events/{part(self._name_of(event_id))}", etag=etag)
        except EventGone:
            return
        except AlreadyExists as conflict:
            if etag is None:
                raise
            raise StaleWrite(str(conflict)) from None

    def move(self, event_id: EventId, to_calendar: str) -> Event | None:  # noqa: ARG002 - the port's
        """``None``: Graph has no such call for events."""
        return None

    def ours(self, tag: str, *, known: Sequence[EventId] = (), changed_since: datetime | None = None) -> list[Event]:
        """Our events, by the one property that tags them: nothing else is ever received.

        Where Graph refuses that filter, ``known`` ones are read by their ids. Graph need not know how to join this
        filter with one by time, so what is too old is left out here.
        """
        found: list[Event] = []
        for item in self._tagged(tag, known):
            event = translate.event(item, described=False)
            if event is None or properties.read(item).get(properties.TAG) != tag:
                continue
            if changed_since is None or (translate.changed_at(item) or changed_since) >= changed_since:
                found.append(event)
        return found

    def exists(self) -> bool:
        """Whether the calendar is there and can be written."""
        try:
            found = self._client.call("GET", f"me/calendars/{part(self._id)}", query={"$select": "id,canEdit"})
        except (EventGone, TargetGone):
            return False
        return bool(found.get("canEdit"))

    def prepare(self) -> None:
        """Our categories in the person's master list, so that they have colours; where that was not allowed they are
        names without a colour."""
        try:
            known = {str(one.get("displayName")) for one in self._client.pages("me/outlook/masterCategories", {})}
            for name, colour in looks.PRESETS.items():
                if name not in known:
                    self._add_category(name, colour)
        except Forbidden:
            log.debug("categories stay without colours: the permission was not given")

    def watch(self, channel_id: str, secret: str, address: str) -> Watch:
        """Subscribe to the calendar's changes and to the subscription's own fate."""
        return self._watching.begin(channel_id, secret, address)

    def extend(self, channel_id: str, resource: str) -> Watch:
        """Put the subscription's end off; raises ``WatchGone``."""
        return self._watching.extend(channel_id, resource)

    def unwatch(self, channel_id: str, resource: str) -> None:  # noqa: ARG002 - Graph's own id is enough
        """Delete the subscription."""
        self._watching.end(resource)

    # --- many at once

    def _tagged(self, tag: str, known: Sequence[EventId]) -> Sequence[Resource]:
        try:
            query = {**_LISTED, "$filter": properties.having(properties.TAG, tag)}
            return list(self._client.pages(self._path(), query))
        except EventGone:
            raise TargetGone("the calendar is not there any more") from None
        except Refused as refused:
            names = [name for name in dict.fromkeys(known) if not translate.is_key(name)]
            if not names:
                raise
            log.warning("our events are read by their ids, for a list by our property is refused: %s", refused)
            return self._by_names(names)

    def _by_names(self, names: Sequence[EventId]) -> Sequence[Resource]:
        """Those of these events that this calendar has. Of a calendar that is gone none is missing."""
        answers = batch.read(self._client, [f"{self._path()}/{part(name)}" for name in names], _LISTED)
        found = [one for one in answers if one is not None]
        if not found and not self.exists():
            raise TargetGone("the calendar is not there any more")
        return found

    # --- where an event is

    def _absence(self, event_id: EventId, *, doubted: bool) -> Absence:
        """What "not in this calendar" means, once it is clear that there is such a calendar."""
        try:
            elsewhere = self._client.call("GET", f"me/events/{part(event_id)}", query=_LISTED)
        except EventGone:
            if not self.exists():
                raise TargetGone("the calendar is not there any more") from None
            return Absence.DELETED if doubted else Absence.UNKNOWN
        return self._whereabouts(elsewhere)

    def _outliving(self, event_id: EventId) -> Resource:
        """An event that is alive though its calendar's id is not: those were seen to change
        (https://github.com/microsoftgraph/microsoft-graph-docs/issues/11296). Raises ``TargetGone`` where none is."""
        try:
            found = self._client.call("GET", f"me/events/{part(event_id)}", query=_WHOLE)
        except EventGone:
            raise TargetGone("the calendar is not there any more") from None
        if not any(self._holds(one.id, found) for one in OutlookAccount(self._client).calendars()[:_MOST_SEARCHED]):
            raise TargetGone("the calendar is not there any more")
        return found

    def _whereabouts(self, resource: Resource) -> Absence:
        """Of an event that is told but not in this calendar: in another one of the person's, or in none."""
        calendars = OutlookAccount(self._client).calendars()
        if self._id not in {one.id for one in calendars}:
            raise TargetGone("the calendar is not there any more")
        others = [one.id for one in calendars if one.id != self._id]
        moved = any(self._holds(calendar, resource) for calendar in others[:_MOST_SEARCHED])
        return Absence.MOVED if moved else Absence.DELETED

    def _holds(self, calendar_id: str, resource: Resource) -> bool:
        """Whether a list of this calendar holds the event, or a read below it where such lists are refused. An event's
        own word for its calendar is not the id that lists give
        (https://github.com/microsoftgraph/microsoft-graph-docs/issues/6699)."""
        own = properties.read(resource)
        name = next((one for one in (properties.KEY, properties.LINK) if one in own), None)
        try:
            return name is not None and self._by_property(calendar_id, name, own[name], _name(resource)) is not None
        except Refused:
            below = f"me/calendars/{part(calendar_id)}/events/{part(_name(resource))}"
            return batch.read(self._client, [below], _LISTED) != [None]

    def _by_property(self, calendar_id: str, name: str, value: str, event_id: str | None = None) -> Resource | None:
        query = {**_WHOLE, "$filter": properties.having(name, value)}
        try:
            for item in self._client.pages(f"me/calendars/{part(calendar_id)}/events", query):
                if properties.read(item).get(name) == value and event_id in (None, item.get("id")):
                    return item
        except EventGone:
            raise TargetGone("the calendar is not there any more") from None
        return None

    def _name_of(self, event_id: EventId) -> str:
        """Graph's own id of an event of which we may know only the one we derived."""
        if not translate.is_key(event_id):
            return event_id
        found = self._by_property(self._id, properties.KEY, event_id)
        if found is None:
            raise EventGone("no event carries this id")
        return _name(found)

    # --- details

    def _path(self) -> str:
        return f"me/calendars/{part(self._id)}/events"

    def _is_meeting(self, name: str) -> bool:
        return bool(self._client.call("GET", f"me/events/{part(name)}", query=_MEETING).get("isOnlineMeeting"))

    def _add_category(self, name: str, colour: str) -> None:
        try:
            self._client.call("POST", "me/outlook/masterCategories", body={"displayName": name, "color": colour})
        except AlreadyExists:
            return


_MEETING: Mapping[str, str] = {"$select": "id,isOnlineMeeting"}


def _name(resource: Mapping[str, Any]) -> str:
    name = resource.get("id")
    if not isinstance(name, str) or not name:
        raise TryLater("Microsoft's answer does not name the event")
    return name


def _readable(resource: Mapping[str, Any]) -> Event:
    event = translate.event(resource, described=True)
    if event is None:
        raise TryLater("Microsoft's answer does not hold the event")
    return event
