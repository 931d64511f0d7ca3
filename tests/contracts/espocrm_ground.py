"""An EspoCRM with a person in front of it: the stand-in over HTTP, installed by the adapter itself."""

from __future__ import annotations

from typing import Any

import requests

from gateway.core.installing import Door
from gateway.core.model import Cause, Day, Moment, Priority, State, Status, TaskId, UserId
from gateway.core.ports import Crm, CrmAccount
from gateway.crms.espocrm.client import EspoCrm
from gateway.crms.espocrm.names import STATE, TOGGLE
from gateway.crms.espocrm.translate import naive
from gateway.crms.hosts import Outbound
from sandbox.kit.standin import StandIn
from tests.contracts.crm_grounds import EIGHT, FixedClock

URL = "http://127.0.0.1:9/webhooks/crm/k"
STATUSES = {Status.OPEN: "Not Started", Status.COMPLETED: "Completed", Status.CANCELED: "Canceled"}


class EspoGround:
    """A person's hands, and the adapter with the API user's key; fields and lock made by the installer."""

    def __init__(self, standin: StandIn, *, installed: bool = True) -> None:
        self.url = standin.url
        self.admin("reset", {"seed": 1})
        person = self.admin("persons", {"email": "ada@example.com"})
        self.user = UserId(person["user_id"])
        self._person = {"X-Api-Key": person["token"]}
        given = self.admin("installation", {})
        self.token, self.door = given["api_token"], Door(URL, admin=given["admin"])
        self.client = self.open(self.token)
        self.crm: Crm = self.client
        self.secret = self.client.install(self.door).secret if installed else None

    def open(self, token: str, **settings: Any) -> EspoCrm:
        return EspoCrm(CrmAccount(self.url, token, settings), Outbound(allow_loopback=True), FixedClock())

    def add(self, **values: Any) -> TaskId:
        given: dict[str, Any] = {"title": "Call Ada", "due": EIGHT, "sync_on": True}
        asked = {"assignedUserId": self.user, **wire(given | values)}
        return TaskId(self.as_person("POST", "/Task", asked)["id"])

    def edit(self, task_id: TaskId, **values: Any) -> None:
        self.as_person("PUT", f"/Task/{task_id}", wire(values))

    def delete(self, task_id: TaskId, cause: Cause = Cause.DELETED) -> None:
        self.as_person("DELETE", f"/Task/{task_id}")

    def restore(self, task_id: TaskId) -> None:
        self.admin(f"tasks/{task_id}/restore", {})

    def refuse(self, task_id: TaskId, field: str) -> None:
        theirs = {"title": ["name"], "due": ["dateEnd", "dateEndDate"], "calendar_sync": [TOGGLE]}
        self.admin(f"tasks/{task_id}", {"refuse": theirs[field]})

    def lose_next_answer(self) -> None:
        match = {"direction": "in", "method": "PUT", "path": "/Task/"}
        self.admin("faults", {"match": match, "do": "cut_after_write", "times": 1})

    def reports(self, task_id: TaskId) -> list[tuple[State, str | None]]:
        """A field shows the last state only; the ledger has them all. What reason it had stands in the note's words."""
        entries = requests.get(f"{self.url}/_sandbox/ledger?since=0", timeout=5).json()["entries"]
        mine = [e["body"] for e in entries if e["method"] == "PUT" and e["path"] == f"/api/v1/Task/{task_id}"]
        return [(State(body[STATE]), None) for body in mine if STATE in body]

    def connection_reports(self) -> list[str]:
        return []

    def tick(self) -> None:
        """Its times are whole seconds."""
        self.admin("clock", {"advance_s": 1})

    def as_person(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/api/v1{path}", json=body, headers=self._person, timeout=5)
        assert answer.ok, (answer.status_code, answer.headers.get("X-Status-Reason"), answer.text)
        return answer.json()

    def admin(self, path: str, body: Any) -> Any:
        answer = requests.post(f"{self.url}/_sandbox/{path}", json=body, timeout=5)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None


def wire(values: dict[str, Any]) -> dict[str, Any]:
    """A person's words for a task's fields."""
    spoken: dict[str, Any] = {}
    for name, value in values.items():
        match name, value:
            case "sync_on", _:
                spoken[TOGGLE] = value
            case "title", _:
                spoken["name"] = value
            case "due", Day(date):
                spoken["dateEndDate"] = date.isoformat()
            case "due", Moment(at):
                spoken |= {"dateEnd": naive(at), "dateEndDate": None}
            case "due", None:
                spoken |= {"dateEnd": None, "dateEndDate": None}
            case "priority", Priority():
                spoken["priority"] = value.value.title()
            case "status", Status():
                spoken["status"] = STATUSES[value]
            case "duration", _:
                raise ValueError("its tasks have no length")
            case _:
                spoken[name] = value
    return spoken
