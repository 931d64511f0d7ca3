"""What is decided on the way to the calendar: one table per behaviour, named by its number in the contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core import reconcile as rc
from gateway.core.model import (
    Day,
    Field,
    FieldConflict,
    Look,
    Memory,
    Moment,
    Paint,
    Priority,
    Reason,
    Remind,
    Span,
    State,
    Status,
    TaskGone,
    TaskOff,
)
from gateway.core.render import Rules, block
from gateway.core.text import strike
from tests.core.deciding import AT_DONE, DAY, DONE, HALF, HOUR, STRUCK, created, decide, facts, patched, sent
from tests.factories import FOURTH, NINE, NOW, TEN, THIRD, a_task, agreed_on, an_event

# --- the task becomes an event


def test_b2_a_new_event_carries_title_time_link_colour_and_reminders():
    write = created(description=" Ask about the contract \n", priority=Priority.HIGH).write
    assert write.title == "Call Ada"
    assert write.span == Span(NINE, HALF, "UTC")
    assert write.description == "Ask about the contract\n\nOpen in CRM: https://crm.example/tasks/t-1"
    assert (write.paint, write.priority, write.remind) == (Paint.PRIORITY, Priority.HIGH, Remind.DEFAULT)
    assert write.url == "https://crm.example/tasks/t-1"


@pytest.mark.parametrize("due", [Moment(NOW), Day(NOW.date() - DAY)])
def test_b2_no_reminders_where_the_time_has_passed(due):
    assert created(due=due).write.remind is Remind.NONE


@pytest.mark.parametrize(
    ("task", "span"),
    [
        ({"due": NINE}, Span(NINE, HALF, "UTC")),
        ({"due": NINE, "duration": HOUR}, Span(NINE, HOUR, "UTC")),
        ({"due": THIRD}, Span(THIRD, DAY)),
        ({"due": THIRD, "duration": HOUR}, Span(THIRD, DAY)),
    ],
)
def test_b3_the_span_of_a_new_event(task, span):
    assert created(**task).write.span == span


@pytest.mark.parametrize(("event", "step"), [(an_event(), rc.DeleteEvent()), (None, None)])
def test_b4_without_a_due_date_the_event_goes_and_the_state_says_why(event, step):
    found = rc.decide(agreed_on(), replace(facts(a_task(due=None)), event=event))
    assert found == (step or rc.Rest(State.PENDING, Reason.NO_DUE_DATE, closes=(Field.DUE,)))


@pytest.mark.parametrize(
    ("task", "write"),
    [
        ({"title": "Bob"}, {"title": "Bob"}),
        ({"due": TEN}, {"span": Span(TEN, HALF, "UTC")}),
        ({"description": "New"}, {"description": "New\n\nOpen in CRM: https://crm.example/tasks/t-1"}),
        ({"priority": Priority.URGENT}, {"paint": Paint.PRIORITY}),
        ({"duration": HOUR}, {"span": Span(NINE, HOUR, "UTC")}),
        ({"title": "Bob", "due": TEN}, {"title": "Bob", "span": Span(TEN, HALF, "UTC")}),
    ],
)
def test_b5_only_what_changed_is_sent(task, write):
    assert sent(decide(a_task(**task))) == write


@pytest.mark.parametrize(
    ("task", "span"),
    [
        ({"due": TEN}, Span(TEN, 2 * HOUR, "UTC")),  # the person's length stays
        ({"due": TEN, "duration": HOUR}, Span(TEN, HOUR, "UTC")),  # the CRM changed it
        ({"due": FOURTH}, Span(FOURTH, DAY)),  # another form
    ],
)
def test_b5_a_length_of_the_person_s_own_stays_until_the_crm_changes_it(task, span):
    assert sent(decide(a_task(**task), an_event(length=2 * HOUR))) == {"span": span}


def test_b5_a_duration_means_nothing_to_an_all_day_event():
    memory = agreed_on(a_task(due=THIRD), an_event(start=THIRD, length=DAY))
    step = decide(a_task(due=THIRD, duration=HOUR), an_event(start=THIRD, length=2 * DAY), memory)
    assert isinstance(step, rc.Rest)


LINK = "Open in CRM: https://crm.example/tasks/t-1"


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        (LINK, f"New\n\n{LINK}"),
        (f"Mine\n{LINK}\nand more", f"Mine\nNew\n\n{LINK}\nand more"),
        ("Mine alone", f"New\n\n{LINK}\n\nMine alone"),
        ("", f"New\n\n{LINK}"),
    ],
)
def test_b5_a_description_keeps_the_person_s_text(shown, written):
    assert sent(decide(a_task(description="New"), an_event(description=shown)))["description"] == written


def test_b5_a_description_already_there_is_not_written_again():
    event = an_event(description=f"New\n\n{LINK}")
    assert isinstance(decide(a_task(description="New"), replace(event, title="Bob"), agreed_on(a_task())), rc.PatchTask)
    assert sent(decide(a_task(description="New", title="Bob"), event))["description"] == event.description


@pytest.mark.parametrize("url", ["https://crm.example/tasks/t-1", ""])
def test_b5_a_description_that_lost_a_line_loses_it_in_the_event(url):
    old, new = a_task(description="First\nSecond", url=url), a_task(description="Second", url=url)
    event = an_event(description=block(old, Rules()))
    assert sent(decide(new, event, agreed_on(old, event)))["description"] == block(new, Rules())


def test_b5_a_description_that_was_not_read_is_read_before_it_is_changed():
    assert decide(a_task(description="New"), an_event(description=None)) == rc.ReadEvent()


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.CANCELED])
def test_b6_done_is_struck_painted_silent_and_what_was_there_is_remembered(status):
    event = an_event(look=Look("mine", "loud"))
    step = patched(decide(a_task(status=status), event))
    assert sent(step) == {"title": strike("Call Ada"), "paint": Paint.DONE, "remind": Remind.NONE}
    assert step.owed.kept_look == Look("mine", "loud")


@pytest.mark.parametrize(
    ("task", "event", "paint", "remind"),
    [
        ({}, {}, Paint.KEPT, Remind.KEPT),
        ({"priority": Priority.HIGH}, {}, Paint.PRIORITY, Remind.KEPT),
        ({}, {"look": Look("hers", "none")}, None, Remind.KEPT),
        ({}, {"look": Look("done", "hers")}, Paint.KEPT, None),
    ],
)
def test_b6_reopened_all_is_undone_but_what_a_person_changed_since(task, event, paint, remind):
    step = patched(decide(a_task(version=3, **task), replace(STRUCK, **event), AT_DONE))
    assert step.write.title == "Call Ada"
    assert (step.write.paint, step.write.remind) == (paint, remind)
    assert step.write.kept == Look("mine", "loud")


def test_b6_reopened_where_nothing_was_kept_it_looks_as_new():
    step = decide(a_task(), STRUCK, replace(AT_DONE, kept_look=None))
    assert sent(step) == {"title": "Call Ada", "paint": Paint.PRIORITY, "remind": Remind.DEFAULT}


def test_b6_while_done_other_edits_keep_the_stroke_and_the_look_from_before():
    step = patched(decide(replace(DONE, title="Bob", priority=Priority.LOW), STRUCK, AT_DONE))
    assert sent(step) == {"title": strike("Bob")}
    assert step.owed.kept_look == Look("mine", "loud")
    assert step.owed.sent.priority is Priority.NONE


def test_b6_a_task_that_is_done_already_becomes_a_struck_event():
    write = created(status=Status.COMPLETED).write
    assert (write.title, write.paint, write.remind) == (strike("Call Ada"), Paint.DONE, Remind.NONE)


def test_b6_b14_a_series_is_struck_and_its_time_left():
    step = decide(a_task(status=Status.COMPLETED), an_event(recurring=True, length=3 * HOUR))
    assert "span" not in sent(step)


@pytest.mark.parametrize("task", [TaskGone(), TaskOff(2), a_task(sync_on=False)])
def test_b7_gone_or_off_means_no_event(task):
    assert decide(task) == rc.DeleteEvent()
    assert rc.decide(agreed_on(), replace(facts(task), event=None)) == rc.Rest(State.OFF, ends=True)


def test_b8_the_owner_is_not_connected():
    assert decide(home=Reason.OWNER_NOT_CONNECTED, away=True) == rc.DeleteEvent()
    nowhere = replace(facts(), event=None, home=Reason.OWNER_NOT_CONNECTED)
    assert rc.decide(agreed_on(), nowhere) == rc.Rest(State.PENDING, Reason.OWNER_NOT_CONNECTED)


@pytest.mark.parametrize("reason", [Reason.REAUTHORIZE, Reason.PAUSED, Reason.CALENDAR_GONE])
def test_b21_b29_b32_a_calendar_out_of_reach_lets_changes_wait(reason):
    assert decide(a_task(title="Bob"), home=reason) == rc.Rest(State.PENDING, reason)


def test_b8_b19_an_event_that_lives_elsewhere_moves_once_its_own_news_has_flowed():
    assert isinstance(decide(event=an_event(title="Bob"), away=True), rc.PatchTask)
    assert decide(away=True) == rc.Relocate()
    assert decide(a_task(title="Bob"), away=True) == rc.Relocate(closes=(Field.TITLE,))
    conflict = FieldConflict(Field.TITLE, "Cat", "Bob")
    assert decide(a_task(title="Bob"), an_event(title="Cat"), away=True) == rc.Relocate((conflict,))


def test_b19_a_creation_elsewhere_needs_a_task_that_can_be_synced():
    with pytest.raises(ValueError, match="due date"):
        rc.insert_elsewhere(Memory(), facts(a_task(due=None)), rc.Relocate())




def test_b19_only_a_creation_that_never_happened_hands_its_conflict_on():
    conflict = FieldConflict(Field.TITLE, "Cat", "Bob")
    change = patched(decide(a_task(title="Bob"), an_event(title="Cat"))).owed
    creation = replace(created(title="Bob").owed, conflicts=(conflict,), closes=(Field.DUE,))
    for strays, conflicts in (((change,), ()), ((change, creation), (conflict,))):
        step = rc.decide(Memory(strays=strays), replace(facts(a_task(title="Bob")), event=None))
        assert isinstance(step, rc.Insert)
        assert step.owed.conflicts == conflicts
