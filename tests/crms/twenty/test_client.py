"""The Twenty adapter before the stand-in: what the contract suite cannot know, what is sent, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses

import sandbox.twenty
from gateway.core.errors import Forbidden, GatewayError, OperatorFault, Refused, StaleWrite, TryLater, Unauthorised
from gateway.core.installing import Door, Outcome
from gateway.core.model import Moment, Priority, State, Status, Task, TaskChanges, TaskGone, TaskId, TaskOff
from gateway.core.ports import CrmAccount, StateReport
from gateway.crms.hosts import Outbound
from gateway.crms.twenty.client import TwentyCrm
from sandbox.kit.standin import StandIn
from tests.contracts.crm_grounds import NINE, FixedClock
from tests.contracts.twenty_ground import DOOR, TwentyGround

URL = "https://calendar.example/e/1"


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    running = sandbox.twenty.start(timeout_s=(0.2, 0.2))
    yield running
    running.stop()


@pytest.fixture
def ground(standin: StandIn) -> Iterator[TwentyGround]:
    made = TwentyGround(standin)
    yield made
    made.client.close()


def asked(ground: TwentyGround, since: int = 0) -> list[tuple[str, str]]:
    """The gateway's calls so far."""
    entries = requests.get(f"{ground.url}/_sandbox/ledger?since={since}", timeout=5).json()["entries"]
    mine = [e for e in entries if e["direction"] == "in" and e["caller"] == "gateway"]
    return [(e["method"], e["path"]) for e in mine]


def now(ground: TwentyGround) -> int:
    return int(requests.get(f"{ground.url}/_sandbox/ledger?since=999999", timeout=5).json()["next"])


def read(ground: TwentyGround, task_id: TaskId) -> Task:
    found = ground.crm.get(task_id)
    assert isinstance(found, Task)
    return found


def shown(ground: TwentyGround, task_id: TaskId) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{ground.url}/_sandbox/tasks/{task_id}", timeout=5).json()
    return found


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_markdown_body_becomes_plain_text_and_the_owner_is_an_id(ground: TwentyGround) -> None:
    task_id = ground.add(
        bodyV2={"markdown": "**Bring**\n\n- [the quote](https://x.example/q)"}, priority=Priority.URGENT
    )
    task = read(ground, task_id)
    assert task.description == "Bring\n\n- the quote (https://x.example/q)"
    assert task.owner is not None
    assert (task.owner.id, task.owner.zone, task.owner.email) == (ground.user, None, None)
    assert (task.priority, task.url) == (Priority.URGENT, f"{ground.url}/object/task/{task_id}")


def test_words_and_pages_of_the_workspace_are_settings(ground: TwentyGround) -> None:
    crm = ground.open(
        ground.token,
        statuses={"IN_PROGRESS": "completed"},
        priorities={"LOW": "urgent"},
        pages_url="https://acme.example/",
    )
    task_id = ground.add(status=Status.OPEN, priority=Priority.LOW)
    ground.edit(task_id, status="IN_PROGRESS")
    task = crm.get(task_id)
    assert isinstance(task, Task)
    assert (task.status, task.priority) == (Status.COMPLETED, Priority.URGENT)
    assert task.url == crm.task_url(task_id) == f"https://acme.example/object/task/{task_id}"
    crm.close()


def test_what_is_no_uuid_is_nobody_and_is_not_asked_for(ground: TwentyGround) -> None:
    before = now(ground)
    assert ground.crm.get(TaskId("t-1")) == TaskGone()
    assert ground.crm.existing([TaskId("t-1"), TaskId('x","y')]) == set()
    assert ground.crm.patch(TaskId("../x"), TaskChanges(title="x"), 1, "k") == TaskGone()
    assert asked(ground, before) == []


def test_existence_is_asked_in_two_calls_for_a_hundred(ground: TwentyGround) -> None:
    ids = [ground.add(sync_on=number % 2 == 0) for number in range(61)]
    ground.delete(ids[0])
    before = now(ground)
    assert ground.crm.existing(ids) == set(ids[1:])
    assert len(asked(ground, before)) == 2


# --- writing --------------------------------------------------------------------------------------------------------


def test_a_write_is_a_read_and_a_patch_of_what_changes(ground: TwentyGround) -> None:
    task_id = ground.add()
    version = read(ground, task_id).version
    before = now(ground)
    done = ground.crm.patch(task_id, TaskChanges(due=NINE), version, "k")
    assert isinstance(done, Task)
    assert (done.due, done.version > version) == (NINE, True)
    path = f"/rest/tasks/{task_id}"
    assert asked(ground, before) == [("GET", path), ("PATCH", path)]


def test_a_task_in_the_bin_is_not_patched_though_twenty_would_take_it(ground: TwentyGround) -> None:
    task_id = ground.add()
    version = read(ground, task_id).version
    ground.delete(task_id)
    binned = shown(ground, task_id)["updatedAt"]
    assert ground.crm.patch(task_id, TaskChanges(title="late"), version, "k") == TaskGone()
    ground.crm.report(task_id, StateReport(State.OFF))
    assert shown(ground, task_id)["updatedAt"] == binned


def test_the_same_write_again_changes_nothing_and_moves_nothing(ground: TwentyGround) -> None:
    task_id = ground.add()
    ground.lose_next_answer()
    with pytest.raises(TryLater):
        ground.crm.patch(task_id, TaskChanges(title="Call Bob"), read(ground, task_id).version, "k")
    landed = read(ground, task_id)
    assert landed.title == "Call Bob"
    again = ground.crm.patch(task_id, TaskChanges(title="Call Bob"), landed.version, "k")
    assert again == landed == read(ground, task_id)


def test_an_edit_since_the_decision_stands(ground: TwentyGround) -> None:
    task_id = ground.add()
    version = read(ground, task_id).version
    ground.edit(task_id, title="Call Eve")
    with pytest.raises(StaleWrite) as caught:
        ground.crm.patch(task_id, TaskChanges(title="Call Bob"), version, "k")
    assert caught.value.current == read(ground, task_id)


# --- state ----------------------------------------------------------------------------------------------------------


def test_b16_state_and_note_stand_at_the_task_and_are_written_once(ground: TwentyGround) -> None:
    task_id = ground.add()
    report = StateReport(State.PENDING, "no_due_date")
    ground.crm.report(task_id, report)
    task = shown(ground, task_id)
    assert (task["calendarSyncState"], task["calendarSyncNote"]) == ("PENDING", "Waiting for a due date.")
    before = now(ground)
    ground.crm.report(task_id, report)
    assert shown(ground, task_id)["updatedAt"] == task["updatedAt"]
    assert [method for method, _ in asked(ground, before)] == ["GET"]


def test_a_report_moves_the_version_and_is_no_edit(ground: TwentyGround) -> None:
    task_id = ground.add()
    before = read(ground, task_id)
    ground.crm.report(task_id, StateReport(State.SYNCED, event_url=URL))
    after = read(ground, task_id)
    assert after.version > before.version
    assert (after.title, after.due, after.description) == (before.title, before.due, before.description)


# --- catching up ----------------------------------------------------------------------------------------------------


def test_a_catch_up_pages_by_sixty_and_names_what_it_cannot_read(ground: TwentyGround) -> None:
    made = [ground.add() for _ in range(61)]
    off = ground.add(sync_on=False)
    page = ground.crm.changed_since(None, None)
    assert len(page.tasks) == 60
    rest = ground.crm.changed_since(None, page.cursor)
    assert [task_id for task_id, _ in [*page.tasks, *rest.tasks]] == [*made, off]
    assert isinstance(rest.tasks[-1][1], TaskOff)
    assert rest.cursor is None


# --- installing -----------------------------------------------------------------------------------------------------


def outcomes(steps: Any) -> dict[str, Outcome]:
    return {step.what: step.outcome for step in steps}


def test_a_second_run_changes_nothing(ground: TwentyGround) -> None:
    before = now(ground)
    again = ground.client.install(DOOR)
    assert set(outcomes(again.steps).values()) == {Outcome.ALREADY, Outcome.BY_HAND}
    assert {method for method, _ in asked(ground, before)} == {"GET"}
    assert set(outcomes(ground.client.check(DOOR)).values()) == {Outcome.ALREADY, Outcome.BY_HAND}
    assert (again.secret, again.account) == (None, None)


def test_a_first_run_makes_fields_and_webhook(standin: StandIn) -> None:
    ground = TwentyGround(standin)
    ground.admin("reset", {"seed": 2})
    token = ground.admin("installation", {})["api_token"]
    fresh = ground.open(token)
    missing = outcomes(fresh.check(DOOR))
    assert missing["credentials"] is Outcome.ALREADY
    assert [what for what, outcome in missing.items() if outcome is Outcome.BROKEN] == [
        "field calendarSync",
        "field calendarSyncState",
        "field calendarSyncNote",
        "field priority",
        "webhook",
    ]
    done = outcomes(fresh.install(DOOR).steps)
    assert [what for what, outcome in done.items() if outcome is Outcome.DONE] == list(missing)[1:6]
    (hook,) = requests.get(f"{ground.url}/_sandbox/webhooks", timeout=5).json()["webhooks"]
    assert (hook["targetUrl"], hook["secret"]) == (DOOR.url, DOOR.secrets[0])
    assert len(hook["operations"]) == 5
    fresh.close()
    ground.client.close()


def test_check_finds_what_was_taken_away_and_install_puts_it_right(ground: TwentyGround) -> None:
    requests.delete(f"{ground.url}/_sandbox/fields/calendarSyncNote", timeout=5).raise_for_status()
    hook = requests.get(f"{ground.url}/_sandbox/webhooks", timeout=5).json()["webhooks"][0]
    path = f"/rest/metadata/webhooks/{hook['id']}"
    ground.as_person("PATCH", path, {"operations": ["task.updated"], "secret": "another"})
    ground.as_person(
        "POST", "/rest/metadata/webhooks", {"targetUrl": "http://127.0.0.1:8/other", "operations": ["*.*"]}
    )
    broken = [step.what for step in ground.client.check(DOOR) if step.outcome is Outcome.BROKEN]
    assert broken == ["field calendarSyncNote", "webhook"]
    ground.client.install(DOOR)
    assert Outcome.BROKEN not in outcomes(ground.client.check(DOOR)).values()
    hooks = requests.get(f"{ground.url}/_sandbox/webhooks", timeout=5).json()["webhooks"]
    assert sorted(one["targetUrl"] for one in hooks) == ["http://127.0.0.1:8/other", DOOR.url]


def test_a_double_webhook_is_removed_and_a_new_secret_is_told(ground: TwentyGround) -> None:
    twice = {"targetUrl": DOOR.url, "operations": ["task.*"], "secret": "another"}
    ground.as_person("POST", "/rest/metadata/webhooks", twice)
    assert outcomes(ground.client.check(DOOR))["webhook"] is Outcome.BROKEN
    rotated = Door(DOOR.url, ("newer", *DOOR.secrets), fresh=True)
    assert outcomes(ground.client.install(rotated).steps)["webhook"] is Outcome.DONE
    (hook,) = requests.get(f"{ground.url}/_sandbox/webhooks", timeout=5).json()["webhooks"]
    assert hook["secret"] == "newer"


def test_a_field_of_another_type_is_told_and_left_alone(ground: TwentyGround) -> None:
    """A priority of the workspace's own is taken as it is."""
    task = ground.as_person("GET", "/rest/metadata/objects")["data"]["objects"][1]
    for name in ("calendarSync", "priority"):
        requests.delete(f"{ground.url}/_sandbox/fields/{name}", timeout=5).raise_for_status()
        own = {"objectMetadataId": task["id"], "type": "TEXT", "name": name, "label": "Mine"}
        ground.as_person("POST", "/rest/metadata/fields", own)
    (step,) = [step for step in ground.client.install(DOOR).steps if step.outcome is Outcome.BROKEN]
    assert (step.what, "must be BOOLEAN" in step.says) == ("field calendarSync", True)


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_revoked_key_is_the_installations_matter_not_the_tasks(ground: TwentyGround) -> None:
    task_id = ground.add()
    ground.admin("revoke", {})
    with pytest.raises(Unauthorised):
        ground.crm.get(task_id)


def test_the_limit_is_everyones_and_says_no_time(ground: TwentyGround) -> None:
    task_id = ground.add()
    ground.admin("behaviour", {"limit_per_minute": 1})
    read(ground, task_id)
    with pytest.raises(TryLater) as caught:
        ground.crm.get(task_id)
    assert (caught.value.everyone, caught.value.after) == (True, None)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {}, Unauthorised),
        (403, {"messages": ["This API Key is revoked"]}, Unauthorised),
        (403, {"messages": ["Entity performing the request does not have permission"]}, Forbidden),
        (400, {"messages": ['Invalid value for field "dueAt"']}, Refused),
        (500, "<html>", TryLater),
        (503, "", TryLater),
        (302, "", TryLater),
        (200, "<html>", TryLater),
        (200, {"data": {}}, TryLater),
        (200, {"data": {"task": {"id": "x"}}}, TryLater),
    ],
)
def test_every_answer_has_its_next_move(status: int, body: object, error: type[GatewayError]) -> None:
    task_id = TaskId("83d75e34-8e3d-4a55-afc6-623775cf8963")
    account = CrmAccount("https://t.example", "key")
    with responses.RequestsMock() as mock:
        text = body if isinstance(body, str) else json.dumps(body)
        mock.get(f"https://t.example/rest/tasks/{task_id}", status=status, body=text)
        with pytest.raises(error) as caught:
            TwentyCrm(account, Outbound(), FixedClock()).get(task_id)
    if isinstance(caught.value, Refused):
        assert caught.value.fields == ("due",)


def test_a_key_that_no_header_can_carry_is_the_operators_fault() -> None:
    with pytest.raises(OperatorFault) as caught:
        TwentyCrm(CrmAccount("https://t.example", "key\r\nX: y"), Outbound(), FixedClock())
    assert "key\r\n" not in str(caught.value)


def test_a_due_time_of_another_zone_is_one_instant(ground: TwentyGround) -> None:
    task_id = ground.add(due=Moment(datetime(2026, 12, 2, 9, tzinfo=UTC) + timedelta(milliseconds=400)))
    assert read(ground, task_id).due == NINE
