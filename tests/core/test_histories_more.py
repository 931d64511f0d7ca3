"""More short histories: refusals, existence, banners, looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core import effects as fx
from gateway.core.model import (
    Absence,
    Cause,
    Field,
    FieldConflict,
    LinkStatus,
    Look,
    Memory,
    NoEvent,
    Owner,
    Reason,
    State,
    Status,
    Task,
    UserId,
)
from gateway.core.records import ReadAgain
from gateway.core.run import Run
from gateway.core.text import strike
from tests.factories import NINE, TEN

# --- refusals


def test_one_refused_field_does_not_hold_back_the_other_and_is_told(world):
    world.refuses[Field.TITLE].add("Bob")
    world.show(title="Bob", start=TEN)
    world.run()
    assert isinstance(world.task, Task)
    assert world.task.due == TEN
    assert world.event.title == "Call Ada"
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
    assert (world.event.title, world.event.start) == ("Call Ada", NINE)


def test_a_switch_that_the_crm_does_not_let_us_turn_off_is_taken_for_off(world, monkeypatch):
    monkeypatch.setattr(world, "_write_task", lambda effect: fx.Refusing(()))
    world.delete_event()
    world.leave(world.look())
    world.run()
    assert (world.link.state, world.link.reason) == (State.OFF, Reason.EVENT_DELETED)
    assert world.link.status is LinkStatus.OFF


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
    assert world.kinds == ["FindHome", "Save", "PatchEvent", "ReadEvent", "Save", "WriteTask", "Save"]
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
    world.end()
    assert isinstance(world.task, Task)
    assert world.task.title == "Call Ada"
    assert world.opened == []


# --- looks


@pytest.mark.parametrize("title", ["Bob", "Ada"], ids=["renamed", "only unstruck"])
def test_b6_b10_a_done_event_that_a_person_typed_into_is_struck_again(world, title):
    world.tell(title="Ada", status=Status.COMPLETED)
    world.run()
    world.show(title=title)
    world.run()
    assert world.task.title == title
    assert world.event.title == strike(title)
    world.end()


def test_a_colour_chosen_while_done_survives_other_writes_and_the_reopening(world):
    world.tell(status=Status.COMPLETED)
    world.run()
    world.show(look=Look("mine", "none"))
    world.tell(title="Bob")
    world.run()
    world.tell(status=Status.OPEN)
    world.run()
    assert world.event.look == Look("mine", "default")


def test_the_look_before_done_is_remembered_across_a_crash(world):
    world.show(look=Look("mine", "loud"))
    world.run()
    world.tell(status=Status.COMPLETED)
    world.run(("after write", world.die))
    world.tell(status=Status.OPEN)
    world.run()
    assert world.event.look == Look("mine", "loud")


# --- never at rest


def test_a_run_in_which_both_sides_keep_moving_comes_back_later(world, monkeypatch):
    turns: Any = iter(range(99))
    world.read_all_again()

    def restless(effect: fx.PatchEvent) -> fx.Stale:
        world.edit_event(title=f"Bob {next(turns)}")
        return fx.Stale()

    monkeypatch.setattr(world, "_patch", restless)
    world.edit_task(title="Cat")
    world.run()
    assert world.owes_run
    assert world.kinds.count("PatchEvent") > 1


# --- the rest


def test_b35_a_completed_task_that_is_archived_leaves_its_event_as_history(world):
    world.tell(status=Status.COMPLETED)
    world.run()
    world.delete_task(Cause.ARCHIVED)
    world.hear_deletion()
    world.run()
    assert len(world.all_alive()) == 1
    assert (world.link.status, world.link.place) == (LinkStatus.OFF, None)


def test_a_description_is_read_before_it_is_changed_where_a_list_had_none(world):
    world.show(length=timedelta(hours=2))
    world.tell(description="New")
    world.run()
    assert world.kinds == ["FindHome", "ReadEvent", "Save", "PatchEvent", "Save"]


def test_a_task_that_vanishes_under_our_write_is_looked_for(world):
    world.show(title="Bob")
    world.run(("before write", lambda: world.delete_task(Cause.DELETED)))
    assert world.kinds == ["FindHome", "Save", "WriteTask", "ReadTask", "Save"]
    world.end()


def test_a_switch_off_told_before_a_refused_switch_off_was_settled(world, monkeypatch):
    world.delete_event()
    world.leave(world.look())
    world.run(("before write", world.die))
    monkeypatch.setattr(world, "_write_task", lambda effect: fx.Refusing(()))
    world.run()
    assert world.link.status is LinkStatus.OFF
    assert world.link.reason is Reason.EVENT_DELETED


def test_a_write_that_never_landed_does_not_hold_up_a_creation(world):
    world.tell(title="Bob")
    world.run(("before write", world.die))
    world.reach["u-1"] = "none"
    world.reach["u-2"] = "connected"
    world.tell(owner=Owner(UserId("u-2")))
    world.run()
    assert world.link.place == world.place_of("u-2", 2)


@pytest.mark.parametrize("missing", ["home", "place", "answer"])
def test_a_broken_promise_of_the_world_is_an_error_and_no_guess(world, missing, monkeypatch):
    if missing == "home":
        monkeypatch.setattr(world, "_find_home", lambda owner: fx.Whereabouts(None))
        world.link = replace(world.link, place=None, memory=Memory())
        with pytest.raises(ValueError, match="needs a home"):
            world.run()
    elif missing == "place":
        with pytest.raises(ValueError, match="no place"):
            _ = Run.of(replace(world.link, place=None), world.now).place
    else:
        monkeypatch.setattr(world, "_write_task", lambda effect: fx.Taken())
        world.show(title="Bob")
        with pytest.raises(TypeError, match="Taken"):
            world.run()
