"""Random histories: people edit both sides, workers die, messages are late, lost and doubled, and every promise holds.

The test is the world (``tests/core/world.py``); ``tests/core/judge.py`` knows who changed what. What a history ends in:
both sides equal, no edit lost, exactly the banners that people earned, one live event or none, and nothing left to do.
``HYPOTHESIS_PROFILE=deep`` plays 10,000 histories of each machine.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.core.model import Cause, Field, Look, Owner, Priority, Status, UserId
from tests.core.ground import Reading
from tests.core.world import MOMENTS, World
from tests.factories import FOURTH, NINE, TEN, THIRD

TITLES = st.sampled_from(["Ada", "Bob", "Cat", "Dan"])
DUES = st.sampled_from([NINE, TEN, THIRD, FOURTH])
EDITS = TITLES.map(lambda v: (Field.TITLE, v)) | DUES.map(lambda v: (Field.DUE, v))
EVENT_NAME = {Field.TITLE: "title", Field.DUE: "start"}

Plan = list[tuple[str, tuple[str, tuple[Field, Any] | None]]]

RACES = st.one_of(
    st.tuples(st.just("task"), EDITS),
    st.tuples(st.just("event"), EDITS),
    st.tuples(st.sampled_from(["hear", "pull"]), st.none()),
)
DEATHS = st.tuples(st.sampled_from(MOMENTS), st.tuples(st.sampled_from(["die", "die", "die sending"]), st.none()))
PLANS = st.tuples(
    st.lists(st.tuples(st.sampled_from(MOMENTS), RACES), max_size=2),
    st.none() | DEATHS | st.tuples(st.just("after write"), st.just(("die", None))),
).map(lambda plan: [*plan[0], *([plan[1]] if plan[1] else [])])
"""What happens in the middle of a run: people's edits, messages, and often the worker's death."""


class Edits(RuleBasedStateMachine):
    """Title and due edited on both sides, every delivery late, lost or doubled, every worker mortal."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.edit_task(title="Ada")
        self.readings: list[Reading] = []

    def act(self, name: str, edit: tuple[Field, Any] | None) -> None:
        world = self.world
        match name, edit:
            case "task", (field, value):
                world.edit_task(**{field.value: value})
            case "event", (field, value):
                world.edit_event(**{EVENT_NAME[field]: value})
            case "hear", _:
                world.hear(max(world.history))
            case "pull", _:
                world.leave(world.look())
            case "die", _:
                world.die()
            case _:
                world.die_sending()

    @rule(edit=EDITS, told=st.booleans())
    def the_task_is_edited(self, edit: tuple[Field, Any], told: bool) -> None:
        self.act("task", edit)
        if told:
            self.act("hear", None)

    @rule(edit=EDITS, told=st.booleans())
    def the_event_is_edited(self, edit: tuple[Field, Any], told: bool) -> None:
        self.act("event", edit)
        if told:
            self.act("pull", None)

    @rule(field=st.sampled_from(Field), titles=st.tuples(TITLES, TITLES), dues=st.tuples(DUES, DUES))
    def both_are_edited(self, field: Field, titles: tuple[str, str], dues: tuple[Any, Any]) -> None:
        one, other = titles if field is Field.TITLE else dues
        self.the_task_is_edited((field, one), told=True)
        self.the_event_is_edited((field, other), told=True)

    @rule(back=st.integers(0, 3), thin=st.booleans())
    def a_delivery_comes(self, back: int, thin: bool) -> None:
        versions = sorted(self.world.history)
        self.world.hear(versions[max(0, len(versions) - 1 - back)], thin=thin)

    @rule()
    def a_pull_reads(self) -> None:
        self.readings.append(self.world.look())

    @precondition(lambda self: self.readings)
    @rule(which=st.integers(0, 9))
    def a_pull_tells(self, which: int) -> None:
        self.world.leave(self.readings[which % len(self.readings)])

    @rule(plan=PLANS)
    def a_run(self, plan: Plan) -> None:
        self.world.run(*((at, self._doing(*what)) for at, what in plan))

    @rule(plan=PLANS)
    def a_run_that_reads(self, plan: Plan) -> None:
        self.world.read_all_again()
        self.a_run(plan)

    def _doing(self, name: str, edit: tuple[Field, Any] | None) -> Callable[[], None]:
        return lambda: self.act(name, edit)

    @rule()
    def what_was_sent_arrives(self) -> None:
        self.world.arrive()

    @rule(edit=EDITS)
    def the_crm_refuses_a_value(self, edit: tuple[Field, Any]) -> None:
        self.world.refuses[edit[0]].symmetric_difference_update({edit[1]})

    @rule(side=st.sampled_from(["task", "event"]), vague=st.booleans())
    def a_side_hiccups(self, side: str, vague: bool) -> None:
        self.world.hiccups.add(side)
        self.world.vague = vague

    def teardown(self) -> None:
        world = self.world
        world.hiccups.clear()
        world.arrive()
        world.end()


class Lives(Edits):
    """The same, and all that can happen to a task, its event and its people."""

    @initialize(moves=st.booleans())
    def the_provider_moves_events_or_not(self, moves: bool) -> None:
        self.world.moves = moves

    @rule(on=st.booleans())
    def the_switch_is_flipped(self, on: bool) -> None:
        self.world.edit_task(sync_on=on)

    @rule(status=st.sampled_from(Status), priority=st.sampled_from(Priority))
    def the_task_is_completed_or_reopened(self, status: Status, priority: Priority) -> None:
        self.world.edit_task(status=status, priority=priority)

    @rule(text=TITLES, minutes=st.sampled_from([None, 15, 60]))
    def the_task_is_described(self, text: str, minutes: int | None) -> None:
        self.world.edit_task(description=text, duration=minutes and timedelta(minutes=minutes))

    @rule()
    def the_due_date_is_removed(self) -> None:
        self.world.edit_task(due=None)

    @rule(cause=st.sampled_from([Cause.DELETED, Cause.OUT_OF_REACH]))
    def the_task_is_deleted(self, cause: Cause) -> None:
        self.world.delete_task(cause)

    @rule()
    def a_deletion_is_told(self) -> None:
        self.world.hear_deletion()

    @rule()
    def the_event_is_deleted(self) -> None:
        self.world.delete_event()

    @rule(colour=TITLES, hours=st.integers(1, 3))
    def the_event_is_dressed(self, colour: str, hours: int) -> None:
        self.world.edit_event(look=Look(colour, "default"), length=timedelta(hours=hours))

    @rule(user=st.sampled_from(["u-1", "u-2"]))
    def the_task_gets_an_owner(self, user: str) -> None:
        self.world.edit_task(owner=Owner(UserId(user)))

    @rule(calendar=st.sampled_from(["work", "home"]))
    def another_calendar_is_chosen(self, calendar: str) -> None:
        self.world.choose("u-1", calendar)

    @rule(reach=st.sampled_from(["connected", "paused"]), user=st.sampled_from(["u-1", "u-2"]))
    def a_person_pauses_or_connects(self, reach: str, user: str) -> None:
        self.world.reach_of(user, reach)

    def teardown(self) -> None:
        for user, reach in self.world.reach.items():
            self.world.reach_of(user, "connected" if reach == "paused" else reach)
        super().teardown()


QUIET: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}
TestEdits = Edits.TestCase
TestEdits.settings = settings(settings.default, stateful_step_count=25, **QUIET)
TestLives = Lives.TestCase
TestLives.settings = settings(settings.default, stateful_step_count=25, **QUIET)
