"""One mailbox: its calendars, its events by both kinds of id, transaction ids, and the master list of categories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sandbox.graph import errors
from sandbox.graph.model import Event


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar. A person can look into one that ``can_edit`` is false for, or that another ``owner`` shares."""

    id: str
    name: str
    default: bool
    can_edit: bool
    owner: str
    owner_name: str
    change: int = 0


@dataclass(frozen=True, slots=True)
class Category:
    """An entry of the master list: ``name`` never changes, ``colour`` is a preset's name."""

    id: str
    name: str
    colour: str


class Mailbox:
    """A mailbox's state. Not safe by itself: the world's lock is held around every use."""

    def __init__(self, email: str, zone_name: str) -> None:
        self.email = email
        self.zone_name = zone_name
        self.calendars: dict[str, Calendar] = {}
        self.categories: dict[str, Category] = {}
        self._events: dict[str, Event] = {}
        self._by_item: dict[str, str] = {}
        self._by_transaction: dict[str, str] = {}
        self._by_property: dict[str, dict[str, None]] = {}

    @property
    def default(self) -> Calendar:
        """The default calendar, which cannot be removed."""
        return next(one for one in self.calendars.values() if one.default)

    def calendar(self, calendar_id: str) -> Calendar:
        """The calendar of that id. Raises 404."""
        found = self.calendars.get(calendar_id)
        if found is None:
            raise errors.folder_not_found()
        return found

    def put(self, event: Event) -> None:
        """Store a new version of an event."""
        before = self._events.get(event.key)
        if before is not None:
            self._by_item.pop(before.item_id, None)
            self._index(before, present=False)
        self._events[event.key] = event
        self._by_item[event.item_id] = event.key
        self._index(event, present=not event.deleted)
        if before is None and event.transaction_id is not None:
            self._by_transaction[event.transaction_id] = event.key

    def find(self, event_id: str, *, deleted_too: bool = False) -> Event:
        """The event behind either kind of id; upper and lower case differ. Raises 404.

        A deleted one lies in Deleted Items: its ordinary id is dead; with ``deleted_too`` the immutable one is not.
        """
        by_key = event_id in self._events
        found = self._events.get(event_id if by_key else self._by_item.get(event_id, ""))
        if found is None or (found.deleted and not (deleted_too and by_key)):
            raise errors.item_not_found()
        return found

    def made_by_transaction(self, transaction_id: str | None) -> Event | None:
        """The live event that was created under this transaction id."""
        found = self._events.get(self._by_transaction.get(transaction_id or "", ""))
        return found if found is not None and not found.deleted else None

    def events_in(self, calendar_id: str) -> Iterator[Event]:
        """The live events of a calendar, oldest first."""
        return (one for one in self._events.values() if one.calendar_id == calendar_id and not one.deleted)

    def with_property(self, property_id: str) -> Iterator[Event]:
        """The live events that have this extended property, whatever its value."""
        return (self._events[key] for key in list(self._by_property.get(property_id, ())))

    def all_events(self) -> list[Event]:
        """Every event, deleted ones included."""
        return list(self._events.values())

    def drop_calendar(self, calendar_id: str) -> None:
        """The calendar and its events are gone."""
        for event in list(self.events_in(calendar_id)):
            self.put(replace(event, deleted=True))
        del self.calendars[calendar_id]

    def _index(self, event: Event, *, present: bool) -> None:
        for property_id in event.properties:
            keys = self._by_property.setdefault(property_id, {})
            if present:
                keys[event.key] = None
            else:
                keys.pop(event.key, None)
