"""A task as an event, and an event's time as a CRM can hold it."""

from __future__ import annotations

import html
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.core.model import Day, Moment, Owner, UserId
from gateway.core.render import DESCRIPTION_LIMIT, Rules, block, compose, has_passed, holdable, in_range, span, zone_of
from tests.factories import FOURTH, NINE, NOW, THIRD, a_task, an_event

TOKYO = Owner(UserId("u-1"), "Asia/Tokyo")
"""Nine hours ahead of UTC all year."""

NEW_YEAR = Moment(datetime(2099, 12, 31, 23, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    ("due", "owner", "calendar", "zone"),
    [
        (Moment(NINE.at, "Europe/Berlin"), TOKYO, "America/Lima", "Europe/Berlin"),
        (NINE, TOKYO, "America/Lima", "Asia/Tokyo"),
        (NINE, Owner(UserId("u-1")), "America/Lima", "America/Lima"),
        (NINE, None, None, "UTC"),
        (THIRD, TOKYO, None, "Asia/Tokyo"),
    ],
)
def test_b3_the_zone_is_the_due_s_own_then_the_owner_s_then_the_calendar_s_then_utc(due, owner, calendar, zone):
    assert zone_of(a_task(due=due, owner=owner), Rules(calendar_zone=calendar)) == zone


def test_b3_a_date_has_no_zone_and_is_never_converted():
    found = span(a_task(due=THIRD, owner=TOKYO), THIRD, Rules())
    assert (found.start, found.zone, found.length) == (THIRD, None, timedelta(days=1))


def test_b3_the_installation_s_default_length():
    assert span(a_task(), NINE, Rules(default_length=timedelta(hours=2))).length == timedelta(hours=2)


def test_b9_an_event_s_length_stays_in_its_form_and_begins_anew_in_another():
    stretched = an_event(length=timedelta(hours=3))
    assert span(a_task(), NINE, Rules(), stretched).length == timedelta(hours=3)
    assert span(a_task(due=FOURTH), FOURTH, Rules(), stretched).length == timedelta(days=1)


@pytest.mark.parametrize(
    ("when", "task", "rules", "held"),
    [
        (NINE, {}, {}, NINE),
        (THIRD, {}, {}, THIRD),
        # a CRM of days: the day on which it is in the person's zone
        (Moment(datetime(2026, 3, 3, 20, tzinfo=UTC)), {"owner": TOKYO}, {"moments": False}, FOURTH),
        (Moment(datetime(2026, 3, 3, 20, tzinfo=UTC)), {}, {"moments": False}, THIRD),
        # a CRM of moments: the hour that the task had in the person's zone, else nine
        (FOURTH, {"due": NINE}, {"days": False}, Moment(datetime(2026, 3, 4, 9, tzinfo=UTC))),
        (FOURTH, {"due": NINE, "owner": TOKYO}, {"days": False}, Moment(datetime(2026, 3, 4, 9, tzinfo=UTC))),
        (FOURTH, {"due": THIRD, "owner": TOKYO}, {"days": False}, Moment(datetime(2026, 3, 4, 0, tzinfo=UTC))),
        (FOURTH, {"due": THIRD}, {"days": False}, Moment(datetime(2026, 3, 4, 9, tzinfo=UTC))),
    ],
)
def test_b9_what_a_crm_can_hold(when, task, rules, held):
    assert holdable(when, a_task(**task), Rules(**rules)) == held


def test_b34_a_kept_hour_in_a_gap_of_summer_time_is_an_instant_after_it():
    berlin = Owner(UserId("u-1"), "Europe/Berlin")
    half_past_two = Moment(datetime(2026, 3, 3, 1, 30, tzinfo=UTC))  # 02:30 in Berlin; on 29 March there is none
    found = holdable(Day(date(2026, 3, 29)), a_task(due=half_past_two, owner=berlin), Rules(days=False))
    assert found == Moment(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))  # 03:30 in Berlin


def test_b34_a_kept_hour_that_summer_time_doubles_is_the_first_of_the_two():
    berlin = Owner(UserId("u-1"), "Europe/Berlin")
    half_past_two = Moment(datetime(2026, 3, 3, 1, 30, tzinfo=UTC))
    found = holdable(Day(date(2026, 10, 25)), a_task(due=half_past_two, owner=berlin), Rules(days=False))
    assert found == Moment(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))  # 02:30 in summer time still


@pytest.mark.parametrize(
    ("due", "fine"),
    [
        (Day(date(1970, 1, 1)), True),
        (NEW_YEAR, True),
        (Day(date(2100, 12, 31)), True),
        (Day(date(1969, 12, 31)), False),
        (Moment(datetime(2101, 1, 1, tzinfo=UTC)), False),
    ],
)
def test_b34_the_years_that_can_be_synced(due, fine):
    assert in_range(due) is fine


@pytest.mark.parametrize(
    ("due", "passed"),
    [
        (Moment(NOW), True),
        (Moment(NOW + timedelta(seconds=1)), False),
        (Day(NOW.date()), False),
        (Day(NOW.date() - timedelta(days=1)), True),
    ],
)
def test_b2_when_a_reminder_comes_too_late(due, passed):
    assert has_passed(due, NOW) is passed


def test_b2_the_block_is_made_fit_for_the_provider():
    rules = Rules(crm_name="Desk", encode=lambda text: text.replace("\n", "<br>"))
    assert block(a_task(description="Text"), rules) == "Text<br><br>Open in Desk: https://crm.example/tasks/t-1"
    assert block(a_task(description="", url=""), Rules()) == ""


@pytest.mark.parametrize("cluster", ["x", "<", "e\u0301", "\U0001f469\u200d\U0001f4bb"])
def test_b2_a_text_too_long_for_a_calendar_is_cut_between_characters_and_the_link_stays(cluster):
    text = cluster * 20_000
    found = block(a_task(description=text), Rules(encode=html.escape))
    cut, _, link = found.rpartition("\n\n")
    assert DESCRIPTION_LIMIT - 100 < len(found) <= DESCRIPTION_LIMIT
    assert link.endswith("https://crm.example/tasks/t-1")
    kept = html.unescape(cut)
    assert kept.endswith("…")
    assert text.startswith(kept[:-1])
    assert len(kept[:-1]) % len(cluster) == 0
    assert block(a_task(description=text), Rules(encode=html.escape)) == found


def test_b2_a_text_that_just_fits_is_not_cut():
    link = "Open in CRM: https://crm.example/tasks/t-1"
    text = "x" * (DESCRIPTION_LIMIT - len(link) - 2)
    assert block(a_task(description=text), Rules()) == f"{text}\n\n{link}"
    assert len(block(a_task(description=text + "x"), Rules())) == DESCRIPTION_LIMIT


@pytest.mark.parametrize(
    ("shown", "last", "new", "written"),
    [
        ("old", "old", "new", "new"),
        ("mine\n\nold", "old", "new", "mine\n\nnew"),
        ("mine", "old", "new", "new\n\nmine"),
        ("mine", "", "new", "new\n\nmine"),
        ("", "", "new", "new"),
        ("old and new", "old", "new", "old and new"),  # it is there already
        ("first\nsecond", "first\nsecond", "second", "second"),
        ("mine\n\nold", "old", "", "mine"),
        ("old old", "old", "new", "new old"),
    ],
)
def test_b5_a_description_with_the_last_block_replaced(shown, last, new, written):
    assert compose(shown, last, new) == written
