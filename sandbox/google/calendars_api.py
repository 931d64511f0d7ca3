"""calendarList, calendars, acl and colors: what calendars there are, whose, and who may see them.

https://developers.google.com/workspace/calendar/api/v3/reference/calendarList and .../calendars
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sandbox.google import errors, pages, render, times
from sandbox.google.calendars import ROLES, Calendar
from sandbox.google.call import Answer, Call
from sandbox.google.content import merge
from sandbox.google.model import PERSON_CLIENT

_DEFAULT_PAGE, _LONGEST_PAGE = 100, 250
_OWN_FIELDS: Final = frozenset({"summaryOverride", "hidden", "selected", "colorId", "defaultReminders"})
_ABOUT: Final = {"summary": "summary", "description": "description", "location": "location", "timeZone": "time_zone"}


def list_entries(call: Call) -> Answer:
    """The person's calendar list, one page."""
    email, world = call.person.email, call.world
    scope = f"list:{email}"
    since = None
    if (token := call.text("syncToken")) is not None:
        if "minAccessRole" in call.params:
            text = "minAccessRole cannot be used with a sync token."
            raise errors.bad_parameter("minAccessRole", text)
        since = pages.read_sync(token, scope, world.list_epoch)
    rows = sorted(
        ((calendar_id, ""), entry)
        for calendar_id, entry in _entries(call).items()
        if since is None or world.list_log.get((email, calendar_id), 0) > since.change
    )
    size = min(call.number("maxResults") or _DEFAULT_PAGE, _LONGEST_PAGE)
    sync = pages.Sync(scope, world.list_change, world.list_epoch)
    page = pages.cut(rows, size, call.text("pageToken"), sync, world.quirks.short_pages)
    etag = render.collection_etag(email, world.list_change)
    return Answer({"kind": "calendar#calendarList", "etag": etag, "items": page.rows, **page.tokens})


def get_entry(call: Call) -> Answer:
    """One entry of the person's calendar list."""
    return Answer(render.entry_json(call.calendar("freeBusyReader"), call.person.email))


def patch_entry(call: Call) -> Answer:
    """What the person sets for themselves: another name, hidden, colour, default reminders."""
    calendar, email = call.calendar("freeBusyReader"), call.person.email
    own = merge(calendar.entries[email], {name: value for name, value in call.body.items() if name in _OWN_FIELDS})
    if own != calendar.entries[email]:
        calendar.entries[email] = own
        call.world.note_entry(email, calendar.info.id)
    return Answer(render.entry_json(calendar, email))


def get_calendar(call: Call) -> Answer:
    """One calendar."""
    return Answer(render.calendar_json(call.calendar("freeBusyReader")))


def insert_calendar(call: Call) -> Answer:
    """A new secondary calendar, owned by the caller and put in their list."""
    if not call.body.get("summary"):
        raise errors.required("Missing summary.")
    _check_zone(call.body)
    app = None if call.access.client_id == PERSON_CLIENT else call.access.client_id
    return Answer(render.calendar_json(call.world.make_calendar(call.person.email, app, call.body)))


def patch_calendar(call: Call) -> Answer:
    """Change the named fields of a calendar."""
    return _change(call, {name: call.body[name] for name in _ABOUT if name in call.body})


def update_calendar(call: Call) -> Answer:
    """Replace what a calendar says about itself; zone and name stay when absent."""
    return _change(call, {"description": None, "location": None, **call.body})


def delete_calendar(call: Call) -> Answer:
    """Delete a secondary calendar, which only its data owner can
    (https://developers.google.com/workspace/calendar/api/releases, November 2025)."""
    calendar = call.calendar("owner")
    if calendar.info.primary:
        raise errors.invalid("A primary calendar cannot be deleted.")
    if calendar.info.owner != call.person.email:
        raise errors.forbidden("Only the data owner can delete a calendar.")
    call.guard(calendar.info.etag)
    call.world.drop_calendar(calendar)
    return Answer(None)


def insert_rule(call: Call) -> Answer:
    """Share the calendar with a person, or change their role. Sync tokens given out before die.

    https://developers.google.com/workspace/calendar/api/guides/sync
    """
    calendar, scope, role = call.calendar("owner"), call.body.get("scope") or {}, call.body.get("role")
    if role not in ROLES:
        raise errors.invalid("Invalid role.")
    email = scope.get("value", "")
    if scope.get("type") != "user" or email not in call.world.people:
        raise errors.invalid("Invalid scope value.")
    _set_role(call, calendar, email, role)
    return Answer(_rule(calendar, email))


def list_rules(call: Call) -> Answer:
    """Who may do what in the calendar."""
    calendar = call.calendar("owner")
    etag = render.collection_etag("acl", calendar.info.id, calendar.epoch)
    return Answer({"kind": "calendar#acl", "etag": etag, "items": [_rule(calendar, one) for one in calendar.roles]})


def delete_rule(call: Call) -> Answer:
    """Take a person's rights away."""
    calendar = call.calendar("owner")
    email = call.path["ruleId"].removeprefix("user:")
    if email not in calendar.roles:
        raise errors.not_found()
    if email == calendar.info.owner:
        raise errors.forbidden("The data owner's rights cannot be taken away.")
    _set_role(call, calendar, email, "none")
    return Answer(None)


def get_colors(_: Call) -> Answer:
    """The palette."""
    return Answer(render.colors_json())


def _entries(call: Call) -> dict[str, Mapping[str, Any]]:
    email, world, lowest = call.person.email, call.world, call.text("minAccessRole") or "none"
    found: dict[str, Mapping[str, Any]] = {}
    for calendar in world.listed(email):
        entry = render.entry_json(calendar, email)
        fits = ROLES.index(entry["accessRole"]) >= ROLES.index(lowest)
        if fits and (not entry.get("hidden") or call.flag("showHidden") or "syncToken" in call.params):
            found[calendar.info.id] = entry
    if call.flag("showDeleted") or "syncToken" in call.params:
        for who, calendar_id in world.list_log:
            if who == email and calendar_id not in {one.info.id for one in world.listed(email)}:
                gone = {"kind": "calendar#calendarListEntry", "id": calendar_id, "deleted": True}
                # The library gcal-sync, like the reference, takes accessRole for granted in every entry.
                found[calendar_id] = {**gone, "accessRole": "none", "etag": render.quoted(0)}
    return found


def _change(call: Call, body: Mapping[str, Any]) -> Answer:
    calendar = call.calendar("owner")
    call.guard(calendar.info.etag)
    _check_zone(body)
    changed = {field: body[name] for name, field in _ABOUT.items() if name in body}
    for needed in ("summary", "time_zone"):
        if needed in changed and not changed[needed]:
            del changed[needed]
    call.world.change_calendar(calendar, **changed)
    return Answer(render.calendar_json(calendar))


def _check_zone(body: Mapping[str, Any]) -> None:
    name = body.get("timeZone")
    if name and times.zone_named(name) is None:
        raise errors.invalid("Invalid time zone.")


def _set_role(call: Call, calendar: Calendar, email: str, role: str) -> None:
    if role == "none":
        calendar.roles.pop(email, None)
    else:
        calendar.roles[email] = role
        calendar.entries.setdefault(email, {})
    calendar.epoch += 1
    call.world.note_entry(email, calendar.info.id)


def _rule(calendar: Calendar, email: str) -> dict[str, Any]:
    return {
        "kind": "calendar#aclRule",
        "etag": render.quoted(calendar.epoch),
        "id": f"user:{email}",
        "scope": {"type": "user", "value": email},
        "role": calendar.role_of(email),
    }
