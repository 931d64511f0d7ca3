"""Installing in HubSpot: properties in the account, subscriptions with the app, an address that is never taken over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import requests

import sandbox.hubspot
from gateway.core.errors import OperatorFault, Unauthorised
from gateway.core.installing import Door, Outcome, Step
from gateway.crms.hubspot.translate import MIRRORED
from sandbox.kit.standin import StandIn
from tests.contracts.hubspot_ground import URL, HubSpotGround

MADE = ["property calendar_sync", "property calendar_sync_state", "property calendar_sync_note"]


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    running = sandbox.hubspot.start(retries_s=())
    yield running
    running.stop()


@pytest.fixture
def ground(standin: StandIn) -> Iterator[HubSpotGround]:
    made = HubSpotGround(standin, installed=False)
    yield made
    made.client.close()


def of(steps: Sequence[Step], outcome: Outcome) -> list[str]:
    return [step.what for step in steps if step.outcome is outcome]


def app(ground: HubSpotGround) -> tuple[str | None, set[tuple[str, str | None]]]:
    said = requests.get(f"{ground.url}/_sandbox/app", timeout=5).json()
    active = [one for one in said["subscriptions"] if one["active"]]
    return said["target_url"], {(one["eventType"], one["propertyName"]) for one in active}


def changes(ground: HubSpotGround) -> int:
    """How many requests that could change something were made so far."""
    entries = requests.get(f"{ground.url}/_sandbox/ledger?since=0", timeout=5).json()["entries"]
    return len([e for e in entries if e["method"] != "GET" and not e["path"].endswith("/token")])


def test_a_first_run_makes_all_of_it_and_a_second_changes_nothing(ground: HubSpotGround) -> None:
    done = ground.client.install(ground.door)
    assert of(done.steps, Outcome.DONE) == [*MADE, "webhooks"]
    assert of(done.steps, Outcome.ALREADY) == ["credentials", "client secret"]
    assert (done.account, done.settings) == (ground.portal, {"pages_url": "https://app.hubspot.com"})
    assert done.secret == json.loads(ground.token)["client_secret"]
    target, wanted = app(ground)
    assert target == URL
    changed = {("object.propertyChange", name) for name in MIRRORED}
    assert wanted == {(f"object.{what}", None) for what in ("creation", "deletion", "restore")} | changed
    before = changes(ground)
    again = ground.client.install(replace(ground.door, secrets=(str(done.secret),)))
    assert (changes(ground), again.secret) == (before, None)
    assert of(again.steps, Outcome.ALREADY) == ["credentials", *MADE, "client secret", "webhooks"]


def test_check_finds_what_is_missing_and_changes_nothing(ground: HubSpotGround) -> None:
    before = changes(ground)
    assert of(ground.client.check(ground.door), Outcome.BROKEN) == [*MADE, "client secret"]
    assert changes(ground) == before
    secret = str(ground.client.install(ground.door).secret)
    door = replace(ground.door, secrets=(secret,))
    assert of(ground.client.check(door), Outcome.BROKEN) == []
    assert of(ground.client.check(door), Outcome.BY_HAND) == ["webhooks"]
    other = ground.open(ground.token, account="777")
    assert of(other.check(door), Outcome.BROKEN) == ["credentials"]
    other.close()


def test_without_a_developers_key_a_person_is_told_what_to_enter(ground: HubSpotGround) -> None:
    done = ground.client.install(Door(URL))
    (step,) = [step for step in done.steps if step.outcome is Outcome.BY_HAND]
    assert all(word in step.says for word in (URL, "0-27", "object.creation", *MIRRORED))
    assert app(ground) == (None, set())


def test_a_developers_key_that_is_refused_leaves_it_to_a_person(ground: HubSpotGround) -> None:
    done = ground.client.install(Door(URL, admin=json.dumps({"app_id": 4, "token": "wrong"})))
    assert of(done.steps, Outcome.BY_HAND) == ["webhooks"]
    with pytest.raises(OperatorFault) as caught:
        ground.client.install(Door(URL, admin="not json"))
    assert "not json" not in str(caught.value)


def test_an_address_of_another_door_is_not_taken_over(ground: HubSpotGround) -> None:
    ground.client.install(ground.door)
    done = ground.client.install(replace(ground.door, url="http://127.0.0.1:9/webhooks/crm/other"))
    (step,) = [step for step in done.steps if step.outcome is Outcome.BROKEN]
    assert (step.what, "--door" in step.says) == ("webhooks", True)
    assert app(ground)[0] == URL


def test_what_was_taken_away_is_made_again(ground: HubSpotGround) -> None:
    ground.client.install(ground.door)
    requests.delete(f"{ground.url}/_sandbox/properties/calendar_sync_note", timeout=5).raise_for_status()
    said = json.loads(str(ground.door.admin))
    bearer = {"Authorization": f"Bearer {said['token']}"}
    path = f"{ground.url}/webhooks/v3/{said['app_id']}/subscriptions"
    first = requests.get(path, headers=bearer, timeout=5).json()["results"][0]
    requests.patch(f"{path}/{first['id']}", json={"active": False}, headers=bearer, timeout=5).raise_for_status()
    done = ground.client.install(ground.door)
    assert of(done.steps, Outcome.DONE) == ["property calendar_sync_note", "webhooks"]
    assert len(app(ground)[1]) == 3 + len(MIRRORED)


def test_a_property_of_another_type_is_told_and_left_alone(ground: HubSpotGround) -> None:
    own = {"name": "calendar_sync", "type": "string", "fieldType": "text", "groupName": "task", "label": "Mine"}
    ground.as_person("POST", "/crm/v3/properties/tasks", own)
    (step,) = [step for step in ground.client.install(ground.door).steps if step.outcome is Outcome.BROKEN]
    assert (step.what, "must be bool" in step.says) == ("property calendar_sync", True)


def test_without_a_client_secret_no_webhook_could_be_trusted(ground: HubSpotGround) -> None:
    static = ground.open(json.dumps({"access_token": json.loads(ground.token)["refresh_token"]}))
    with pytest.raises(Unauthorised):
        static.install(ground.door)
    static.close()
    token = requests.post(
        f"{ground.url}/oauth/v1/token", data={**json.loads(ground.token), "grant_type": "refresh_token"}, timeout=5
    ).json()["access_token"]
    static = ground.open(token)
    assert of(static.install(ground.door).steps, Outcome.BROKEN) == ["client secret"]
    static.close()
