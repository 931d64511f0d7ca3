"""When things are due: tables for the pinned figures, properties for the promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.schedule import (
    asked_delay,
    coalesced,
    gives_up,
    next_safety_read,
    recreate_after,
    renew_at,
    retry_after,
)

NOW = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))
MIDDLE = 0.5

JITTERS = st.floats(min_value=0, max_value=1, exclude_max=True)
ATTEMPTS = st.integers(min_value=1, max_value=10**9)
INSTANTS = st.timedeltas(-40 * 365 * DAY, 70 * 365 * DAY).map(NOW.__add__)


# --- retries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [
        (1, SECOND),
        (2, 4 * SECOND),
        (3, 15 * SECOND),
        (4, MINUTE),
        (5, 5 * MINUTE),
        (6, 15 * MINUTE),
        (7, HOUR),
        (8, HOUR),
        (80, HOUR),
    ],
)
def test_the_retry_schedule(attempt: int, wait: timedelta) -> None:
    assert retry_after(attempt, asked=None, jitter=MIDDLE) == wait
    assert retry_after(attempt, asked=None, jitter=0) == wait * 0.8


@pytest.mark.parametrize(
    ("asked", "shortest", "longest"),
    [
        (30 * SECOND, 30 * SECOND, 36 * SECOND),
        (2 * HOUR, 2 * HOUR, 2.4 * HOUR),
        (23 * HOUR, 23 * HOUR, DAY),
        (DAY, DAY, DAY),
        (365 * DAY, DAY, DAY),
        (timedelta.max, DAY, DAY),
    ],
)
def test_what_the_other_side_asks_wins(asked: timedelta, shortest: timedelta, longest: timedelta) -> None:
    for attempt in (1, 7):
        assert retry_after(attempt, asked=asked, jitter=0) == shortest
        assert shortest <= retry_after(attempt, asked=asked, jitter=0.999999) <= longest


@pytest.mark.parametrize("asked", [timedelta(), -HOUR])
def test_asking_for_no_wait_leaves_our_own_schedule(asked: timedelta) -> None:
    assert retry_after(7, asked=asked, jitter=MIDDLE) == HOUR


@given(ATTEMPTS, st.none() | st.timedeltas(), JITTERS)
def test_a_retry_is_never_at_once_never_before_what_was_asked_never_after_a_day(
    attempt: int, asked: timedelta | None, jitter: float
) -> None:
    wait = retry_after(attempt, asked=asked, jitter=jitter)
    assert wait <= DAY
    if asked is None or asked <= timedelta():
        assert 0.8 * SECOND <= wait <= 1.2 * HOUR
    else:
        assert wait >= min(asked, DAY)


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match="count from 1"):
        retry_after(attempt, asked=None, jitter=MIDDLE)
    with pytest.raises(ValueError, match="count from 1"):
        recreate_after(attempt)


@pytest.mark.parametrize(
    ("owed_for", "parked"),
    [
        (timedelta(), False),
        (72 * HOUR - SECOND, False),
        (72 * HOUR, True),
        (100 * HOUR, True),
        (-HOUR, False),
    ],
)
def test_work_is_parked_after_72_hours(owed_for: timedelta, parked: bool) -> None:
    assert gives_up(NOW - owed_for, NOW) is parked


# --- Retry-After ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("+5", None),
        ("1e3", None),
        ("5, 10", None),
        ("inf", None),
        ("nan", None),
        ("١٢", None),
        ("0", timedelta()),
        ("120", 120 * SECOND),
        (" 120 ", 120 * SECOND),
        ("0.5", 0.5 * SECOND),
        ("31536000", DAY),
        ("9" * 5000, DAY),
        ("Wed, 21 Oct 2026 07:29:00 GMT", MINUTE),
        ("Wednesday, 21-Oct-26 07:29:00 GMT", MINUTE),
        ("Wed Oct 21 07:29:00 2026", MINUTE),
        ("Wed, 21 Oct 2026 07:29:00 -0000", MINUTE),
        ("Wed, 21 Oct 2026 09:29:00 +0200", MINUTE),
        ("Wed, 21 Oct 2026 07:27:00 GMT", timedelta()),
        ("Thu, 21 Oct 2027 07:28:00 GMT", DAY),
        ("Wed, 45 Oct 2026 07:29:00 GMT", None),
        ("Wed, 21 Oct 99999 07:29:00 GMT", None),
        ("Wed, 21 Oct 2026 07:29:00 +9999", None),
    ],
)
def test_retry_after_header(header: str | None, asked: timedelta | None) -> None:
    assert asked_delay(header, NOW) == asked


WORDS = ("Wed,", "Wed", "21", "Oct", "2026", "26", "07:29:00", "07:29", "GMT", "-0000", "+9999", "99999", "-1", ":")


@given(st.none() | st.text() | st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), INSTANTS)
def test_no_header_breaks_the_reader_or_asks_for_more_than_a_day(header: str | None, now: datetime) -> None:
    asked = asked_delay(header, now)
    assert asked is None or timedelta() <= asked <= DAY


# --- coalescing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settled_at", "due"),
    [
        (None, NOW),
        (NOW - HOUR, NOW),
        (NOW - SECOND, NOW),
        (NOW - SECOND / 4, NOW + SECOND * 3 / 4),
        (NOW, NOW + SECOND),
        (NOW + HOUR, NOW + SECOND),
    ],
)
def test_runs_are_a_second_apart(settled_at: datetime | None, due: datetime) -> None:
    assert coalesced(NOW, settled_at) == due


@given(INSTANTS, st.none() | INSTANTS)
def test_a_request_is_due_within_a_second(now: datetime, settled_at: datetime | None) -> None:
    assert now <= coalesced(now, settled_at) <= now + SECOND


# --- subscriptions and safety reads ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "jitter", "due_after"),
    [
        (30 * DAY, MIDDLE, 20 * DAY),
        (30 * DAY, 0, 18.5 * DAY),
        (3 * HOUR, MIDDLE, 2 * HOUR),
        (3 * HOUR, 0.99, 2 * HOUR),
        (HOUR, MIDDLE, 40 * MINUTE),
        (timedelta(), MIDDLE, timedelta()),
        (-HOUR, 0, timedelta()),
    ],
)
def test_a_subscription_is_renewed_after_two_thirds_of_its_life(
    life: timedelta, jitter: float, due_after: timedelta
) -> None:
    due = renew_at(NOW, NOW + life, jitter)
    assert abs(due - (NOW + due_after)) < timedelta(milliseconds=1)


@given(INSTANTS, st.timedeltas(timedelta(), 400 * DAY), JITTERS)
def test_a_renewal_leaves_room_before_the_end(created_at: datetime, life: timedelta, jitter: float) -> None:
    expires_at = created_at + life
    due = renew_at(created_at, expires_at, jitter)
    assert created_at + life * 0.6 <= due <= created_at + life * 0.72
    assert life < 3 * HOUR or due <= expires_at - HOUR


@given(INSTANTS, JITTERS)
def test_a_safety_read_comes_daily(last: datetime, jitter: float) -> None:
    assert next_safety_read(last, 0) == last + DAY
    assert last + 22 * HOUR <= next_safety_read(last, jitter) <= last + DAY


@pytest.mark.parametrize(("attempt", "minutes"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 32), (7, 60), (10**9, 60)])
def test_creating_a_subscription_is_retried_from_a_minute_to_an_hour(attempt: int, minutes: int) -> None:
    assert recreate_after(attempt) == minutes * MINUTE
