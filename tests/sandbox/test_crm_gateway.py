"""The stand-in CRM holds the gateway to its contract: what is let through, and what is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.crm_world import CrmWorld, problem


@pytest.fixture(scope="module")
def running() -> Iterator[CrmWorld]:
    with CrmWorld() as world:
        yield world


@pytest.fixture
def world(running: CrmWorld) -> CrmWorld:
    return running.fresh()


def test_reads_a_task_with_its_version_as_etag(world):
    task = world.person(time_zone="Europe/Berlin").create(due={"date": "2026-12-02"}, priority="high")
    answer = world.gateway.call("GET", f"/tasks/{task['id']}")
    assert answer.headers["ETag"] == '"1"'
    assert answer.json() == task
    assert task["owner"]["time_zone"] == "Europe/Berlin"
    assert task["url"] == f"https://crm.example/tasks/{task['id']}"


def test_patches_title_due_and_switch_and_nothing_else(world):
    task = world.person().create(calendar_sync=True)
    patch = {"title": "New", "due": {"date_time": "2026-12-02T09:00:00+01:00"}, "calendar_sync": False}
    answer = world.gateway.patch(task, patch)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    patched = answer.json()
    assert patched["due"] == {"date_time": "2026-12-02T08:00:00Z"}
    assert (patched["title"], patched["calendar_sync"], patched["version"]) == ("New", False, 2)


@pytest.mark.parametrize(
    ("patch", "wrong"),
    [
        ({"colour": "red"}, {"colour": "unknown_field"}),
        ({"description": "mine"}, {"description": "read_only"}),
        ({"status": "completed", "version": 9}, {"status": "read_only", "version": "read_only"}),
        ({"calendar_sync": True}, {"calendar_sync": "must_be_false"}),
        ({"calendar_sync": None}, {"calendar_sync": "must_be_false"}),
        ({"title": ""}, {"title": "empty"}),
        ({"title": "a\nb"}, {"title": "not_plain"}),
        ({"title": "x" * 256}, {"title": "too_long"}),
        ({"title": 7}, {"title": "must_be_string"}),
        ({"due": {"date_time": "2026-12-02T09:00:00"}}, {"due.date_time": "naive_time"}),
        ({"due": {"date_time": "tomorrow"}}, {"due.date_time": "not_rfc3339"}),
        ({"due": {"date": "2026-02-30"}}, {"due.date": "not_a_date"}),
        ({"due": {"date": "2026-12-02", "date_time": "2026-12-02T09:00:00Z"}}, {"due": "date_or_date_time"}),
        ({"due": {"date": "2026-12-02", "time_zone": "Europe/Berlin"}}, {"due.time_zone": "without_date_time"}),
        (
            {"due": {"date_time": "2026-12-02T09:00:00Z", "time_zone": "Europe/Atlantis"}},
            {"due.time_zone": "unknown_time_zone"},
        ),
        ({"due": {"dateTime": "2026-12-02T09:00:00Z"}}, {"due.dateTime": "unknown_field"}),
        ({"due": "2026-12-02"}, {"due": "must_be_object"}),
        ({"title": "", "due": []}, {"title": "empty", "due": "must_be_object"}),
    ],
)
def test_refuses_a_bad_field_by_name_and_changes_nothing(world, patch, wrong):
    task = world.person().create(due={"date": "2026-12-01"}, calendar_sync=True)
    assert problem(world.gateway.patch(task, patch), 422) == wrong
    assert world.gateway.call("GET", f"/tasks/{task['id']}").json() == task


def test_a_due_date_changes_its_kind_without_naming_the_old_one(world):
    task = world.person().create(due={"date_time": "2026-12-02T08:00:00Z", "time_zone": "Europe/Berlin"})
    dated = world.gateway.patch(task, {"due": {"date": "2026-12-03"}}, "a").json()
    assert dated["due"] == {"date": "2026-12-03"}
    timed = world.gateway.patch(dated, {"due": {"date": None, "date_time": "2026-12-03T08:00:00.5Z"}}, "b").json()
    assert timed["due"] == {"date_time": "2026-12-03T08:00:00.500000Z"}
    none = world.gateway.patch(timed, {"due": None}, "c").json()
    assert none["due"] is None


def test_a_new_time_keeps_the_persons_zone(world):
    task = world.person().create(due={"date_time": "2026-12-02T08:00:00Z", "time_zone": "Europe/Berlin"})
    moved = world.gateway.patch(task, {"due": {"date_time": "2026-12-02T10:00:00Z"}}).json()
    assert moved["due"] == {"date_time": "2026-12-02T10:00:00Z", "time_zone": "Europe/Berlin"}


def test_412_holds_the_current_task(world):
    person = world.person()
    task = person.create()
    newer = person.edit(task, title="Newer")
    answer = world.gateway.patch(task, {"title": "Mine"})
    assert problem(answer, 412) == {}
    assert answer.json()["task"] == newer
    assert answer.headers["ETag"] == '"2"'
    # A refusal wrote nothing, so the same key may try again at the version just learned.
    assert world.gateway.patch(newer, {"title": "Mine"}).json()["title"] == "Mine"


@pytest.mark.parametrize(
    ("headers", "status", "wrong"),
    [
        ({"Idempotency_Key": None}, 400, {"Idempotency-Key": "required"}),
        ({"If_Match": None}, 428, {"If-Match": "required"}),
        ({"If_Match": "1"}, 400, {"If-Match": "not_an_entity_tag"}),
        ({"If_Match": 'W/"1"'}, 412, {}),
        ({"Content_Type": "application/json"}, 415, {"Content-Type": "must_be_application/merge-patch+json"}),
        ({"Authorization": None}, 401, {"Authorization": "bearer_token"}),
        ({"Authorization": "Bearer wrong"}, 401, {"Authorization": "bearer_token"}),
    ],
)
def test_refuses_a_patch_without_its_headers(world, headers, status, wrong):
    task = world.person().create()
    if headers.get("Authorization", "") is None:
        world.gateway.token = ""
        headers = {}
    assert problem(world.gateway.patch(task, {"title": "Mine"}, **headers), status) == wrong


def test_refuses_a_body_that_is_no_object(world):
    task = world.person().create()
    assert problem(world.gateway.patch(task, ["title"]), 400) == {"body": "must_be_json_object"}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/tasks"), ("DELETE", "/tasks/{id}"), ("POST", "/tasks/{id}/restore")]
)
def test_the_gateway_cannot_do_what_only_persons_do(world, method, path):
    task = world.person().create()
    answer = world.gateway.call(method, path.format(**task), json={"title": "x"})
    assert problem(answer, 403) == {"Authorization": "only_for_persons"}


def test_unknown_routes_methods_and_parameters_are_problems(world):
    task = world.person().create()
    assert problem(world.gateway.call("GET", "/contacts"), 404) == {"request": "not_in_the_contract"}
    assert problem(world.gateway.call("PUT", f"/tasks/{task['id']}"), 405) == {"request": "not_in_the_contract"}
    answer = world.gateway.call("GET", f"/tasks/{task['id']}?fields=title")
    assert problem(answer, 400) == {"fields": "unknown_parameter"}


def test_fields_can_be_locked_per_task(world):
    task = world.person().create(due={"date": "2026-12-02"})
    world.admin("POST", f"/tasks/{task['id']}", {"refuse": ["due"], "code": "completed"})
    answer = world.gateway.patch(task, {"due": {"date": "2026-12-03"}, "title": "New"})
    assert problem(answer, 422) == {"due": "completed"}
    assert world.gateway.patch(task, {"title": "New"}).status_code == 200


def test_the_same_key_and_body_get_the_same_answer(world):
    person = world.person()
    task = person.create()
    first = world.gateway.patch(task, {"title": "Mine"})
    person.edit(task, title="Theirs")
    again = world.gateway.patch(task, {"title": "Mine"})
    assert again.json() == first.json()
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert world.gateway.call("GET", f"/tasks/{task['id']}").json()["title"] == "Theirs"


def test_the_same_key_with_another_body_is_refused(world):
    task = world.person().create()
    world.gateway.patch(task, {"title": "Mine"})
    answer = world.gateway.patch(task, {"title": "Other"}, version=2)
    assert problem(answer, 422) == {"Idempotency-Key": "used_with_another_request"}


def test_a_key_is_kept_for_24_hours_of_the_clock(world):
    task = world.person().create()
    world.gateway.patch(task, {"title": "Mine"})
    world.clock.advance(24 * 3600 - 60)
    assert world.gateway.patch(task, {"title": "Mine"}).json()["version"] == 2
    world.clock.advance(120)
    assert problem(world.gateway.patch(task, {"title": "Mine"}), 412) == {}


def test_a_key_still_at_work_is_a_conflict(world):
    task = world.person().create()
    world.admin("POST", "/behaviour", {"write_ms": 700})
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: world.gateway.patch(task, {"title": "Mine"}), range(2)))
    done, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert done.json()["title"] == "Mine"
    assert problem(refused, 409) == {"Idempotency-Key": "in_progress"}
    assert world.gateway.patch(task, {"title": "Mine"}).json() == done.json()


def test_gone_tasks_are_gone(world):
    person = world.person()
    tasks = {cause: person.create() for cause in ("deleted", "archived", "out_of_reach")}
    for cause, task in tasks.items():
        assert person.call("DELETE", f"/tasks/{task['id']}?cause={cause}").status_code == 204
    statuses = {cause: world.gateway.call("GET", f"/tasks/{task['id']}").status_code for cause, task in tasks.items()}
    assert statuses == {"deleted": 410, "archived": 410, "out_of_reach": 404}
    assert problem(world.gateway.call("GET", "/tasks/t-unknown"), 404) == {"id": "unknown_task"}
    assert world.gateway.patch(tasks["deleted"], {"title": "x"}).status_code == 410
    assert world.gateway.report(tasks["deleted"], {"state": "off"}).status_code == 410
