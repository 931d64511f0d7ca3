"""The promises of the ``Crm`` port, kept alike by the fake and by every adapter over HTTP before its stand-in.

A ``Ground`` is a CRM with a person in front of it; each test plays the person and looks through the port. What not
every CRM can do is marked ``having``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.errors import Refused, StaleWrite, TryLater, Unauthorised
from gateway.core.model import (
    Cause,
    Day,
    Moment,
    Priority,
    State,
    Status,
    Task,
    TaskChanges,
    TaskGone,
    TaskId,
    TaskOff,
    UserId,
)
from gateway.core.ports import ConnectionReport, StateReport
from gateway.crms.generic.translate import due_json
from tests.contracts.crm_benches import Trait, ground, having, standins
from tests.contracts.crm_grounds import EIGHT, NINE, THE_THIRD, Ground
from tests.fakes_crm import FakeCrm

__all__ = ["ground", "standins"]

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def read(ground: Ground, task_id: TaskId) -> Task:
    found = ground.crm.get(task_id)
    assert isinstance(found, Task)
    return found


def patched(ground: Ground, task_id: TaskId, changes: TaskChanges, version: int, key: str = "k-1") -> Task:
    found = ground.crm.patch(task_id, changes, version, key)
    assert isinstance(found, Task)
    return found


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_task_is_read_with_all_its_fields(ground: Ground) -> None:
    task_id = ground.add(
        title="Call Ada \U0001f469‍\U0001f4bb", description="Bring the quote\nand a pen", priority=Priority.HIGH
    )
    task = read(ground, task_id)
    assert (task.id, task.title) == (task_id, "Call Ada \U0001f469‍\U0001f4bb")
    # Where a body is rich text, paragraphs stand apart.
    assert [line for line in task.description.split("\n") if line] == ["Bring the quote", "and a pen"]
    assert (task.priority, task.status, task.sync_on) == (Priority.HIGH, Status.OPEN, True)
    assert task.due == EIGHT
    assert task.owner is not None
    assert task.owner.id == ground.user
    assert task.url.startswith(("https://", "http://127.0.0.1"))
    assert task.updated_at is not None


@having(Trait.ZONES, Trait.LENGTHS)
def test_zones_and_lengths_are_read(ground: Ground) -> None:
    task = read(ground, ground.add(duration=timedelta(minutes=45)))
    assert isinstance(task.due, Moment)
    assert task.owner is not None
    assert (task.due.zone, task.owner.zone) == ("Europe/Berlin", "Europe/Berlin")
    assert task.duration == timedelta(minutes=45)


def test_a_due_time_is_read(ground: Ground) -> None:
    assert read(ground, ground.add(due=NINE)).due == NINE


@having(Trait.UNDATED)
def test_no_due_date_is_read(ground: Ground) -> None:
    assert read(ground, ground.add(due=None)).due is None


@having(Trait.DAYS)
@pytest.mark.parametrize("due", [None, THE_THIRD, NINE])
def test_every_kind_of_due_date_is_read(ground: Ground, due: Day | Moment | None) -> None:
    assert read(ground, ground.add(due=due)).due == due


@pytest.mark.parametrize("status", [Status.OPEN, Status.COMPLETED])
def test_open_and_completed_are_read(ground: Ground, status: Status) -> None:
    assert read(ground, ground.add(status=status)).status is status


@having(Trait.CANCELED)
@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_read(ground: Ground, status: Status) -> None:
    assert read(ground, ground.add(status=status)).status is status


def test_a_task_that_is_off_is_known_as_off(ground: Ground) -> None:
    found = read(ground, ground.add(sync_on=False))
    assert (found.sync_on, found.title, found.due, found.owner) == (False, "", None, None)


def test_a_version_grows_with_a_change(ground: Ground) -> None:
    task_id = ground.add()
    before = read(ground, task_id)
    ground.edit(task_id, title="Call Bob")
    assert read(ground, task_id).version > before.version


@having(Trait.STILL)
def test_a_version_grows_only_with_a_change(ground: Ground) -> None:
    task_id = ground.add()
    ground.edit(task_id, title="Call Bob")
    after = read(ground, task_id)
    ground.edit(task_id, title="Call Bob")
    assert read(ground, task_id).version == after.version


def test_an_unknown_task_is_gone(ground: Ground) -> None:
    assert isinstance(ground.crm.get(TaskId("t-never-was")), TaskGone)


@pytest.mark.parametrize("odd", ["a/b", "a b?c=d#e", "ü%00", "'; DROP TABLE task;--"])
def test_an_odd_id_is_just_unknown(ground: Ground, odd: str) -> None:
    assert isinstance(ground.crm.get(TaskId(odd)), TaskGone)


@having(Trait.CAUSES)
@pytest.mark.parametrize("cause", [Cause.DELETED, Cause.ARCHIVED])
def test_a_deleted_task_says_why(ground: Ground, cause: Cause) -> None:
    task_id = ground.add()
    ground.delete(task_id, cause)
    assert ground.crm.get(task_id) == TaskGone(cause)


def test_a_task_out_of_reach_is_gone(ground: Ground) -> None:
    task_id = ground.add()
    ground.delete(task_id, Cause.OUT_OF_REACH)
    assert isinstance(ground.crm.get(task_id), TaskGone)


@having(Trait.RESTORED)
def test_a_restored_task_is_back_at_a_higher_version(ground: Ground) -> None:
    task_id = ground.add()
    before = read(ground, task_id)
    ground.delete(task_id)
    ground.restore(task_id)
    assert read(ground, task_id).version > before.version


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        TaskChanges(title="Call Bob"),
        TaskChanges(due=NINE),
        TaskChanges(title="Call Bob", due=NINE),
    ],
)
def test_a_patch_changes_what_it_names_and_nothing_else(ground: Ground, changes: TaskChanges) -> None:
    task_id = ground.add()
    before = read(ground, task_id)
    after = patched(ground, task_id, changes, before.version)
    assert after == read(ground, task_id)
    assert after.version > before.version
    wanted = replace(
        before, title=changes.title or before.title, due=changes.due or before.due, version=0, updated_at=None
    )
    assert replace(after, version=0, updated_at=None) == wanted


@having(Trait.DAYS)
def test_a_due_date_goes_all_day_and_back(ground: Ground) -> None:
    task_id = ground.add(due=EIGHT)
    one = patched(ground, task_id, TaskChanges(due=THE_THIRD), read(ground, task_id).version, "k-1")
    two = patched(ground, task_id, TaskChanges(due=NINE), one.version, "k-2")
    assert (one.due, two.due) == (THE_THIRD, NINE)


def test_switching_off_leaves_the_task(ground: Ground) -> None:
    task_id = ground.add()
    assert not patched(ground, task_id, TaskChanges(sync_off=True), read(ground, task_id).version).sync_on
    assert not read(ground, task_id).sync_on


def test_a_stale_write_changes_nothing(ground: Ground) -> None:
    task_id = ground.add()
    stale = read(ground, task_id).version
    ground.edit(task_id, title="Call Eve")
    with pytest.raises(StaleWrite) as caught:
        ground.crm.patch(task_id, TaskChanges(title="Call Bob"), stale, "k-1")
    assert caught.value.current in (None, read(ground, task_id))
    assert read(ground, task_id).title == "Call Eve"


@having(Trait.CURRENT)
def test_a_stale_write_brings_the_task_as_it_is(ground: Ground) -> None:
    task_id = ground.add()
    stale = read(ground, task_id).version
    ground.edit(task_id, title="Call Eve")
    with pytest.raises(StaleWrite) as caught:
        ground.crm.patch(task_id, TaskChanges(title="Call Bob"), stale, "k-1")
    assert caught.value.current == read(ground, task_id)


def test_a_key_that_met_a_stale_version_may_be_used_again(ground: Ground) -> None:
    task_id = ground.add()
    stale = read(ground, task_id).version
    ground.edit(task_id, title="Call Eve")
    with pytest.raises(StaleWrite):
        ground.crm.patch(task_id, TaskChanges(due=NINE), stale, "k-1")
    assert patched(ground, task_id, TaskChanges(due=NINE), read(ground, task_id).version, "k-1").due == NINE


@having(Trait.KEYS)
def test_the_same_key_gives_the_same_answer_once(ground: Ground) -> None:
    task_id = ground.add()
    version = read(ground, task_id).version
    first = patched(ground, task_id, TaskChanges(title="Call Bob"), version)
    assert patched(ground, task_id, TaskChanges(title="Call Bob"), version) == first
    assert read(ground, task_id).version == first.version


@having(Trait.KEYS)
def test_the_same_key_tells_what_became_of_a_write_whose_answer_was_lost(ground: Ground) -> None:
    task_id = ground.add()
    version = read(ground, task_id).version
    ground.lose_next_answer()
    with pytest.raises(TryLater):
        ground.crm.patch(task_id, TaskChanges(title="Call Bob"), version, "k-1")
    ground.edit(task_id, title="Call Eve")
    assert patched(ground, task_id, TaskChanges(title="Call Bob"), version, "k-1").title == "Call Bob"
    assert read(ground, task_id).title == "Call Eve"


@having(Trait.KEYS)
def test_a_key_is_not_good_for_another_request(ground: Ground) -> None:
    task_id = ground.add()
    version = read(ground, task_id).version
    patched(ground, task_id, TaskChanges(title="Call Bob"), version)
    with pytest.raises(Refused):
        ground.crm.patch(task_id, TaskChanges(title="Call Eve"), version, "k-1")


@having(Trait.REFUSES)
@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("title", TaskChanges(title="Call Bob", due=NINE)),
        ("due", TaskChanges(title="Call Bob", due=NINE)),
        ("calendar_sync", TaskChanges(sync_off=True)),
    ],
)
def test_a_refusal_names_the_field_and_changes_nothing(ground: Ground, field: str, changes: TaskChanges) -> None:
    task_id = ground.add()
    ground.refuse(task_id, field)
    before = read(ground, task_id)
    with pytest.raises(Refused) as caught:
        ground.crm.patch(task_id, changes, before.version, "k-1")
    assert caught.value.fields == (field,)
    assert read(ground, task_id) == before


@having(Trait.STRICT)
@pytest.mark.parametrize("title", ["", " ", "x" * 256, "two\nlines"])
def test_a_title_outside_the_contract_is_refused(ground: Ground, title: str) -> None:
    task_id = ground.add()
    with pytest.raises(Refused) as caught:
        ground.crm.patch(task_id, TaskChanges(title=title), read(ground, task_id).version, "k-1")
    assert caught.value.fields == ("title",)


def test_a_patch_to_a_task_that_is_gone_says_so(ground: Ground) -> None:
    task_id = ground.add()
    version = read(ground, task_id).version
    ground.delete(task_id)
    assert ground.crm.patch(task_id, TaskChanges(title="Call Bob"), version, "k-1") == TaskGone(Cause.DELETED)


# --- reports --------------------------------------------------------------------------------------------------------


@having(Trait.SILENT)
def test_reports_are_shown_and_change_no_version(ground: Ground) -> None:
    task_id = ground.add()
    version = read(ground, task_id).version
    conflict = {
        "id": "c-1",
        "fields": [
            {"name": "due", "calendar": due_json(NINE), "kept": due_json(THE_THIRD)},
            {"name": "title", "calendar": "Call Eve", "kept": "Call Ada"},
        ],
        "detected_at": "2026-12-01T09:30:00Z",
    }
    synced_at = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    said = [
        StateReport(State.PENDING, "no_due_date"),
        StateReport(State.SYNCED, None, "https://calendar.example/e/1", "google", synced_at),
        StateReport(State.CONFLICT, None, "https://calendar.example/e/1", "outlook", synced_at, conflict),
        StateReport(State.ERROR, "refused", fields=("title", "due")),
        StateReport(State.OFF),
    ]
    for report in said:
        ground.crm.report(task_id, report)
    assert ground.reports(task_id) == [(report.state, report.reason) for report in said]
    assert read(ground, task_id).version == version


def test_a_report_to_a_task_that_is_gone_is_success(ground: Ground) -> None:
    task_id = ground.add()
    ground.delete(task_id)
    ground.crm.report(task_id, StateReport(State.OFF))


@having(Trait.PERSONS)
def test_a_connection_is_reported_to_its_user(ground: Ground) -> None:
    ground.crm.report_connection(ground.user, ConnectionReport("connected", "google", "ada@example.com", None))
    revoked = ConnectionReport("revoked", "google", "ada@example.com", "revoked", "https://gw.example/connect/x")
    ground.crm.report_connection(ground.user, revoked)
    ground.crm.report_connection(UserId("u-never-was"), ConnectionReport("none", None, None, None))
    assert ground.connection_reports() == ["connected", "revoked"]


# --- catching up ----------------------------------------------------------------------------------------------------


def test_a_catch_up_tells_full_tasks_that_are_on_and_thin_ones_that_are_off(ground: Ground) -> None:
    on, off, gone = ground.add(), ground.add(sync_on=False), ground.add()
    ground.delete(gone)
    page = ground.crm.changed_since(LONG_AGO, None)
    assert dict(page.tasks) == {on: read(ground, on), off: TaskOff(read(ground, off).version)}
    assert (page.cursor, page.faults) == (None, ())


def test_a_catch_up_is_in_the_order_of_change_and_leaves_out_the_past(ground: Ground) -> None:
    made = []
    for _ in range(3):
        made.append(ground.add())
        ground.tick()
    first, second, third = made
    ground.edit(first, title="Call Bob")
    assert [task_id for task_id, _ in ground.crm.changed_since(None, None).tasks] == [second, third, first]
    since = read(ground, third).updated_at
    assert [task_id for task_id, _ in ground.crm.changed_since(since, None).tasks] == [third, first]


def test_a_catch_up_goes_on_where_its_cursor_says(ground: Ground) -> None:
    made = [ground.add() for _ in range(201)]
    seen: set[TaskId] = set()
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        page = ground.crm.changed_since(LONG_AGO, cursor)
        assert page.cursor is None or page.cursor != cursor
        seen |= {task_id for task_id, _ in page.tasks}
        cursor, pages = page.cursor, pages + 1
    assert seen == set(made)
    assert 3 <= pages <= 6


def test_the_first_catch_up_tells_every_task_that_is_on(ground: Ground) -> None:
    on = {ground.add() for _ in range(2)}
    ground.add(sync_on=False)
    assert {task_id for task_id, task in ground.crm.changed_since(None, None).tasks if isinstance(task, Task)} == on


def test_only_existing_tasks_exist(ground: Ground) -> None:
    here, off, gone = ground.add(), ground.add(sync_on=False), ground.add()
    ground.delete(gone)
    asked = [here, off, gone, TaskId("t-never-was"), TaskId("odd, id"), TaskId("a&b=c")]
    assert ground.crm.existing(asked) == {here, off}
    assert ground.crm.existing([]) == set()


# --- only on the wire, only in the fake -----------------------------------------------------------------------------


@having(Trait.WIRE)
def test_a_wrong_token_is_unauthorised(ground: Ground) -> None:
    task_id, crm = ground.add(), ground.open("not-the-token")
    with pytest.raises(Unauthorised):
        crm.get(task_id)
    crm.close()


@pytest.mark.parametrize("after_effect", [False, True])
def test_the_fake_fails_on_demand(after_effect: bool) -> None:
    crm = FakeCrm()
    task = crm.add()
    crm.fail(TryLater("down"), "patch", times=2, after_effect=after_effect)

    def work() -> None:
        crm.patch(task.id, TaskChanges(title="Call Bob"), 1, "k")

    for _ in range(2):
        with pytest.raises(TryLater):
            work()
    assert crm.edit("t-1").title == ("Call Bob" if after_effect else "Call Ada")
    assert crm.get(task.id) is not None
    work()
    assert crm.calls == {"patch": 3, "get": 1}
