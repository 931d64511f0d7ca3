"""A Twenty workspace with a person in front of it: the stand-in over HTTP, installed by the adapter itself."""

from __future__ import annotations

from typing import Any

import requests

from gateway.core.installing import Door
from gateway.core.model import Cause, Moment, Priority, State, Status, TaskId, UserId
from gateway.core.ports import Crm, CrmAccount
from gateway.crms.hosts import Outbound
from gateway.crms.twenty.client import TwentyCrm
from gateway.crms.twenty.translate import STATE, TOGGLE
from sandbox.kit.standin import StandIn
from tests.contracts.crm_grounds import EIGHT, FixedClock

DOOR = Door("http://127.0.0.1:9/webhooks/crm/k", ("secret-of-the-door",))
STATUSES = {Status.OPEN: "TODO", Status.COMPLETED: "DONE"}


class TwentyGround:
    """A member's hands, and the adapter with the API key. Nobody counts its calls: the limit has tests of its own."""

    def __init__(self, standin: StandIn) -> None:
        self.url = standin.url
        self.admin("reset", {"seed": 1})
        self.admin("behaviour", {"limit_per_minute": None})
        person = self.admin("persons", {"email": "ada@example.com"})
        self.user = UserId(person["user_id"])
        self._person = {"Authorization": f"Bearer {person['token']}"}
        self.token = self.admin("installation", {})["api_token"]
        self.client = self.open(self.token)
        self.crm: Crm = self.client
        self.client.install(DOOR)

    def open(self, token: str, **settings: Any) -> TwentyCrm:
        return TwentyCrm(CrmAccount(self.url, token, settings), Outbound(allow_loopback=True), FixedClock())

    def add(self, **values: Any) -> TaskId:
        given: dict[str, Any] = {"title": "Call Ada", "due": EIGHT, "sync_on": True}
        asked = {"assigneeId": self.user, **wire(given | values)}
        return TaskId(self.as_person("POST", "/rest/tasks", asked)["data"]["createTask"]["id"])

    def edit(self, task_id: TaskId, **values: Any) -> None:
        self.as_person("PATCH", f"/rest/tasks/{task_id}", wire(values))

    def delete(self, task_id: TaskId, cause: Cause = Cause.DELETED) -> None:
        """Into the bin; out of reach is what it is when it was destroyed."""
        soft = "" if cause is Cause.OUT_OF_REACH else "?soft_delete=true"
        self.as_person("DELETE", f"/rest/tasks/{task_id}{soft}")

    def restore(self, task_id: TaskId) -> None:
        self.as_person("PATCH", f"/rest/restore/tasks/{task_id}", {})

    def refuse(self, task_id: TaskId, field: str) -> None:
        theirs = {"title": "title", "due": "dueAt", "calendar_sync": TOGGLE}
        self.admin(f"tasks/{task_id}", {"refuse": [theirs[field]]})

    def lose_next_answer(self) -> None:
        match = {"direction": "in", "method": "PATCH", "path": "/rest/tasks/"}
        self.admin("faults", {"match": match, "do": "cut_after_write", "times": 1})

    def reports(self, task_id: TaskId) -> list[tuple[State, str | None]]:
        """A field shows the last state only; the ledger has them all. What reason it had stands in the note's words."""
        entries = requests.get(f"{self.url}/_sandbox/ledger?since=0", timeout=5).json()["entries"]
        mine = [e["body"] for e in entries if e["method"] == "PATCH" and e["path"] == f"/rest/tasks/{task_id}"]
        return [(State(body[STATE].lower()), None) for body in mine if STATE in body]

    def connection_reports(self) -> list[str]:
        return []

    def tick(self) -> None:
        """Its times are milliseconds, and each change has one of its own."""

    def as_person(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, self.url + path, json=body, headers=self._person, timeout=5)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def admin(self, path: str, body: Any) -> Any:
        answer = requests.post(f"{self.url}/_sandbox/{path}", json=body, timeout=5)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None


def wire(values: dict[str, Any]) -> dict[str, Any]:
    """A member's words for a task's fields."""
    spoken: dict[str, Any] = {}
    for name, value in values.items():
        match name, value:
            case "sync_on", _:
                spoken[TOGGLE] = value
            case "due", None:
                spoken["dueAt"] = None
            case "due", Moment(at):
                spoken["dueAt"] = at.isoformat()
            case "description", str():
                spoken["bodyV2"] = {"markdown": value.replace("\n", "\n\n")}
            case "priority", Priority():
                spoken["priority"] = None if value is Priority.NONE else value.value.upper()
            case "status", Status():
                spoken["status"] = STATUSES[value]
            case _:
                spoken[name] = value
    return spoken
