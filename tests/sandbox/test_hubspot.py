"""The stand-in HubSpot behaves as its public pages say: objects, batches, one app for all accounts, retries, limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

import sandbox.hubspot
from sandbox.hubspot.events import RETRIES_S
from sandbox.kit.standin import StandIn
from tests.contracts.hubspot_ground import URL, HubSpotGround
from tests.patience import until

TASKS = "/crm/v3/objects/tasks"


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    running = sandbox.hubspot.start(timeout_s=(0.2, 0.2))
    yield running
    running.stop()


@pytest.fixture
def ground(standin: StandIn) -> Iterator[HubSpotGround]:
    made = HubSpotGround(standin)
    yield made
    made.client.close()


def posts(ground: HubSpotGround, count: int) -> list[list[dict[str, Any]]]:
    """The batches sent, once there are as many."""

    def sent() -> list[list[dict[str, Any]]]:
        entries = requests.get(f"{ground.url}/_sandbox/ledger?since=0", timeout=5).json()["entries"]
        return [entry["body"] for entry in entries if entry["direction"] == "out"]

    until(lambda: len(sent()) >= count)
    return sent()


def call(ground: HubSpotGround, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
    """As the app, in its first account."""
    token = ground.client._tokens.get(ground.client._credentials, ground.client._line, ground.client._clock.now())
    answer = requests.request(
        method, ground.url + path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=5
    )
    assert answer.status_code == expect, answer.text
    return answer.json() if answer.content else None


def test_one_edit_of_three_properties_is_three_events_in_one_batch(ground: HubSpotGround) -> None:
    ground.admin("behaviour", {"tells_properties_of_new_tasks": False})
    task_id = ground.add()
    ground.edit(task_id, title="Call Bob", hs_timestamp="2026-12-05T10:00:00Z", hs_task_priority="HIGH")
    created, edited = posts(ground, 2)
    assert [one["subscriptionType"] for one in created] == ["object.creation"]
    assert {one["propertyName"]: one["propertyValue"] for one in edited} == {
        "hs_task_subject": "Call Bob",
        "hs_timestamp": "2026-12-05T10:00:00.000Z",
        "hs_task_priority": "HIGH",
    }
    assert {(one["changeSource"], one["objectTypeId"], one["attemptNumber"]) for one in edited} == {
        ("CRM_UI", "0-27", 0)
    }


def test_nothing_is_told_of_a_property_that_nobody_subscribes_to_nor_of_a_patch_that_changes_nothing(
    ground: HubSpotGround,
) -> None:
    task_id = ground.add()
    before = len(posts(ground, 1))
    call(ground, "PATCH", f"{TASKS}/{task_id}", {"properties": {"calendar_sync_state": "synced"}})
    ground.edit(task_id, title="Call Ada")
    ground.delete(task_id)
    told = posts(ground, before + 1)
    assert [one["subscriptionType"] for one in told[-1]] == ["object.deletion"]
    assert len(told) == before + 1


def test_what_fails_is_sent_again_ten_times_in_a_day_with_its_old_value_and_number(ground: HubSpotGround) -> None:
    assert (len(RETRIES_S), 23 * 3600 < sum(RETRIES_S) <= 24 * 3600) == (10, True)
    ground.admin("behaviour", {"tells_properties_of_new_tasks": False})
    task_id = ground.add()
    posts(ground, 1)
    ground.edit(task_id, title="old")
    posts(ground, 2)
    ground.edit(task_id, title="new")
    posts(ground, 3)
    ground.admin("clock", {"advance_s": 61})
    again = [one for batch in posts(ground, 6)[3:] for one in batch]
    assert {one["attemptNumber"] for one in again} == {1}
    assert {one.get("propertyValue") for one in again} == {None, "old", "new"}


def test_the_events_of_many_tasks_travel_a_hundred_to_a_post(ground: HubSpotGround) -> None:
    ground.admin("behaviour", {"silent": True})
    made = [ground.add() for _ in range(60)]
    ground.admin("behaviour", {"silent": False})
    both = {"hs_task_subject": "all", "hs_task_priority": "LOW"}
    inputs = [{"id": one, "properties": both} for one in made]
    ground.as_person("POST", f"{TASKS}/batch/update", {"inputs": inputs})
    assert sorted(len(batch) for batch in posts(ground, 2)) == [20, 100]


def test_a_patch_answers_with_what_was_sent_only_and_a_task_needs_a_time(ground: HubSpotGround) -> None:
    task_id = ground.add()
    done = call(ground, "PATCH", f"{TASKS}/{task_id}", {"properties": {"hs_task_subject": "Call Bob"}})
    assert set(done["properties"]) == {"hs_createdate", "hs_lastmodifieddate", "hs_object_id", "hs_task_subject"}
    for wrong in (
        {"hs_timestamp": ""},
        {"hs_task_status": "LOST"},
        {"nobody": "1"},
        {"hs_timestamp": "2026-12-05T10:00"},
    ):
        said = call(ground, "PATCH", f"{TASKS}/{task_id}", {"properties": wrong}, expect=400)
        assert (said["category"], f'"{next(iter(wrong))}"' in said["message"]) == ("VALIDATION_ERROR", True)


def test_an_archived_task_is_not_found_until_it_is_restored(ground: HubSpotGround) -> None:
    task_id = ground.add()
    ground.delete(task_id)
    assert call(ground, "GET", f"{TASKS}/{task_id}", expect=404)["category"] == "OBJECT_NOT_FOUND"
    assert call(ground, "GET", f"{TASKS}/{task_id}?archived=true")["archived"] is True
    call(ground, "PATCH", f"{TASKS}/{task_id}", {"properties": {"hs_task_subject": "x"}}, expect=404)
    body = {"inputs": [{"id": task_id}], "properties": []}
    assert call(ground, "POST", f"{TASKS}/batch/read", body, expect=207)["results"] == []
    ground.restore(task_id)
    assert call(ground, "GET", f"{TASKS}/{task_id}")["archived"] is False


def test_accounts_do_not_see_each_other_and_share_the_address(ground: HubSpotGround) -> None:
    other = ground.admin("portals", {})["portal_id"]
    person = ground.admin("persons", {"email": "bob@example.com", "portal": other})
    headers = {"Authorization": f"Bearer {person['token']}"}
    body = {"properties": {"hs_task_subject": "theirs", "hs_timestamp": "2026-12-05T10:00:00Z"}}
    made = requests.post(f"{ground.url}{TASKS}", json=body, headers=headers, timeout=5).json()
    call(ground, "GET", f"{TASKS}/{made['id']}", expect=404)
    assert {one["portalId"] for one in posts(ground, 1)[0]} == {other}
    paths = requests.get(f"{ground.url}/_sandbox/ledger?since=0", timeout=5).json()["entries"]
    assert {entry["path"] for entry in paths if entry["direction"] == "out"} == {URL.removeprefix("http://127.0.0.1:9")}


def test_a_burst_ends_in_429_without_retry_after_and_a_token_lives_half_an_hour(ground: HubSpotGround) -> None:
    task_id = ground.add()
    ground.admin("behaviour", {"limit_per_10s": 2})
    path = f"{ground.url}{TASKS}/{task_id}"
    token = ground.client._tokens.get(ground.client._credentials, ground.client._line, ground.client._clock.now())
    bearer = {"Authorization": f"Bearer {token}"}
    ground.admin("clock", {"advance_s": 11})
    answers = [requests.get(path, headers=bearer, timeout=5) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2].json()["policyName"], "Retry-After" in answers[2].headers) == ("TEN_SECONDLY_ROLLING", False)
    ground.admin("clock", {"advance_s": 11})
    assert requests.get(path, headers=bearer, timeout=5).status_code == 200
    ground.admin("clock", {"advance_s": 1800})
    assert requests.get(path, headers=bearer, timeout=5).json()["category"] == "EXPIRED_AUTHENTICATION"
