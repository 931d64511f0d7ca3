"""Short histories that once went wrong, or that a simpler memory gets wrong. Each is a story of people and of luck."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core import effects as fx
from gateway.core.model import (
    Absence,
    Cause,
    Event,
    Field,
    FieldConflict,
    LinkStatus,
    Look,
    NoEvent,
    Owner,
    Reason,
    State,
    Status,
    Task,
    TaskGone,
    TaskOff,
    UserId,
)
from gateway.core.records import ReadAgain
from tests.core.world import World
from tests.factories import FOURTH, NINE, TEN


@pytest.fixture
def world() -> World:
    """One task and its event, in step, all told."""
    made = World()
    made.run()
    return made


def event_of(world: World) -> Event:
    event = world.event_at(world.alive())
    assert event is not None
    return event


def kinds(world: World) -> list[str]:
    return [type(effect).__name__ for effect in world.calls]


def at_peace(world: World) -> None:
    world.settle()
    world.check()


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
    assert kinds(world) == ["ReadTask", "Save"]
    world.run()
    assert kinds(world)[0] == "ReadTask"
    at_peace(world)


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
    assert kinds(world)[-2:] == ["ReadEvent", "Save"]
    world.run()
    assert "ReadEvent" in kinds(world)
    at_peace(world)
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


# --- what is old does not count as new


def test_a_delivery_older_than_our_own_write_is_not_taken_for_the_task(world):
    world.show(title="Bob")
    world.edit_task(due=TEN)
    world.run(("before write", lambda: world.hear(2)))
    assert world.link.task_hint is not None
    world.run()
    assert event_of(world).title == "Bob"
    at_peace(world)


def test_the_answer_to_a_repeated_write_is_no_reading_of_the_task(world):
    world.show(start=FOURTH)
    world.run(("after write", world.die))  # the CRM has it, at version 2
    world.edit_task(title="Bob")
    world.edit_task(title="Call Ada")
    world.show(title="Cat")
    world.hear(3)
    world.run()
    assert world.opened == []
    at_peace(world)
    assert event_of(world).title == "Cat"


def test_a_switch_told_without_a_version_is_read_before_anything_is_deleted(world):
    world.link = replace(world.link, task_hint=TaskOff(None), task_seq=world.link.task_seq + 1)
    world.run()
    assert kinds(world) == ["ReadTask", "FindHome", "Save"]
    assert world.wanted()


def test_a_deletion_snapshot_is_read_before_anything_is_deleted(world):
    world.link = replace(world.link, task_hint=TaskGone(Cause.DELETED), task_seq=world.link.task_seq + 1)
    world.run()
    assert kinds(world) == ["ReadTask", "FindHome", "Save"]


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
    assert world.task.title == event_of(world).title == "Call Ada"
    assert world.opened == []


def test_a_creation_that_arrives_late_is_known_for_ours(world):
    world = World()
    world.run(("before write", world.die_sending))
    world.tell(title="Bob")
    world.run(("before write", world.arrive))
    at_peace(world)
    assert world.opened == []
    assert event_of(world).title == "Bob"


def test_a_creation_never_made_is_no_deletion_by_a_person():
    world = World()
    world.run(("before write", world.die))
    world.reach["u-1"] = "paused"
    world.run()
    world.reach["u-1"] = "connected"
    world.tell(due=None)
    world.run()
    world.tell(due=TEN)
    at_peace(world)
    assert event_of(world).start == TEN


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
    at_peace(world)


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
    at_peace(world)


def test_a_switch_turned_off_by_us_and_on_again_by_a_person_makes_a_new_event(world):
    world.delete_event()
    world.leave(world.look())
    world.run(("after write", world.die))
    world.edit_task(sync_on=True)
    world.hear(max(world.history))
    world.run()
    assert world.link.generation == 2
    at_peace(world)
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
    at_peace(world)
    assert world.wanted()


def test_a_crm_without_keys_is_read_and_an_edit_that_never_reached_it_flows_again():
    world = World(replays_keys=False)
    world.run()
    world.show(title="Bob")
    world.run(("before write", world.die))
    world.tell(due=TEN)
    world.run()
    at_peace(world)
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
    at_peace(world)
    assert event_of(world).title == stands
    assert world.opened == []


def test_a_crm_without_keys_whose_switch_went_off(world):
    world.replays_keys = False
    world.delete_event()
    world.leave(world.look())
    world.run(("after write", world.die))
    world.run()
    assert world.link.reason is Reason.EVENT_DELETED
    assert world.link.status is LinkStatus.OFF


# --- refusals


def test_one_refused_field_does_not_hold_back_the_other_and_is_told(world):
    world.refuses[Field.TITLE].add("Bob")
    world.show(title="Bob", start=TEN)
    world.run()
    assert isinstance(world.task, Task)
    assert world.task.due == TEN
    assert event_of(world).title == "Call Ada"
    assert (world.link.state, world.link.reason, world.link.reason_fields) == (
        State.ERROR,
        Reason.REFUSED,
        ("title",),
    )
    world.tell(due=NINE)
    world.run()
    assert world.link.state is State.SYNCED


def test_a_refused_value_entered_again_is_asked_again(world):
    world.refuses[Field.TITLE].add("Bob")
    world.show(title="Bob")
    world.run()
    world.refuses[Field.TITLE].clear()
    world.show(title="Bob")
    world.run()
    assert isinstance(world.task, Task)
    assert world.task.title == "Bob"
    assert world.link.state is State.SYNCED


def test_a_refusal_without_a_field_of_ours_concerns_all_that_was_sent(world, monkeypatch):
    monkeypatch.setattr(world, "_write_task", lambda effect: fx.Refusing(("status",)))
    world.edit_event(title="Bob", start=TEN)
    world.judge.refused({Field.TITLE: "Bob", Field.DUE: TEN})
    world.leave(world.look())
    world.run()
    assert world.link.reason_fields == ("due", "title")
    assert (event_of(world).title, event_of(world).start) == ("Call Ada", NINE)


def test_a_switch_that_the_crm_does_not_let_us_turn_off_is_taken_for_off(world, monkeypatch):
    monkeypatch.setattr(world, "_write_task", lambda effect: fx.Refusing(()))
    world.delete_event()
    world.leave(world.look())
    world.run()
    assert (world.link.state, world.link.reason) == (State.OFF, Reason.EVENT_DELETED)
    assert world.link.status is LinkStatus.OFF


# --- from one calendar to another


def test_a_move_whose_creation_was_lost_keeps_its_conflict(world):
    world.edit_event(title="Bob")
    world.tell(title="Cat")
    world.choose("u-1", "home")
    world.run(("before write", world.die))
    world.run()
    assert world.opened == [FieldConflict(Field.TITLE, "Bob", "Cat")]
    at_peace(world)


@pytest.mark.parametrize("moment", ["before write", "after write", "before note", "after note", "before end"])
def test_a_move_that_dies_ends_with_one_event(world, moment):
    world.choose("u-1", "home")
    world.run((moment, world.die))
    at_peace(world)


def test_a_move_reads_the_event_first(world):
    world.edit_event(title="Bob")
    world.choose("u-1", "home")
    world.run()
    assert isinstance(world.task, Task)
    assert world.task.title == "Bob"
    at_peace(world)


def test_an_event_left_with_a_paused_owner_is_deleted_when_they_go_on(world):
    world.reach.update({"u-1": "paused", "u-2": "connected"})
    world.tell(owner=Owner(UserId("u-2")))
    world.run()
    assert len(world.all_alive()) == 2  # the old one is out of reach
    world.reach["u-1"] = "connected"
    world.run()
    at_peace(world)


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
    assert world.link.status is LinkStatus.LIVE
    world.reach["u-1"] = "connected"
    world.run()
    assert world.link.status is LinkStatus.OFF
    at_peace(world)


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
    at_peace(world)
    assert world.alive() == world.place_of("u-2", 2)


# --- existence


def test_an_event_deleted_by_a_person_turns_the_switch_off_even_without_a_due_date(world):
    world.delete_event()
    world.tell(due=None)
    world.leave(world.look())
    world.run()
    assert world.link.reason is Reason.EVENT_DELETED


def test_an_event_moved_by_hand_turns_the_switch_off_and_says_so(world, monkeypatch):
    monkeypatch.setattr(world, "_read_event", lambda place: NoEvent(Absence.MOVED))
    world.link = replace(world.link, event_hint=ReadAgain())
    world.run()
    assert world.link.reason is Reason.MOVED_CALENDAR


def test_a_write_that_meets_no_event_looks_before_it_believes(world):
    world.delete_event()
    world.tell(title="Bob")
    world.run()
    assert kinds(world) == ["FindHome", "Save", "PatchEvent", "ReadEvent", "Save", "WriteTask", "Save"]
    assert isinstance(world.task, Task)
    assert (world.task.title, world.task.sync_on) == ("Bob", False)


# --- banners


def test_a_conflict_and_its_end_are_told_in_two_commits(world):
    world.show(title="Bob")
    world.tell(title="Cat")
    world.run(("after write", world.die))
    world.edit_event(title="Dan")
    world.tell(title="Dan")
    world.run()
    assert world.opened == [FieldConflict(Field.TITLE, "Bob", "Cat")]
    assert world.closed == [Field.TITLE]


def test_a_person_s_undo_makes_no_banner(world):
    world.tell(title="Bob")
    world.run(("after write", world.die))
    world.edit_event(title="Call Ada")
    at_peace(world)
    assert isinstance(world.task, Task)
    assert world.task.title == "Call Ada"
    assert world.opened == []


# --- looks


def test_a_colour_chosen_while_done_survives_other_writes_and_the_reopening(world):
    world.tell(status=Status.COMPLETED)
    world.run()
    world.show(look=Look("mine", "none"))
    world.tell(title="Bob")
    world.run()
    world.tell(status=Status.OPEN)
    world.run()
    assert event_of(world).look == Look("mine", "default")


def test_the_look_before_done_is_remembered_across_a_crash(world):
    world.show(look=Look("mine", "loud"))
    world.run()
    world.tell(status=Status.COMPLETED)
    world.run(("after write", world.die))
    world.tell(status=Status.OPEN)
    world.run()
    assert event_of(world).look == Look("mine", "loud")


# --- never at rest


def test_a_run_in_which_both_sides_keep_moving_comes_back_later(world):
    turns: Any = iter(range(99))
    world.read_all_again()

    def restless(effect: fx.PatchEvent) -> fx.Stale:
        world.edit_event(title=f"Bob {next(turns)}")
        return fx.Stale()

    world._patch = restless  # type: ignore[method-assign]
    world.edit_task(title="Cat")
    world.run()
    assert world.owes_run
    assert kinds(world).count("PatchEvent") > 1
