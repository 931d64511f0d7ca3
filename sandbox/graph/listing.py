"""Lists: the events of a calendar, filtered, ordered and in pages.

https://learn.microsoft.com/graph/api/calendar-list-events. ``/me/events`` is the default calendar's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sandbox.graph import filters, odata, render, schema
from sandbox.graph.call import Answer, Call
from sandbox.graph.model import Event


def list_events(call: Call) -> Answer:
    """The events of one calendar; a filter on an extended property finds only those that have it."""
    calendar = call.calendar()
    text = call.query.get("$filter")
    wanted = filters.parse(text, schema.EVENT) if text is not None else None
    odata.expanded(call.query)
    events = [one for one in _candidates(call, wanted, calendar.id) if wanted is None or wanted.test(_row(call, one))]
    rows = odata.ordered(events, call.query, schema.EVENT, lambda event, path: _field(call, event, path))
    shown, following = odata.page(rows, call.address, call.query, call.prefer.page, call.world.quirks.short_pages)
    value = [odata.selected(render.event_json(call, one), call.query, schema.EVENT) for one in shown]
    return collection(call, f"calendars('{calendar.id}')/events", value, following, len(rows), tuple(shown))


def collection(
    call: Call,
    kind: str,
    value: Sequence[Mapping[str, Any]],
    following: str | None = None,
    count: int | None = None,
    events: tuple[Event, ...] = (),
) -> Answer:
    """The answer that is a list. ``following`` is the next page's address."""
    body: dict[str, Any] = {"@odata.context": call.context(kind, entity=False)}
    if call.query.get("$count") == "true" and count is not None:
        body["@odata.count"] = count
    body["value"] = list(value)
    if following is not None:
        body["@odata.nextLink"] = following
    return Answer(body, events=events)


def plain_rows(call: Call, rows: list[dict[str, Any]], kind: schema.Complex) -> list[dict[str, Any]]:
    """Rows of another kind, filtered and with only what was selected."""
    text = call.query.get("$filter")
    if text is not None:
        test = filters.parse(text, kind).test
        rows = [row for row in rows if test(filters.Row(lambda path, row=row: at(row, path), {}))]  # type: ignore[misc]
    return [odata.selected(row, call.query, kind) for row in rows]


def at(row: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as ``start/dateTime``; ``None`` where there is none."""
    found: Any = row
    for name in path.split("/"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _candidates(call: Call, wanted: filters.Filter | None, calendar_id: str) -> Iterable[Event]:
    if wanted is None or wanted.property_id is None:
        return call.mailbox.events_in(calendar_id)
    return (one for one in call.mailbox.with_property(wanted.property_id) if one.calendar_id == calendar_id)


def _row(call: Call, event: Event) -> filters.Row:
    return filters.Row(lambda path: _field(call, event, path), event.properties)


def _field(call: Call, event: Event, path: str) -> Any:
    return at(render.entity(event, call.person, call.prefer.immutable, "UTC"), path)
