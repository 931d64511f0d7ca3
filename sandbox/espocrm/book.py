"""All that the stand-in EspoCRM knows: users, tasks, custom fields, webhooks, its settings. One lock."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.espocrm import fields
from sandbox.espocrm.problems import Problem, invalid, not_found
from sandbox.espocrm.queue import Hook, Queue
from sandbox.kit.clock import Clock


@dataclass
class User:
    """Somebody: `kind` is `regular`, `api` or `admin`. `token`: an API key, or the word after the name in Basic."""

    id: str
    name: str
    kind: str
    token: str
    email: str = ""


@dataclass
class _Contents:
    random: random.Random
    users: dict[str, User] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    custom: dict[str, dict[str, Any]] = field(default_factory=dict)
    locked: dict[str, frozenset[str]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    layout: list[str] = field(default_factory=lambda: ["name", "status", "priority", "dateEnd", "assignedUser"])
    lock_is_on: bool = False
    role_is_right: bool = True
    schedule: str = "*/2 * * * *"
    next_id: str | None = None
    at: datetime | None = None
    calls_left: int | None = None


class Book:
    """The CRM and the rules of changing it."""

    def __init__(self, clock: Clock, queue: Queue, seed: int) -> None:
        self.clock, self.queue = clock, queue
        self._lock = threading.RLock()
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """A fresh EspoCRM with an administrator."""
        with self._lock:
            self.queue.clear()
            self.has = _Contents(random.Random(seed))
            self.admin = self.add_user("Admin", "admin")

    def new_id(self) -> str:
        """17 hexadecimal digits, as EspoCRM makes them; following from the seed, or as the admin plane wants it."""
        with self._lock:
            wanted, self.has.next_id = self.has.next_id, None
            return wanted or f"6b{self.has.random.getrandbits(60):015x}"

    def now(self) -> datetime:
        """The time, or the moment that the admin plane holds."""
        return self.has.at or self.clock.now()

    # Who is who

    def add_user(self, name: str, kind: str, email: str = "") -> User:
        """A user with a token of their own."""
        with self._lock:
            user = User(self.new_id(), name, kind, f"{self.has.random.getrandbits(128):032x}", email)
            self.has.users[user.id] = user
            return user

    def user_with(self, token: str) -> User | None:
        """Whose token this is."""
        return next((user for user in self.has.users.values() if user.token == token), None)

    def api_user(self, *, anew: bool = False) -> User:
        """The gateway's own user, made on first use; `anew` gives it another key."""
        with self._lock:
            found = next((user for user in self.has.users.values() if user.kind == "api"), None)
            if found is None:
                return self.add_user("Calendar Gateway", "api")
            if anew or not found.token:
                found.token = f"{self.has.random.getrandbits(128):032x}"
            return found

    def owner_email(self, task_id: str) -> str | None:
        """The e-mail of whom a task is assigned to."""
        owner = self.has.users.get(str(self.has.tasks.get(task_id, {}).get("assignedUserId")))
        return owner.email if owner and owner.email else None

    # Tasks

    def task(self, task_id: str) -> dict[str, Any]:
        """A task that is there. Raises the 404, or the 403 where the role does not show it."""
        found = self.has.tasks.get(task_id)
        if found is None or found["deleted"]:
            raise not_found()
        if task_id in self.has.hidden:
            raise Problem(403, "No read access.")
        return found

    def create(self, asked: Mapping[str, Any], by: User) -> dict[str, Any]:
        """A new task. Raises a 400."""
        with self._lock:
            given = fields.checked({"name": None, **asked}, self.has.custom)
            now, owner = fields.stamp(self.now()), self.has.users.get(str(given.get("assignedUserId")))
            if given.get("assignedUserId") and owner is None:
                raise invalid("assignedUserId", "exists")
            defaults = {name: one.get("default") for name, one in self.has.custom.items()}
            defaults |= {name: False for name, one in self.has.custom.items() if one["type"] == "bool"}
            task = {
                "id": self.new_id(),
                "deleted": False,
                "status": "Not Started",
                "priority": "Normal",
                "dateCompleted": None,
                "isOverdue": False,
                "description": None,
                "createdAt": now,
                "modifiedAt": now,
                "createdById": by.id,
                "modifiedById": None,
                "assignedUserId": None,
                "assignedUserName": owner.name if owner else None,
                "isFollowed": True,
                **defaults,
                **given,
                **fields.due({}, given),
                **({} if self.queue.behaviour.is_old else {"streamUpdatedAt": now}),
                **({"versionNumber": 1} if self.has.lock_is_on else {}),
            }
            self.has.tasks[task["id"]] = task
            self._tell("create", task, _told_at_creation(task), by)
            return task

    def edit(self, task_id: str, asked: Mapping[str, Any], by: User, version: int | None = None) -> dict[str, Any]:
        """Change a task. Raises 400, 403, 404 and the lock's 409."""
        with self._lock:
            task = self.task(task_id)
            given = fields.checked(asked, self.has.custom)
            if "dateEnd" in given or "dateEndDate" in given:
                given |= fields.due(task, given)
            changed = {name: value for name, value in given.items() if task.get(name) != value}
            self._check_locked(task_id, changed)
            stored = task.get("versionNumber")
            if version is not None and stored is not None and version != stored and changed:
                values = {name: task.get(name) for name in changed}
                raise Problem(409, "modified", {"values": values, "versionNumber": stored})
            if "status" in changed:
                changed["dateCompleted"] = fields.stamp(self.now()) if changed["status"] == "Completed" else None
            if "assignedUserId" in changed:
                owner = self.has.users.get(str(changed["assignedUserId"]))
                changed["assignedUserName"] = owner.name if owner else None
            delta = dict(changed)
            if changed and task.get("modifiedById") != by.id:
                delta |= {"modifiedById": by.id, "modifiedByName": by.name}
            # Every save counts, also one that changes nothing (`VersionNumber/BeforeSaveProcessor.php`).
            counted = {"versionNumber": (stored or 0) + 1} if self.has.lock_is_on else {}
            task |= {**changed, **counted, "modifiedById": by.id, "modifiedAt": fields.stamp(self.now())}
            if changed:
                self._tell("update", task, self._delta(task, delta, counted), by)
            return task

    def remove(self, task_id: str, by: User) -> None:
        """Delete, as EspoCRM does: the record stays, marked."""
        with self._lock:
            task = self.task(task_id)
            task |= {"deleted": True}
            self._tell("delete", task, {"id": task_id}, by)

    def restore(self, task_id: str) -> None:
        """Undelete, as an administrator can; no webhook tells it."""
        with self._lock:
            self.has.tasks[task_id] |= {"deleted": False, "modifiedAt": fields.stamp(self.now())}

    def _check_locked(self, task_id: str, changed: Mapping[str, Any]) -> None:
        for name in changed.keys() & self.has.locked.get(task_id, frozenset()):
            raise invalid(name, "readOnly")

    def _delta(self, task: Mapping[str, Any], delta: dict[str, Any], counted: Mapping[str, Any]) -> dict[str, Any]:
        """The changed attributes in order, noise included, the id at the end (seen on the wire)."""
        told: dict[str, Any] = {"reminders": [], **delta}
        if self.queue.behaviour.is_old:
            follower = self.has.users[str(task["createdById"])]
            told |= {"parentName": None, "followersIds": [follower.id], "followersNames": {follower.id: follower.name}}
            told |= counted
        return {**_ordered(told), "id": task["id"]}

    def _tell(self, kind: str, task: Mapping[str, Any], data: Mapping[str, Any], by: User) -> None:
        self.queue.add(f"Task.{kind}", str(task["id"]), data, by.id, self.owner_email(str(task["id"])))

    # Webhooks

    def add_hook(self, event: str, url: str, by: User, *, skip_own: bool) -> Hook:
        """A webhook of an API user. Raises 403 as EspoCRM does for an event it does not know."""
        with self._lock:
            entity, _, kind = event.partition(".")
            if entity != "Task" or kind.partition(".")[0] not in ("create", "update", "delete", "fieldUpdate"):
                raise Problem(403, "Not supported event.")
            hook = Hook(self.new_id(), event, url, f"{self.has.random.getrandbits(128):032x}", by.id, skip_own)
            self.queue.hooks[hook.id] = hook
            return hook


def _told_at_creation(task: Mapping[str, Any]) -> dict[str, Any]:
    """All attributes that were set; those never touched are left out, but for a few (seen on the wire)."""
    always = {"dateCompleted"}
    return _ordered({name: value for name, value in task.items() if value is not None or name in always})


def _ordered(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in fields.ORDER if name in values}
