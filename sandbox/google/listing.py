"""events.list and events.instances: filters, expansion of series, order, pages and sync tokens.

https://developers.google.com/workspace/calendar/api/v3/reference/events/list and
https://developers.google.com/workspace/calendar/api/guides/sync
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sandbox.google import errors, lookup, pages, recurrence, render, times
from sandbox.google.calendars import Calendar
from sandbox.google.call import Answer, Call
from sandbox.google.model import Event, When

_DEFAULT_PAGE, _LONGEST_PAGE = 250, 2500
_UPDATED_REACH: Final = timedelta(days=28)
"""How far back ``updatedMin`` may go: about a month; the exact span is not published."""
_NOT_WITH_SYNC_TOKEN: Final = (
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
)


class Row(NamedTuple):
    """One item of a list: an event, or (with ``start``) an instance that only the rule of this series knows."""

    event: Event
    start: date | datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The time bounds of a list; an event is in it when it ends after ``low`` and starts before ``high``."""

    low: datetime | None
    high: datetime | None

    def holds(self, calendar: Calendar, when: When) -> bool:
        """Whether that span touches the window."""
        if self.low is not None and when.end_at(calendar.zone) <= self.low:
            return False
        return self.high is None or when.start_at(calendar.zone) < self.high


def list_events(call: Call) -> Answer:
    """The calendar's events, one page."""
    calendar = call.calendar("reader")
    _check_combination(call)
    since = pages.read_sync(call.text("syncToken"), calendar.info.id, calendar.epoch) if _syncing(call) else None
    window = _window(call)
    if since is not None:
        window = Window(since.moment("timeMin"), since.moment("timeMax"))
    rows = [
        row
        for event in _candidates(call, calendar, since)
        for row in _rows(call, calendar, event, window, deleted_too=since is not None)
    ]
    keep = {"timeMin": call.text("timeMin"), "timeMax": call.text("timeMax")} if since is None else since.kept
    return _page(call, calendar, rows, pages.Sync(calendar.info.id, calendar.change, calendar.epoch, keep))


def list_instances(call: Call) -> Answer:
    """The instances of one series, one page."""
    calendar = call.calendar("reader")
    master = lookup.find(calendar, call.path["eventId"], call.now)
    rows = list(_expanded(calendar, master, _window(call), call.flag("showDeleted"))) if master.recurs else []
    return _page(call, calendar, rows, None)


def _syncing(call: Call) -> bool:
    return "syncToken" in call.params


def _check_combination(call: Call) -> None:
    if _syncing(call):
        for name in _NOT_WITH_SYNC_TOKEN:
            if name in call.params:
                raise errors.bad_parameter(name, f"Sync token cannot be used with {name}.")
        if call.params.get("showDeleted") is False:
            raise errors.bad_parameter("showDeleted", "showDeleted cannot be false with a sync token.")
    if call.text("orderBy") == "startTime" and not call.flag("singleEvents"):
        # https://github.com/googleworkspace/java-samples/issues/52
        text = "The requested ordering is not available for the particular query."
        raise errors.ApiError(400, "invalid", text, location=("parameter", "orderBy"))


def _window(call: Call) -> Window:
    low, high = (times.parse_stamp(call.text(name) or "") for name in ("timeMin", "timeMax"))
    if low is not None and high is not None and high <= low:
        raise errors.time_range_empty("timeMax")
    return Window(low, high)


def _candidates(call: Call, calendar: Calendar, since: pages.Sync | None) -> Iterator[Event]:
    """The stored events that the property, type, text and change filters let through."""
    tests: list[Any] = [lambda event: not lookup.has_disappeared(event, call.now)]
    found: Iterable[Event] = calendar.events.values()
    constraints = [*_constraints(call, "private"), *_constraints(call, "shared")]
    if since is not None:
        tests.append(lambda event: event.change > since.change)
    elif constraints:
        found = calendar.matching(constraints)
        indexed_by = call.now - timedelta(seconds=call.world.quirks.index_lag_s)
        tests.append(lambda event: event.created <= indexed_by)
    if (uid := call.text("iCalUID")) is not None:
        tests.append(lambda event: event.ical_uid == uid)
    if types := frozenset(call.texts("eventTypes")):
        tests.append(lambda event: event.content.get("eventType", "default") in types)
    if (low := _updated_min(call)) is not None:
        tests.append(lambda event: event.updated >= low)
    if words := (call.text("q") or "").casefold().split():
        tests.append(lambda event: all(word in _searched(event) for word in words))
    return (event for event in found if all(test(event) for test in tests))


def _constraints(call: Call, side: str) -> Iterator[tuple[str, str, str]]:
    for text in call.texts(f"{side}ExtendedProperty"):
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise errors.bad_parameter(f"{side}ExtendedProperty", "Want propertyName=value.")
        yield side, key, value


def _updated_min(call: Call) -> datetime | None:
    text = call.text("updatedMin")
    low = times.parse_stamp(text) if text is not None else None
    if low is not None and low < call.now - _UPDATED_REACH:
        raise errors.updated_min_too_long_ago()
    return low


def _searched(event: Event) -> str:
    people = [part for one in event.content.get("attendees", ()) for part in (one["email"], one.get("displayName", ""))]
    texts = (event.content.get(name, "") for name in ("summary", "description", "location"))
    return " ".join([*texts, *people]).casefold()


def _rows(call: Call, calendar: Calendar, event: Event, window: Window, *, deleted_too: bool) -> Iterator[Row]:
    deleted_too = deleted_too or call.flag("showDeleted") or "updatedMin" in call.params
    if lookup.is_void(calendar, event):
        if deleted_too and not event.live:
            yield Row(event)
    elif event.live and event.recurs:
        if call.flag("singleEvents"):
            yield from _expanded(calendar, event, window, call.flag("showDeleted"))
        elif any(_expanded(calendar, event, window, True)):
            yield Row(event)
    elif event.series is not None:
        # Expansion yields changed instances itself. Cancelled ones stay in the list when it is not expanded.
        if not call.flag("singleEvents") and (not event.live or _within(calendar, event, window)):
            yield Row(event)
    elif (event.live and _within(calendar, event, window)) or (not event.live and deleted_too):
        yield Row(event)


def _within(calendar: Calendar, event: Event, window: Window) -> bool:
    return event.when is not None and window.holds(calendar, event.when)


def _expanded(calendar: Calendar, master: Event, window: Window, cancelled_too: bool) -> Iterator[Row]:
    changed = {event.original: event for event in calendar.exceptions(master.id)}
    for start in recurrence.starts(master.content["recurrence"], master.span):
        when = recurrence.shifted(master.span, start)
        if window.high is not None and when.start_at(calendar.zone) >= window.high:
            return
        exception = changed.get(start)
        if exception is None:
            if window.holds(calendar, when):
                yield Row(master, start)
        elif (exception.live or cancelled_too) and _within(calendar, exception, window):
            yield Row(exception)


def _page(call: Call, calendar: Calendar, rows: list[Row], sync: pages.Sync | None) -> Answer:
    size = min(call.number("maxResults") or _DEFAULT_PAGE, _LONGEST_PAGE)
    keyed = sorted(((_key(call, calendar, row), row) for row in rows), key=lambda pair: pair[0])
    page = pages.cut(keyed, size, call.text("pageToken"), sync, call.world.quirks.short_pages)
    viewer, info = call.person.email, calendar.info
    body: dict[str, Any] = {
        "kind": "calendar#events",
        "etag": render.collection_etag(info.id, calendar.change, info.etag),
        "summary": info.summary,
        "updated": times.stamp_ms(max((row.event.updated for row in rows), default=info.updated)),
        "timeZone": info.time_zone,
        "accessRole": calendar.role_of(viewer),
        "defaultReminders": render.default_reminders(calendar, viewer),
        "items": [_shown(call, calendar, row) for row in page.rows],
        **page.tokens,
    }
    if info.description:
        body["description"] = info.description
    return Answer(body, tuple(row.event for row in page.rows))


def _key(call: Call, calendar: Calendar, row: Row) -> tuple[str, str]:
    event_id = row.event.id if row.start is None else recurrence.instance_id(row.event.id, row.start)
    match call.text("orderBy"):
        case "updated":
            return times.stamp_ms(row.event.updated), event_id
        case "startTime" if row.event.when is not None:
            when = row.event.when if row.start is None else recurrence.shifted(row.event.when, row.start)
            return times.stamp(when.start_at(calendar.zone)), event_id
    return "", event_id


def _shown(call: Call, calendar: Calendar, row: Row) -> Mapping[str, Any]:
    event = row.event
    if row.start is not None:
        return render.instance_json(calendar, event, row.start, call.person.email, call.zone())
    if not event.live and (event.series is not None or (_syncing(call) and not call.flag("showDeleted"))):
        # Cancelled instances come bare, and so do deletions unless showDeleted asks for their details.
        return render.trace_json(event)
    return call.show(calendar, event)
