"""What goes out to Google, to the letter, and what is made of the answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from responses import matchers

from gateway.core.errors import (
    CursorExpired,
    EventGone,
    Forbidden,
    OperatorFault,
    Refused,
    TargetGone,
    TryLater,
    Unauthorised,
)
from gateway.core.model import Absence, Day, EventWrite, Look, NoEvent, Paint, Priority, Remind, Span
from gateway.core.ports import CalendarInfo, ConsentFailed, ConsentFailure, Mark, Style, Watch
from tests.contracts.calendar_benches import moment
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
NINE = moment("2026-12-01T09:00:00+01:00")
SPAN = Span(NINE, timedelta(minutes=30), "Europe/Vienna")
NOT_FOUND = a_failure(404, "notFound")
FIELDS = (
    "id,etag,status,summary,description,start,end,recurrence,recurringEventId,extendedProperties/private,"
    "colorId,reminders,htmlLink"
)
STUB = {"id": "task1", "etag": '"9"', "status": "cancelled"}


# --- insert


def test_an_insert_to_the_letter(net, calendar):
    net.post(EVENTS, json=a_resource())
    calendar.insert(
        "task1",
        Mark("tag-1", "link-1"),
        EventWrite(
            number=1,
            title="Call Ada",
            span=SPAN,
            description="About",
            paint=Paint.PRIORITY,
            remind=Remind.DEFAULT,
            priority=Priority.URGENT,
            url="https://crm.example/t/1",
        ),
    )
    assert asked(net) == {"sendUpdates": "none", "fields": FIELDS}
    assert sent(net) == {
        "id": "task1",
        "summary": "Call Ada",
        "description": "About",
        "start": {"dateTime": "2026-12-01T09:00:00+01:00", "timeZone": "Europe/Vienna"},
        "end": {"dateTime": "2026-12-01T09:30:00+01:00", "timeZone": "Europe/Vienna"},
        "colorId": "11",
        "reminders": {"useDefault": True, "overrides": []},
        "transparency": "transparent",
        "source": {"url": "https://crm.example/t/1", "title": "Acme CRM"},
        "extendedProperties": {"private": {"gw": "tag-1", "link": "link-1", "n": "1"}},
    }


def test_an_all_day_insert_ends_the_next_day_and_a_plain_one_has_no_colour(net, provider):
    net.post(EVENTS, json=a_resource(start={"date": "2026-12-24"}, end={"date": "2026-12-25"}))
    calendar = provider.open_calendar(TOKEN, CALENDAR, Style(busy=True))
    write = EventWrite(1, title="Tax", span=Span(Day(date(2026, 12, 24)), timedelta(days=1)), paint=Paint.PRIORITY)
    assert calendar.insert("task1", Mark("t", "l"), write).length == timedelta(days=1)
    body = sent(net)
    assert (body["start"], body["end"]) == ({"date": "2026-12-24"}, {"date": "2026-12-25"})
    assert body["transparency"] == "opaque"
    assert not {"colorId", "source", "reminders", "description"} & set(body)


def test_an_insert_without_a_time_is_refused_here(net, calendar):
    with pytest.raises(Refused):
        calendar.insert("task1", Mark("t", "l"), EventWrite(1, title="Call"))
    assert len(net.calls) == 0


def test_an_insert_into_a_calendar_that_is_gone(net, calendar):
    net.post(EVENTS, **NOT_FOUND)
    with pytest.raises(TargetGone):
        calendar.insert("task1", Mark("t", "l"), EventWrite(1, title="Call", span=SPAN))


# --- patch


@pytest.mark.parametrize(
    ("write", "body"),
    [
        (EventWrite(4), {}),
        (EventWrite(4, title="Call Bob"), {"summary": "Call Bob"}),
        (EventWrite(4, title=""), {"summary": ""}),
        (
            EventWrite(4, description="New", url="https://crm.example/t/1"),
            {"description": "New", "source": {"url": "https://crm.example/t/1", "title": "Acme CRM"}},
        ),
        (EventWrite(4, title="Call", url="https://crm.example/t/1"), {"summary": "Call"}),
        (
            EventWrite(4, span=SPAN),
            {
                "start": {"dateTime": "2026-12-01T09:00:00+01:00", "timeZone": "Europe/Vienna", "date": None},
                "end": {"dateTime": "2026-12-01T09:30:00+01:00", "timeZone": "Europe/Vienna", "date": None},
            },
        ),
        (
            EventWrite(4, span=Span(NINE, timedelta(minutes=30))),
            {
                "start": {"dateTime": "2026-12-01T08:00:00Z", "date": None},
                "end": {"dateTime": "2026-12-01T08:30:00Z", "date": None},
            },
        ),
        (
            EventWrite(4, span=Span(Day(date(2026, 2, 28)), timedelta(days=2))),
            {
                "start": {"date": "2026-02-28", "dateTime": None, "timeZone": None},
                "end": {"date": "2026-03-02", "dateTime": None, "timeZone": None},
            },
        ),
        (EventWrite(4, paint=Paint.PRIORITY, priority=Priority.HIGH), {"colorId": "6"}),
        (EventWrite(4, paint=Paint.PRIORITY, priority=Priority.NORMAL), {"colorId": "9"}),
        (EventWrite(4, paint=Paint.PRIORITY, priority=Priority.LOW), {"colorId": "2"}),
        (EventWrite(4, paint=Paint.PRIORITY), {"colorId": None}),
        (EventWrite(4, paint=Paint.DONE), {"colorId": "8"}),
        (EventWrite(4, paint=Paint.KEPT, kept=Look(colour="4")), {"colorId": "4"}),
        (EventWrite(4, paint=Paint.KEPT, kept=Look(colour="")), {"colorId": None}),
        (EventWrite(4, paint=Paint.KEPT), {"colorId": None}),
        (EventWrite(4, remind=Remind.NONE), {"reminders": {"useDefault": False, "overrides": []}}),
        (EventWrite(4, remind=Remind.DEFAULT), {"reminders": {"useDefault": True, "overrides": []}}),
        (EventWrite(4, remind=Remind.KEPT), {"reminders": {"useDefault": True, "overrides": []}}),
        (
            EventWrite(
                4,
                remind=Remind.KEPT,
                kept=Look(reminders='{"overrides":[{"method":"popup","minutes":5}],"useDefault":false}'),
            ),
            {"reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 5}]}},
        ),
    ],
)
def test_a_patch_to_the_letter(net, calendar, write, body):
    net.patch(ONE, json=a_resource())
    calendar.patch("task1", write, '"7"')
    assert sent(net) == {"extendedProperties": {"private": {"n": "4"}}, **body}
    assert asked(net) == {"sendUpdates": "none", "fields": FIELDS}
    assert net.calls[0].request.headers["If-Match"] == '"7"'


def test_a_patch_of_an_event_already_cancelled_did_not_land(net, calendar):
    net.patch(ONE, json=a_resource(status="cancelled"))
    with pytest.raises(EventGone):
        calendar.patch("task1", EventWrite(4, title="x"), '"7"')


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


# --- delete and move


@pytest.mark.parametrize("answer", [{"status": 204}, NOT_FOUND, a_failure(410, "deleted")], ids=["done", "404", "410"])
def test_a_delete_is_done_when_the_event_is_not_there(net, calendar, answer):
    net.delete(ONE, **answer)
    calendar.delete("task1")
    assert asked(net) == {"sendUpdates": "none"}


def test_a_delete_answered_with_a_page_was_not_done(net, calendar):
    net.delete(ONE, body="<html>", status=200, content_type="text/html")
    with pytest.raises(TryLater):
        calendar.delete("task1")


def test_a_move_is_read_back_where_it_went(net, calendar):
    net.post(f"{ONE}/move", json=STUB)
    net.get(f"{ROOT}calendars/there/events/task1", json=a_resource(etag='"10"'))
    moved = calendar.move("task1", "there")
    assert (moved.id, moved.etag) == ("task1", '"10"')
    assert asked(net, 0) == {"destination": "there", "sendUpdates": "none", "fields": "id"}


def test_a_move_the_grant_does_not_cover(net, calendar):
    net.post(f"{ONE}/move", **a_failure(403, "insufficientPermissions"))
    assert calendar.move("task1", "there") is None


def test_a_move_that_is_too_fast_is_no_refusal(net, calendar):
    net.post(f"{ONE}/move", **a_failure(403, "rateLimitExceeded"))
    with pytest.raises(TryLater):
        calendar.move("task1", "there")


def test_a_moved_event_that_cannot_be_read_yet(net, calendar):
    net.post(f"{ONE}/move", json=STUB)
    net.get(f"{ROOT}calendars/there/events/task1", **NOT_FOUND)
    with pytest.raises(TryLater):
        calendar.move("task1", "there")


def test_a_move_to_nowhere_is_told_from_a_move_of_nothing(net, calendar):
    net.post(f"{ONE}/move", **NOT_FOUND)
    net.get(ONE, json=a_resource())
    with pytest.raises(TargetGone):
        calendar.move("task1", "there")
    net.replace("GET", ONE, json=a_resource(status="cancelled"))
    with pytest.raises(EventGone):
        calendar.move("task1", "there")


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
