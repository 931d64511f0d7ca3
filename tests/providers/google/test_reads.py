"""What is asked of Google, to the letter, and what is made of the answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from responses import matchers

from gateway.core.errors import (
    CursorExpired,
    Forbidden,
    OperatorFault,
    Refused,
    TargetGone,
    TryLater,
    Unauthorised,
)
from gateway.core.model import Absence, NoEvent
from gateway.core.ports import CalendarInfo, ConsentFailed, ConsentFailure, Watch
from tests.providers.google.conftest import (
    CALENDAR,
    EVENTS,
    NOW,
    ROOT,
    TOKEN,
    a_failure,
    a_resource,
    asked,
    sent,
)

ONE = f"{EVENTS}/task1"
ENTRY = f"{ROOT}users/me/calendarList/team%40group.calendar.google.com"
LISTED = f"{ROOT}users/me/calendarList"
NOT_FOUND = a_failure(404, "notFound")
FIELDS = (
    "id,etag,status,summary,description,start,end,recurrence,recurringEventId,extendedProperties/private,"
    "colorId,reminders,htmlLink"
)
STUB = {"id": "task1", "etag": '"9"', "status": "cancelled"}


# --- get


def test_a_get_asks_for_our_fields_only(net, calendar):
    net.get(ONE, json=a_resource(description=None))
    found = calendar.get("task1")
    assert (found.title, found.number, found.description) == ("Call Ada", 3, "")
    assert asked(net) == {"fields": FIELDS}
    assert "If-Match" not in net.calls[0].request.headers


def test_not_found_in_a_calendar_that_stands(net, calendar):
    net.get(ONE, **NOT_FOUND)
    net.get(ENTRY, json={"id": CALENDAR, "accessRole": "owner"})
    assert calendar.get("task1") == NoEvent(Absence.UNKNOWN)
    assert len(net.calls) == 2


@pytest.mark.parametrize(
    "entry",
    [NOT_FOUND, {"json": {"id": CALENDAR, "accessRole": "reader"}}, {"json": {"accessRole": "owner", "deleted": True}}],
    ids=["gone", "read-only", "deleted"],
)
def test_not_found_in_a_calendar_that_does_not(net, calendar, entry):
    net.get(ONE, **NOT_FOUND)
    net.get(ENTRY, **entry)
    with pytest.raises(TargetGone):
        calendar.get("task1")


def test_not_found_and_then_trouble_decides_nothing(net, calendar):
    net.get(ONE, **NOT_FOUND)
    net.get(ENTRY, **a_failure(503, "backendError"))
    with pytest.raises(TryLater):
        calendar.get("task1")


def test_cancelled_with_its_details_is_deleted_without_a_further_look(net, calendar):
    net.get(ONE, json=a_resource(status="cancelled"))
    assert calendar.get("task1") == NoEvent(Absence.DELETED)
    assert len(net.calls) == 1


def a_list(*ids):
    return {"json": {"items": [{"id": one, "summary": one, "timeZone": "UTC"} for one in ids]}}


def test_a_bare_trace_is_looked_for_in_the_persons_other_calendars(net, calendar):
    net.get(ONE, json=STUB)
    net.get(LISTED, **a_list(CALENDAR, "shared", "there", "never-asked"))
    net.get(f"{ROOT}calendars/shared/events/task1", **NOT_FOUND)
    net.get(f"{ROOT}calendars/there/events/task1", json=a_resource())
    assert calendar.get("task1") == NoEvent(Absence.MOVED)
    assert asked(net, 1)["minAccessRole"] == "owner"


@pytest.mark.parametrize(
    "there",
    [
        NOT_FOUND,
        a_failure(403, "forbidden"),
        {"json": a_resource(status="cancelled")},
        {"json": a_resource(extendedProperties=None)},
    ],
    ids=["not-there", "no-access", "cancelled-there-too", "not-ours"],
)
def test_a_bare_trace_found_nowhere_is_a_deletion(net, calendar, there):
    net.get(ONE, json=STUB)
    net.get(LISTED, **a_list(CALENDAR, "other"))
    net.get(f"{ROOT}calendars/other/events/task1", **there)
    assert calendar.get("task1") == NoEvent(Absence.DELETED)


def test_a_grant_that_cannot_list_takes_a_bare_trace_for_a_deletion(net, calendar):
    net.get(ONE, json=STUB)
    net.get(LISTED, **a_failure(403, "insufficientPermissions"))
    assert calendar.get("task1") == NoEvent(Absence.DELETED)


# --- ours


def test_ours_filter_by_one_property(net, calendar):
    net.get(EVENTS, json={"items": [a_resource(description=None)]})
    (event,) = calendar.ours("tag-1")
    assert (event.title, event.number, event.description, event.url) == (
        "Call Ada",
        3,
        None,
        "https://www.google.com/calendar/event?eid=x",
    )
    assert asked(net) == {
        "privateExtendedProperty": "gw=tag-1",
        "singleEvents": "false",
        "showDeleted": "false",
        "maxResults": "2500",
        "fields": "nextPageToken,items(id,etag,status,summary,start,end,recurrence,recurringEventId,"
        "extendedProperties/private,colorId,reminders,htmlLink,updated)",
    }


def test_ours_changed_since(net, calendar):
    net.get(EVENTS, json={"items": [a_resource(), STUB]})
    since = datetime(2026, 11, 20, 7, 59, 30, tzinfo=UTC)
    assert len(calendar.ours("tag-1", changed_since=since)) == 1
    assert asked(net)["updatedMin"] == "2026-11-20T07:59:30Z"


def test_ours_too_long_ago(net, calendar):
    net.get(EVENTS, **a_failure(410, "updatedMinTooLongAgo"))
    with pytest.raises(CursorExpired):
        calendar.ours("tag-1", changed_since=NOW - timedelta(days=90))


def test_what_is_not_a_live_event_of_ours_is_left_out(net, calendar):
    items = [
        a_resource(id="instance", recurringEventId="task1"),
        {"id": "cancelled-instance", "status": "cancelled", "recurringEventId": "task1"},
        a_resource(id="foreign", extendedProperties={"private": {"gw": "tag-2"}}),
        a_resource(id="untagged", extendedProperties=None),
        a_resource(id="timeless", start=None),
        "nonsense",
        a_resource(id="series", recurrence=["RRULE:FREQ=DAILY"]),
    ]
    net.get(EVENTS, json={"items": items})
    assert [(one.id, one.recurring) for one in calendar.ours("tag-1")] == [("series", True)]


def test_pages_are_followed_through_empty_ones(net, calendar):
    def page(token, items, following):
        match = {"pageToken": token} if token else {}
        body = {"items": items} | ({"nextPageToken": following} if following else {})
        matched = matchers.query_param_matcher(match, strict_match=False)
        net.get(EVENTS, json=body, match=[matched])

    page("p3", [a_resource(id="second")], None)
    page("p2", [], "p3")
    page(None, [a_resource(id="first")], "p2")
    # The least specific answer is registered last, and the mock takes the first that fits.
    assert [one.id for one in calendar.ours("tag-1")] == ["first", "second"]
    assert len(net.calls) == 3


def test_a_list_that_turns_in_a_circle_ends(net, calendar):
    net.get(EVENTS, json={"items": [], "nextPageToken": "again"})
    with pytest.raises(TryLater):
        calendar.ours("tag-1")
    assert len(net.calls) == 2


def test_a_list_without_end_ends(net, calendar, monkeypatch):
    monkeypatch.setattr("gateway.providers.google.calendar.MOST_PAGES", 5)
    numbers = iter(range(100))
    net.add_callback("GET", EVENTS, lambda _: (200, {}, f'{{"nextPageToken": "p{next(numbers)}"}}'))
    with pytest.raises(TryLater):
        calendar.ours("tag-1")
    assert len(net.calls) == 5


def test_a_list_of_a_calendar_that_is_gone(net, calendar):
    net.get(EVENTS, **NOT_FOUND)
    with pytest.raises(TargetGone):
        calendar.ours("tag-1")


# --- the calendar


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        ({"json": {"id": "x", "accessRole": "owner"}}, True),
        ({"json": {"id": "x", "accessRole": "writer"}}, True),
        ({"json": {"id": "x", "accessRole": "reader"}}, False),
        (NOT_FOUND, False),
    ],
)
def test_exists(net, calendar, answer, there):
    net.get(ENTRY, **answer)
    assert calendar.exists() is there


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(a_failure(403, "insufficientPermissions"), Forbidden), (a_failure(401, "authError"), Unauthorised)],
)
def test_whether_it_exists_cannot_be_told_without_rights(net, calendar, answer, kind):
    net.get(ENTRY, **answer)
    with pytest.raises(kind):
        calendar.exists()


def test_a_watch_to_the_letter(net, calendar):
    until = int((NOW + timedelta(days=30)).timestamp() * 1000)
    net.post(f"{EVENTS}/watch", json={"id": "ch-1", "resourceId": "r-1", "expiration": str(until)})
    watch = calendar.watch("ch-1", "a-secret", "https://gateway.example/webhooks/calendar/google")
    assert watch == Watch("ch-1", "r-1", NOW + timedelta(days=30))
    assert asked(net) == {"eventTypes": "default"}
    assert sent(net) == {
        "id": "ch-1",
        "type": "web_hook",
        "address": "https://gateway.example/webhooks/calendar/google",
        "token": "a-secret",
        "params": {"ttl": "2592000"},
    }


@pytest.mark.parametrize("told", [None, "soon", "9" * 40])
def test_a_watch_that_does_not_say_until_when_lives_for_the_default(net, calendar, told):
    net.post(f"{EVENTS}/watch", json={"id": "ch-1", "resourceId": "r-1", "expiration": told})
    assert calendar.watch("ch-1", "s", "https://g.example/x").expires_at == NOW + timedelta(days=7)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (a_failure(401, "push.webhookUrlUnauthorized"), OperatorFault),
        (a_failure(400, "pushNotSupportedForRequestedResource"), Refused),
        (NOT_FOUND, TargetGone),
    ],
)
def test_a_watch_that_is_refused(net, calendar, answer, kind):
    net.post(f"{EVENTS}/watch", **answer)
    with pytest.raises(kind):
        calendar.watch("ch-1", "s", "https://g.example/x")


@pytest.mark.parametrize("answer", [{"status": 204}, NOT_FOUND])
def test_unwatch(net, calendar, answer):
    net.post(f"{ROOT}channels/stop", **answer)
    calendar.unwatch("ch-1", "r-1")
    assert sent(net) == {"id": "ch-1", "resourceId": "r-1"}


# --- the account


def test_the_calendars_that_can_be_chosen(net, provider):
    first = {"id": "ann@example.com", "summary": "ann@example.com", "summaryOverride": "Ann", "primary": True}
    gone = {"id": "gone", "summary": "Gone", "deleted": True}
    second = {"id": "team", "summary": "Team", "timeZone": "Europe/Vienna"}
    matched = matchers.query_param_matcher({"pageToken": "2"}, strict_match=False)
    net.get(LISTED, json={"items": [second]}, match=[matched])
    net.get(LISTED, json={"items": [first, gone], "nextPageToken": "2"})
    assert provider.open_account(TOKEN).calendars() == [
        CalendarInfo("ann@example.com", "Ann", primary=True),
        CalendarInfo("team", "Team", zone="Europe/Vienna"),
    ]


def test_a_calendar_list_without_end(net, provider):
    net.get(LISTED, json={"items": [], "nextPageToken": "2"})
    with pytest.raises(TryLater):
        provider.open_account(TOKEN).calendars()


def test_an_account_without_calendar_has_its_own_answer(net, provider):
    net.get(LISTED, **a_failure(403, "notACalendarUser"))
    net.post(f"{ROOT}calendars", **a_failure(403, "notACalendarUser"))
    account = provider.open_account(TOKEN)
    for call in (account.calendars, lambda: account.create_calendar("Tasks", None)):
        with pytest.raises(ConsentFailed) as caught:
            call()
        assert caught.value.how is ConsentFailure.NO_CALENDAR


@pytest.mark.parametrize(("zone", "more"), [(None, {}), ("Europe/Vienna", {"timeZone": "Europe/Vienna"})])
def test_a_calendar_of_our_own(net, provider, zone, more):
    net.post(f"{ROOT}calendars", json={"id": "new@group", "summary": "Tasks", **more})
    made = provider.open_account(TOKEN).create_calendar("Tasks", zone)
    assert made == CalendarInfo("new@group", "Tasks", zone=zone)
    assert sent(net) == {"summary": "Tasks", **more}


def test_a_new_calendar_without_a_name_is_not_understood(net, provider):
    net.post(f"{ROOT}calendars", json={})
    with pytest.raises(TryLater):
        provider.open_account(TOKEN).create_calendar("Tasks", None)
