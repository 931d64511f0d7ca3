"""The stand-in CRM's admin plane: reset, ledger, faults on what it serves, backups, and the process around it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
import requests

from tests.sandbox.crm_world import CrmWorld, eventually, problem

ENTRY = {
    "n",
    "at",
    "direction",
    "caller",
    "method",
    "path",
    "query",
    "headers",
    "body",
    "status",
    "ids",
    "ours",
}


@pytest.fixture(scope="module")
def running() -> Iterator[CrmWorld]:
    with CrmWorld() as world:
        yield world


@pytest.fixture
def world(running: CrmWorld) -> CrmWorld:
    return running.fresh()


def test_the_ledger_has_every_request_and_every_webhook(world):
    ada = world.person()
    task = ada.create(calendar_sync=True)
    world.receiver.wait(1)
    world.gateway.patch(task, {"title": "New"}, key="k-7")
    world.receiver.wait(2)
    eventually(lambda: len(world.ledger("out")) == 2, "both webhooks answered")
    world.gateway.call("GET", "/tasks?limit=5")
    created, patched, listed = world.ledger("in")
    assert all(set(entry) == ENTRY for entry in world.ledger())
    assert (created["caller"], created["method"], created["status"]) == (f"person:{ada.email}", "POST", 201)
    assert created["body"] == {"title": "Call Ada", "calendar_sync": True}
    assert (patched["caller"], patched["ids"], patched["ours"]) == ("gateway", [task["id"]], [False])
    assert patched["headers"] == {"If-Match": '"1"', "Idempotency-Key": "k-7"}
    assert (listed["path"], listed["query"]) == ("/tasks", {"limit": "5"})
    first, second = world.ledger("out")
    assert first["body"] == world.receiver.arrivals[0].message
    assert (second["method"], second["path"], second["ids"]) == ("POST", world.receiver.path, [task["id"]])
    assert "webhook-signature" not in second["headers"]
    assert datetime.fromisoformat(first["at"]).utcoffset() is not None


def test_the_ledger_goes_on_from_next(world):
    ada = world.person()
    ada.create()
    eventually(lambda: len(world.ledger()) == 2, "the request and its webhook")
    following = world.admin("GET", "/ledger?since=0").json()["next"]
    ada.call("GET", "/tasks")
    entries = world.admin("GET", f"/ledger?since={following}").json()["entries"]
    assert [(entry["n"], entry["method"]) for entry in entries] == [(following + 1, "GET")]


def test_reset_forgets_everything_and_follows_the_seed(world):
    ada = world.person()
    task = ada.create()
    world.fault("status", times=None)
    assert world.admin("POST", "/reset", {"seed": 7}).json() == {"seed": 7}
    assert world.ledger() == []
    assert world.admin("GET", "/tasks").json() == {"tasks": []}
    assert world.admin("GET", "/installation").json()["webhook_url"] is None
    assert problem(ada.call("GET", "/tasks"), 401)
    again = world.person()
    assert (again.user_id, again.token) != (ada.user_id, ada.token)
    seventh = again.create()["id"]
    assert seventh != task["id"]
    world.admin("POST", "/reset", {"seed": 7})
    same = world.person()
    assert (same.user_id, same.token, same.create()["id"]) == (again.user_id, again.token, seventh)


def test_a_person_asked_for_twice_is_the_same_one(world):
    first, second = world.person(time_zone="Europe/Berlin"), world.person()
    assert (first.user_id, first.token) == (second.user_id, second.token)
    assert world.admin("GET", "/users").json()["users"][0]["time_zone"] == "Europe/Berlin"
    assert problem(world.admin("POST", "/persons", {"email": "ada"}), 422) == {"email": "not_an_address"}
    answer = world.admin("POST", "/persons", {"email": "a@b.test", "time_zone": "Mars/Olympus"})
    assert problem(answer, 422) == {"time_zone": "unknown_time_zone"}


def test_a_status_fault_answers_in_the_crms_place(world):
    task = world.person().create()
    world.fault("status", {"method": "get"}, status=429, headers={"Retry-After": "7"}, body={"code": "slow_down"})
    answer = world.gateway.call("GET", f"/tasks/{task['id']}")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (429, "7", {"code": "slow_down"})
    assert world.gateway.call("GET", f"/tasks/{task['id']}").status_code == 200
    assert [entry["status"] for entry in world.ledger("in")] == [201, 429, 200]


def test_a_dropped_request_never_happened(world):
    task = world.person().create()
    world.fault("drop", {"method": "PATCH"})
    with pytest.raises(requests.ConnectionError):
        world.gateway.patch(task, {"title": "New"})
    assert world.admin("GET", f"/tasks/{task['id']}").json()["version"] == 1
    assert world.ledger("in")[-1]["status"] is None


def test_cut_after_write_leaves_the_write_and_the_key_finds_it_again(world):
    task = world.person().create()
    world.fault("cut_after_write", {"path": f"^/tasks/{task['id']}$"})
    with pytest.raises(requests.ConnectionError):
        world.gateway.patch(task, {"title": "New"})
    again = world.gateway.patch(task, {"title": "New"})
    assert (again.json()["version"], again.headers["Idempotency-Replayed"]) == (2, "true")


def test_duplicate_handles_a_request_twice(world):
    ada = world.person()
    world.fault("duplicate", {"method": "POST", "person": ada.email})
    ada.create()
    assert len(world.admin("GET", "/tasks").json()["tasks"]) == 2
    assert len(world.ledger("in")) == 2


def test_faults_know_the_person_a_gateway_call_is_about(world):
    ada, bob = world.person(), world.person("bob@example.test")
    first, second = ada.create(), bob.create()
    world.fault("status", {"person": bob.email}, status=503, times=None)
    assert world.gateway.call("GET", f"/tasks/{first['id']}").status_code == 200
    assert world.gateway.call("GET", f"/tasks/{second['id']}").status_code == 503
    path = f"/users/{bob.user_id}/calendar-connection"
    assert world.gateway.call("PUT", path, json={"status": "connected"}).status_code == 503
    world.admin("DELETE", "/faults")
    assert world.gateway.call("GET", f"/tasks/{second['id']}").status_code == 200


def test_versions_go_backwards_when_a_backup_is_restored(world):
    ada = world.person()
    task = ada.create()
    assert problem(world.admin("POST", "/restore-backup"), 409) == {}
    assert world.admin("POST", "/backup").json() == {"tasks": 1}
    ada.edit(task, title="Newer")
    late = ada.create()
    assert world.admin("POST", "/restore-backup").json() == {"tasks": 1}
    assert world.gateway.call("GET", f"/tasks/{task['id']}").json() == task
    assert world.gateway.call("GET", f"/tasks/{late['id']}").status_code == 404


def test_admin_calls_name_what_they_do_not_know(world):
    assert problem(world.admin("POST", "/behaviour", {"payload": "loud"}), 422) == {"payload": "unknown_value"}
    assert problem(world.admin("POST", "/behaviour", {"write_ms": "x"}), 422) == {"write_ms": "must_be_number"}
    assert problem(world.admin("POST", "/deactivate", {"user": "u-1"}), 422) == {"user": "unknown_field"}
    task = world.person().create()
    answer = world.admin("POST", f"/tasks/{task['id']}", {"refuse": ["status"]})
    assert problem(answer, 422) == {"refuse": "list_of_title_due_calendar_sync"}
    world.admin("POST", "/reset")
    assert problem(world.admin("POST", "/send", {"body": {}}), 409) == {"webhook_url": "no_installation"}
