"""What only HubSpot does: one door for all accounts, bursts against its limit, stale retries, odd batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from sandbox.hubspot import events
from tests.flows.crm_houses import AT_THREE, HUBSPOT_TASKS, HubSpotHouse
from tests.flows.house import Api, Person
from tests.flows.trouble import nothing_is_left, until_quiet

EDITS = 200


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[HubSpotHouse]:
    made = HubSpotHouse(tmp_path, database_url)
    made.install()
    made.settle()
    yield made
    made.stop()


@pytest.fixture
def ada(house: HubSpotHouse) -> Person:
    who = house.person("ada@example.com")
    house.connect(who)
    return who


def test_a_burst_of_200_edits_ends_right_whatever_the_limit(house: HubSpotHouse, ada: Person) -> None:
    """More calls than the account allows in ten seconds: they wait their turn, and the last state wins."""
    tasks = [house.new(ada, title=f"Task {number}") for number in range(10)]
    until_quiet(house)
    house.crm_admin.call("POST", "/behaviour", json={"limit_per_10s": 5})
    mark = house.mark()
    for number in range(EDITS):
        house.edit(ada, tasks[number % 10], title=f"Task {number % 10}, edit {number}")
    until_quiet(house)
    wanted = {f"Task {n}, edit {EDITS - 10 + n}" for n in range(10)}
    assert {event["summary"] for event in house.events(ada)} == wanted
    answers = [call["status"] for call in house.calls(mark, which="crm")]
    assert 429 in answers
    assert len(answers) < EDITS, "edits of one task are one piece of work"
    nothing_is_left(house)


def test_one_door_serves_two_accounts_and_drops_what_is_nobodys(house: HubSpotHouse, ada: Person) -> None:
    task = house.synced(ada)
    other = house.crm_admin.call("POST", "/portals", json={})["portal_id"]
    given = house.crm_admin.call("POST", "/installation", json={"portal": other})["api_token"]
    bob = house.crm_admin.call("POST", "/persons", json={"email": "bob@example.com", "portal": other})
    hands = Api(house.crm.url, bob["token"])
    body = {"properties": {"hs_task_subject": "theirs", "hs_timestamp": AT_THREE.isoformat()}}
    stranger = hands.call("POST", HUBSPOT_TASKS, json=body)["id"]
    house.settle()
    assert "deliveries_of_unknown_accounts" in str(house.gateway.tally.waiting())
    door = house.installation["webhook_url"].rpartition("/")[2]
    args = ["installations", "add", "--name", "Bob's", "--adapter", "hubspot", "--base-url", house.crm.url, "--json"]
    runner = house.app.test_cli_runner(env={"BOB": given})
    done = runner.invoke(args=[*args, "--credentials-env", "BOB", "--door", door])
    assert done.exit_code == 0, done.output
    joined = json.loads(done.output.strip().splitlines()[-1])
    assert joined["webhook_url"] == house.installation["webhook_url"]
    hands.call("PATCH", f"{HUBSPOT_TASKS}/{stranger}", json={"properties": {"calendar_sync": "true"}})
    house.settle()
    theirs = Api(house.url, joined["api_token"]).call("GET", f"/v1/tasks/{stranger}/sync")
    assert (theirs["state"], theirs["reason"]) == ("pending", "owner_not_connected")
    house.api.call("GET", f"/v1/tasks/{stranger}/sync", expect=404)
    assert house.event(ada)["summary"] == house.seen(task).title


def test_stale_retries_odd_batches_and_strangers_change_nothing(house: HubSpotHouse, ada: Person) -> None:
    task = house.synced(ada)
    fault = {"match": {"direction": "out"}, "do": "status", "status": 500, "times": 1}
    house.crm_admin.call("POST", "/faults", json=fault)
    house.edit(ada, task, title="old")
    house.edit(ada, task, title="new")
    house.settle()
    house.advance(minutes=2)  # the first comes again, with the old value
    house.settle()
    assert house.event(ada)["summary"] == "new"
    assert house.seen(task).title == "new"
    portal = house.crm_admin.call("POST", "/installation", json={})["portal_id"]
    good = {"portalId": portal, "objectId": int(task), "objectTypeId": "0-27", "occurredAt": 1}
    change = {**good, "subscriptionType": "object.propertyChange", "propertyName": "hs_task_subject"}
    house.crm_admin.call("POST", "/behaviour", json={"silent": True})
    house.edit(ada, task, title="told among nonsense")
    house.crm_admin.call("POST", "/behaviour", json={"silent": False})
    house.crm_admin.call("POST", "/send", json={"body": [7, {"portalId": "x"}, change, None]})
    house.settle()
    assert house.event(ada)["summary"] == "told among nonsense"
    nothing_is_left(house)


def test_the_door_refuses_what_is_too_large_unsigned_or_no_list(house: HubSpotHouse, ada: Person) -> None:
    house.synced(ada)
    url, secret = house.installation["webhook_url"], house.client_secret()

    def post(raw: bytes, by: str = secret) -> int:
        now = datetime.fromtimestamp(house.ctx.clock.now().timestamp(), UTC)
        return requests.post(url, data=raw, headers=events.headers(by, url, raw, now), timeout=10).status_code

    assert post(b"[" + b" " * (5 * 1024 * 1024) + b"]") == 413
    assert post(b"[]", by="another") == 401
    assert post(b"{}") == 400
    assert post(b'[{"portalId":1,"objectId":2,"subscriptionType":"object.creation"}]') == 200, "nobody's"
    assert post(b"[]") == 200
