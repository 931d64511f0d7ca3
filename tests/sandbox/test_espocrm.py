"""The stand-in EspoCRM sends what the real one sent, byte for byte, and treats answers as the real one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import sandbox.espocrm
from sandbox.kit.standin import StandIn
from tests.crms.captured import captures
from tests.patience import until
from tests.sandbox.crm_world import Receiver

ALL = {capture.name: capture for capture in captures(Path(__file__).parents[1] / "crms" / "espocrm" / "captures")}
FIELDS: tuple[dict[str, Any], ...] = (
    {"type": "bool", "name": "calendarSync"},
    {"type": "enum", "name": "calendarSyncState", "options": ["off", "synced"], "default": "off"},
)


class World:
    """An EspoCRM with our fields, one person, and webhooks of the gateway's API user."""

    def __init__(self, url: str, receiver: Receiver, **behaviour: Any) -> None:
        self.url, self.receiver = url, receiver
        self.admin("POST", "reset", {"seed": 1})
        given = self.admin("POST", "installation", {})
        self.api, self.root = {"X-Api-Key": given["api_token"]}, tuple(given["admin"].split(":"))
        self.behave(lock_is_on=True, **behaviour)
        for field in FIELDS:
            self._call("POST", "Admin/fieldManager/Task", field, auth=self.root)
        self.hooks = {
            kind: self.call(
                "POST", "Webhook", {"event": f"Task.{kind}", "url": receiver.url, "skipOwn": True}, api=True
            )
            for kind in ("create", "update", "delete")
        }

    def person(self, user_id: str) -> None:
        self.behave(next_id=user_id)
        person = self.admin("POST", "persons", {"email": "admin@example.com", "name": "Admin"})
        self.user, self.key = person["user_id"], {"X-Api-Key": person["token"]}

    def behave(self, **values: Any) -> None:
        self.admin("POST", "behaviour", values)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=5)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def call(self, method: str, path: str, body: Any = None, *, api: bool = False) -> Any:
        return self._call(method, path, body, headers=self.api if api else self.key)

    def _call(self, method: str, path: str, body: Any, **how: Any) -> Any:
        answer = requests.request(method, f"{self.url}/api/v1/{path}", json=body, timeout=5, **how)
        assert answer.ok, (answer.status_code, answer.headers)
        return answer.json()

    def create(self, name: str, at: str, **values: Any) -> str:
        self.behave(at=at)
        made = self.call("POST", "Task", {"name": name, "assignedUserId": self.user, **values})
        self.behave(at=None)
        return str(made["id"])

    def bodies(self, count: int) -> list[bytes]:
        return [arrival.raw.encode() for arrival in self.receiver.wait(count)]


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    running = sandbox.espocrm.start(pass_s=0.02)
    yield running
    running.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture
def world(standin: StandIn, receiver: Receiver) -> World:
    made = World(standin.url, receiver, version="9.2")
    made.person("6b0283fdb0787d79b")
    return made


def test_9_2_sends_the_captured_bytes(world: World) -> None:
    hook = world.hooks["delete"]["id"]
    known = {"id": "6b02841e8a3bade38", "secret": "807bef62004206f901698ac7a78c975c"}
    world.admin("PATCH", f"webhooks/{hook}", known)
    world.behave(next_id="6b02841edff2fb38d")
    words = {"priority": "High", "dateEnd": "2026-12-01 09:30:00", "description": "Bring the quote"}
    task = world.create("Call Ada", "2026-11-22 05:56:46", cCalendarSync=True, **words)
    assert world.bodies(1) == [ALL["9_2_create__on"].raw]
    world.call("PUT", f"Task/{task}", {"priority": "Urgent", "dateEnd": "2026-12-01 11:00:00"})
    assert world.bodies(2)[1] == ALL["9_2_update__priority_and_due"].raw
    world.call("PUT", f"Task/{task}", {"cCalendarSyncState": "synced"}, api=True)  # its own: skipped
    world.call("PUT", f"Task/{task}", {"dateEnd": "2026-12-01 12:00:00"})
    assert world.bodies(3)[2] == ALL["9_2_update__due"].raw
    world.call("DELETE", f"Task/{task}")
    deleted, captured = world.receiver.wait(4)[3], ALL["9_2_delete"]
    assert deleted.raw.encode() == captured.raw
    for name in ("signature", "x-signature", "accept", "content-type"):
        assert deleted.headers[name] == captured.headers[name]
    for name in ("9_2_create__latency_first", "9_2_create__latency_second"):
        said = json.loads(ALL[name].raw)[0]
        world.behave(next_id=said["id"])
        world.create(said["name"], said["createdAt"])
        until(lambda: waiting_now(world) == 0)
        assert world.receiver.arrivals[-1].raw.encode() == ALL[name].raw


def test_8_4_sends_the_captured_bytes_the_older_change_after_the_newer(standin: StandIn, receiver: Receiver) -> None:
    world = World(standin.url, receiver, version="8.4")
    world.person("6b027e2658f80eb63")
    world.behave(next_id="6b027f0e28f5ff4ab")
    task = world.create("retry me", "2026-11-22 05:35:10")
    assert world.bodies(1) == [ALL["8_4_create__off"].raw]
    receiver.answers.append(503)
    for number, name in ((2, "first"), (3, "second")):
        world.call("PUT", f"Task/{task}", {"name": name})
        receiver.wait(number)
    world.admin("POST", "clock", {"advance_s": 600})
    receiver.wait(4)
    world.call("PUT", f"Task/{task}", {"name": "third"})
    names = ["first_try", "newer_overtakes", "first_again_later", "third"]
    assert world.bodies(5)[1:] == [ALL[f"8_4_update__{name}"].raw for name in names]
    assert all("x-signature" in a.headers and "signature" not in a.headers for a in receiver.arrivals)


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_these_answers_bring_a_change_again_in_ten_minutes(world: World, status: int) -> None:
    world.receiver.answers.append(status)
    task = world.create("Call Ada", "2026-11-22 05:56:46")
    world.receiver.wait(1)
    assert waiting(world, 1)
    world.admin("POST", "clock", {"advance_s": 600})
    assert json.loads(world.bodies(2)[1])[0]["id"] == task
    assert waiting(world, 0)


@pytest.mark.parametrize("status", [400, 409, 413, 422, 429, 502, 504])
def test_these_answers_lose_a_change_for_good(world: World, status: int) -> None:
    world.receiver.answers.append(status)
    world.create("Call Ada", "2026-11-22 05:56:46")
    world.receiver.wait(1)
    assert waiting(world, 0)


def test_a_change_is_given_up_after_four_tries(world: World) -> None:
    world.receiver.answers.extend([503] * 4)
    world.create("Call Ada", "2026-11-22 05:56:46")
    for number in range(1, 5):
        world.receiver.wait(number)
        assert waiting(world, 0 if number == 4 else 1)
        world.admin("POST", "clock", {"advance_s": 600})
    assert len(world.receiver.arrivals) == 4


@pytest.mark.parametrize(("version", "kept"), [("9.2", 1), ("10.0", 0)])
def test_a_refused_connection_is_final_from_10_on(world: World, version: str, kept: int) -> None:
    world.behave(version=version)
    world.receiver.answers.append(None)
    world.create("Call Ada", "2026-11-22 05:56:46")
    world.receiver.wait(1)
    assert waiting(world, kept)


def test_410_deletes_the_webhook(world: World) -> None:
    world.receiver.answers.append(410)
    world.create("Call Ada", "2026-11-22 05:56:46")
    world.receiver.wait(1)
    until(lambda: len(world.admin("GET", "webhooks")["webhooks"]) == 2)


def test_a_burst_leaves_in_batches(world: World) -> None:
    tasks = [world.create(f"Call {n}", "2026-11-22 05:56:46") for n in range(26)]
    until(lambda: waiting_now(world) == 0)
    told = [task["id"] for arrival in world.receiver.arrivals for task in json.loads(arrival.raw)]
    assert told == tasks
    assert max(len(json.loads(arrival.raw)) for arrival in world.receiver.arrivals) <= 20


def waiting_now(world: World) -> int:
    return int(world.admin("GET", "webhooks")["waiting"])


def waiting(world: World, count: int) -> bool:
    until(lambda: waiting_now(world) == count)
    return True
