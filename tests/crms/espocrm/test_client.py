"""The EspoCRM adapter before the stand-in: what the contract suite cannot know, what is sent, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests

import sandbox.espocrm
from gateway.core.errors import Forbidden, GatewayError, OperatorFault, Refused, StaleWrite, TryLater, Unauthorised
from gateway.core.model import Day, Moment, Priority, State, Status, Task, TaskChanges, TaskGone, TaskId
from gateway.core.ports import StateReport
from sandbox.kit.standin import StandIn
from tests.contracts.crm_grounds import EIGHT, NINE, THE_THIRD
from tests.contracts.espocrm_ground import EspoGround


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    running = sandbox.espocrm.start()
    yield running
    running.stop()


@pytest.fixture
def ground(standin: StandIn) -> Iterator[EspoGround]:
    made = EspoGround(standin)
    yield made
    made.client.close()


def calls(ground: EspoGround, since: int = 0) -> list[tuple[str, str, Any]]:
    entries = requests.get(f"{ground.url}/_sandbox/ledger?since={since}", timeout=5).json()["entries"]
    mine = [e for e in entries if e["direction"] == "in" and e["caller"] == "gateway"]
    return [(e["method"], e["path"].removeprefix("/api/v1"), e["body"] or e["query"]) for e in mine]


def now(ground: EspoGround) -> int:
    return int(requests.get(f"{ground.url}/_sandbox/ledger?since=999999", timeout=5).json()["next"])


def read(ground: EspoGround, task_id: TaskId) -> Task:
    found = ground.crm.get(task_id)
    assert isinstance(found, Task)
    return found


def shown(ground: EspoGround, task_id: TaskId) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{ground.url}/_sandbox/tasks/{task_id}", timeout=5).json()
    return found


def fault(ground: EspoGround, status: int, **more: Any) -> None:
    ground.admin("faults", {"match": {"direction": "in", "path": "/api/"}, "do": "status", "status": status, **more})


# --- reading --------------------------------------------------------------------------------------------------------


def test_times_are_utc_without_saying_so_and_a_day_hides_the_time(ground: EspoGround) -> None:
    task_id = ground.add(due=THE_THIRD)
    assert shown(ground, task_id)["dateEnd"] == "2026-12-04 00:00:00"
    assert read(ground, task_id).due == THE_THIRD
    ground.edit(task_id, dateEndDate=None, dateEnd="2026-12-01T09:30:00+01:00")
    assert read(ground, task_id).due == Moment(datetime(2026, 12, 1, 8, 30, tzinfo=UTC))


def test_words_are_mapped_and_settings_say_what_others_mean(ground: EspoGround) -> None:
    task_id = ground.add(status=Status.OPEN, priority=Priority.URGENT)
    assert (read(ground, task_id).status, read(ground, task_id).priority) == (Status.OPEN, Priority.URGENT)
    ground.edit(task_id, status="Deferred", priority="Low")
    assert (read(ground, task_id).status, read(ground, task_id).priority) == (Status.OPEN, Priority.LOW)
    own = ground.open(ground.token, statuses={"Deferred": "canceled"}, priorities={"Low": "none"})
    task = own.get(task_id)
    own.close()
    assert isinstance(task, Task)
    assert (task.status, task.priority) == (Status.CANCELED, Priority.NONE)


def test_the_page_of_a_task(ground: EspoGround) -> None:
    task_id = ground.add()
    assert read(ground, task_id).url == f"{ground.url}/#Task/view/{task_id}" == ground.crm.task_url(task_id)
    assert ground.crm.task_url(TaskId("a/b?c")) == f"{ground.url}/#Task/view/a%2Fb%3Fc"


def test_a_field_that_was_taken_away_is_no_switch_turned_off(ground: EspoGround) -> None:
    task_id = ground.add()
    requests.delete(f"{ground.url}/_sandbox/fields/cCalendarSync", timeout=5).raise_for_status()
    with pytest.raises(OperatorFault, match="cCalendarSync"):
        ground.crm.get(task_id)
    with pytest.raises(OperatorFault, match="cCalendarSync"):
        ground.crm.changed_since(datetime(2026, 1, 1, tzinfo=UTC), None)


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "sent"),
    [
        (EIGHT, NINE, {"dateEnd": "2026-12-02 09:00:00", "dateEndDate": None}),
        (THE_THIRD, NINE, {"dateEnd": "2026-12-02 09:00:00", "dateEndDate": None}),
        (EIGHT, THE_THIRD, {"dateEndDate": "2026-12-03"}),
        (Day(date(2026, 1, 1)), THE_THIRD, {"dateEndDate": "2026-12-03"}),
    ],
)
def test_both_forms_of_a_due_date_are_written_so_that_one_stands(
    ground: EspoGround, before: Moment | Day, after: Moment | Day, sent: dict[str, Any]
) -> None:
    task_id = ground.add(due=before)
    version, since = read(ground, task_id).version, now(ground)
    found = ground.crm.patch(task_id, TaskChanges(due=after), version, "k")
    assert isinstance(found, Task)
    assert found.due == after
    assert calls(ground, since) == [("PUT", f"/Task/{task_id}", sent)]


@pytest.mark.parametrize("title", ["a < b", "x=y", "x" * 256])
def test_b33_a_title_that_it_would_not_take_costs_no_call(ground: EspoGround, title: str) -> None:
    task_id = ground.add()
    since = now(ground)
    with pytest.raises(Refused) as caught:
        ground.crm.patch(task_id, TaskChanges(title=title), 1, "k")
    assert (caught.value.fields, calls(ground, since)) == (("title",), [])


def test_the_lock_refuses_an_old_version_also_where_another_field_changed(ground: EspoGround) -> None:
    task_id = ground.add()
    ground.edit(task_id, priority=Priority.LOW)
    with pytest.raises(StaleWrite) as caught:
        ground.crm.patch(task_id, TaskChanges(title="Call Bob"), 1, "k")
    assert caught.value.current is None
    found = ground.crm.patch(task_id, TaskChanges(title="Call Ada"), 1, "k")  # equal to what is stored: it passes
    assert isinstance(found, Task)
    assert found.version == 3


@pytest.mark.parametrize("was_made_before", [False, True])
def test_without_a_count_the_task_is_compared_by_its_time(ground: EspoGround, *, was_made_before: bool) -> None:
    ground.admin("behaviour", {"lock_is_on": False})
    task_id = ground.add()
    if was_made_before:
        ground.admin("behaviour", {"lock_is_on": True})
    version = read(ground, task_id).version
    assert version > 1_000_000_000
    since = now(ground)
    assert isinstance(ground.crm.patch(task_id, TaskChanges(title="Call Bob"), version, "k"), Task)
    assert [method for method, _, _ in calls(ground, since)] == ["GET", "PUT"]
    ground.tick()
    ground.edit(task_id, title="Call Eve")
    with pytest.raises(StaleWrite) as caught:
        ground.crm.patch(task_id, TaskChanges(title="Call Mae"), version, "k")
    assert caught.value.current == read(ground, task_id)
    ground.delete(task_id)
    assert ground.crm.patch(task_id, TaskChanges(title="Call Mae"), version, "k") == TaskGone()


# --- reports --------------------------------------------------------------------------------------------------------


def test_b16_state_reason_and_both_values_of_a_conflict_stand_in_its_fields(ground: EspoGround) -> None:
    task_id = ground.add()
    fields = [{"name": "title", "calendar": "Call Eve", "kept": "Call Ada"}]
    conflict = {"id": "c-1", "fields": fields, "detected_at": "2026-12-01T09:30:00Z"}
    ground.crm.report(task_id, StateReport(State.CONFLICT, None, "https://calendar.example/e/1", conflict=conflict))
    record = shown(ground, task_id)
    assert record["cCalendarSyncState"] == "conflict"
    assert all(word in record["cCalendarSyncNote"] for word in ("Call Eve", "Call Ada"))
    ground.crm.report(task_id, StateReport(State.PENDING, "no_due_date"))
    assert "due date" in shown(ground, task_id)["cCalendarSyncNote"]
    ground.crm.report(task_id, StateReport(State.OFF))
    assert (shown(ground, task_id)["cCalendarSyncState"], shown(ground, task_id)["cCalendarSyncNote"]) == ("off", None)
    assert shown(ground, task_id)["versionNumber"] == 4  # it counts them, which the next write will notice


# --- catching up ----------------------------------------------------------------------------------------------------


def test_b1_lists_never_ask_for_text_of_tasks_that_are_off(ground: EspoGround) -> None:
    on, off = ground.add(), ground.add(sync_on=False)
    since = now(ground)
    page = ground.crm.changed_since(datetime(2026, 1, 1, tzinfo=UTC), None)
    assert {task_id for task_id, _ in page.tasks} == {on, off}
    thin, whole = (query for _, _, query in calls(ground, since))
    assert thin["select"] == "id,cCalendarSync,versionNumber,modifiedAt"
    assert whole["where[0][value][0]"] == on
    assert off not in whole.values()


def test_one_page_is_two_lists_at_most_and_no_task_is_asked_for_alone(ground: EspoGround) -> None:
    for _ in range(3):
        ground.add()
    since = now(ground)
    ground.crm.changed_since(None, None)
    assert [path for _, path, _ in calls(ground, since)] == ["/Task", "/Task"]


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Unauthorised), (403, Forbidden), (500, TryLater), (502, TryLater), (302, TryLater), (422, Refused)],
)
def test_each_refusal_has_its_meaning(ground: EspoGround, status: int, error: type[GatewayError]) -> None:
    fault(ground, status)
    with pytest.raises(error):
        ground.crm.get(TaskId("t"))


@pytest.mark.parametrize(("headers", "waits"), [({}, None), ({"Retry-After": "30"}, 30)])
def test_a_limit_is_everybodys_with_or_without_a_time(
    ground: EspoGround, headers: dict[str, str], waits: int | None
) -> None:
    fault(ground, 429, headers=headers)
    with pytest.raises(TryLater) as caught:
        ground.crm.get(TaskId("t"))
    assert caught.value.everyone
    assert (caught.value.after.total_seconds() if caught.value.after else None) == waits


@pytest.mark.parametrize("body", ["<html>Maintenance</html>", "[]", '{"id":"another"}', '{"id":7}', "{}"])
def test_an_answer_that_is_no_task_is_not_taken_for_one(ground: EspoGround, body: str) -> None:
    fault(ground, 200, body=body)
    with pytest.raises((TryLater, OperatorFault)):
        ground.crm.get(TaskId("t"))


def test_a_task_out_of_the_roles_reach_is_forbidden_not_deleted(ground: EspoGround) -> None:
    task_id = ground.add()
    ground.admin(f"tasks/{task_id}", {"hidden": True})
    with pytest.raises(Forbidden):
        ground.crm.get(task_id)
    assert ground.crm.existing([task_id]) == set()  # and is then read


def test_a_revoked_key_is_unauthorised(ground: EspoGround) -> None:
    ground.admin("revoke", {})
    with pytest.raises(Unauthorised):
        ground.crm.existing([TaskId("t")])


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_credentials_that_cannot_be_sent_are_refused_at_once(ground: EspoGround, key: str) -> None:
    with pytest.raises(OperatorFault):
        ground.open(key)
