"""EspoCRM's installer before the stand-in: what it makes, that a second run changes nothing, what it asks of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import requests

import sandbox.espocrm
from gateway.core.errors import Unauthorised
from gateway.core.installing import Door, Outcome, Step
from gateway.crms.espocrm.secrets import read_all
from sandbox.kit.standin import StandIn
from tests.contracts.espocrm_ground import URL, EspoGround

FIELDS = ["cCalendarSync", "cCalendarSyncState", "cCalendarSyncNote"]


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    running = sandbox.espocrm.start()
    yield running
    running.stop()


@pytest.fixture
def ground(standin: StandIn) -> Iterator[EspoGround]:
    made = EspoGround(standin, installed=False)
    yield made
    made.client.close()


def told(steps: Sequence[Step]) -> dict[str, str]:
    return {step.what: step.outcome.value for step in steps}


def door(ground: EspoGround, secret: str | None = None, **changes: Any) -> Door:
    return replace(ground.door, secrets=(secret,) if secret else (), **changes)


def hooks(ground: EspoGround) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{ground.url}/_sandbox/webhooks", timeout=5).json()["webhooks"]
    return found


def writes(ground: EspoGround) -> int:
    entries = requests.get(f"{ground.url}/_sandbox/ledger?since=0", timeout=5).json()["entries"]
    return sum(entry["method"] != "GET" for entry in entries)


def test_with_an_administrators_hands_all_is_made_and_the_rest_is_asked_for(ground: EspoGround) -> None:
    done = ground.client.install(ground.door)
    assert told(done.steps) == {
        "API user": "already",
        "field cCalendarSync": "done",
        "field cCalendarSyncState": "done",
        "field cCalendarSyncNote": "done",
        "optimistic lock": "done",
        "layout": "by_hand",
        "webhook schedule": "by_hand",
        "webhook Task.create": "done",
        "webhook Task.update": "done",
        "webhook Task.delete": "done",
    }
    pace = next(step.says for step in done.steps if step.what == "webhook schedule")
    assert "* * * * *" in pace
    assert "every 2 to 5 minutes" in pace
    assert done.secret is not None
    assert {hook.event for hook in read_all([done.secret]).values()} == {"create", "update", "delete"}
    assert ground.door.admin not in repr(ground.door)
    assert done.secret not in repr(done)


def test_a_second_run_changes_nothing(ground: EspoGround) -> None:
    secret = ground.client.install(ground.door).secret
    ground.admin("behaviour", {"schedule": "* * * * *", "layout": ["name", *FIELDS]})
    before, made = writes(ground), hooks(ground)
    again = ground.client.install(door(ground, secret))
    assert set(told(again.steps).values()) == {"already"}
    assert again.secret is None
    assert (writes(ground), hooks(ground)) == (before, made)
    assert set(told(ground.client.check(door(ground, secret)))) == set(told(again.steps))
    assert all(step.outcome is Outcome.ALREADY for step in ground.client.check(door(ground, secret)))


def test_a_secret_that_was_lost_is_read_again(ground: EspoGround) -> None:
    secret = ground.client.install(ground.door).secret
    assert ground.client.install(door(ground)).secret == secret


def test_without_an_administrator_a_person_is_told_each_field(ground: EspoGround) -> None:
    done = ground.client.install(door(ground, admin=""))
    by_hand = [step for step in done.steps if step.outcome is Outcome.BY_HAND]
    assert [step.what for step in by_hand] == [
        *(f"field {name}" for name in FIELDS),
        "optimistic lock",
        "layout",
        "webhook schedule",
    ]
    assert all("Administration >" in step.says for step in by_hand)
    assert len(hooks(ground)) == 3


def test_a_wrong_administrator_breaks_only_what_needs_one(ground: EspoGround) -> None:
    done = ground.client.install(door(ground, admin="admin:wrong"))
    assert told(done.steps)["field cCalendarSync"] == "broken"
    assert told(done.steps)["webhook Task.update"] == "done"


def test_a_new_secret_is_new_hooks_and_the_old_ones_go(ground: EspoGround) -> None:
    secret = ground.client.install(ground.door).secret
    old = {hook["id"] for hook in hooks(ground)}
    done = ground.client.install(door(ground, secret, fresh=True))
    assert done.secret not in (None, secret)
    assert len(hooks(ground)) == 3
    assert not old & {hook["id"] for hook in hooks(ground)}


def test_a_hook_that_was_taken_away_switched_off_or_doubled_is_found_and_mended(ground: EspoGround) -> None:
    secret = ground.client.install(ground.door).secret
    first, second, _ = (hook["id"] for hook in hooks(ground))
    key = {"X-Api-Key": ground.token}
    requests.delete(f"{ground.url}/api/v1/Webhook/{first}", headers=key, timeout=5).raise_for_status()
    requests.patch(f"{ground.url}/_sandbox/webhooks/{second}", json={"active": False}, timeout=5).raise_for_status()
    doubled = {"event": "Task.delete", "url": URL, "skipOwn": True}
    requests.post(f"{ground.url}/api/v1/Webhook", json=doubled, headers=key, timeout=5).raise_for_status()
    elsewhere = {"event": "Task.delete", "url": "http://127.0.0.1:9/another"}
    requests.post(f"{ground.url}/api/v1/Webhook", json=elsewhere, headers=key, timeout=5).raise_for_status()
    broken = [step.what for step in ground.client.check(door(ground, secret)) if step.outcome is Outcome.BROKEN]
    assert broken == ["webhook Task.create", "webhook Task.update"]
    mended = ground.client.install(door(ground, secret))
    assert told(mended.steps)["webhook Task.create"] == told(mended.steps)["webhook Task.update"] == "done"
    assert sorted(hook["event"] for hook in hooks(ground) if hook["url"] == URL) == [
        "Task.create",
        "Task.delete",
        "Task.update",
    ]
    assert len(hooks(ground)) == 4  # what goes elsewhere is not ours
    assert mended.secret != secret


def test_a_hook_whose_secret_we_do_not_have_is_found(ground: EspoGround) -> None:
    secret = ground.client.install(ground.door).secret
    for hook in hooks(ground):
        requests.patch(f"{ground.url}/_sandbox/webhooks/{hook['id']}", json={"secret": "x" * 32}, timeout=5)
    broken = [step.what for step in ground.client.check(door(ground, secret)) if step.outcome is Outcome.BROKEN]
    assert broken == ["webhook Task.create", "webhook Task.update", "webhook Task.delete"]


def test_a_field_a_lock_and_a_right_that_went_are_found(ground: EspoGround) -> None:
    secret = ground.client.install(ground.door).secret
    requests.delete(f"{ground.url}/_sandbox/fields/cCalendarSyncNote", timeout=5).raise_for_status()
    ground.admin("behaviour", {"lock_is_on": False, "role_is_right": False})
    broken = [s.what for s in ground.client.check(door(ground, secret, admin="")) if s.outcome is Outcome.BROKEN]
    assert broken == ["API user", "field cCalendarSyncNote", "optimistic lock"]


def test_an_address_that_it_does_not_take_is_told_with_the_way_out(ground: EspoGround) -> None:
    done = ground.client.install(replace(ground.door, url="http://10.0.0.7/webhooks/crm/k"))
    assert told(done.steps)["webhook Task.create"] == "broken"
    assert "webhookAllowedAddressList" in next(s.says for s in done.steps if s.what == "webhook Task.create")
    assert done.secret is None


def test_a_wrong_key_installs_nothing(ground: EspoGround) -> None:
    wrong = ground.open("wrong")
    with pytest.raises(Unauthorised):
        wrong.install(ground.door)
    wrong.close()
    assert hooks(ground) == []
