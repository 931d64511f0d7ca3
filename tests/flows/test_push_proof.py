"""B25: a subscription is trusted as long as our own writes come back by it; fault row 66."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from gateway.services import sweep
from tests.flows.acts import edit_task, synced_task, the_task
from tests.flows.house import House, Person
from tests.flows.test_subscriptions import held, lists
from tests.flows.trouble import asked, connection, google, nothing_is_left, told, until_quiet, well


def deaf(house: House) -> None:
    """No push reaches us any more."""
    google(house, "drop", direction="out", times=None)


def hears_again(house: House) -> None:
    house.google.sender.forget()
    well(house)


def test_b25_a_subscription_is_proven_by_its_first_delivery_and_kept_by_echoes(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    (channel,) = held(house, ada)
    assert channel.verified_at is not None
    for turn in range(3):
        edit_task(ada, task, title=f"Turn {turn}")
        house.settle()
        house.advance(minutes=10)
        house.tick()
    assert connection(house, ada)["status"] == "connected"
    assert [one.id for one in held(house, ada)] == [channel.id]
    assert connection(house, ada)["heard_at"] is not None


def test_b25_missing_echoes_recreate_the_subscription_and_the_calendar_is_read_once(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    (old,) = held(house, ada)
    deaf(house)
    edit_task(ada, task, title="Call Bob")
    house.settle()
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    house.settle()
    assert the_task(ada, task)["title"] == "Call Bob", "nobody told"
    house.advance(minutes=4)
    house.tick()
    assert connection(house, ada)["status"] == "connected", "pushes may be late"
    house.advance(minutes=2)
    mark = house.mark()
    house.tick()
    until_quiet(house)
    stands = connection(house, ada)
    assert stands["status"] == "suspect"
    assert stands["looked_at"] is not None
    assert the_task(ada, task)["title"] == "Call Eve", "it was read"
    assert (lists(house, mark), len(asked(house, mark, path="watch"))) == (1, 1)
    assert [one["status"] for one in told(house, ada)][-1] == "suspect"
    (fresh,) = held(house, ada)
    assert (fresh.id == old.id, fresh.verified_at) == (False, None)
    for _round in range(3):
        house.tick()
    assert len(asked(house, mark, path="watch")) == 1, "once"
    hears_again(house)
    edit_task(ada, task, title="Call Zoe")
    until_quiet(house)
    assert connection(house, ada)["status"] == "connected"
    assert [one["status"] for one in told(house, ada)][-2:] == ["suspect", "connected"]
    nothing_is_left(house)


def test_b25_a_new_subscription_that_is_silent_too_is_made_anew_each_hour(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    deaf(house)
    marks = []
    for hour in range(3):
        edit_task(ada, task, title=f"Hour {hour}")
        house.settle()
        marks.append(house.mark())
        house.advance(minutes=61)
        house.tick()
        house.settle()
    assert [len(asked(house, one, path="watch")) for one in marks] == [3, 2, 1]
    assert [one["status"] for one in told(house, ada)].count("suspect") == 1, "told once"


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 502, "body": "<html>"}])
def test_b25_a_creation_that_fails_is_tried_each_minute_to_hour_with_one_read_each(
    house: House, ada: Person, fault: dict[str, Any]
) -> None:
    task = synced_task(house, ada)
    google(house, path="/events/watch$", times=None, **fault)
    house.advance(days=40)
    mark, began = house.mark(), house.ctx.clock.now()
    tried: list[timedelta] = []
    house.tick()
    for _minute in range(100):
        count = len(asked(house, mark, path="watch"))
        tried += [house.ctx.clock.now() - began] * (count - len(tried))
        house.advance(minutes=1)
        sweep.ring_due(house.ctx)
        house.settle()
    waits = [round((b - a).total_seconds() / 60) for a, b in pairwise(tried)]
    assert waits[0] <= 3
    assert waits == sorted(waits)
    assert 5 <= len(tried) <= 8, waits
    assert lists(house, mark) == len(tried), "one read after each attempt"
    assert connection(house, ada)["status"] == "suspect"
    house.advance(hours=80)
    house.tick()
    assert connection(house, ada)["status"] == "suspect", "never given up"
    house.edit_event(ada, house.event(ada), summary="Seen by the look")
    house.advance(hours=2)
    house.settle()
    assert the_task(ada, task)["title"] == "Seen by the look"
    well(house)
    house.advance(hours=2)
    until_quiet(house)
    assert connection(house, ada)["status"] == "connected"
    assert [one.state for one in held(house, ada)] == ["live"]
    nothing_is_left(house)


def test_b25_the_daily_look_is_jittered(house: House, ada: Person) -> None:
    synced_task(house, ada)
    house.advance(hours=21, minutes=30)
    mark = house.mark()
    house.tick()
    assert lists(house, mark) == 0
    house.advance(hours=3)
    house.tick()
    assert lists(house, mark) == 1
