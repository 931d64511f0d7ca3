"""What every ``Calendar`` promises, the fake included. The services rely on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest

from gateway.core.errors import AlreadyExists, EventGone, StaleWrite, TargetGone, WatchGone
from gateway.core.model import (
    Absence,
    Day,
    Event,
    EventId,
    EventWrite,
    Look,
    Moment,
    NoEvent,
    Paint,
    Priority,
    Remind,
    Span,
)
from gateway.core.ports import Mark, Mode, Style
from tests.contracts.calendar_benches import Bench, FakeBench, GoogleServer, an_id, moment
from tests.contracts.outlook_bench import OutlookServer

TAG = "deployment-1.0123456789abcdef"
MARK = Mark(TAG, "link-1")
NINE = moment("2026-12-01T09:00:00+01:00")
TEN = moment("2026-12-01T10:00:00+00:00")
HALF_HOUR = timedelta(minutes=30)
FIRST = EventWrite(
    number=1,
    title="Call Ada",
    span=Span(NINE, HALF_HOUR, "Europe/Vienna"),
    description="About the engine\n\nOpen in CRM: https://crm.example/tasks/1",
    paint=Paint.PRIORITY,
    remind=Remind.DEFAULT,
    priority=Priority.HIGH,
    url="https://crm.example/tasks/1",
)


@pytest.fixture(scope="session")
def google_server() -> Iterator[GoogleServer]:
    running = GoogleServer()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def outlook_server() -> Iterator[OutlookServer]:
    running = OutlookServer()
    yield running
    running.stop()


OUTLOOK: dict[str, dict[str, Any]] = {
    "outlook": {},
    "outlook-restless": {"etags": "restless"},
    "outlook-readable-bin": {"deleted_readable": True, "mailbox_zone": True, "short_pages": 1},
}
"""Microsoft as documented, and as it was seen or may be."""
PLACES = ["fake", "fake-own-calendar", "fake-their-ids", "google-existing", "google-own", *OUTLOOK]


@pytest.fixture(params=PLACES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    match request.param:
        case "fake":
            yield FakeBench()
        case "fake-own-calendar":
            yield FakeBench(lists=False)
        case "fake-their-ids":
            yield FakeBench(ids_are_ours=False)
        case "google-existing" | "google-own" as name:
            server: GoogleServer = request.getfixturevalue("google_server")
            with server.bench(Mode(name.removeprefix("google-"))) as google:
                yield google
        case name:
            microsoft: OutlookServer = request.getfixturevalue("outlook_server")
            with microsoft.bench(**OUTLOOK[name]) as outlook:
                yield outlook


_numbers = count(1)


def insert(bench: Bench, write: EventWrite = FIRST, mark: Mark = MARK) -> Event:
    return bench.open().insert(an_id(next(_numbers)), mark, write)


def read(bench: Bench, event: Event, calendar_id: str = "") -> Event:
    found = bench.open(calendar_id).get(event.id)
    assert isinstance(found, Event)
    return found


def an_hour_at_ten(number: int = 2) -> EventWrite:
    return EventWrite(number, span=Span(TEN, timedelta(hours=1), "UTC"))


# --- creating and reading


def test_what_was_created_is_read_back(bench):
    made = insert(bench)
    assert read(bench, made) == made
    assert (made.title, made.start, made.length, made.number) == ("Call Ada", NINE, HALF_HOUR, 1)
    assert made.link == "link-1"
    assert made.description == FIRST.description
    assert not made.recurring
    assert made.url


def test_a_day_stays_a_day(bench):
    made = insert(bench, EventWrite(1, title="Tax", span=Span(Day(date(2026, 12, 24)), timedelta(days=1))))
    assert (made.start, made.length) == (Day(date(2026, 12, 24)), timedelta(days=1))
    assert read(bench, made) == made


def test_without_a_description_there_is_an_empty_one(bench):
    made = insert(bench, EventWrite(1, title="Tax", span=Span(Day(date(2026, 12, 24)), timedelta(days=1))))
    assert read(bench, made).description == ""


TITLES = {
    "short": "a",
    "accents": "Ünïcødé",
    "right-to-left": "שלום עולם",
    "joined-emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 family",
    "combining": "e\u0301 combining",
    "struck": "s\u0336t\u0336",
    "markup": '<b>&amp;</b> "quoted" \\ 50%',
    "long": "x" * 500,
}


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_titles_survive_as_they_are(bench, title):
    title = title[: bench.title_limit]
    made = insert(bench, EventWrite(1, title=title, span=FIRST.span))
    assert (made.title, read(bench, made).title) == (title, title)


def test_an_id_that_is_taken_is_told(bench):
    if not bench.ids_are_ours:
        made = insert(bench)
        assert made.id != an_id(0)
        return
    calendar = bench.open()
    calendar.insert(an_id(1), MARK, FIRST)
    with pytest.raises(AlreadyExists):
        calendar.insert(an_id(1), MARK, FIRST)


def test_the_id_of_a_deleted_event_stays_taken(bench):
    calendar = bench.open()
    made = calendar.insert(an_id(1), MARK, FIRST)
    calendar.delete(made.id)
    if bench.reuses_ids:
        assert calendar.insert(an_id(1), MARK, FIRST).id != made.id
        return
    with pytest.raises(AlreadyExists):
        calendar.insert(an_id(1), MARK, FIRST)


def test_an_insert_that_is_repeated_gives_the_same_event_with_the_number_it_carries(bench):
    calendar = bench.open()
    made = calendar.insert(an_id(1), MARK, FIRST)
    found = calendar.get(an_id(1))
    assert isinstance(found, Event)
    assert (found.id, found.number, found.link) == (made.id, 1, "link-1")
    if not bench.ids_are_ours:
        again = bench.open().insert(an_id(1), MARK, EventWrite(5, title="Call Bob", span=FIRST.span))
        assert (again.id, again.number, again.title) == (made.id, 1, "Call Ada")
    calendar.delete(an_id(1))
    assert isinstance(calendar.get(made.id, doubted=True), NoEvent)


def test_an_unknown_id_is_unknown(bench):
    calendar = bench.open()
    assert calendar.get(EventId("neverthere")) == NoEvent(Absence.UNKNOWN)
    calendar.delete(EventId("neverthere"))
    with pytest.raises(EventGone):
        calendar.patch(EventId("neverthere"), an_hour_at_ten(), '"1"')


# --- changing


def test_a_patch_changes_its_fields_and_nothing_else(bench):
    made = insert(bench)
    patched = bench.open().patch(made.id, EventWrite(2, title="Call Bob"), made.etag)
    now = read(bench, made)
    assert replace(patched, link=now.link, etag=now.etag) == now
    assert (patched.title, patched.number) == ("Call Bob", 2)
    assert patched.etag != made.etag
    assert patched.link in (None, made.link)
    assert (now.start, now.length, now.look) == (made.start, made.length, made.look)
    assert (now.description, now.link) == (made.description, made.link)


def test_a_number_alone_lands(bench):
    made = insert(bench)
    assert bench.open().patch(made.id, EventWrite(7), made.etag).number == 7
    assert read(bench, made).number == 7


def test_a_time_becomes_a_day_and_a_time_again(bench):
    made = insert(bench)
    day = Span(Day(date(2026, 12, 3)), timedelta(days=2))
    as_day = bench.open().patch(made.id, EventWrite(2, span=day), made.etag)
    assert (as_day.start, as_day.length) == (day.start, day.length)
    back = bench.open().patch(made.id, EventWrite(3, span=FIRST.span), read(bench, made).etag)
    assert (back.start, back.length) == (NINE, HALF_HOUR)


def test_an_instant_without_a_zone_is_the_same_instant(bench):
    made = insert(bench, EventWrite(1, title="Call", span=Span(NINE, HALF_HOUR)))
    assert made.start == NINE
    moved = bench.open().patch(made.id, EventWrite(2, span=Span(Moment(NINE.at + HALF_HOUR), HALF_HOUR)), made.etag)
    assert moved.start == Moment(NINE.at + HALF_HOUR)


def test_a_stale_etag_changes_nothing(bench):
    made = insert(bench)
    bench.rename(made, "Call Eve")
    with pytest.raises(StaleWrite):
        bench.open().patch(made.id, EventWrite(2, title="Call Bob"), made.etag)
    assert (read(bench, made).title, read(bench, made).number) == ("Call Eve", 1)


# --- the look


def test_a_delete_under_a_stale_etag_deletes_nothing(bench):
    made = insert(bench)
    now = bench.open().patch(made.id, EventWrite(2, title="Call Bob"), made.etag)
    with pytest.raises(StaleWrite):
        bench.open().delete(made.id, made.etag + "x")
    assert read(bench, made).title == "Call Bob"
    bench.open().delete(made.id, read(bench, now).etag)
    assert isinstance(bench.open().get(made.id, doubted=True), NoEvent)


def test_each_priority_looks_different(bench):
    looks = {priority: insert(bench, EventWrite(1, "x", FIRST.span, paint=Paint.PRIORITY, priority=priority)).look
             for priority in Priority}  # fmt: skip
    assert len({look.colour for look in looks.values()}) == len(Priority)


def test_done_is_undone_exactly(bench):
    made = insert(bench)
    bench.redress(made)
    before = read(bench, made)
    done = bench.open().patch(
        made.id, EventWrite(2, paint=Paint.DONE, remind=Remind.NONE, kept=before.look), before.etag
    )
    assert done.look.colour != before.look.colour
    assert done.look.reminders != before.look.reminders
    undone = bench.open().patch(
        made.id, EventWrite(3, paint=Paint.KEPT, remind=Remind.KEPT, kept=before.look), read(bench, made).etag
    )
    assert undone.look == before.look


def test_the_calendars_own_colour_and_reminders_are_given_back(bench):
    made = insert(bench, EventWrite(1, "x", FIRST.span, paint=Paint.PRIORITY, remind=Remind.DEFAULT))
    bench.open().patch(made.id, EventWrite(2, paint=Paint.DONE, remind=Remind.NONE), made.etag)
    undone = bench.open().patch(
        made.id, EventWrite(3, paint=Paint.KEPT, remind=Remind.KEPT, kept=made.look), read(bench, made).etag
    )
    assert undone.look == made.look


def test_nothing_kept_means_the_calendars_own(bench):
    plain = insert(bench, EventWrite(1, "x", FIRST.span, paint=Paint.PRIORITY, remind=Remind.DEFAULT))
    coloured = insert(bench)
    kept = EventWrite(2, paint=Paint.KEPT, remind=Remind.KEPT, kept=Look())
    assert bench.open().patch(coloured.id, kept, coloured.etag).look == plain.look


# --- what the person does


def test_edits_by_hand_are_seen_and_keep_our_number(bench):
    made = insert(bench)
    bench.rename(made, "Call Eve")
    bench.drag(made, moment("2026-12-02T15:00:00+00:00"), timedelta(hours=2))
    found = read(bench, made)
    assert (found.title, found.number, found.link) == ("Call Eve", 1, "link-1")
    assert (found.start, found.length) == (moment("2026-12-02T15:00:00+00:00"), timedelta(hours=2))
    assert found.etag != made.etag


def test_dragged_to_a_day(bench):
    made = insert(bench)
    bench.drag(made, Day(date(2026, 12, 5)), timedelta(days=1))
    assert read(bench, made).start == Day(date(2026, 12, 5))


def test_what_the_person_dressed_and_described_survives_our_patch(bench):
    made = insert(bench)
    bench.redress(made)
    bench.describe(made, "Bring the plans")
    before = read(bench, made)
    patched = bench.open().patch(made.id, EventWrite(2, title="Call Bob"), before.etag)
    assert (patched.look, patched.description) == (before.look, "Bring the plans")


def test_a_series_follows_its_first_event(bench):
    made = insert(bench)
    bench.repeat_weekly(made)
    series = read(bench, made)
    assert (series.recurring, series.start) == (True, NINE)
    assert [(one.id, one.recurring) for one in bench.open().ours(TAG)] == [(made.id, True)]
    patched = bench.open().patch(made.id, an_hour_at_ten(), series.etag)
    assert (patched.recurring, patched.start) == (True, TEN)


def test_deleted_by_hand(bench):
    made = insert(bench)
    bench.delete(made)
    calendar = bench.open()
    if bench.tells_deletions:
        assert calendar.get(made.id) == NoEvent(Absence.DELETED)
    assert calendar.get(made.id, doubted=True) == NoEvent(Absence.DELETED)
    with pytest.raises((EventGone, StaleWrite)):
        calendar.patch(made.id, an_hour_at_ten(), made.etag)
    calendar.delete(made.id)
    assert list(calendar.ours(TAG)) == []


def test_restored_by_hand_is_there_again(bench):
    made = insert(bench)
    bench.delete(made)
    bench.restore(made)
    assert read(bench, made).title == "Call Ada"


def test_deleted_by_us_twice(bench):
    made = insert(bench)
    calendar = bench.open()
    calendar.delete(made.id)
    calendar.delete(made.id)
    assert calendar.get(made.id, doubted=True) == NoEvent(Absence.DELETED)


def test_a_doubt_that_was_wrong_costs_nothing(bench):
    made = insert(bench)
    found = bench.open().get(made.id, doubted=True)
    assert isinstance(found, Event)
    assert found.title == made.title


def test_moved_by_hand_to_another_calendar(bench):
    made = insert(bench)
    bench.carry(made, bench.other_calendar())
    assert bench.open().get(made.id) == NoEvent(Absence.MOVED if bench.lists else Absence.DELETED)


# --- the calendar as a whole


def test_move_keeps_the_event(bench):
    made, there = insert(bench), bench.other_calendar()
    moved = bench.open().move(made.id, there)
    if not bench.moves:
        assert moved is None
        assert read(bench, made) == made
        return
    assert moved == read(bench, made, there)
    assert (moved.id, moved.title, moved.start, moved.number) == (made.id, made.title, made.start, made.number)
    assert isinstance(bench.open().get(made.id), NoEvent)
    assert list(bench.open().ours(TAG)) == []
    assert [one.id for one in bench.open(there).ours(TAG)] == [made.id]


def test_ours_are_ours_only(bench):
    mine, theirs = insert(bench), insert(bench, mark=Mark("another-deployment.0", "link-1"))
    deleted = insert(bench)
    bench.open().delete(deleted.id)
    found = list(bench.open().ours(TAG))
    assert [one.id for one in found] == [mine.id]
    assert found[0].description is None
    assert [one.id for one in bench.open().ours("another-deployment.0")] == [theirs.id]
    assert list(bench.open().ours("nobody.0")) == []


def test_ours_are_ours_only_whatever_is_known(bench):
    mine, theirs = insert(bench), insert(bench, mark=Mark("another-deployment.0", "link-1"))
    deleted = insert(bench)
    bench.delete(deleted)
    known = [mine.id, theirs.id, deleted.id, an_id(next(_numbers)), EventId("AAkNobodyKnows=")]
    assert [one.id for one in bench.open().ours(TAG, known=known)] == [mine.id]
    assert [one.id for one in bench.open().ours(TAG, known=[theirs.id])] == [mine.id], "the list is by the tag"


def test_ours_tell_what_a_read_tells_but_for_the_description(bench):
    made = insert(bench)
    bench.redress(made)
    (listed,) = bench.open().ours(TAG)
    whole = read(bench, made)
    assert (listed.etag, listed.title, listed.start, listed.length) == (
        whole.etag, whole.title, whole.start, whole.length,
    )  # fmt: skip
    assert (listed.look, listed.number, listed.link, listed.url) == (whole.look, whole.number, whole.link, whole.url)


def test_ours_changed_since(bench):
    insert(bench)
    late = insert(bench)
    bench.advance(timedelta(minutes=2))
    since = bench.now()
    bench.advance(timedelta(minutes=2))
    assert list(bench.open().ours(TAG, changed_since=since)) == []
    bench.rename(late, "Later")
    assert [one.title for one in bench.open().ours(TAG, changed_since=since)] == ["Later"]


def test_a_calendar_that_is_gone_is_not_a_deletion(bench):
    made = insert(bench)
    calendar = bench.open()
    assert calendar.exists()
    bench.drop_calendar()
    assert not calendar.exists()
    with pytest.raises(TargetGone):
        calendar.get(made.id)
    with pytest.raises(TargetGone):
        calendar.ours(TAG)
    with pytest.raises(TargetGone):
        calendar.insert(an_id(next(_numbers)), MARK, FIRST)
    with pytest.raises((TargetGone, EventGone)):
        calendar.patch(made.id, an_hour_at_ten(), made.etag)
    with pytest.raises(TargetGone):
        calendar.watch("channel-1", "s" * 32, bench.address)


def test_watching_and_stopping(bench):
    calendar = bench.open()
    calendar.prepare()
    watch = calendar.watch("channel-1", "s" * 32, bench.address)
    assert watch.id == "channel-1"
    assert watch.resource
    assert watch.expires_at > bench.now() + timedelta(days=1)
    bench.advance(timedelta(minutes=30))
    extended = bench.open().extend(watch.id, watch.resource)
    if extended is not None:
        assert (extended.id, extended.resource) == (watch.id, watch.resource)
        assert extended.expires_at == watch.expires_at + timedelta(minutes=30)
    calendar.unwatch(watch.id, watch.resource)
    calendar.unwatch(watch.id, watch.resource)
    if extended is None:
        assert calendar.extend(watch.id, watch.resource) is None
        return
    with pytest.raises(WatchGone):
        calendar.extend(watch.id, watch.resource)


def test_an_accounts_calendars(bench):
    account = bench.account()
    made = account.create_calendar("Tasks of the CRM", "Europe/Vienna") if not bench.lists else None
    listed = {one.id: one for one in account.calendars()}
    if made is not None:
        assert bench.open(made.id).exists()
        assert listed == {}
        return
    assert bench.calendar_id in listed
    assert sum(one.primary for one in listed.values()) == 1


def test_a_busy_style_and_an_own_palette(bench):
    style = Style(busy=True, colours={Priority.HIGH: "3"}, done_colour="5")
    made = bench.open(style=style).insert(an_id(next(_numbers)), MARK, FIRST)
    done = bench.open(style=style).patch(made.id, EventWrite(2, paint=Paint.DONE), made.etag)
    assert made.look.colour != done.look.colour
    if bench.own_palette:
        assert (made.look.colour, done.look.colour) == ("3", "5")
