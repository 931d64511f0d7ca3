"""What is decided on the way back and when both sides moved: tables named by the contract's numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from gateway.core import reconcile as rc
from gateway.core.model import (
    Absence,
    Cause,
    Day,
    Field,
    FieldConflict,
    Look,
    Memory,
    Moment,
    NoEvent,
    Pair,
    Reason,
    Refusal,
    Span,
    State,
    TaskChanges,
    TaskGone,
    TaskOff,
    When,
)
from gateway.core.render import Rules
from gateway.core.settle import landed
from gateway.core.text import strike
from tests.core.deciding import AT_DONE, DAY, DONE, HALF, HOUR, created, decide, facts, flows, patched, sent
from tests.factories import FOURTH, NINE, NOW, NUMBER, TEN, THIRD, a_task, agreed_on, an_event

# --- the event speaks back

BERLIN = Moment(datetime(2026, 3, 3, 9, 0, tzinfo=UTC), "Europe/Berlin")


@pytest.mark.parametrize(
    ("due", "start", "flowing"),
    [
        (NINE, TEN, TEN),
        (NINE, THIRD, THIRD),
        (THIRD, NINE, NINE),
        (THIRD, FOURTH, FOURTH),
        (NINE, BERLIN, None),  # the same instant
    ],
)
def test_b9_the_start_moves_the_due_date(due: When, start: When, flowing: When | None):
    memory = agreed_on(a_task(due=due), an_event(start=due))
    step = decide(a_task(due=due), an_event(start=start), memory)
    if flowing is None:
        assert isinstance(step, rc.Rest)
    else:
        assert flows(step) == TaskChanges(due=flowing)


def test_b9_a_length_alone_is_the_person_s():
    assert isinstance(decide(event=an_event(length=5 * HOUR)), rc.Rest)


DAYS_ONLY, MOMENTS_ONLY = Rules(moments=False), Rules(days=False)


def test_b9_a_crm_of_days_takes_the_day_and_the_event_becomes_all_day_again():
    memory = agreed_on(a_task(due=THIRD), an_event(start=THIRD, length=DAY))
    fourth = Moment(datetime(2026, 3, 4, 9, tzinfo=UTC))
    step = decide(a_task(due=THIRD), an_event(start=fourth), memory, rules=DAYS_ONLY)
    assert flows(step) == TaskChanges(due=FOURTH)
    assert isinstance(step, rc.PatchTask)
    after = replace(memory, agreed=step.agreed)
    back = patched(decide(a_task(due=FOURTH, version=2), an_event(start=fourth), after, rules=DAYS_ONLY))
    assert back.write.span == Span(FOURTH, DAY)
    assert (back.owed.drops_time, back.owed.conflicts) == (True, ())


def test_b9_a_crm_of_days_on_the_same_day_learns_nothing_and_the_time_is_dropped():
    memory = agreed_on(a_task(due=THIRD), an_event(start=THIRD, length=DAY))
    step = patched(decide(a_task(due=THIRD), an_event(start=TEN), memory, rules=DAYS_ONLY))
    assert step.write.span == Span(THIRD, DAY)
    there = an_event(start=THIRD, length=DAY, number=step.owed.number)
    rest = decide(a_task(due=THIRD), there, landed(memory, step.owed, there), rules=DAYS_ONLY)
    assert isinstance(rest, rc.Rest)
    assert (rest.state, rest.reason, rest.fields) == (State.SYNCED, Reason.TIME_DROPPED, ("due",))


@pytest.mark.parametrize("start", [THIRD, FOURTH])
def test_b9_a_crm_of_moments_keeps_its_hour_on_the_new_day(start):
    step = decide(event=an_event(start=start, length=DAY), rules=MOMENTS_ONLY)
    if start == THIRD:
        assert sent(step) == {"span": Span(NINE, HALF, "UTC")}
        assert not patched(step).owed.drops_time
    else:
        assert flows(step) == TaskChanges(due=Moment(datetime(2026, 3, 4, 9, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("memory", "task", "raw", "flowing"),
    [
        (agreed_on(), a_task(), "Bob", "Bob"),
        (agreed_on(), a_task(), "Bob\nCat", "Bob Cat"),
        (AT_DONE, DONE, strike("Bob"), "Bob"),
        (AT_DONE, DONE, "Bob", "Bob"),
    ],
)
def test_b10_a_new_name_is_the_task_s_without_our_stroke(memory, task, raw, flowing):
    assert flows(decide(task, an_event(title=raw), memory)) == TaskChanges(title=flowing)


@pytest.mark.parametrize("raw", ["", "  ", "\u200b", "(no title)"])
def test_b10_b34_an_emptied_title_is_put_back_and_never_sent(raw):
    step = patched(decide(event=an_event(title=raw)))
    assert sent(step) == {"title": "Call Ada"}
    assert step.owed.puts_back


def test_b11_what_is_the_person_s_own_is_not_sent():
    dressed = an_event(look=Look("mine", "loud"), description="No link any more", length=4 * HOUR)
    assert isinstance(decide(event=dressed), rc.Rest)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (Absence.DELETED, Reason.EVENT_DELETED),
        (Absence.UNKNOWN, Reason.EVENT_DELETED),
        (Absence.MOVED, Reason.MOVED_CALENDAR),
    ],
)
@pytest.mark.parametrize("task", [a_task(), a_task(title="Bob", version=2), a_task(due=None)])
def test_b12_b13_b15_an_event_that_is_gone_turns_the_switch_off_even_if_the_task_was_edited(how, reason, task):
    step = decide(task, NoEvent(how))
    assert step == rc.PatchTask(TaskChanges(sync_off=True), task.version, None, reason=reason)


def test_b14_the_task_follows_the_series_first_start():
    assert flows(decide(event=an_event(start=TEN, recurring=True))) == TaskChanges(due=TEN)


# --- both sides at once


@pytest.mark.parametrize("task", [TaskGone(), TaskOff(), a_task(sync_on=False)])
def test_b15_existence_first_an_edited_event_goes_with_its_task(task):
    assert decide(task, an_event(title="Bob")) == rc.DeleteEvent()


def test_b15_different_fields_both_live():
    step = decide(a_task(title="Bob", version=2), an_event(start=TEN))
    assert flows(step) == TaskChanges(due=TEN)
    assert isinstance(step, rc.PatchTask)
    memory = replace(agreed_on(), agreed=step.agreed)
    after = patched(decide(a_task(title="Bob", due=TEN, version=3), an_event(start=TEN), memory))
    assert sent(after) == {"title": "Bob"}
    assert (after.owed.conflicts, after.owed.closes) == ((), (Field.TITLE,))


@pytest.mark.parametrize(
    ("task", "event", "conflict"),
    [
        ({"title": "Bob"}, {"title": "Cat"}, FieldConflict(Field.TITLE, "Cat", "Bob")),
        ({"due": TEN}, {"start": FOURTH}, FieldConflict(Field.DUE, FOURTH, TEN)),
    ],
)
def test_b15_the_same_field_the_crm_wins_and_both_values_are_recorded(task, event, conflict):
    step = patched(decide(a_task(version=2, **task), an_event(**event)))
    assert step.owed.conflicts == (conflict,)
    assert step.owed.closes == ()


def test_b16_a_later_edit_closes_and_our_own_write_does_not():
    assert patched(decide(a_task(title="Bob"))).owed.closes == (Field.TITLE,)
    step = decide(event=an_event(title="Bob"))
    assert isinstance(step, rc.PatchTask)
    assert step.closes == (Field.TITLE,)
    assert patched(decide(a_task(description="New"))).owed.closes == ()


@pytest.mark.parametrize(
    ("task", "event"),
    [
        ({}, {}),
        ({"title": "Bob"}, {"title": "Bob"}),
        ({"due": TEN}, {"start": TEN}),
        ({}, {"number": NUMBER + 3}),  # an unknown number, but the values are the same
        ({}, {"number": None}),
    ],
)
def test_b17_where_both_say_the_same_there_is_no_banner_and_nothing_to_do(task, event):
    step = decide(a_task(**task), an_event(**event))
    assert isinstance(step, rc.Rest)
    assert (step.state, step.reason) == (State.SYNCED, None)
    assert step.agreed is not None
    assert step.agreed.title == Pair(task.get("title", "Call Ada"), event.get("title", "Call Ada"))


def test_b17_an_event_under_an_unknown_number_is_news_to_a_task_that_did_not_change():
    assert flows(decide(event=an_event(title="Bob", number=NUMBER + 3))) == TaskChanges(title="Bob")


@pytest.mark.parametrize(
    ("task", "conflict"),
    [
        ({"title": "Bob"}, FieldConflict(Field.TITLE, "Call Ada", "Bob")),
        ({"due": TEN}, FieldConflict(Field.DUE, NINE, TEN)),
    ],
)
def test_b28_under_an_unknown_number_nothing_is_overwritten_without_a_banner(task, conflict):
    assert patched(decide(a_task(**task), an_event(number=NUMBER + 3))).owed.conflicts == (conflict,)


# --- cases of the first week


@pytest.mark.parametrize(
    ("refusal", "event", "write"),
    [
        (Refusal(Field.TITLE, "Bob", NUMBER), {"title": "Bob"}, {"title": "Call Ada"}),
        (Refusal(Field.DUE, TEN, NUMBER), {"start": TEN}, {"span": Span(NINE, HALF, "UTC")}),
    ],
)
def test_b33_a_refused_value_is_put_back_and_told(refusal, event, write):
    memory = agreed_on(refusals=(refusal,))
    step = patched(decide(event=an_event(**event), memory=memory))
    assert sent(step) == write
    assert (step.owed.puts_back, step.owed.refusals, step.owed.conflicts) == (True, (refusal,), ())
    there = an_event(number=step.owed.number)
    rest = decide(event=there, memory=landed(memory, step.owed, there))
    assert isinstance(rest, rc.Rest)
    assert (rest.state, rest.reason, rest.fields) == (State.ERROR, Reason.REFUSED, (refusal.field.value,))


def test_b33_a_refused_value_gives_way_to_the_task_s_own_edit_without_a_banner():
    memory = agreed_on(refusals=(Refusal(Field.TITLE, "Bob", NUMBER),))
    step = patched(decide(a_task(title="Cat"), an_event(title="Bob"), memory))
    assert (step.owed.conflicts, step.owed.refusals, step.owed.closes) == ((), (), (Field.TITLE,))


@pytest.mark.parametrize("due", [Day(date(1969, 12, 31)), Moment(datetime(2101, 1, 1, tzinfo=UTC))])
def test_b34_a_due_date_out_of_range_leaves_the_event_untouched(due):
    assert decide(a_task(due=due)) == rc.Rest(State.ERROR, Reason.INVALID_VALUE, ("due",))


def test_b34_an_empty_title_is_shown_as_such_and_rests():
    write = created(title="").write
    assert write.title == "(no title)"
    memory = agreed_on(a_task(title=""), an_event(title="(no title)"))
    assert isinstance(decide(a_task(title=""), an_event(title="(no title)"), memory), rc.Rest)


def test_b6_a_title_over_the_limit_is_cut_told_and_never_news():
    long, limit = a_task(title="word " * 9), Rules(title_limit=20)
    step = rc.decide(Memory(), replace(facts(long, rules=limit), event=None))
    assert isinstance(step, rc.Insert)
    assert step.write.title is not None
    there = an_event(title=step.write.title, number=step.owed.number)
    rest = decide(long, there, landed(Memory(), step.owed, there), rules=limit)
    assert isinstance(rest, rc.Rest)
    assert (rest.state, rest.reason, rest.fields) == (State.SYNCED, Reason.CLIPPED, ("title",))


@pytest.mark.parametrize(
    ("cause", "was_done", "keeps"),
    [(Cause.ARCHIVED, True, True), (Cause.ARCHIVED, False, False), (Cause.DELETED, True, False)],
)
def test_b35_a_completed_task_that_is_archived_keeps_its_event_as_history(cause, was_done, keeps):
    step = decide(TaskGone(cause), was_done=was_done)
    assert step == (rc.Rest(State.OFF, ends=True, keeps_event=True) if keeps else rc.DeleteEvent())


def test_numbers_grow_and_follow_the_clock():
    assert rc.next_number(Memory(), NOW) == int(NOW.timestamp())
    assert rc.next_number(Memory(last_number=int(NOW.timestamp()) + 5), NOW) == int(NOW.timestamp()) + 6
