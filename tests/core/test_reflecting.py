"""B27: times in steps, and percentiles of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.reflecting import LAST_STEP, Direction, Slot, length_of, percentile, step_of, together

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@given(st.integers(min_value=2, max_value=72 * 3600 * 1000))
def test_a_step_stands_for_its_times_to_a_tenth(milliseconds: int) -> None:
    took = timedelta(milliseconds=milliseconds)
    assert 0.91 * took <= length_of(step_of(took)) <= 1.1 * took


@given(st.timedeltas(min_value=-timedelta(days=9), max_value=timedelta(days=90)))
def test_every_time_has_a_step(took: timedelta) -> None:
    assert 0 <= step_of(took) <= LAST_STEP


@given(st.lists(st.integers(min_value=2, max_value=10**7), min_size=1, max_size=60))
def test_percentiles_are_those_of_the_times(times: list[int]) -> None:
    steps: dict[int, int] = {}
    for one in times:
        step = step_of(timedelta(milliseconds=one))
        steps[step] = steps.get(step, 0) + 1
    for share in (0.5, 0.95, 0.99, 1.0):
        exact = sorted(times)[max(0, -(-len(times) * int(share * 100) // 100) - 1)]
        found = percentile(steps, share)
        assert found is not None
        assert found == length_of(step_of(timedelta(milliseconds=exact)))


def test_nothing_measured_has_no_percentile() -> None:
    assert percentile({}, 0.95) is None


def test_slots_add_up() -> None:
    slots = [Slot(NOON, "google", Direction.TO_CRM, {1: 2, 3: 1}), Slot(NOON, "outlook", Direction.TO_CRM, {3: 4})]
    assert together(slots) == {1: 2, 3: 5}
