"""Graph's event as ours and back, value by value."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.core.model import Day, EventId, EventWrite, Look, Moment, Paint, Priority, Remind, Span
from gateway.core.ports import Mark, Style
from gateway.providers.outlook import looks, properties, translate
from tests.providers.outlook.conftest import EVENT, SET, a_resource, own

NINE = datetime(2026, 12, 1, 8, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


def test_an_event_is_read():
    event = translate.event(a_resource(), described=True)
    assert event is not None
    assert (event.id, event.title, event.number, event.link) == (EVENT, "Call Ada", 3, "link-1")
    assert (event.start, event.length) == (Moment(NINE), HALF_HOUR)
    assert event.description == "About the engine"
    assert event.look == Look('["High priority"]', "15")
    assert event.etag == 'W/"ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ=="'
    assert event.url == "https://outlook.office365.com/owa/?itemid=x"
    assert not event.recurring


def test_all_day_is_a_date_whatever_zone_is_told():
    bounds = {name: {"dateTime": f"2026-12-0{day}T00:00:00.0000000", "timeZone": "UTC"}
              for name, day in (("start", 5), ("end", 7))}  # fmt: skip
    event = translate.event(a_resource(isAllDay=True, **bounds), described=True)
    assert event is not None
    assert (event.start, event.length) == (Day(date(2026, 12, 5)), timedelta(days=2))


@pytest.mark.parametrize(
    "odd",
    [
        {"start": None},
        {"start": {"dateTime": "2026-12-01T08:00:00", "timeZone": "W. Europe Standard Time"}},
        {"start": {"dateTime": "yesterday", "timeZone": "UTC"}},
        {"start": "yesterday"},
        {"id": None},
        {"@odata.etag": None, "changeKey": None},
    ],
)
def test_what_cannot_be_read_is_no_event(odd):
    assert translate.event(a_resource(**odd), described=True) is None


def test_an_etag_is_the_change_key_where_none_is_told():
    event = translate.event(a_resource(**{"@odata.etag": None}), described=False)
    assert event is not None
    assert (event.etag, event.description) == ('W/"ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ=="', None)


@pytest.mark.parametrize("number", ["", "abc", "-1", "9" * 19, "٣"])
def test_a_number_that_is_none_of_ours_is_none(number):
    event = translate.event(a_resource(singleValueExtendedProperties=own(Number=number)), described=True)
    assert event is not None
    assert event.number is None


def test_properties_are_known_however_exchange_writes_the_set():
    told = [{"id": f"String {SET.upper()} Name GatewayLink", "value": "l"}, {"id": "String {0} Name X", "value": "y"}]
    assert properties.read({"singleValueExtendedProperties": [*told, "odd", {}]}) == {"GatewayLink": "l"}


def test_a_filter_quotes_what_it_is_given():
    assert properties.having(properties.TAG, "o'brien").endswith("ep/value eq 'o''brien')")


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("a\r\nb \r\n", "a\nb"),
        ("a\u00a0b", "a b"),
        ("Open in CRM: https://crm.example/1<https://crm.example/1>", "Open in CRM: https://crm.example/1"),
        ("Open: https://crm.example/1 [https://crm.example/1]", "Open: https://crm.example/1"),
        ("see https://a.example <https://b.example>", "see https://a.example <https://b.example>"),
        (None, ""),
    ],
)
def test_a_text_is_read_as_it_was_meant(told, read):
    event = translate.event(a_resource(body={"contentType": "text", "content": told}), described=True)
    assert event is not None
    assert event.description == read


# --- to Graph


def test_a_new_event_is_marked_free_and_repeatable():
    write = EventWrite(4, "Call Ada", Span(Moment(NINE, "Europe/Vienna"), HALF_HOUR), description="<b>&")
    body = translate.new_body(EventId("task1"), Mark("tag-1", "link-1"), write, Style())
    again = translate.new_body(EventId("task1"), Mark("tag-1", "link-1"), EventWrite(5, "x"), Style(busy=True))
    other = translate.new_body(EventId("task2"), Mark("tag-1", "link-1"), write, Style())
    assert body["transactionId"] == again["transactionId"] != other["transactionId"]
    assert (body["showAs"], again["showAs"]) == ("free", "busy")
    assert body["body"] == {"contentType": "text", "content": "<b>&"}
    assert body["start"] == {"dateTime": "2026-12-01T08:00:00", "timeZone": "UTC"}
    assert properties.read(body) == {
        "GatewayTag": "tag-1", "GatewayKey": "task1", "GatewayLink": "link-1", "GatewayNumber": "4",
    }  # fmt: skip


def test_a_patch_holds_what_changes_and_the_number():
    body = translate.patch_body(EventWrite(5, title="Call Bob"))
    assert set(body) == {"subject", "singleValueExtendedProperties"}
    assert properties.read(body) == {"GatewayNumber": "5"}


def test_the_form_is_always_told_with_the_times():
    day = translate.patch_body(EventWrite(5, span=Span(Day(date(2026, 12, 5)), timedelta(days=1))))
    assert day["isAllDay"] is True
    assert (day["start"]["dateTime"], day["end"]["dateTime"]) == ("2026-12-05T00:00:00", "2026-12-06T00:00:00")
    assert translate.patch_body(EventWrite(5, span=Span(Moment(NINE), HALF_HOUR)))["isAllDay"] is False


def test_derived_ids_and_graphs_own_are_told_apart():
    assert translate.is_key("0a1b2c3v")
    assert not translate.is_key("AAkALg0a1b2c=")
    assert not translate.is_key("")


@pytest.mark.parametrize("told", ["nonsense", "", None])
def test_a_stamp_that_cannot_be_read_is_none(told):
    assert translate.changed_at({"lastModifiedDateTime": told}) is None


# --- the look


def categories(paint: Paint, kept: str | None, priority: Priority = Priority.LOW):
    return looks.written(EventWrite(1, paint=paint, priority=priority, kept=Look(kept, None)))["categories"]


def test_the_persons_own_categories_stay():
    assert categories(Paint.PRIORITY, '["Family", "High priority"]') == ["Family", "Low priority"]
    assert categories(Paint.DONE, '["Family", "High priority"]') == ["Family", "Done"]
    assert categories(Paint.KEPT, '["High priority", "Family"]') == ["High priority", "Family"]
    assert categories(Paint.PRIORITY, '["Family", "Low priority"]', Priority.NONE) == ["Family"]


@pytest.mark.parametrize("kept", [None, "", "no json", '{"a": 1}'])
def test_a_kept_look_that_cannot_be_read_is_none(kept):
    assert categories(Paint.KEPT, kept) == []


@pytest.mark.parametrize(
    ("remind", "kept", "body"),
    [
        (Remind.DEFAULT, "60", {"isReminderOn": True, "reminderMinutesBeforeStart": 15}),
        (Remind.NONE, "60", {"isReminderOn": False}),
        (Remind.KEPT, "60", {"isReminderOn": True, "reminderMinutesBeforeStart": 60}),
        (Remind.KEPT, "off", {"isReminderOn": False}),
        (Remind.KEPT, None, {"isReminderOn": True, "reminderMinutesBeforeStart": 15}),
        (Remind.KEPT, "9" * 30, {"isReminderOn": True, "reminderMinutesBeforeStart": 15}),
    ],
)
def test_reminders(remind, kept, body):
    assert looks.written(EventWrite(1, remind=remind, kept=Look(None, kept))) == body
