"""The stand-in CRM's catch-up list and existence check."""

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


def pages(world: CrmWorld, query: str = "") -> list[list[Any]]:
    found: list[list[Any]] = []
    following = ""
    while True:
        answer = world.gateway.call("GET", f"/tasks?limit=3{query}{following}")
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["tasks"])
        if answer.json()["next_cursor"] is None:
            return found
        following = f"&cursor={answer.json()['next_cursor']}"


def test_pages_by_the_order_of_change_full_when_on_and_thin_when_off(world):
    ada = world.person()
    tasks = [ada.create(title=f"Task {number}", calendar_sync=number % 2 == 0) for number in range(7)]
    first = ada.edit(tasks[0], priority="high")
    found = pages(world)
    assert [len(page) for page in found] == [3, 3, 1]
    flat = [task for page in found for task in page]
    assert [task["id"] for task in flat] == [*(task["id"] for task in tasks[1:]), first["id"]]
    assert flat[-1] == first
    assert flat[0] == {"id": tasks[1]["id"], "version": 1, "calendar_sync": False}


def test_lists_only_what_changed_since(world):
    ada = world.person()
    tasks = [ada.create(calendar_sync=True) for _ in range(5)]
    since = tasks[3]["updated_at"]
    assert [task["id"] for page in pages(world, f"&updated_since={since}") for task in page] == [
        tasks[3]["id"],
        tasks[4]["id"],
    ]


def test_a_change_between_pages_is_not_missed(world):
    ada = world.person()
    tasks = [ada.create(calendar_sync=True) for _ in range(4)]
    page = world.gateway.call("GET", "/tasks?limit=2").json()
    ada.edit(tasks[0], title="Moved to the end")
    rest = world.gateway.call("GET", f"/tasks?limit=10&cursor={page['next_cursor']}").json()
    assert [task["id"] for task in rest["tasks"]] == [tasks[2]["id"], tasks[3]["id"], tasks[0]["id"]]


def test_gone_tasks_are_in_no_list(world):
    ada = world.person()
    kept, gone = ada.create(calendar_sync=True), ada.create(calendar_sync=True)
    ada.call("DELETE", f"/tasks/{gone['id']}")
    assert pages(world) == [[kept]]
    answer = world.gateway.call("GET", f"/tasks?ids={gone['id']},{kept['id']},t-unknown").json()
    assert answer["tasks"] == [{"id": kept["id"], "version": 1, "calendar_sync": True}]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("updated_since=2026-12-01T09:30:00", {"updated_since": "naive_time"}),
        ("updated_since=yesterday", {"updated_since": "not_rfc3339"}),
        ("cursor=eyJ9", {"cursor": "not_one_of_ours"}),
        ("cursor=WzFd", {"cursor": "not_one_of_ours"}),
        ("limit=0", {"limit": "one_to_200"}),
        ("limit=201", {"limit": "one_to_200"}),
        ("since=2026", {"since": "unknown_parameter"}),
        ("limit=1&limit=2", {"limit": "given_twice"}),
        ("ids=", {"ids": "one_to_100_ids"}),
        ("ids=" + ",".join(map(str, range(101))), {"ids": "one_to_100_ids"}),
        ("ids=t-1&limit=5", {"limit": "unknown_parameter"}),
    ],
)
def test_a_bad_parameter_is_named(world, query, wrong):
    assert problem(world.gateway.call("GET", f"/tasks?{query}"), 400) == wrong


def test_a_stranger_sees_nothing(world):
    world.gateway.token = "stolen"
    answer = world.gateway.call("GET", "/tasks")
    assert problem(answer, 401) == {"Authorization": "bearer_token"}
    assert answer.headers["WWW-Authenticate"] == "Bearer"
