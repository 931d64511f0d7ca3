"""Who the caller is, and their calendars.

https://learn.microsoft.com/graph/api/resources/calendar, https://learn.microsoft.com/graph/api/user-get
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.graph import errors, listing, odata, render, schema
from sandbox.graph.call import Answer, Call


def get_me(call: Call) -> Answer:
    """The caller."""
    person = call.person
    body = {
        "id": person.oid,
        "displayName": person.name,
        "mail": person.email,
        "userPrincipalName": person.email,
    }
    context = {"@odata.context": f"{call.asked.root}/$metadata#users/$entity"}
    return Answer({**context, **odata.selected(body, call.query, schema.USER)})


def list_calendars(call: Call) -> Answer:
    """All calendars of the mailbox, shared ones that the person has opened included."""
    calendars = [render.calendar_json(one) for one in call.mailbox.calendars.values()]
    rows = listing.plain_rows(call, calendars, schema.CALENDAR)
    size = call.world.quirks.short_pages
    shown, following = odata.page(rows, call.address, call.query, call.prefer.page, size)
    return listing.collection(call, "calendars", shown, following, len(rows))


def create_calendar(call: Call) -> Answer:
    """A new calendar: 201; a name that is taken is refused."""
    schema.check(schema.CALENDAR, call.body)
    name = _name(call.body)
    if any(one.name == name for one in call.mailbox.calendars.values()):
        raise errors.folder_exists()
    return _entity(call, call.world.add_calendar(call.person.email, name).id, 201)


def get_calendar(call: Call) -> Answer:
    """One calendar."""
    return _entity(call, call.calendar().id, 200)


def update_calendar(call: Call) -> Answer:
    """Another name."""
    schema.check(schema.CALENDAR, call.body)
    calendar = call.calendar()
    if not calendar.can_edit:
        raise errors.access_denied()
    if "name" in call.body:
        name = _name(call.body)
        changed = replace(calendar, name=name, change=call.world.next_change())
        call.mailbox.calendars[calendar.id] = changed
    return _entity(call, calendar.id, 200)


def delete_calendar(call: Call) -> Answer:
    """The calendar and all in it: 204. Its subscriptions vanish without a word. Not the default one."""
    calendar = call.calendar()
    if calendar.default or not calendar.can_edit:
        raise errors.invalid("This calendar cannot be deleted.")
    notices = call.world.notices
    for one in notices.live(call.now):
        if (one.email, one.calendar_id) == (call.person.email, calendar.id):
            del notices.subscriptions[one.id]
    call.mailbox.drop_calendar(calendar.id)
    return Answer(None, 204)


def _name(body: Any) -> str:
    name = body.get("name")
    if not name:
        raise errors.invalid("A calendar has to have a name.")
    return str(name)


def _entity(call: Call, calendar_id: str, status: int) -> Answer:
    body = odata.selected(render.calendar_json(call.mailbox.calendars[calendar_id]), call.query, schema.CALENDAR)
    return Answer({"@odata.context": call.context("calendars"), **body}, status)
