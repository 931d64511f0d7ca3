"""The stand-in Twenty behaves as the real one was seen to: its API, its fields, its webhooks, its limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

import sandbox.twenty
from sandbox.kit.standin import StandIn
from tests.patience import until

HOOK = "http://127.0.0.1:9/hooks/twenty"
FIELD = {"type": "BOOLEAN", "name": "calendarSync", "label": "Sync to calendar", "defaultValue": False}


class World:
    """A workspace with one member and the gateway's API key."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.member = self.admin("POST", "persons", {"email": "ada@example.com"})
        self.key = self.admin("POST", "installation")["api_token"]

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=5)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200, key: bool = True) -> Any:
        token = self.key if key else self.member["token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.request(method, f"{self.url}/rest/{path}", json=body, headers=headers, timeout=5)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def add_field(self, **values: Any) -> Any:
        task = self.call("GET", "metadata/objects?limit=200")["data"]["objects"][1]
        assert task["nameSingular"] == "task"
        return self.call("POST", "metadata/fields", {"objectMetadataId": task["id"], **FIELD, **values}, expect=201)

    def hook(self, *operations: str) -> Any:
        asked = {"targetUrl": HOOK, "operations": list(operations) or ["*.*"], "secret": "s"}
        return self.call("POST", "metadata/webhooks", asked, expect=201)

    def add(self, **values: Any) -> str:
        made = self.call("POST", "tasks", {"title": "Call Ada", **values}, expect=201, key=False)
        return str(made["data"]["createTask"]["id"])

    def sent(self, count: int) -> list[dict[str, Any]]:
        """What was told, in the order of ledger."""

        def told() -> list[dict[str, Any]]:
            entries = self.admin("GET", "ledger?since=0")["entries"]
            return [json.loads(entry["body"]) for entry in entries if entry["direction"] == "out"]

        until(lambda: len(told()) >= count)
        assert len(told()) == count
        return sorted(told(), key=lambda one: one["eventDate"])


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    running = sandbox.twenty.start(timeout_s=(0.2, 0.2))
    yield running
    running.stop()


@pytest.fixture
def world(standin: StandIn) -> World:
    requests.post(f"{standin.url}/_sandbox/reset", json={"seed": 1}, timeout=5).raise_for_status()
    return World(standin.url)


def test_a_task_keeps_instants_in_utc_and_its_body_as_markdown(world: World) -> None:
    task_id = world.add(dueAt="2026-12-05T11:00:00+01:00", bodyV2={"markdown": "line 1\n\nline 2"})
    task = world.call("GET", f"tasks/{task_id}")["data"]["task"]
    assert task["dueAt"] == "2026-12-05T10:00:00.000Z"
    assert task["bodyV2"]["markdown"] == "line 1\n\nline 2"
    cleared = world.call("PATCH", f"tasks/{task_id}", {"dueAt": None})["data"]["updateTask"]
    assert cleared["dueAt"] is None
    assert cleared["updatedBy"]["source"] == "API"


@pytest.mark.parametrize("wrong", [{"status": "LOST"}, {"nobody": 1}, {"dueAt": "2026-12-05T11:00:00"}, {"title": 7}])
def test_a_wrong_value_is_refused_and_named(world: World, wrong: dict[str, Any]) -> None:
    said = world.call("PATCH", f"tasks/{world.add()}", wrong, expect=400)
    assert (said["statusCode"], said["error"]) == (400, "BadRequestException")
    assert f'"{next(iter(wrong))}"' in said["messages"][0]


def test_the_bin_hides_a_task_but_takes_a_patch(world: World) -> None:
    task_id = world.add()
    before = world.admin("GET", f"tasks/{task_id}")["updatedAt"]
    world.call("DELETE", f"tasks/{task_id}?soft_delete=true", key=False)
    assert world.call("GET", f"tasks/{task_id}", expect=404)["error"] == "NotFoundException"
    assert world.call("GET", "tasks")["data"]["tasks"] == []
    assert world.call("PATCH", f"tasks/{task_id}", {"title": "late"})["data"]["updateTask"]["updatedAt"] > before
    world.call("PATCH", f"restore/tasks/{task_id}", key=False)
    assert world.call("GET", f"tasks/{task_id}")["data"]["task"]["title"] == "late"
    world.call("DELETE", f"tasks/{task_id}")
    world.call("PATCH", f"tasks/{task_id}", {"title": "too late"}, expect=404)


def test_a_patch_that_changes_nothing_moves_the_task_without_a_word(world: World) -> None:
    world.hook("task.updated")
    task_id = world.add()
    before = world.admin("GET", f"tasks/{task_id}")["updatedAt"]
    world.call("PATCH", f"tasks/{task_id}", {"title": "Call Ada"})
    assert world.admin("GET", f"tasks/{task_id}")["updatedAt"] > before
    world.call("PATCH", f"tasks/{task_id}", {"title": "Call Bob"})
    assert [one["updatedFields"] for one in world.sent(1)] == [["title", "updatedBy"]]


def test_every_change_is_told_once_to_those_who_asked(world: World) -> None:
    world.hook("task.*")
    world.hook("note.created")
    task_id = world.add()
    world.call("PATCH", f"tasks/{task_id}", {"title": "Call Bob"}, key=False)
    world.call("DELETE", f"tasks/{task_id}?soft_delete=true", key=False)
    world.call("PATCH", f"restore/tasks/{task_id}")
    world.call("DELETE", f"tasks/{task_id}")
    told = world.sent(5)
    assert [one["eventName"].partition(".")[2] for one in told] == [
        "created",
        "updated",
        "deleted",
        "restored",
        "destroyed",
    ]
    assert [one.get("workspaceMemberId") is not None for one in told] == [True, True, True, False, False]


def test_a_webhook_is_never_sent_again_and_a_silent_worker_sends_none(world: World) -> None:
    world.hook()
    world.add()  # nobody listens there
    world.sent(1)
    world.admin("POST", "behaviour", {"silent": True})
    world.add()
    world.admin("POST", "clock", {"advance_s": 3600})
    world.sent(1)


def test_fields_are_made_once_and_every_task_has_them(world: World) -> None:
    task_id = world.add()
    world.add_field()
    world.add_field(name="calendarSyncState", type="SELECT", defaultValue=None, options=[{"value": "SYNCED"}])
    task = world.call("GET", f"tasks/{task_id}")["data"]["task"]
    assert (task["calendarSync"], task["calendarSyncState"]) == (False, None)
    world.call("PATCH", f"tasks/{task_id}", {"calendarSyncState": "LOST"}, expect=400)
    task_object = world.call("GET", "metadata/objects")["data"]["objects"][1]
    assert world.call("POST", "metadata/fields", {"objectMetadataId": task_object["id"], **FIELD}, expect=409)


def test_lists_are_in_the_order_of_change_and_paged(world: World) -> None:
    made = [world.add() for _ in range(3)]
    world.call("PATCH", f"tasks/{made[0]}", {"title": "Call Bob"}, key=False)
    first = world.call("GET", "tasks?limit=2&order_by=updatedAt[AscNullsFirst]")
    assert [task["id"] for task in first["data"]["tasks"]] == made[1:]
    rest = world.call("GET", f"tasks?limit=2&starting_after={first['pageInfo']['endCursor']}")
    assert [task["id"] for task in rest["data"]["tasks"]] == made[:1]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    since = first["data"]["tasks"][1]["updatedAt"]
    assert len(world.call("GET", f'tasks?filter=updatedAt[gte]:"{since}"')["data"]["tasks"]) == 2
    chosen = world.call("GET", f'tasks?filter=id[in]:["{made[1]}","{made[2]}"]')["data"]["tasks"]
    assert {task["id"] for task in chosen} == set(made[1:])
    world.call("GET", "tasks?limit=61", expect=400)


def test_all_keys_share_a_hundred_calls_a_minute_and_members_do_not(world: World) -> None:
    task_id = world.add()
    for _ in range(100):
        world.call("GET", f"tasks/{task_id}")
    said = world.call("GET", f"tasks/{task_id}", expect=429)
    assert said["messages"] == ["Limit reached (100 tokens per 60000 ms)"]
    world.call("GET", f"tasks/{task_id}", key=False)
    world.admin("POST", "clock", {"advance_s": 60})
    world.call("GET", f"tasks/{task_id}")


def test_a_revoked_key_is_forbidden_and_an_unknown_one_unknown(world: World) -> None:
    world.admin("POST", "revoke")
    assert world.call("GET", "tasks", expect=403)["messages"] == ["This API Key is revoked"]
    world.key = "key_never_was"
    world.call("GET", "tasks", expect=401)
