"""What persons can do in the stand-in CRM, and what its webhooks say about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.crm_world import CrmWorld, problem


@pytest.fixture(scope="module")
def running() -> Iterator[CrmWorld]:
    with CrmWorld() as world:
        yield world


@pytest.fixture
def world(running: CrmWorld) -> CrmWorld:
    return running.fresh()


def test_a_person_sets_any_field(world):
    ada, bob = world.person(), world.person("bob@example.test", "America/New_York")
    task = ada.create()
    edited = ada.edit(
        task,
        title="",
        description="Bring the quote",
        priority="urgent",
        status="completed",
        due={"date_time": "2026-12-02T08:00:00Z", "time_zone": "Europe/Berlin", "duration_minutes": 45},
        owner={"email": bob.email},
        calendar_sync=True,
    )
    assert edited["version"] == 2
    assert edited["completed_at"] == edited["updated_at"].replace("+00:00", "Z")
    assert edited["duration_minutes"] == 45
    assert edited["owner"] == {"id": bob.user_id, "email": bob.email, "time_zone": "America/New_York"}
    assert ada.edit(task, status="open")["completed_at"] is None


def test_an_edit_that_changes_nothing_makes_no_version_and_no_webhook(world):
    ada = world.person()
    task = ada.create(calendar_sync=True)
    assert ada.edit(task, title=task["title"], calendar_sync=True)["version"] == 1
    ada.edit(task, title="New")
    messages = [arrival.verify() for arrival in world.receiver.wait(2)]
    assert [message["type"] for message in messages] == ["task.created", "task.updated"]


@pytest.mark.parametrize(
    ("patch", "wrong"),
    [
        ({"colour": 1}, {"colour": "unknown_field"}),
        ({"owner": None}, {"owner": "must_be_object"}),
        ({"owner": {"id": "u-none"}}, {"owner": "unknown_user"}),
        ({"status": "done"}, {"status": "unknown_value"}),
        ({"duration_minutes": 0}, {"duration_minutes": "must_be_minutes"}),
        ({"description": "x" * 8193}, {"description": "too_long"}),
        ({"title": "\ud800"}, {"title": "not_unicode"}),
        ({"calendar_sync": "yes"}, {"calendar_sync": "must_be_boolean"}),
    ],
)
def test_a_bad_field_is_named(world, patch, wrong):
    ada = world.person()
    task = ada.create()
    assert problem(ada.call("PATCH", f"/tasks/{task['id']}", json=patch), 422) == wrong


def test_a_title_is_needed_to_create(world):
    assert problem(world.person().call("POST", "/tasks", json={}), 422) == {"title": "must_be_string"}


def test_if_match_protects_a_persons_edit_too(world):
    ada = world.person()
    task = ada.create()
    ada.edit(task, title="Newer")
    answer = ada.call("PATCH", f"/tasks/{task['id']}", json={"title": "Stale"}, headers={"If-Match": '"1"'})
    assert problem(answer, 412) == {}


def test_an_on_task_goes_out_whole_and_a_switched_off_one_thin(world):
    ada = world.person(time_zone="Europe/Berlin")
    task = ada.create(calendar_sync=True, due={"date": "2026-12-02"})
    moved = ada.edit(task, due={"date": "2026-12-03"})
    off = ada.edit(task, calendar_sync=False)
    ada.edit(task, title="Private")
    created, updated, switched, silent = [arrival.verify()["data"] for arrival in world.receiver.wait(4)]
    actor = {"kind": "user", "id": ada.user_id}
    assert created == {"task": task, "changed": ["calendar_sync", "due", "title"], "actor": actor}
    assert updated == {"task": moved, "changed": ["due"], "actor": actor}
    thin = {"id": task["id"], "version": off["version"], "calendar_sync": False}
    assert switched == {"task": thin, "changed": ["calendar_sync"], "actor": actor}
    assert silent == {"task": thin | {"version": 4}, "changed": ["title"], "actor": actor}


def test_deleted_carries_its_cause_and_restored_the_task(world):
    ada = world.person()
    first, second = ada.create(calendar_sync=True), ada.create(calendar_sync=True)
    ada.call("DELETE", f"/tasks/{first['id']}")
    assert ada.edit(second, archived=True)["version"] == 2
    ada.call("DELETE", f"/tasks/{first['id']}")
    restored = ada.call("POST", f"/tasks/{first['id']}/restore").json()
    assert (restored["version"], restored["calendar_sync"]) == (3, True)
    by_task: dict[str, list[Any]] = {first["id"]: [], second["id"]: []}
    for arrival in world.receiver.wait(5):
        message = arrival.verify()
        by_task[message["data"]["task"]["id"]].append(message)
    kinds = [message["type"] for message in by_task[first["id"]]]
    assert kinds == ["task.created", "task.deleted", "task.restored"]
    gone = by_task[first["id"]][1]["data"]
    assert gone["cause"] == "deleted"
    assert gone["task"] == {"id": first["id"], "version": 2, "calendar_sync": True}
    assert by_task[first["id"]][2]["data"]["task"] == restored
    assert by_task[second["id"]][1]["data"]["cause"] == "archived"


def test_an_unknown_cause_is_refused(world):
    ada = world.person()
    answer = ada.call("DELETE", f"/tasks/{ada.create()['id']}?cause=bored")
    assert problem(answer, 400) == {"cause": "unknown_value"}


def test_the_gateways_patch_is_announced_as_the_apis(world):
    task = world.person().create(calendar_sync=True)
    patched = world.gateway.patch(task, {"title": "From the calendar"}).json()
    data = world.receiver.wait(2)[1].verify()["data"]
    assert data == {"task": patched, "changed": ["title"], "actor": {"kind": "api", "id": "calendar-gateway"}}


def test_someone_who_left_is_announced_and_locked_out(world):
    ada = world.person()
    assert world.admin("POST", "/deactivate", {"user_id": ada.user_id}).json()["active"] is False
    message = world.receiver.wait(1)[0].verify()
    assert (message["type"], message["data"]) == ("user.deactivated", {"user": {"id": ada.user_id}})
    assert problem(ada.call("GET", "/tasks"), 401) == {"Authorization": "bearer_token"}


def test_persons_see_every_task_whole(world):
    ada = world.person()
    task = ada.create()
    assert ada.call("GET", "/tasks").json() == {"tasks": [task], "next_cursor": None}


def test_the_page_shows_tasks_and_a_conflict(world):
    ada = world.person()
    task = ada.create(title="<Call> Ada", calendar_sync=True)
    conflict = {
        "id": "c-1",
        "fields": [{"name": "title", "calendar": "Ring Ada", "kept": "<Call> Ada"}],
        "detected_at": "2026-12-01T09:30:00Z",
    }
    assert world.gateway.report(task, {"state": "conflict", "conflict": conflict}).status_code == 204
    page = world.session.get(world.crm.url + "/", timeout=5)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "&lt;Call&gt; Ada" in page.text
    assert "title kept &lt;Call&gt; Ada, calendar had Ring Ada" in page.text
