"""Attempts to break the house: several workers at once, switches that flicker, owners that come and go, held pushes,
time that jumps. ``SEED``, ``ROUNDS`` and ``EDITS`` make the squall another, longer one."""

from __future__ import annotations

import os

import pytest

from tests.flows import trouble
from tests.flows.acts import DUE, LATER, edit_task, synced_task, the_task
from tests.flows.house import House, Person
from tests.flows.squall import Squall
from tests.patience import until


@pytest.fixture
def bob(house: House) -> Person:
    who = house.person("bob@example.com")
    house.connect(who)
    return who


def test_a_squall_leaves_both_sides_equal_and_nothing_lost(house: House, ada: Person, bob: Person) -> None:
    seed, rounds, edits = (int(os.environ.get(name, n)) for name, n in (("SEED", 7), ("ROUNDS", 3), ("EDITS", 25)))
    Squall(house, [ada, bob], seed).blow(rounds, edits)


@pytest.mark.parametrize("works_between", [False, True])
@pytest.mark.parametrize("ends_on", [False, True])
def test_b7_a_switch_that_flickers_ends_where_it_was_left(
    house: House, ada: Person, ends_on: bool, works_between: bool
) -> None:
    task = synced_task(house, ada)
    for on in [False, True] * 3 + ([] if ends_on else [False]):
        edit_task(ada, task, calendar_sync=on)
        if works_between:
            house.work()
    house.settle()
    assert len(house.events(ada)) == int(ends_on)
    assert house.state(task)["state"] == ("synced" if ends_on else "off")


def test_b4_a_due_date_that_comes_and_goes(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    for due in (None, LATER, None, DUE, None, LATER):
        edit_task(ada, task, due=due)
        house.work()
    house.settle()
    assert house.event(ada)["start"]["dateTime"].startswith("2030-03-06")


def test_b8_an_owner_ping_pong_leaves_one_event_at_the_last_owner(house: House, ada: Person, bob: Person) -> None:
    task = synced_task(house, ada)
    trouble.crm(house, "hold", direction="out", times=2)
    for who in (bob, ada, bob, ada, bob):
        edit_task(ada, task, owner={"id": who.user_id})
        house.work()
    house.settle()
    house.crm_admin.call("POST", "/release")
    house.settle()
    assert (len(house.events(ada)), len(house.events(bob))) == (0, 1)


def test_b12_an_event_deleted_and_restored_before_anybody_hears_of_it(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    event = house.event(ada)
    trouble.google(house, "hold", direction="out", times=2)
    house.delete_event(ada, event)
    house.edit_event(ada, event, status="confirmed", summary="Call Bob")
    house.settle()
    house.google_admin.call("POST", "/release")
    house.settle()
    assert the_task(ada, task)["calendar_sync"] is True
    assert the_task(ada, task)["title"] == house.event(ada)["summary"] == "Call Bob"


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_clock_that_jumps_while_work_is_owed_loses_nothing(house: House, ada: Person, seconds: int) -> None:
    task = synced_task(house, ada)
    edit_task(ada, task, title="Call Bob")
    until(lambda: not house.crm.sender.busy)  # else it is as old as the jump when it arrives, and rightly refused
    house.clock.advance(seconds)
    trouble.until_quiet(house)
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    house.settle()
    house.clock.advance(-seconds)
    edit_task(ada, task, due=LATER)
    trouble.until_quiet(house)
    assert the_task(ada, task)["title"] == house.event(ada)["summary"] == "Call Eve"
    assert house.event(ada)["start"]["dateTime"].startswith("2030-03-06")
    assert house.state(task)["state"] == "synced"
    trouble.nothing_is_left(house)
