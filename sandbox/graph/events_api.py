"""Creating, reading, changing and deleting one event.

https://learn.microsoft.com/graph/api/user-post-events, /event-get, /event-update, /event-delete
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.graph import bodies, content, errors, odata, render, schema
from sandbox.graph.call import Answer, Call
from sandbox.graph.mailbox import Calendar
from sandbox.graph.model import Event


def create(call: Call) -> Answer:
    """A new event: 201. A repeated ``transactionId`` creates nothing and answers with what it made before.

    https://learn.microsoft.com/graph/api/resources/event (transactionId), the answer as seen in
    https://blog.rykoma.net/2020/10/05/1559/. Once that event is deleted the id creates again (unconfirmed).
    """
    calendar = _editable(call.calendar())
    written = content.read(call.body, None)
    if written.when is None:
        raise errors.validation_failure()
    again = call.mailbox.made_by_transaction(call.body.get("transactionId"))
    if again is not None:
        return _shown(call, again, 201)
    key = call.world.item_id("AAkALg")
    event = Event(
        key=key,
        item_id=call.world.item_id("AAMkAD"),
        calendar_id=calendar.id,
        content=_stored(written),
        when=written.when,
        properties=written.properties,
        created=call.now,
        modified=call.now,
        change=call.world.next_change(),
        made_by=call.access.caller,
        ical_uid=f"040000008200E00074C5B7101A82E008{call.world.guid().replace('-', '').upper()}",
        transaction_id=call.body.get("transactionId"),
    )
    return _shown(call, call.world.store(call.person, event, "created"), 201)


def get(call: Call) -> Answer:
    """One event."""
    return _shown(call, call.event(), 200)


def update(call: Call) -> Answer:
    """Change the named properties; everything else stays. Every update makes a new version."""
    event = call.event()
    _editable(call.mailbox.calendar(event.calendar_id))
    call.guard(event)
    written = content.read(call.body, event.when)
    if call.body.get("transactionId") not in (None, event.transaction_id):
        # It cannot be changed later; the code is unconfirmed.
        raise errors.invalid("The transactionId of an event cannot be changed.")
    changed = replace(
        event,
        content={**event.content, **_stored(written)},
        when=written.when or event.when,
        properties={**event.properties, **written.properties},
        modified=call.now,
        change=call.world.next_change(),
    )
    return _shown(call, call.world.store(call.person, changed, "updated"), 200)


def delete(call: Call) -> Answer:
    """To Deleted Items: 204."""
    event = call.event()
    _editable(call.mailbox.calendar(event.calendar_id))
    call.guard(event)
    gone = replace(event, deleted=True, modified=call.now, change=call.world.next_change())
    call.world.store(call.person, gone, "deleted")
    return Answer(None, 204, (event,))


def _editable(calendar: Calendar) -> Calendar:
    if not calendar.can_edit:
        raise errors.access_denied()
    return calendar


def _stored(written: content.Written) -> dict[str, Any]:
    kept = dict(written.content)
    if "body" in kept:
        kept["body"] = {"contentType": "html", "content": bodies.stored(kept["body"])}
    return kept


def _shown(call: Call, event: Event, status: int) -> Answer:
    body = odata.selected(render.event_json(call, event), call.query, schema.EVENT)
    address = f"{call.asked.root}/users/{call.person.oid}/events/{body['id']}"
    headers = {"Location": address} if status == 201 else {}
    return Answer({"@odata.context": call.context("events"), **body}, status, (event,), headers)
