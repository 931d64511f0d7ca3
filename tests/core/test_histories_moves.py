"""Short histories of events that go from one calendar to another, or were left behind and are taken up again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core import effects as fx
from gateway.core.model import (
    Field,
    FieldConflict,
    LinkStatus,
    Look,
    Memory,
    Owner,
    Reason,
    Status,
    Task,
    UserId,
)
from tests.core.judge import of_event
from tests.core.world import World
from tests.factories import TEN

# --- from one calendar to another


def test_a_move_whose_creation_was_lost_keeps_its_conflict(world):
    world.edit_event(title="Bob")
    world.tell(title="Cat")
    world.choose("u-1", "home")
    world.run(("before write", world.die))
    world.run()
    assert world.opened == [FieldConflict(Field.TITLE, "Bob", "Cat")]
    world.end()


@pytest.mark.parametrize("moment", ["before write", "after write", "before note", "after note", "before end"])
def test_a_move_that_dies_ends_with_one_event(world, moment):
    world.choose("u-1", "home")
    world.run((moment, world.die))
    world.end()


def test_a_move_reads_the_event_first(world):
    world.edit_event(title="Bob")
    world.choose("u-1", "home")
    world.run()
    assert isinstance(world.task, Task)
    assert world.task.title == "Bob"
    world.end()


def test_b19_an_edit_of_the_old_event_after_it_was_carried_over_is_not_lost(world):
    old = world.alive()
    world.choose("u-1", "home")
    world.run(("after write", lambda: world.edit_left(old, title="Bob", start=TEN)))  # after the new one was created
    assert isinstance(world.task, Task)
    assert (world.task.title, world.task.due) == ("Bob", TEN)
    assert (world.event.title, world.event.start) == ("Bob", TEN)
    assert world.all_alive() == [world.link.place]
    assert world.opened == []
    world.end()


@pytest.mark.parametrize("moment", ["before note", "after note", "before write", "after write"])
@pytest.mark.parametrize("passed", [0, 1, 2, 3])
def test_b19_a_late_edit_outlives_workers_that_die_on_it(world, moment, passed):
    old = world.alive()
    world.choose("u-1", "home")

    def edit_and_die() -> None:
        world.edit_left(old, title="Bob")
        world.die()

    world.run(("after write", bool), ("after write", edit_and_die))  # not moved, but created
    world.run(*[(moment, bool)] * passed, (moment, world.die))
    world.run()
    assert isinstance(world.task, Task)
    assert world.task.title == world.event.title == "Bob"
    world.end()


def test_b19_a_late_edit_of_what_was_edited_in_the_crm_too_is_a_conflict(world):
    old = world.alive()
    world.choose("u-1", "home")
    world.tell(title="Cat")
    world.judge.expected.append(FieldConflict(Field.TITLE, "Bob", "Cat"))
    world.run(("after write", lambda: world.edit_left(old, title="Bob")))
    assert world.all_alive() == [world.link.place]
    world.end()


def test_b19_a_late_edit_that_the_crm_refuses_holds_nothing_up(world):
    old = world.alive()
    world.choose("u-1", "home")
    world.refuses[Field.TITLE].add("Bob")
    world.run(("after write", lambda: world.edit_left(old, title="Bob")))
    assert world.all_alive() == [world.link.place]
    assert world.link.reason is Reason.REFUSED


def test_b19_an_old_event_that_only_gets_new_etags_is_deleted_in_the_end(world):
    old = world.alive()
    world.choose("u-1", "home")
    world.run(*(("after write", lambda: old not in world.all_alive() or world.edit_left(old)) for _ in range(9)))
    assert world.all_alive() == [world.link.place]
    world.end()


def test_an_event_left_with_a_paused_owner_is_deleted_when_they_go_on(world):
    world.reach.update({"u-1": "paused", "u-2": "connected"})
    world.tell(owner=Owner(UserId("u-2")))
    world.run()
    assert len(world.all_alive()) == 2  # the old one is out of reach
    world.reach["u-1"] = "connected"
    world.run()
    world.end()


def test_an_event_in_a_place_out_of_reach_for_good_is_forgotten(world):
    world.reach.update({"u-1": "none", "u-2": "connected"})
    world.tell(owner=Owner(UserId("u-2")))
    world.run()
    assert world.link.place == world.place_of("u-2", 2)
    assert world.link.leaving == ()


def test_a_switch_off_waits_for_a_calendar_that_is_paused(world):
    world.reach["u-1"] = "paused"
    world.tell(sync_on=False)
    world.run()
    assert world.link.status.value == "live"
    world.reach["u-1"] = "connected"
    world.run()
    assert world.link.status is LinkStatus.OFF
    world.end()


def test_a_calendar_that_vanished_is_no_deletion_of_its_events(world, monkeypatch):
    world.choose("u-1", "home")
    monkeypatch.setattr(world, "_read_event", lambda place: fx.Unreachable())
    world.run()
    assert world.link.place == world.place_of("u-1", 2)
    assert isinstance(world.task, Task)
    assert world.task.sync_on


def test_an_owner_who_changes_while_the_task_is_read_again_is_served_at_the_new_home(world):
    world.reach["u-2"] = "connected"
    world.show(title="Bob")
    world.run(("before write", lambda: world.edit_task(owner=Owner(UserId("u-2")))))
    assert world.all_alive() == [world.place_of("u-2", 2)]
    world.end()


@pytest.fixture
def moving(world: World) -> World:
    """A grant that covers both calendars, and the other one was chosen."""
    world.moves = True
    world.choose("u-1", "home")
    return world


def test_b19_an_event_is_moved_as_it_is_where_it_can_be(moving):
    moving.edit_event(title="Bob", look=Look("mine", "loud"))
    moving.run()
    assert moving.kinds.count("MoveEvent") == 1
    assert "InsertEvent" not in moving.kinds
    assert (moving.event.title, moving.event.look) == ("Bob", Look("mine", "loud"))
    moving.end()


def test_b19_an_event_that_is_deleted_just_before_it_is_moved_turns_the_switch_off(moving):
    moving.run(("before write", moving.delete_event))
    assert moving.link.reason is Reason.EVENT_DELETED
    moving.end()


def test_b19_an_event_that_is_found_neither_here_nor_there_is_looked_for_twice(moving):
    moving.run(("before write", moving.die))
    moving.delete_event()
    moving.run()
    assert moving.kinds == ["FindHome", "ReadEvent", "ReadEvent", "Save"]
    moving.run()
    assert moving.link.reason is Reason.EVENT_DELETED
    moving.end()


def test_b19_a_move_that_was_noted_and_not_made_is_made(moving):
    moving.run(("before write", moving.die))
    moving.end()
    assert moving.alive() == moving.link.place


def test_b19_a_move_that_nobody_lived_to_tell_of_goes_with_its_task(moving):
    moving.run(("after write", moving.die))
    moving.tell(sync_on=False)
    moving.end()
    assert moving.all_alive() == []


def test_b19_a_move_that_nobody_lived_to_tell_of_is_found_though_the_calendar_was_chosen_back(moving):
    moving.run(("after write", moving.die))
    moving.choose("u-1", "work")
    moving.end()
    assert moving.wanted()


def test_b19_a_move_out_of_a_calendar_that_vanished_ends_in_a_new_event(moving, monkeypatch):
    moving.run(("before write", moving.die))
    monkeypatch.setattr(moving, "_read_event", lambda place: fx.Unreachable())
    moving.run()
    assert moving.link.place == moving.place_of("u-1", 2)
    assert moving.link.memory.owed is None


# --- a copy that was left behind, taken up again


@pytest.fixture
def left(world: World) -> World:
    """A dormant link of before is live again: it knows its place and nothing else."""
    world.link = replace(world.link, memory=Memory(last_number=world.link.memory.last_number))
    world.judge.base = None
    return world


@pytest.mark.parametrize("status", Status)
def test_b20_a_copy_is_taken_up_as_it_stands_and_follows_its_task(left, status):
    left.tell(status=status, title="Bob", description="New")
    left.judge.base = of_event(left.event)
    left.run()
    assert len(left.all_alive()) == 1
    assert left.link.generation == 1
    left.end()


def test_b20_a_copy_that_was_edited_meanwhile_makes_no_banner(left):
    left.edit_event(title="Cat")
    left.tell(title="Bob")
    left.judge.base = of_event(left.event)
    left.run()
    left.end()
    assert (left.event.title, left.opened) == ("Bob", [])


def test_b20_a_copy_that_is_gone_is_made_anew(left):
    left.delete_event()
    left.tell(title="Bob")
    left.run()
    assert left.link.generation == 2
    left.end()


def test_b20_a_copy_that_nobody_knows_of_is_made_under_its_old_id(left):
    assert left.link.place is not None
    del left._shelf(left.link.place)[left.link.place.event_id]
    left.run()
    assert left.link.generation == 1
    left.end()


def test_b20_a_copy_whose_task_is_off_goes(left):
    left.tell(sync_on=False)
    left.run()
    left.end()
