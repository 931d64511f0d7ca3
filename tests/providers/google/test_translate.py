"""Events and writes, there and back, without any network."""

from __future__ import annotations

import html
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Day, EventId, EventWrite, Look, Moment, Paint, Priority, Remind, Span
from gateway.core.ports import Mark, Style
from gateway.providers.google import translate
from tests.contracts.calendar_benches import moment
from tests.providers.google.conftest import a_resource

MARK = Mark("tag-1", "link-1")


def read(**more: Any):
    return translate.event(a_resource(**more), described=True)


def found(**more: Any):
    """As ``read``, of what is there for certain."""
    event = read(**more)
    assert event is not None
    return event


def stored(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What the API keeps of a patch: objects are merged, ``null`` clears."""
    merged = dict(old)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = stored(merged.get(name, {}), value) if isinstance(value, dict) else value
    return merged


# --- reading


def test_an_event_as_google_tells_it():
    event = found()
    assert (event.id, event.etag, event.number, event.link) == ("task1", '"3226988196172000"', 3, "link-1")
    assert (event.start, event.length) == (moment("2026-12-01T09:00:00+01:00"), timedelta(minutes=30))
    assert isinstance(event.start, Moment)
    assert event.start.zone == "Europe/Vienna"
    assert (event.look, event.recurring) == (Look("6", '{"useDefault":true}'), False)


@pytest.mark.parametrize(
    ("start", "end", "when", "length"),
    [
        ({"date": "2026-12-24"}, {"date": "2026-12-25"}, Day(date(2026, 12, 24)), timedelta(days=1)),
        ({"date": "2026-12-24"}, {"date": "2026-12-27"}, Day(date(2026, 12, 24)), timedelta(days=3)),
        ({"date": "2026-12-24"}, {"date": "2026-12-24"}, Day(date(2026, 12, 24)), timedelta(days=1)),
        ({"date": "2026-12-24"}, {}, Day(date(2026, 12, 24)), timedelta(days=1)),
        (
            {"dateTime": "2026-12-01T08:00:00Z"},
            {"dateTime": "2026-12-01T09:00:00Z"},
            moment("2026-12-01T08:00:00+00:00"),
            timedelta(hours=1),
        ),
        (
            {"dateTime": "2026-12-01T08:00:00.123Z"},
            {"dateTime": "2026-12-01T08:00:00.123Z"},
            moment("2026-12-01T08:00:00+00:00"),
            timedelta(),
        ),
        (
            {"dateTime": "2026-10-25T02:30:00+02:00"},
            {"dateTime": "2026-10-25T02:30:00+01:00"},
            moment("2026-10-25T00:30:00+00:00"),
            timedelta(hours=1),
        ),
        (
            {"dateTime": "2026-12-01T09:00:00", "timeZone": "Europe/Vienna"},
            {"dateTime": "2026-12-01T10:00:00", "timeZone": "Europe/Vienna"},
            moment("2026-12-01T08:00:00+00:00"),
            timedelta(hours=1),
        ),
        ({"dateTime": "2026-12-01T08:00:00Z"}, None, moment("2026-12-01T08:00:00+00:00"), timedelta()),
    ],
)
def test_times(start, end, when, length):
    event = found(start=start, end=end)
    assert (event.start, event.length) == (when, length)


@pytest.mark.parametrize(
    "start",
    [
        None,
        {},
        "tomorrow",
        {"date": "2026-02-30"},
        {"date": 5},
        {"dateTime": "noon"},
        {"dateTime": "2026-12-01T09:00:00"},
        {"dateTime": "2026-12-01T09:00:00", "timeZone": "Mars/Olympus"},
        {"dateTime": "2026-12-01T09:00:00", "timeZone": "../../etc/passwd"},
        {"dateTime": "0001-01-01T00:00:00+14:00"},
        {"dateTime": None, "date": None},
    ],
)
def test_times_that_cannot_be_read(start):
    assert read(start=start) is None


@pytest.mark.parametrize("broken", [{"id": None}, {"etag": None}, {"id": 7}])
def test_without_an_id_or_an_etag_there_is_no_event(broken):
    assert read(**broken) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("17", 17), ("9" * 18, 10**18 - 1)])
def test_a_write_number(text, number):
    assert found(extendedProperties={"private": {"n": text}}).number == number


@pytest.mark.parametrize("text", ["", "-1", "1.0", "x", "\u0661", "\u00b2", "9" * 19])
def test_the_write_number_is_anybodys_to_edit(text):
    assert found(extendedProperties={"private": {"n": text}}).number is None


@pytest.mark.parametrize("extended", [None, {}, [], {"private": None}, {"private": []}, {"shared": {"n": "3"}}])
def test_without_private_properties(extended):
    event = found(extendedProperties=extended)
    assert (event.number, event.link) == (None, None)


def test_the_description_is_none_only_where_it_was_not_asked_for():
    assert found(description=None).description == ""
    listed = translate.event(a_resource(), described=False)
    assert listed is not None
    assert listed.description is None


def test_an_emptied_title_and_the_calendars_own_colour():
    event = found(summary=None, colorId=None, reminders=None, htmlLink=None)
    assert (event.title, event.look, event.url) == ("", Look("", None), None)


def test_the_same_reminders_read_the_same():
    early, late = {"method": "email", "minutes": 5}, {"minutes": 60, "method": "popup"}
    one = found(reminders={"useDefault": False, "overrides": [late, early]})
    other = found(reminders={"overrides": [early, late], "useDefault": False})
    assert one.look == other.look
    assert one.look != found().look
    assert found(reminders={"useDefault": True, "overrides": "none"}).look == found().look


def test_a_series_is_told():
    assert found(recurrence=["RRULE:FREQ=DAILY"]).recurring


@pytest.mark.parametrize(
    ("resource", "bare"),
    [
        ({"id": "task1", "status": "cancelled"}, True),
        ({"id": "task1", "status": "cancelled", "start": {"date": "2026-12-01"}}, False),
        ({"id": "task1", "status": "cancelled", "extendedProperties": {"private": {"gw": "x"}}}, False),
    ],
)
def test_a_bare_trace(resource, bare):
    assert translate.is_bare(resource) is bare


# --- writing, and reading back

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
instants = st.integers(0, 131 * 365 * 86_400).map(lambda seconds: Moment(EPOCH + timedelta(seconds=seconds)))
zones = st.none() | st.sampled_from(sorted(available_timezones() - {"localtime"}))
timed = st.builds(Span, instants, st.integers(1, 10_000).map(lambda minutes: timedelta(minutes=minutes)), zones)
days = st.builds(
    Span,
    st.dates(date(1970, 1, 1), date(2100, 12, 1)).map(Day),
    st.integers(1, 400).map(lambda length: timedelta(days=length)),
)
writes = st.builds(
    EventWrite,
    number=st.integers(0, 10**9),
    title=st.text(max_size=60),
    span=timed | days,
    description=st.text(max_size=60),
    paint=st.sampled_from(Paint),
    remind=st.sampled_from(Remind),
    priority=st.sampled_from(Priority),
)


def kept_as(body: dict[str, Any]) -> dict[str, Any]:
    return {"etag": '"1"', "status": "confirmed", **body}


@given(writes)
def test_what_is_inserted_is_what_is_read(write):
    event = translate.event(kept_as(translate.new_body(EventId("task1"), MARK, write, Style())), described=True)
    assert event is not None
    assert (event.title, event.description, event.number) == (write.title, write.description, write.number)
    assert (event.start, event.length) == (write.span.start, write.span.length)
    assert event.link == "link-1"


@given(writes, writes)
def test_what_is_patched_is_what_is_read_whatever_was_there(first, second):
    body = kept_as(translate.new_body(EventId("task1"), MARK, first, Style()))
    event = translate.event(stored(body, translate.patch_body(second, Style())), described=True)
    assert event is not None
    assert (event.title, event.number) == (second.title, second.number)
    assert (event.start, event.length) == (second.span.start, second.span.length)
    assert event.link == "link-1"


@given(writes, writes)
def test_a_look_that_is_given_back_is_the_same_look(first, second):
    body = kept_as(translate.new_body(EventId("task1"), MARK, first, Style()))
    before = translate.event(body, described=True)
    assert before is not None
    changed = stored(body, translate.patch_body(second, Style()))
    giving_back = EventWrite(9, paint=Paint.KEPT, remind=Remind.KEPT, kept=before.look)
    after = translate.event(stored(changed, translate.patch_body(giving_back, Style())), described=True)
    assert after is not None
    assert after.look == before.look


@given(writes)
def test_an_insert_holds_no_empty_value(write):
    body = translate.new_body(EventId("task1"), MARK, write, Style())
    assert None not in body.values()
    assert None not in body["start"].values()
    assert not {"attendees", "recurrence", "location", "conferenceData", "visibility"} & set(body)


def test_a_zone_nobody_knows_is_left_to_the_calendar():
    span = Span(moment("2026-12-01T08:00:00+00:00"), timedelta(hours=1), "Mars/Olympus")
    body = translate.patch_body(EventWrite(1, span=span), Style())
    assert body["start"] == {"dateTime": "2026-12-01T08:00:00Z", "date": None}


def test_an_installations_palette_wins():
    style = Style(colours={Priority.URGENT: "4", Priority.NONE: "1"}, done_colour="5")
    written = {
        (paint, priority): translate.patch_body(EventWrite(1, paint=paint, priority=priority), style)["colorId"]
        for paint, priority in (
            (Paint.PRIORITY, Priority.URGENT),
            (Paint.PRIORITY, Priority.NONE),
            (Paint.PRIORITY, Priority.LOW),
            (Paint.DONE, Priority.LOW),
        )
    }
    assert list(written.values()) == ["4", "1", "2", "5"]


@given(st.text() | st.text("&<>;#ampltgcoyx123 =?/"))
def test_plain_text_is_shown_as_it_was_typed(text):
    encoded = translate.encode_text(text)
    assert html.unescape(encoded) == html.unescape(html.escape(text, quote=False))
    assert "<" not in encoded


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("Open in CRM: https://crm.example/?id=1&tab=2", "Open in CRM: https://crm.example/?id=1&tab=2"),
        ("a & b -> c", "a & b -> c"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("&lt; &copy=1 &#65;", "&amp;lt; &amp;copy=1 &amp;#65;"),
    ],
)
def test_only_what_looks_like_markup_is_escaped(text, encoded):
    assert translate.encode_text(text) == encoded
