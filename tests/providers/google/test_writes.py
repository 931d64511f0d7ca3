"""What is written to Google, to the letter, and what is made of the answers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gateway.core.errors import EventGone, Refused, TargetGone, TryLater
from gateway.core.model import Day, EventWrite, Look, Paint, Priority, Remind, Span
from gateway.core.ports import Mark, Style
from tests.contracts.calendar_benches import moment
from tests.providers.google.conftest import (
    CALENDAR,
    EVENTS,
    ROOT,
    TOKEN,
    a_failure,
    a_resource,
    asked,
    sent,
)

ONE = f"{EVENTS}/task1"
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
