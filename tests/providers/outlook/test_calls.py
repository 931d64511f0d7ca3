"""What is asked of Graph, call by call: headers, filters, and how few there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from responses import matchers

from gateway.core.errors import AlreadyExists, EventGone, Refused, TargetGone, TryLater
from gateway.core.model import Absence, Event, EventId, EventWrite, Moment, NoEvent, Span
from gateway.core.ports import CalendarInfo, ConsentFailed, ConsentFailure, Mark
from tests.providers.outlook.conftest import (
    CALENDAR,
    EVENT,
    EVENTS,
    GRAPH,
    NOW,
    ONE,
    TOKEN,
    a_failure,
    a_resource,
    asked,
    own,
    sent,
)

HERE = f"{EVENTS}/AAkALgAbCdEf%3D"
TARGET = f"{GRAPH}/me/calendars/AQMkADtasks%3D"
CALENDARS = f"{GRAPH}/me/calendars"
NOTHING: dict[str, Any] = {"json": {"value": []}}
WRITE = EventWrite(5, title="Call Bob")
FIRST = EventWrite(1, "Call Ada", Span(Moment(NOW), timedelta(minutes=30)))
MARK = Mark("tag-1", "link-1")


def a_calendar(calendar_id: str, **more: Any) -> dict[str, Any]:
    entry = {
        "id": calendar_id,
        "name": calendar_id,
        "canEdit": True,
        "isDefaultCalendar": False,
        "owner": {"address": "Ann@x.example"},
    }
    return {**entry, **more}


def test_every_call_asks_for_immutable_ids_utc_and_text(net, calendar):
    net.get(HERE, json=a_resource())
    calendar.get(EventId(EVENT))
    headers = net.calls[0].request.headers
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    for wish in ('IdType="ImmutableId"', 'outlook.timezone="UTC"', 'outlook.body-content-type="text"'):
        assert wish in headers["Prefer"]
    assert headers["client-request-id"]
    assert "attendees" not in asked(net)["$select"]
    assert TOKEN not in repr(calendar)


def test_a_derived_id_is_looked_up_in_the_target_calendar(net, calendar):
    net.get(EVENTS, json={"value": [a_resource()]})
    found = calendar.get(EventId("task1"))
    assert isinstance(found, Event)
    assert found.id == EVENT
    assert "Name GatewayKey' and ep/value eq 'task1'" in asked(net)["$filter"]


def test_what_a_filter_gives_too_much_is_not_taken(net, calendar):
    net.get(EVENTS, json={"value": [a_resource(singleValueExtendedProperties=own(Key="task2"))]})
    assert calendar.get(EventId("task1")) == NoEvent(Absence.UNKNOWN)


def test_not_found_is_unknown_until_somebody_else_says_so(net, calendar):
    for _ in range(2):
        net.get(HERE, **a_failure(404, "ErrorItemNotFound"))
        net.get(ONE, **a_failure(404, "ErrorItemNotFound"))
        net.get(TARGET, json={"id": CALENDAR, "canEdit": True})
    assert calendar.get(EventId(EVENT)) == NoEvent(Absence.UNKNOWN)
    assert calendar.get(EventId(EVENT), doubted=True) == NoEvent(Absence.DELETED)


def test_not_found_without_its_calendar_is_no_deletion(net, calendar):
    net.get(HERE, **a_failure(404, "ErrorItemNotFound"))
    net.get(ONE, **a_failure(404, "ErrorItemNotFound"))
    net.get(TARGET, **a_failure(404, "ErrorFolderNotFound"))
    with pytest.raises(TargetGone):
        calendar.get(EventId(EVENT), doubted=True)


def test_found_elsewhere_is_moved(net, calendar):
    net.get(HERE, **a_failure(404, "ErrorItemNotFound"))
    net.get(ONE, json=a_resource())
    net.get(CALENDARS, json={"value": [a_calendar(CALENDAR, isDefaultCalendar=True), a_calendar("other")]})
    net.get(f"{CALENDARS}/other/events", json={"value": [a_resource()]})
    assert calendar.get(EventId(EVENT)) == NoEvent(Absence.MOVED)


def test_told_but_in_no_calendar_is_deleted(net, calendar):
    net.get(HERE, json=a_resource())
    net.get(EVENTS, **NOTHING)
    net.get(CALENDARS, json={"value": [a_calendar(CALENDAR, isDefaultCalendar=True)]})
    assert calendar.get(EventId(EVENT), doubted=True) == NoEvent(Absence.DELETED)


def test_told_but_the_calendar_is_gone(net, calendar):
    net.get(HERE, json=a_resource())
    net.get(EVENTS, **NOTHING)
    net.get(CALENDARS, json={"value": [a_calendar("other", isDefaultCalendar=True)]})
    with pytest.raises(TargetGone):
        calendar.get(EventId(EVENT), doubted=True)


# --- writing


def test_an_answer_that_tells_our_properties_is_not_read_again(net, calendar):
    net.post(EVENTS, json=a_resource(), status=201)
    assert calendar.insert(EventId("task1"), MARK, FIRST).number == 3
    assert len(net.calls) == 1


def test_a_repeated_insert_of_a_deleted_event_says_so(net, calendar):
    net.post(EVENTS, json=a_resource(singleValueExtendedProperties=None), status=201)
    net.get(ONE, **a_failure(404, "ErrorItemNotFound"))
    with pytest.raises(AlreadyExists):
        calendar.insert(EventId("task1"), MARK, FIRST)


def test_an_event_needs_a_time(calendar):
    with pytest.raises(Refused):
        calendar.insert(EventId("task1"), MARK, WRITE)


def test_a_patch_is_one_call_with_its_condition(net, calendar):
    net.patch(
        ONE, json=a_resource(singleValueExtendedProperties=None), match=[matchers.header_matcher({"If-Match": 'W/"1"'})]
    )
    patched = calendar.patch(EventId(EVENT), WRITE, 'W/"1"')
    assert (patched.number, patched.link) == (5, None)
    assert set(sent(net)) == {"subject", "singleValueExtendedProperties"}


@pytest.mark.parametrize("meeting", [False, True])
def test_a_text_is_not_written_over_an_online_meeting(net, calendar, meeting):
    net.get(ONE, json={"id": EVENT, "isOnlineMeeting": meeting})
    net.patch(ONE, json=a_resource())
    calendar.patch(EventId(EVENT), EventWrite(5, title="x", description="text"), 'W/"1"')
    assert ("body" in sent(net)) is not meeting


def test_a_derived_id_is_patched_and_deleted_by_its_own_name(net, calendar):
    net.get(EVENTS, json={"value": [a_resource()]})
    net.patch(ONE, json=a_resource())
    calendar.patch(EventId("task1"), WRITE, 'W/"1"')
    net.delete(ONE, status=204)
    calendar.delete(EventId("task1"))
    net.replace("GET", EVENTS, **NOTHING)
    calendar.delete(EventId("task1"))
    with pytest.raises(EventGone):
        calendar.patch(EventId("task1"), WRITE, 'W/"1"')


def test_there_is_no_move(calendar):
    assert calendar.move(EventId(EVENT), "other") is None


# --- lists


def test_ours_follow_the_pages_and_nothing_foreign(net, calendar):
    net.get(EVENTS, json={"value": [a_resource()], "@odata.nextLink": f"{EVENTS}?$skip=1"})
    second = a_resource(id="AAkB=", singleValueExtendedProperties=own(Tag="tag-1"))
    stray = a_resource(id="AAkC=", singleValueExtendedProperties=own(Tag="another"))
    net.get(EVENTS, json={"value": [second, stray, "odd"]})
    assert [one.id for one in calendar.ours("tag-1")] == [EVENT, "AAkB="]
    assert asked(net, 0)["$filter"].endswith("ep/value eq 'tag-1')")
    assert "body" not in asked(net, 0)["$select"]


def test_a_next_page_elsewhere_is_not_followed(net, calendar):
    net.get(EVENTS, json={"value": [], "@odata.nextLink": "https://evil.example/v1.0/me/events"})
    with pytest.raises(TryLater):
        calendar.ours("tag-1")
    assert len(net.calls) == 1


def test_the_calendars_that_can_be_chosen_are_the_persons_own(net, provider):
    entries = [
        a_calendar("own", isDefaultCalendar=True, owner={"address": "ann@X.example"}),
        a_calendar("second"),
        a_calendar("shared", owner={"address": "bob@x.example"}),
        a_calendar("birthdays", canEdit=False),
    ]
    net.get(CALENDARS, json={"value": entries})
    assert provider.open_account(TOKEN).calendars() == [
        CalendarInfo("own", "own", True),
        CalendarInfo("second", "second"),
    ]


def test_a_name_that_is_taken_is_our_calendar_of_before(net, provider):
    net.post(CALENDARS, **a_failure(409, "ErrorFolderExists"))
    net.get(CALENDARS, json={"value": [a_calendar("c1", name="acme", isDefaultCalendar=True)]})
    assert provider.open_account(TOKEN).create_calendar("Acme", None).id == "c1"


def test_a_name_that_is_taken_by_another_folder_gets_an_addition(net, provider):
    net.post(CALENDARS, **a_failure(409, "ErrorFolderExists"))
    net.get(CALENDARS, json={"value": []})
    net.post(CALENDARS, json={"id": "c2", "name": "Acme (tasks)"}, status=201)
    assert provider.open_account(TOKEN).create_calendar("Acme", "Europe/Vienna").id == "c2"
    assert sent(net) == {"name": "Acme (tasks)"}


@pytest.mark.parametrize(
    ("status", "code", "how"),
    [
        (404, "MailboxNotEnabledForRESTAPI", ConsentFailure.NO_CALENDAR),
        (403, "ErrorAccessDenied", ConsentFailure.NO_LICENCE),
    ],
)
def test_an_account_that_cannot(net, provider, status, code, how):
    net.get(CALENDARS, **a_failure(status, code))
    net.post(CALENDARS, **a_failure(status, code))
    account = provider.open_account(TOKEN)
    for act in (account.calendars, lambda: account.create_calendar("Acme", None)):
        with pytest.raises(ConsentFailed) as caught:
            act()
        assert caught.value.how is how


# --- categories


def test_categories_that_are_there_are_left_alone(net, calendar):
    there = [{"displayName": name} for name in ("Urgent priority", "High priority", "Normal priority", "Done")]
    net.get(f"{GRAPH}/me/outlook/masterCategories", json={"value": there})
    net.post(f"{GRAPH}/me/outlook/masterCategories", **a_failure(409, "CategoryNameDuplicate"))
    calendar.prepare()
    assert sent(net) == {"displayName": "Low priority", "color": "preset12"}


def test_without_the_permission_there_are_no_colours_and_no_failure(net, calendar):
    net.get(f"{GRAPH}/me/outlook/masterCategories", **a_failure(403, "ErrorAccessDenied"))
    calendar.prepare()
