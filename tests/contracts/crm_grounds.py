"""A CRM with a person in front of it, twice: the fake, and the generic adapter before the stand-in over HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import requests

from gateway.core.errors import TryLater
from gateway.core.model import (
    Cause,
    Day,
    Moment,
    State,
    TaskId,
    UserId,
)
from gateway.core.ports import Crm, CrmAccount
from gateway.crms.generic.client import GenericCrm
from gateway.crms.generic.translate import due_json
from gateway.crms.hosts import Outbound
from sandbox.kit.standin import StandIn
from tests.fakes_crm import FakeCrm

EIGHT = Moment(datetime(2026, 12, 2, 8, 0, tzinfo=UTC), "Europe/Berlin")
NINE = Moment(datetime(2026, 12, 2, 9, 0, tzinfo=UTC))
THE_THIRD = Day(date(2026, 12, 3))


class Ground(Protocol):
    crm: Crm
    user: UserId

    def add(self, **values: Any) -> TaskId: ...
    def edit(self, task_id: TaskId, **values: Any) -> None: ...
    def delete(self, task_id: TaskId, cause: Cause = Cause.DELETED) -> None: ...
    def restore(self, task_id: TaskId) -> None: ...
    def refuse(self, task_id: TaskId, field: str) -> None: ...
    def lose_next_answer(self) -> None: ...
    def reports(self, task_id: TaskId) -> list[tuple[State, str | None]]: ...
    def connection_reports(self) -> list[str]: ...
    def tick(self) -> None: ...
    def open(self, token: str) -> Any: ...


class FakeGround:
    def __init__(self) -> None:
        self.fake = FakeCrm()
        self.crm: Crm = self.fake
        self.user = UserId("u-7")
        self.count = 0

    def add(self, **values: Any) -> TaskId:
        self.count += 1
        given: dict[str, Any] = {"title": "Call Ada", "due": EIGHT, "sync_on": True}
        return self.fake.add(f"t-{self.count}", **given | values).id

    def edit(self, task_id: TaskId, **values: Any) -> None:
        self.fake.edit(task_id, **values)

    def delete(self, task_id: TaskId, cause: Cause = Cause.DELETED) -> None:
        self.fake.delete(task_id, cause)

    def restore(self, task_id: TaskId) -> None:
        self.fake.restore(task_id)

    def refuse(self, task_id: TaskId, field: str) -> None:
        self.fake.refuse(task_id, field)

    def lose_next_answer(self) -> None:
        self.fake.fail(TryLater("connection lost"), "patch", after_effect=True)

    def reports(self, task_id: TaskId) -> list[tuple[State, str | None]]:
        return [(report.state, report.reason) for about, report in self.fake.reports if about == task_id]

    def connection_reports(self) -> list[str]:
        return [report.status for user, report in self.fake.connection_reports if user == self.user]

    def tick(self) -> None:
        """Each of its changes has a time of its own."""

    def open(self, token: str) -> Any:
        """It has no tokens."""
        return self.fake if token else None


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


class WireGround:
    """A person's hands in the stand-in, and the adapter with the gateway's token."""

    def __init__(self, standin: StandIn) -> None:
        self.url = standin.url
        requests.post(f"{self.url}/_sandbox/reset", json={"seed": 1}, timeout=5).raise_for_status()
        person = self._admin("persons", {"email": "ada@example.com", "time_zone": "Europe/Berlin"})
        self.user = UserId(person["user_id"])
        self._person = {"Authorization": f"Bearer {person['token']}"}
        installed = {
            "webhook_url": "http://127.0.0.1:9/nobody",
            "webhook_secret": "whsec_Y2FsZW5kYXItZ2F0ZXdheS12ZWN0b3ItMDAwMQ==",
        }
        self.token = self._admin("installation", installed)["api_token"]
        self.client = self.open(self.token)
        self.crm: Crm = self.client

    def open(self, token: str) -> GenericCrm:
        return GenericCrm(CrmAccount(self.url, token), Outbound(allow_loopback=True), FixedClock())

    def add(self, **values: Any) -> TaskId:
        given: dict[str, Any] = {"title": "Call Ada", "due": EIGHT, "sync_on": True}
        return TaskId(self._as_person("POST", "/tasks", _wire(given | values))["id"])

    def edit(self, task_id: TaskId, **values: Any) -> None:
        self._as_person("PATCH", f"/tasks/{task_id}", _wire(values))

    def delete(self, task_id: TaskId, cause: Cause = Cause.DELETED) -> None:
        self._as_person("DELETE", f"/tasks/{task_id}?cause={cause.value}")

    def restore(self, task_id: TaskId) -> None:
        self._as_person("POST", f"/tasks/{task_id}/restore")

    def refuse(self, task_id: TaskId, field: str) -> None:
        self._admin(f"tasks/{task_id}", {"refuse": [field]})

    def lose_next_answer(self) -> None:
        match = {"direction": "in", "method": "PATCH", "path": "/tasks/"}
        self._admin("faults", {"match": match, "do": "cut_after_write", "times": 1})

    def reports(self, task_id: TaskId) -> list[tuple[State, str | None]]:
        found = requests.get(f"{self.url}/_sandbox/tasks/{task_id}", timeout=5).json()["reports"]
        return [(State(report["state"]), report["reason"]) for report in found]

    def tick(self) -> None:
        """Each of its changes has a time of its own."""

    def connection_reports(self) -> list[str]:
        found = requests.get(f"{self.url}/_sandbox/users/{self.user}", timeout=5).json()["reports"]
        return [report["status"] for report in found]

    def _as_person(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, self.url + path, json=body, headers=self._person, timeout=5)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def _admin(self, path: str, body: Any) -> Any:
        answer = requests.post(f"{self.url}/_sandbox/{path}", json=body, timeout=5)
        assert answer.ok, answer.text
        return answer.json()


def _wire(values: dict[str, Any]) -> dict[str, Any]:
    """The person's words for a task's fields."""
    spoken = dict(values)
    if "sync_on" in spoken:
        spoken["calendar_sync"] = spoken.pop("sync_on")
    if spoken.get("due") is not None:
        spoken["due"] = due_json(spoken["due"])
    if "duration" in spoken:
        spoken["duration_minutes"] = spoken.pop("duration") // timedelta(minutes=1)
    return spoken
