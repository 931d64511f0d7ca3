"""Fakes: small real implementations of the ports, in memory, held to the same contract suites as the real adapters.

``FakeAccount`` is one person's account at a provider: calendars with events, what the person does by hand, and what
goes wrong on demand. ``FakeCalendar`` is the port onto one of its calendars, as opened for one job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from gateway.core.errors import AlreadyExists, EventGone, Refused, StaleWrite, TargetGone
from gateway.core.model import (
    Absence,
    Event,
    EventId,
    EventWrite,
    Look,
    Moment,
    NoEvent,
    Paint,
    Priority,
    Remind,
    Span,
    When,
)
from gateway.core.ports import CalendarInfo, Mark, Style, Watch

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Call:
    """One call that reached the account: the port's method, the calendar, and the event where there is one."""

    method: str
    calendar: str
    event: str = ""


@dataclass
class _Planned:
    method: str
    action: Callable[[], object]
    after: bool
    times: int


@dataclass(frozen=True)
class _Stored:
    event: Event
    tag: str
    updated: datetime
    absence: Absence | None = None


@dataclass
class _Shelf:
    name: str
    events: dict[EventId, _Stored] = field(default_factory=dict)
    watches: dict[str, tuple[Watch, str]] = field(default_factory=dict)


class FakeAccount:
    """One person's account. The first calendar is called ``primary`` and is there from the beginning.

    ``lists``: the grant may list calendars (so that a move by hand can be told from a deletion); ``moves``: it covers
    ``Calendar.move``; ``ids_are_ours``: the id of an insert is kept (Google) or replaced by the account's own, while a
    repeated insert under the same id gives the same event (Outlook).
    """

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: NOON,
        *,
        lists: bool = True,
        moves: bool = True,
        ids_are_ours: bool = True,
    ) -> None:
        self.now, self.lists, self.moves, self.ids_are_ours = now, lists, moves, ids_are_ours
        self.calls: list[Call] = []
        self.inserted: dict[tuple[str, EventId], EventId] = {}
        self.shelves: dict[str, _Shelf] = {"primary": _Shelf("Primary")}
        self._etags = count(1)
        self._planned: list[_Planned] = []

    # --- the port Account

    def calendars(self) -> Sequence[CalendarInfo]:
        """See ``ports.Account``."""
        with self.served("calendars", ""):
            if not self.lists:
                return []
            return [CalendarInfo(name, one.name, name == "primary", "UTC") for name, one in self.shelves.items()]

    def create_calendar(self, name: str, zone: str | None) -> CalendarInfo:
        """See ``ports.Account``."""
        with self.served("create_calendar", ""):
            return self.add_calendar(f"calendar-{len(self.shelves) + 1}", name, zone)

    def add_calendar(self, calendar: str, name: str = "", zone: str | None = "UTC") -> CalendarInfo:
        """A further calendar of this account, as its person would make one."""
        self.shelves[calendar] = _Shelf(name or calendar)
        return CalendarInfo(calendar, name or calendar, False, zone)

    def open(self, calendar_id: str = "primary", style: Style | None = None) -> FakeCalendar:
        """The port onto one calendar."""
        return FakeCalendar(self, calendar_id, style or Style())

    # --- what goes wrong

    def fail(self, method: str, error: Exception, *, after: bool = False, times: int = 1) -> None:
        """The next ``times`` calls of ``method`` raise ``error``; ``after``: once their effect is done."""

        def raise_it() -> None:
            raise error

        self.meanwhile(method, raise_it, after=after, times=times)

    def meanwhile(self, method: str, action: Callable[[], object], *, after: bool = False, times: int = 1) -> None:
        """Run ``action`` (a person's edit, say) just before, or right after, the next calls of ``method``."""
        self._planned.append(_Planned(method, action, after, times))

    @contextmanager
    def served(self, method: str, calendar: str, event: str = "") -> Iterator[None]:
        """Count one call and let what was planned for it happen."""
        self.calls.append(Call(method, calendar, event))
        planned = next((one for one in self._planned if one.method == method), None)
        if planned is not None:
            planned.times -= 1
            if planned.times == 0:
                self._planned.remove(planned)
            if not planned.after:
                planned.action()
        yield
        if planned is not None and planned.after:
            planned.action()

    # --- what the person does

    def edit(self, event_id: str, calendar: str = "primary", **changes: Any) -> Event:
        """Change any field of an event by hand: ``title start length look recurring description link number url``."""
        stored = self.shelves[calendar].events[EventId(event_id)]
        return self.put(calendar, replace(stored, event=replace(stored.event, **changes)))

    def delete(self, event_id: str, calendar: str = "primary") -> None:
        """Delete by hand: the event stays readable as cancelled."""
        stored = self.shelves[calendar].events[EventId(event_id)]
        self.put(calendar, replace(stored, absence=Absence.DELETED))

    def restore(self, event_id: str, calendar: str = "primary") -> Event:
        """Take an event back from the bin."""
        stored = self.shelves[calendar].events[EventId(event_id)]
        return self.put(calendar, replace(stored, absence=None))

    def forget(self, event_id: str, calendar: str = "primary") -> None:
        """The calendar no longer knows the event at all (a deletion of long ago, or a hiccup)."""
        del self.shelves[calendar].events[EventId(event_id)]

    def carry(self, event_id: str, to: str, calendar: str = "primary") -> Event:
        """Move an event to another calendar, by hand or through the port: its trace stays behind."""
        stored = self.shelves[calendar].events[EventId(event_id)]
        self.put(calendar, replace(stored, absence=Absence.MOVED))
        return self.put(to, stored)

    def drop_calendar(self, calendar: str = "primary") -> None:
        """Delete a whole calendar."""
        del self.shelves[calendar]

    def live(self, calendar: str = "primary") -> dict[EventId, Event]:
        """What the person sees in a calendar."""
        shelf = self.shelves.get(calendar, _Shelf(""))
        return {name: one.event for name, one in shelf.events.items() if one.absence is None}

    def count(self, *methods: str) -> int:
        """How many calls of these methods came in (of any, without names)."""
        return sum(not methods or call.method in methods for call in self.calls)

    def put(self, calendar: str, stored: _Stored) -> Event:
        """Keep one version under a fresh etag."""
        event = replace(stored.event, etag=f'"{next(self._etags)}"')
        self.shelves[calendar].events[event.id] = replace(stored, event=event, updated=self.now())
        return event


class FakeCalendar:
    """The port ``Calendar`` onto one calendar of a ``FakeAccount``."""

    def __init__(self, account: FakeAccount, calendar_id: str, style: Style) -> None:
        self._account, self._id, self._style = account, calendar_id, style

    def get(self, event_id: EventId, *, doubted: bool = False) -> Event | NoEvent:
        """See ``ports.Calendar``."""
        with self._account.served("get", self._id, event_id):
            stored = self._shelf().events.get(self._own(event_id))
            if stored is None:
                return NoEvent(Absence.UNKNOWN)
            if stored.absence is Absence.MOVED and not self._account.lists:
                return NoEvent(Absence.DELETED)
            return NoEvent(stored.absence) if stored.absence else stored.event

    def insert(self, event_id: EventId, mark: Mark, write: EventWrite) -> Event:
        """See ``ports.Calendar``."""
        with self._account.served("insert", self._id, event_id):
            if write.span is None:
                raise Refused("an event needs a time", ("due",))
            known = self._known(event_id)
            if known is not None:
                return known
            name = event_id if self._account.ids_are_ours else EventId(f"AAMk{len(self._account.inserted)}=")
            self._account.inserted[self._id, event_id] = name
            blank = Event(
                id=name, etag="", number=None, title="", start=_start(write.span), length=write.span.length,
                look=Look("", "default"), url=f"https://calendar.example/{name}", description="", link=mark.link,
            )  # fmt: skip
            return self._account.put(
                self._id, _Stored(written(blank, write, self._style), mark.tag, self._account.now())
            )

    def patch(self, event_id: EventId, write: EventWrite, etag: str) -> Event:
        """See ``ports.Calendar``."""
        with self._account.served("patch", self._id, event_id):
            stored = self._shelf().events.get(self._own(event_id))
            if stored is None or stored.absence is not None:
                raise EventGone("no such event")
            if stored.event.etag != etag:
                raise StaleWrite("the event has changed")
            return self._account.put(self._id, replace(stored, event=written(stored.event, write, self._style)))

    def delete(self, event_id: EventId, etag: str | None = None) -> None:
        """See ``ports.Calendar``."""
        with self._account.served("delete", self._id, event_id):
            stored = self._shelf().events.get(self._own(event_id))
            if stored is not None and stored.absence is None:
                if etag not in (None, stored.event.etag):
                    raise StaleWrite("the event has changed")
                self._account.put(self._id, replace(stored, absence=Absence.DELETED))

    def move(self, event_id: EventId, to_calendar: str) -> Event | None:
        """See ``ports.Calendar``."""
        with self._account.served("move", self._id, event_id):
            if not self._account.moves:
                return None
            stored = self._shelf().events.get(event_id)
            if stored is None or stored.absence is not None:
                raise EventGone("no such event")
            if to_calendar not in self._account.shelves:
                raise TargetGone("no such calendar")
            return self._account.carry(event_id, to_calendar, self._id)

    def ours(
        self, tag: str, *, known: Sequence[EventId] = (), changed_since: datetime | None = None
    ) -> Iterator[Event]:
        """See ``ports.Calendar``. Its filter is never refused."""
        with self._account.served("ours", self._id):
            found = [
                replace(one.event, description=None)
                for one in self._shelf().events.values()
                if one.tag == tag and one.absence is None and (changed_since is None or one.updated >= changed_since)
            ]
        return iter(found)

    def exists(self) -> bool:
        """See ``ports.Calendar``."""
        with self._account.served("exists", self._id):
            return self._id in self._account.shelves

    def prepare(self) -> None:
        """See ``ports.Calendar``."""
        with self._account.served("prepare", self._id):
            return

    def watch(self, channel_id: str, secret: str, address: str) -> Watch:
        """See ``ports.Calendar``."""
        with self._account.served("watch", self._id):
            shelf = self._shelf()
            if channel_id in shelf.watches:
                raise Refused("channel id not unique")
            watch = Watch(channel_id, f"resource-{self._id}", self._account.now() + timedelta(days=30))
            shelf.watches[channel_id] = (watch, secret)
            return watch

    def extend(self, channel_id: str, resource: str) -> Watch | None:
        """See ``ports.Calendar``."""
        with self._account.served("extend", self._id):
            return None

    def unwatch(self, channel_id: str, resource: str) -> None:
        """See ``ports.Calendar``."""
        with self._account.served("unwatch", self._id):
            for shelf in self._account.shelves.values():
                shelf.watches.pop(channel_id, None)

    def _shelf(self) -> _Shelf:
        shelf = self._account.shelves.get(self._id)
        if shelf is None:
            raise TargetGone("no such calendar")
        return shelf

    def _own(self, event_id: EventId) -> EventId:
        """The account's own id for one that the gateway derived."""
        return self._account.inserted.get((self._id, event_id), event_id)

    def _known(self, event_id: EventId) -> Event | None:
        """The event a repeated insert gives back. Raises where the id is taken for good."""
        shelf = self._shelf()
        stored = shelf.events.get(self._own(event_id))
        if stored is None:
            return None
        if self._account.ids_are_ours or stored.absence is not None:
            raise AlreadyExists("the id is in use")
        return stored.event


def written(event: Event, write: EventWrite, style: Style) -> Event:
    """The event after a write. Colours are the priority's own words, or the style's."""
    if write.span is not None:
        event = replace(event, start=_start(write.span), length=write.span.length)
    return replace(
        event,
        number=write.number,
        title=event.title if write.title is None else write.title,
        description=event.description if write.description is None else write.description,
        look=Look(_colour(event.look, write, style), _reminders(event.look, write)),
    )


def _colour(now: Look, write: EventWrite, style: Style) -> str | None:
    match write.paint:
        case Paint.PRIORITY:
            return style.colours.get(write.priority, "" if write.priority is Priority.NONE else write.priority.value)
        case Paint.DONE:
            return style.done_colour or "done"
        case Paint.KEPT:
            return write.kept.colour or ""
    return now.colour


def _reminders(now: Look, write: EventWrite) -> str | None:
    match write.remind:
        case Remind.DEFAULT:
            return "default"
        case Remind.NONE:
            return "none"
        case Remind.KEPT:
            return write.kept.reminders or "default"
    return now.reminders


def _start(span: Span) -> When:
    if isinstance(span.start, Moment):
        return Moment(span.start.at, span.zone or span.start.zone)
    return span.start
