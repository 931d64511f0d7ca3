"""A HubSpot account with a person in front of it: the stand-in over HTTP, installed by the adapter itself."""

from __future__ import annotations

import html
from typing import Any

import requests

from gateway.core.installing import Door
from gateway.core.model import Cause, Moment, Priority, State, Status, TaskId, UserId
from gateway.core.ports import Crm, CrmAccount
from gateway.crms.hosts import Outbound
from gateway.crms.hubspot.client import TASKS, HubSpotCrm
from gateway.crms.hubspot.tokens import Tokens
from gateway.crms.hubspot.translate import STATE, TOGGLE
from sandbox.kit.standin import StandIn
from tests.contracts.crm_grounds import EIGHT, FixedClock

URL = "http://127.0.0.1:9/webhooks/crm/app"
STATUSES = {Status.OPEN: "NOT_STARTED", Status.COMPLETED: "COMPLETED"}
PRIORITIES = {Priority.NONE: "NONE", Priority.LOW: "LOW", Priority.NORMAL: "MEDIUM", Priority.HIGH: "HIGH"}


class HubSpotGround:
    """An owner's hands, and the adapter with the app's grant. Nobody counts its calls: the limit has tests of its
    own."""

    def __init__(self, standin: StandIn, *, installed: bool = True) -> None:
        self.url = standin.url
        self.admin("reset", {"seed": 1})
        self.admin("behaviour", {"limit_per_10s": None})
        person = self.admin("persons", {"email": "ada@example.com"})
        self.user = UserId(person["user_id"])
        self._person = {"Authorization": f"Bearer {person['token']}"}
        given = self.admin("installation", {})
        self.token, self.door = given["api_token"], Door(URL, admin=given["admin"])
        self.portal = str(given["portal_id"])
        self.client = self.open(self.token)
        self.crm: Crm = self.client
        self.secret = self.client.install(self.door).secret if installed else None

    def open(self, token: str, *, account: str | None = None, **settings: Any) -> HubSpotCrm:
        about = CrmAccount(self.url, token, settings, account or self.portal)
        return HubSpotCrm(about, Outbound(allow_loopback=True), FixedClock(), Tokens())

    def add(self, **values: Any) -> TaskId:
        given: dict[str, Any] = {"title": "Call Ada", "due": EIGHT, "sync_on": True}
        asked = {"hubspot_owner_id": self.user, **wire(given | values)}
        return TaskId(self.as_person("POST", TASKS, {"properties": asked})["id"])

    def edit(self, task_id: TaskId, **values: Any) -> None:
        self.as_person("PATCH", f"{TASKS}/{task_id}", {"properties": wire(values)})

    def delete(self, task_id: TaskId, cause: Cause = Cause.DELETED) -> None:
        """Into the bin, whatever the cause."""
        self.as_person("DELETE", f"{TASKS}/{task_id}")

    def restore(self, task_id: TaskId) -> None:
        self.admin(f"tasks/{task_id}/restore", {})

    def refuse(self, task_id: TaskId, field: str) -> None:
        theirs = {"title": "hs_task_subject", "due": "hs_timestamp", "calendar_sync": TOGGLE}
        self.admin(f"tasks/{task_id}", {"refuse": [theirs[field]]})

    def lose_next_answer(self) -> None:
        match = {"direction": "in", "method": "PATCH", "path": TASKS}
        self.admin("faults", {"match": match, "do": "cut_after_write", "times": 1})

    def reports(self, task_id: TaskId) -> list[tuple[State, str | None]]:
        """A property shows the last state only; the ledger has them all. The reason stands in the note's words."""
        entries = requests.get(f"{self.url}/_sandbox/ledger?since=0", timeout=5).json()["entries"]
        sent = [
            e["body"]["properties"] for e in entries if e["method"] == "PATCH" and e["path"] == f"{TASKS}/{task_id}"
        ]
        return [(State(one[STATE]), None) for one in sent if STATE in one]

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
    """An owner's words for a task's properties: all of them strings."""
    spoken: dict[str, Any] = {}
    for name, value in values.items():
        match name, value:
            case "title", _:
                spoken["hs_task_subject"] = value
            case "sync_on", _:
                spoken[TOGGLE] = "true" if value else "false"
            case "due", Moment(at):
                spoken["hs_timestamp"] = at.isoformat()
            case "description", str():
                spoken["hs_task_body"] = "".join(f"<p>{html.escape(line)}</p>" for line in value.split("\n"))
            case "priority", Priority():
                spoken["hs_task_priority"] = PRIORITIES[value]
            case "status", Status():
                spoken["hs_task_status"] = STATUSES[value]
            case _:
                spoken[name] = value
    return spoken
