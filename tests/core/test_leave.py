"""B24: a calendar's word about very many events waits for somebody's; the journey's half, without any I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core import effects as fx
from gateway.core.mass import has_moved, is_mass
from gateway.core.model import Field, Moment, Reason, State, Task
from tests.core.world import World
from tests.factories import TEN, an_event


@pytest.mark.parametrize(
    ("doubted", "of_all", "held"),
    [(10, 10, False), (11, 11, True), (11, 21, True), (11, 22, False), (500, 999, True), (500, 1000, False)],
)
def test_b24_more_than_ten_and_more_than_half(doubted: int, of_all: int, held: bool) -> None:
    assert is_mass(doubted, of_all) is held


def test_b24_moved_is_what_ends_at_another_time() -> None:
    event = an_event()
    assert isinstance(event.start, Moment)
    end = event.start.at + event.length
    assert not has_moved(event, end)
    assert has_moved(event, end + timedelta(minutes=1))
    assert not has_moved(event, None), "of a series, or one never seen, nothing can be said"
    assert has_moved(replace(event, recurring=True), end)


def told_of_a_deletion(world: World, word: fx.Word | None) -> None:
    world.delete_event()
    world.leave(world.look())
    world.link = replace(world.link, doubted=word is not None)
    world.asked_leave = fx.Leave(word or fx.Word.YES, "h-1" if word is fx.Word.HELD else None)
    world.run()


@pytest.mark.parametrize("word", list(fx.Word))
def test_b24_a_deletion_waits_counts_or_is_made_good(world: World, word: fx.Word) -> None:
    old = world.event
    told_of_a_deletion(world, word)
    task = world.task
    assert isinstance(task, Task)
    assert "AskLeave" in world.kinds
    assert world.link.doubted is (word is fx.Word.HELD)
    match word:
        case fx.Word.HELD:
            assert (world.link.state, world.link.reason, world.link.held) == (State.PENDING, Reason.HELD, "h-1")
            assert task.sync_on
        case fx.Word.YES:
            assert (world.link.held, task.sync_on) == (None, False)
        case fx.Word.NO:
            assert (world.link.state, world.link.held, task.sync_on) == (State.SYNCED, None, True)
            assert world.event.id != old.id, "a new generation"


def test_b24_a_time_dropped_is_put_back_without_a_banner_and_the_title_still_flows(world: World) -> None:
    was = world.event.start
    world.show(start=TEN, title="Call Bob")
    world.link = replace(world.link, doubted=True)
    world.asked_leave = fx.Leave(fx.Word.NO)
    world.judge.as_if_task_had(Field.DUE, TEN)
    world.run()
    assert isinstance(world.task, Task)
    assert (world.task.title, world.task.due) == ("Call Bob", was)
    assert (world.event.start, world.event.title) == (was, "Call Bob")
    assert world.opened == []


def test_b24_without_a_doubt_nobody_is_asked(world: World) -> None:
    told_of_a_deletion(world, None)
    assert "AskLeave" not in world.kinds
    assert isinstance(world.task, Task)
    assert not world.task.sync_on
