"""Short histories that once went wrong, or that a simpler memory gets wrong. Each is a story of people and of luck."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.model import (
    Absence,
    Cause,
    Field,
    FieldConflict,
    LinkStatus,
    Reason,
    State,
    Task,
    TaskGone,
    TaskOff,
)
from gateway.core.records import ReadAgain
from tests.core.world import World
from tests.factories import FOURTH, NINE, TEN

# --- what was told is not forgotten when a worker dies


def test_a_deletion_told_is_not_forgotten_by_the_worker_that_dies_on_it(world):
    world.delete_task(Cause.DELETED)
    world.hear_deletion()
    world.run(("before write", world.die))
    world.run()
    world.run()
    assert world.all_alive() == []
    assert world.link.status is LinkStatus.OFF


def test_a_switch_off_told_is_not_forgotten_by_the_worker_that_dies_on_it(world):
    world.tell(sync_on=False)
    world.run(("after write", world.die))
    world.run()
    assert world.all_alive() == []
    assert world.link.status is LinkStatus.OFF


def test_an_absence_told_is_not_forgotten_by_the_worker_that_dies_on_it(world):
    world.delete_event()
    world.leave(world.look())
    world.run(("before write", world.die))
    world.tell(description="meanwhile")
    world.vague = True
    world.run()
    assert isinstance(world.task, Task)
    assert not world.task.sync_on


def test_a_task_not_found_is_looked_for_again_though_the_hint_is_used_up(world):
    world.hiccups.add("task")
    world.read_all_again()
    world.run()
    assert world.kinds == ["ReadTask", "Save"]
    world.run()
    assert world.kinds[0] == "ReadTask"
    world.end()


def test_a_task_not_found_twice_is_believed(world):
    world.delete_task(Cause.DELETED)
    world.read_all_again()
    world.run()
    assert world.all_alive()
    world.run()
    assert world.all_alive() == []


def test_an_event_not_found_is_looked_for_again_though_the_hint_is_used_up(world):
    world.hiccups.add("event")
    world.link = replace(world.link, event_hint=ReadAgain())
    world.run()
    assert world.kinds[-2:] == ["ReadEvent", "Save"]
    world.run()
    assert "ReadEvent" in world.kinds
    world.end()
    assert world.wanted()


def test_a_delivery_survives_the_settling_of_an_older_write(world):
    world.refuses[Field.TITLE].add("Bob")
    world.show(title="Bob")
    world.run(("before write", world.die))
    world.tell(due=TEN)
    world.edit_task(due=NINE)  # not told yet: the write is refused, not stale
    world.task = replace(world.history[1])
    world.history = {1: world.task, 2: replace(world.task, version=2, due=TEN)}
    world.run(("after note", world.die))
    assert world.link.memory.task == world.history[2]


@pytest.mark.parametrize("side", ["task", "event"])
def test_a_side_not_found_without_a_hint_is_the_first_to_be_read_in_the_next_run(world, side):
    if side == "task":
        world.show(title="Bob")
        world.run(("before write", lambda: world.delete_task(Cause.DELETED)))
    else:
        world.delete_event()
        world.hiccups.add("event")
        world.tell(title="Bob")
        world.run()
    world.run()
    assert world.kinds[: 1 if side == "task" else 2] == (["ReadTask"] if side == "task" else ["FindHome", "ReadEvent"])
    world.end()


# --- what is old does not count as new


def test_a_delivery_older_than_our_own_write_is_not_taken_for_the_task(world):
    world.show(title="Bob")
    world.edit_task(due=TEN)
    world.run(("before write", lambda: world.hear(2)))
    assert world.link.task_hint is not None
    world.run()
    assert world.event.title == "Bob"
    world.end()


def test_the_answer_to_a_repeated_write_is_no_reading_of_the_task(world):
    world.edit_task(title="Bob")
    world.show(start=FOURTH)
    world.run(("after write", lambda: None), ("after write", world.die))  # stale, then landed: Bob, on the fourth
    world.edit_task(title="Call Ada")
    world.show(title="Cat")
    world.run()
    assert world.opened == []
    world.end()
    assert world.event.title == "Cat"


def test_a_switch_told_without_a_version_is_read_before_anything_is_deleted(world):
    world.link = replace(world.link, task_hint=TaskOff(None), task_seq=world.link.task_seq + 1)
    world.run()
    assert world.kinds == ["ReadTask", "FindHome", "Save"]
    assert world.wanted()


def test_a_deletion_snapshot_is_read_before_anything_is_deleted(world):
    world.link = replace(world.link, task_hint=TaskGone(Cause.DELETED), task_seq=world.link.task_seq + 1)
    world.run()
    assert world.kinds == ["ReadTask", "FindHome", "Save"]


# --- writes that nobody knows the end of


def test_a_write_that_arrives_late_is_known_for_ours_and_undone_edits_stay_undone(world):
    world.tell(title="Bob")
    world.run(("before write", world.die_sending))
    world.tell(title="Call Ada")
    world.run()
    world.arrive()
    world.leave(world.look())
    world.run()
    assert isinstance(world.task, Task)
    assert world.task.title == world.event.title == "Call Ada"
    assert world.opened == []


def test_a_creation_that_arrives_late_is_known_for_ours(world):
    world = World()
    world.run(("before write", world.die_sending))
    world.tell(title="Bob")
    world.run(("before write", world.arrive))
    world.end()
    assert world.opened == []
    assert world.event.title == "Bob"


def test_a_creation_never_made_is_no_deletion_by_a_person():
    world = World()
    world.run(("before write", world.die))
    world.reach["u-1"] = "paused"
    world.run()
    world.reach["u-1"] = "connected"
    world.tell(due=None)
    world.run()
    world.tell(due=TEN)
    world.end()
    assert world.event.start == TEN


def test_a_creation_that_a_person_deleted_before_anyone_knew_of_it_turns_the_switch_off():
    world = World()
    world.run(("after write", world.die))
    world.delete_event()
    world.run()
    assert world.link.state is State.OFF
    assert world.link.reason is Reason.EVENT_DELETED


def test_an_id_that_is_taken_by_a_dead_event_is_passed_over():
    world = World()
    place = world.place_of("u-1", 1)
    world.run(("after write", world.die))
    world.hiccups.add("event")
    world._shelf(place)[place.event_id] = replace(world._shelf(place)[place.event_id], absence=Absence.DELETED)
    world.run()
    assert world.link.place == world.place_of("u-1", 2)
    world.end()


def test_a_restored_memory_takes_no_number_of_its_lost_future_for_its_own(world):
    backup = world.link
    world.tell(title="Bob")
    world.run()
    world.edit_event(title="Cat")  # unseen when the backup is taken up again
    world.link = backup
    world.now += timedelta(hours=1)
    world.tell(title="Dan")
    world.judge.expected.clear()
    assert isinstance(world.task, Task)
    world.run()
    assert world.opened == [FieldConflict(Field.TITLE, "Cat", "Dan")]


def test_a_deletion_once_noted_is_carried_through_though_the_due_date_returns(world):
    world.tell(due=None)
    world.run(("before write", world.die))
    world.tell(due=TEN)
    world.run()
    assert world.link.generation == 2
    world.end()


def test_a_switch_turned_off_by_us_and_on_again_by_a_person_makes_a_new_event(world):
    world.delete_event()
    world.leave(world.look())
    world.run(("after write", world.die))
    world.edit_task(sync_on=True)
    world.hear(max(world.history))
    world.run()
    assert world.link.generation == 2
    world.end()
    assert world.wanted()


def test_a_switch_turned_off_by_us_is_on_again_before_anyone_tells(world):
    world.delete_event()
    world.leave(world.look())
    world.run(("after write", world.die))
    world.edit_task(sync_on=True)
    world.run()
    assert world.link.status is LinkStatus.OFF
    world.hear(max(world.history))
    world.run()
    world.end()
    assert world.wanted()


def test_a_crm_without_keys_is_read_and_an_edit_that_never_reached_it_flows_again():
    world = World(replays_keys=False)
    world.run()
    world.show(title="Bob")
    world.run(("before write", world.die))
    world.tell(due=TEN)
    world.run()
    world.end()
    assert isinstance(world.task, Task)
    assert (world.task.title, world.task.due) == ("Bob", TEN)


@pytest.mark.parametrize(("after", "stands"), [("Bob", "Bob"), ("Dan", "Dan")])
def test_a_crm_without_keys_that_has_the_value_or_another_one_stands(after, stands):
    world = World(replays_keys=False)
    world.run()
    world.show(title="Bob")
    world.run(("after write", world.die))
    world.edit_task(title=after)
    world.run()
    world.end()
    assert world.event.title == stands
    assert world.opened == []


def test_a_crm_without_keys_whose_switch_went_off(world):
    world.replays_keys = False
    world.delete_event()
    world.leave(world.look())
    world.run(("after write", world.die))
    world.run()
    assert world.link.reason is Reason.EVENT_DELETED
    assert world.link.status is LinkStatus.OFF


