"""The house with a CRM that people run in it: installed by the command line, its tasks moved by a person's hands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import sandbox.espocrm
import sandbox.hubspot
import sandbox.twenty
from sandbox.kit.standin import StandIn
from tests.flows.acts import edit_task, new_task
from tests.flows.house import Api, House, Person, add_private_events

AT_NINE = datetime(2030, 3, 5, 9, tzinfo=UTC)
HUBSPOT_TASKS = "/crm/v3/objects/tasks"
AT_THREE = datetime(2030, 3, 6, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """A task as its CRM shows it."""

    title: str
    due: datetime | date | None
    on: bool
    state: str
    note: str


class CrmHouse(House):
    """What every CRM's house can do, in words of our own; ``values`` are ``title``, ``text``, ``due``, ``on``, ``done``
    and ``owner``."""

    adapter: ClassVar[str]
    holds_days: ClassVar[bool] = False
    more: ClassVar[tuple[str, ...]] = ()
    """Further options of `installations add`."""

    def administrator(self) -> str:
        """What ``CRM_ADMIN`` holds for the installer, where it needs one."""
        return ""

    def credentials(self) -> str:
        """What the operator puts into the environment: the CRM's present token."""
        return str(self.crm_admin.call("POST", "/installation", json={})["api_token"])

    def install(self, *settings_given: str) -> None:
        """One command: fields and webhooks are made by it."""
        args = ["add", "--name", "Acme", "--adapter", self.adapter, "--base-url", self.crm.url, *self.more]
        done = self.command(*args, "--credentials-env", "CRM_TOKEN", "--json")
        self.installation = json.loads(done.strip().splitlines()[-1])
        self.key = self.installation["key"]
        if settings_given:
            self.command("set", self.key, *settings_given)
        self.api = Api(self.url, self.installation["api_token"])

    def command(self, *args: str) -> str:
        """An operator's command, which has to work."""
        runner = self.app.test_cli_runner(env={"CRM_TOKEN": self.credentials(), "CRM_ADMIN": self.administrator()})
        done = runner.invoke(args=["installations", *args])
        assert done.exit_code == 0, done.output
        return done.output

    def person(self, email: str, zone: str = "Europe/Berlin") -> Person:
        """Somebody with an account on both sides."""
        crm = self.crm_admin.call("POST", "/persons", json={"email": email, "time_zone": zone})
        google = self.google_admin.call("POST", "/persons", json={"email": email, "time_zone": zone})
        calendar = Api(f"{self.google.url}/calendar/v3", google["token"])
        add_private_events(calendar, email)
        return Person(email, crm["user_id"], Api(self.crm.url, crm["token"]), calendar)

    def mailed(self, *, lost: bool) -> None:
        """Whether what the CRM sends is lost on the way."""
        if lost:
            fault = {"match": {"direction": "out"}, "do": "drop", "times": None}
            self.crm_admin.call("POST", "/faults", json=fault)
        else:
            self.crm_admin.call("DELETE", "/faults")

    def new(self, who: Person, **values: Any) -> str:
        """A task of this person's: on, due at nine, unless told otherwise."""
        raise NotImplementedError

    def edit(self, who: Person, task_id: str, **values: Any) -> None:
        """The person changes these."""
        raise NotImplementedError

    def bin(self, who: Person, task_id: str) -> None:
        """The person deletes the task, as one can be restored."""
        raise NotImplementedError

    def unbin(self, who: Person, task_id: str) -> None:
        """And restores it."""
        raise NotImplementedError

    def seen(self, task_id: str) -> Seen:
        """What the CRM shows."""
        raise NotImplementedError

    def synced(self, who: Person, **values: Any) -> str:
        """A task with its event, both at rest."""
        task_id = self.new(who, **values)
        self.settle()
        assert self.seen(task_id).state == "synced", self.seen(task_id)
        return task_id

    def revoke(self) -> None:
        """An administrator takes our key away; the next :meth:`credentials` are new ones."""
        self.crm_admin.call("POST", "/revoke", json={})


class TwentyHouse(CrmHouse):
    """With a workspace of Twenty's."""

    adapter = "twenty"

    def start_crm(self, how: dict[str, Any]) -> StandIn:
        return sandbox.twenty.start(clock=self.clock, seed=1, **how)

    def new(self, who: Person, **values: Any) -> str:
        given = {"title": "Call Ada", "text": "Bring the **quote**", "due": AT_NINE, "on": True, "owner": who} | values
        made = who.crm.call("POST", "/rest/tasks", json=_twenty(given))
        return str(made["data"]["createTask"]["id"])

    def edit(self, who: Person, task_id: str, **values: Any) -> None:
        who.crm.call("PATCH", f"/rest/tasks/{task_id}", json=_twenty(values))

    def bin(self, who: Person, task_id: str) -> None:
        who.crm.call("DELETE", f"/rest/tasks/{task_id}?soft_delete=true")

    def unbin(self, who: Person, task_id: str) -> None:
        who.crm.call("PATCH", f"/rest/restore/tasks/{task_id}", json={})

    def seen(self, task_id: str) -> Seen:
        task = self.task(task_id)
        due = datetime.fromisoformat(task["dueAt"]) if task["dueAt"] else None
        state = (task["calendarSyncState"] or "").lower()
        return Seen(task["title"], due, task["calendarSync"], state, task["calendarSyncNote"])


def _twenty(values: dict[str, Any]) -> dict[str, Any]:
    names = {"title": "title", "on": "calendarSync"}
    spoken = {names[name]: value for name, value in values.items() if name in names}
    if "due" in values:
        spoken["dueAt"] = values["due"].isoformat() if values["due"] else None
    if "text" in values:
        spoken["bodyV2"] = {"markdown": values["text"]}
    if "owner" in values:
        spoken["assigneeId"] = values["owner"].user_id
    if "done" in values:
        spoken["status"] = "DONE" if values["done"] else "TODO"
    return spoken


class EspoHouse(CrmHouse):
    """With an EspoCRM of version 10, whose daemon passes often."""

    adapter = "espocrm"
    holds_days = True
    more = ("--admin-env", "CRM_ADMIN")

    def start_crm(self, how: dict[str, Any]) -> StandIn:
        return sandbox.espocrm.start(clock=self.clock, seed=1, pass_s=0.01, **how)

    def administrator(self) -> str:
        return str(self.crm_admin.call("POST", "/installation", json={})["admin"])

    def as_person(self, who: Person, method: str, path: str, body: Any = None) -> Any:
        return who.crm.call(method, f"/api/v1/Task{path}", json=body, headers={"X-Api-Key": who.crm.token})

    def new(self, who: Person, **values: Any) -> str:
        given = {"title": "Call Ada", "text": "Bring the quote", "due": AT_NINE, "on": True, "owner": who} | values
        return str(self.as_person(who, "POST", "", _espo(given))["id"])

    def edit(self, who: Person, task_id: str, **values: Any) -> None:
        self.as_person(who, "PUT", f"/{task_id}", _espo(values))

    def bin(self, who: Person, task_id: str) -> None:
        self.as_person(who, "DELETE", f"/{task_id}")

    def unbin(self, who: Person, task_id: str) -> None:
        """An administrator does; no webhook tells it, so that only the next catch-up finds it."""
        self.crm_admin.call("POST", f"/tasks/{task_id}/restore", json={})
        self.advance(minutes=16)
        self.tick()

    def seen(self, task_id: str) -> Seen:
        task = self.task(task_id)
        due: datetime | date | None = None
        if task["dateEndDate"]:
            due = date.fromisoformat(task["dateEndDate"])
        elif task["dateEnd"]:
            due = datetime.fromisoformat(task["dateEnd"]).replace(tzinfo=UTC)
        on, state, note = (task[f"cCalendarSync{name}"] for name in ("", "State", "Note"))
        return Seen(task["name"], due, on, state, note or "")


def _espo(values: dict[str, Any]) -> dict[str, Any]:
    names = {"title": "name", "on": "cCalendarSync", "text": "description"}
    spoken = {names[name]: value for name, value in values.items() if name in names}
    if isinstance(values.get("due"), datetime):
        spoken |= {"dateEnd": values["due"].strftime("%Y-%m-%d %H:%M:%S"), "dateEndDate": None}
    elif "due" in values:
        spoken |= {"dateEnd": None, "dateEndDate": values["due"].isoformat() if values["due"] else None}
    if "owner" in values:
        spoken["assignedUserId"] = values["owner"].user_id
    if "done" in values:
        spoken["status"] = "Completed" if values["done"] else "Not Started"
    return spoken


class HubSpotHouse(CrmHouse):
    """With an account of HubSpot's, and an app whose developer's key the operator has."""

    adapter = "hubspot"
    more = ("--admin-env", "CRM_ADMIN")

    def start_crm(self, how: dict[str, Any]) -> StandIn:
        return sandbox.hubspot.start(clock=self.clock, seed=1, **how)

    def administrator(self) -> str:
        return str(self.crm_admin.call("POST", "/installation", json={})["admin"])

    def new(self, who: Person, **values: Any) -> str:
        given = {"title": "Call Ada", "text": "<p>Bring the <b>quote</b></p>", "due": AT_NINE, "on": True, "owner": who}
        made = who.crm.call("POST", HUBSPOT_TASKS, json={"properties": _hubspot(given | values)})
        return str(made["id"])

    def edit(self, who: Person, task_id: str, **values: Any) -> None:
        who.crm.call("PATCH", f"{HUBSPOT_TASKS}/{task_id}", json={"properties": _hubspot(values)})

    def bin(self, who: Person, task_id: str) -> None:
        who.crm.call("DELETE", f"{HUBSPOT_TASKS}/{task_id}")

    def unbin(self, who: Person, task_id: str) -> None:
        self.crm_admin.call("POST", f"/tasks/{task_id}/restore", json={})

    def client_secret(self) -> str:
        """What signs the app's webhooks."""
        return str(json.loads(self.credentials())["client_secret"])

    def seen(self, task_id: str) -> Seen:
        task = self.task(task_id)["properties"]
        due = datetime.fromisoformat(task["hs_timestamp"])
        on, state = task.get("calendar_sync") == "true", task.get("calendar_sync_state", "")
        return Seen(task["hs_task_subject"], due, on, state, task.get("calendar_sync_note", ""))


def _hubspot(values: dict[str, Any]) -> dict[str, Any]:
    names = {"title": "hs_task_subject", "text": "hs_task_body"}
    spoken = {names[name]: value for name, value in values.items() if name in names}
    if "due" in values:
        spoken["hs_timestamp"] = values["due"].isoformat()
    if "on" in values:
        spoken["calendar_sync"] = "true" if values["on"] else "false"
    if "owner" in values:
        spoken["hubspot_owner_id"] = values["owner"].user_id
    if "done" in values:
        spoken["hs_task_status"] = "COMPLETED" if values["done"] else "NOT_STARTED"
    return spoken


class GenericHouse(CrmHouse):
    """With a CRM of the generic contract, for what is compared with the others."""

    adapter = "generic"
    holds_days = True

    def start_crm(self, how: dict[str, Any]) -> StandIn:
        return House.start_crm(self, how)

    def install(self, *settings_given: str) -> None:
        House.install(self, *settings_given)

    def new(self, who: Person, **values: Any) -> str:
        return new_task(who, calendar_sync=values["on"])

    def edit(self, who: Person, task_id: str, **values: Any) -> None:
        names = {"title": "title", "on": "calendar_sync"}
        edit_task(who, task_id, **{names[name]: value for name, value in values.items()})


HOUSES = (TwentyHouse, EspoHouse, HubSpotHouse)
