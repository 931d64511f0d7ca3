"""All that the stand-in CRM knows: persons, tasks, and what was reported to it. One lock guards it all."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sandbox.crm import checks, edits
from sandbox.crm.answers import Answers
from sandbox.crm.model import FIELDS, Person, Task
from sandbox.crm.problems import Problem, refuse
from sandbox.crm.webhooks import Actor, Announcer, Behaviour
from sandbox.kit.clock import Clock, iso

GATEWAY = Actor("api", "calendar-gateway")
Report = dict[str, Any]


@dataclass
class _Contents:
    random: random.Random
    persons: dict[str, Person] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    """In the order of `updated_at`: a task that changes moves to the end."""
    task_reports: dict[str, list[Report]] = field(default_factory=dict)
    user_reports: dict[str, list[Report]] = field(default_factory=dict)
    backup: dict[str, Task] | None = None
    api_token: str | None = None
    count: int = 0
    last_change: datetime | None = None

    @classmethod
    def of(cls, seed: int) -> _Contents:
        return cls(random.Random(seed))


class Book:
    """The CRM's data and the rules of changing it; every change is announced in the order it was made."""

    def __init__(self, clock: Clock, announcer: Announcer, seed: int) -> None:
        self.clock, self.announcer = clock, announcer
        self.answers = Answers()
        self._lock = threading.RLock()
        self._in = _Contents.of(seed)

    def reset(self, seed: int) -> None:
        """Forget everything, the installation and the idempotency keys included, and start again from `seed`."""
        with self._lock:
            self._in = _Contents.of(seed)
            self.answers = Answers()
            self.announcer.installation = None
            self.announcer.stopped_by_410 = False
            self.announcer.behaviour = Behaviour()

    # Who is who

    def add_person(self, email: str, time_zone: str | None) -> Person:
        """A person by e-mail; asking again for the same one keeps id and token and updates the zone."""
        with self._lock:
            known = next((person for person in self.persons() if person.email == email), None)
            if known is None:
                known = Person(self._new_id("u"), email, f"person_{self._in.random.getrandbits(128):032x}")
            person = replace(known, time_zone=time_zone or known.time_zone, active=True)
            self._in.persons[person.id] = person
            self._in.tokens[person.token] = person.id
            return person

    def person(self, user_id: str) -> Person:
        """The person with this id; raises a 404 problem."""
        with self._lock:
            found = self._in.persons.get(user_id)
        if found is None:
            raise refuse(404, "id", "unknown_user")
        return found

    def person_with(self, token: str) -> Person | None:
        """The person whose token this is; None for an unknown one and for someone who has left."""
        with self._lock:
            user_id = self._in.tokens.get(token)
            person = self._in.persons[user_id] if user_id else None
            return person if person and person.active else None

    def persons(self) -> list[Person]:
        """Everyone, in the order they came."""
        with self._lock:
            return list(self._in.persons.values())

    def deactivate(self, user_id: str) -> Person:
        """The person leaves: their token stops working and `user.deactivated` is announced."""
        with self._lock:
            person = replace(self.person(user_id), active=False)
            self._in.persons[user_id] = person
            self.announcer.user_deactivated(user_id, person.email)
            return person

    def api_token(self, anew: bool = False) -> str:
        """The gateway's token, made on first use; `anew` replaces it and the old one is refused from then on."""
        with self._lock:
            if self._in.api_token is None or anew:
                self._in.api_token = f"gateway_{self._in.random.getrandbits(128):032x}"
            return self._in.api_token

    def is_gateway(self, token: str) -> bool:
        """Is this the gateway's token?"""
        return token == self._in.api_token

    # Tasks

    def task(self, task_id: str) -> Task:
        """The task, unless it is gone: 410 when deleted or archived, 404 when unknown or out of reach."""
        task = self.any_task(task_id)
        if task.gone == "out_of_reach":
            raise refuse(404, "id", "unknown_task")
        if task.gone is not None:
            raise Problem(410, task.gone)
        return task

    def any_task(self, task_id: str) -> Task:
        """The task, gone or not; raises a 404 problem for one that never was."""
        with self._lock:
            found = self._in.tasks.get(task_id)
        if found is None:
            raise refuse(404, "id", "unknown_task")
        return found

    def tasks(self) -> list[Task]:
        """Every task, gone ones included, in the order of their last change."""
        with self._lock:
            return list(self._in.tasks.values())

    def show(self, task: Task) -> dict[str, Any]:
        """The whole task as the contract shows it."""
        installation = self.announcer.installation
        pattern = installation.task_url if installation else "https://crm.example/tasks/{id}"
        return task.full(self._in.persons[task.owner_id], pattern.replace("{id}", task.id))

    def create(self, fields: Mapping[str, Any], by: Person) -> Task:
        """A new task of `by`'s (or of the owner named), announced as `task.created`. Raises Invalid."""
        with self._lock:
            checks.known(fields, set(FIELDS))
            now = self._tick()
            blank = Task(id="", version=1, title="", owner_id=by.id, updated_at=now)
            task = edits.by_person(blank, {"title": None, **fields}, self._owner_id)
            completed = now if task.status == "completed" else None
            task = replace(task, id=self._new_id("t"), completed_at=completed)
            self._save(task)
            self._announce("created", task, Actor("user", by.id), sorted(fields))
            return task

    def edit(self, task_id: str, patch: Mapping[str, Any], by: Person | None, fits: Callable[[Task], bool]) -> Task:
        """A patch by a person or (None) by the gateway.

        Raises Invalid, or a 412 problem with the task in it when `fits` (the caller's If-Match) says no.
        """
        with self._lock:
            before = self.task(task_id)
            if not fits(before):
                raise Problem(412, "changed", extra={"task": self.show(before)}, headers={"ETag": before.etag})
            edited = edits.by_person(before, patch, self._owner_id) if by else edits.by_gateway(before, patch)
            after, changed = edits.settle(before, edited, self._tick())
            if after is not before:
                actor = Actor("user", by.id) if by else GATEWAY
                self._save(after)
                kind = "deleted" if after.gone else "updated"
                self._announce(kind, after, actor, None if after.gone else changed, before.owner_id)
            return after

    def remove(self, task_id: str, cause: str, by: Person) -> None:
        """Take a task away (deleted, archived, out_of_reach), announced with the cause."""
        with self._lock:
            task = self.task(task_id)
            task = replace(task, gone=cause, version=task.version + 1, updated_at=self._tick())
            self._save(task)
            self._announce("deleted", task, Actor("user", by.id))

    def restore(self, task_id: str, by: Person) -> Task:
        """Bring a task back with its switch as it was; one that is not gone stays as it is."""
        with self._lock:
            task = self.any_task(task_id)
            if task.gone is not None:
                task = replace(task, gone=None, version=task.version + 1, updated_at=self._tick())
                self._save(task)
                self._announce("restored", task, Actor("user", by.id))
            return task

    def lock_fields(self, task_id: str, names: frozenset[str], code: str) -> Task:
        """From now on refuse the gateway these fields of this task, with `code` as the reason."""
        with self._lock:
            self._in.tasks[task_id] = replace(self.any_task(task_id), locked=names, lock_code=code)
            return self._in.tasks[task_id]

    def back_up(self) -> int:
        """Remember all tasks as they are now; returns how many."""
        with self._lock:
            self._in.backup = dict(self._in.tasks)
            return len(self._in.backup)

    def restore_backup(self) -> int:
        """Put every task back as it was then, versions included, without announcing anything. 409 without a backup."""
        with self._lock:
            if self._in.backup is None:
                raise Problem(409, "no_backup")
            self._in.tasks = dict(self._in.backup)
            return len(self._in.tasks)

    # Reports

    def report_task(self, task_id: str, report: Report) -> None:
        """Keep a state report; the task and its version stay as they are."""
        with self._lock:
            self.task(task_id)
            self._in.task_reports.setdefault(task_id, []).append(self._received(report))

    def report_user(self, user_id: str, report: Report) -> None:
        """Keep a connection report."""
        with self._lock:
            self.person(user_id)
            self._in.user_reports.setdefault(user_id, []).append(self._received(report))

    def task_reports(self, task_id: str) -> list[Report]:
        """Every state report on a task, oldest first, each with `received_at`."""
        with self._lock:
            return list(self._in.task_reports.get(task_id, ()))

    def user_reports(self, user_id: str) -> list[Report]:
        """Every connection report on a user, oldest first, each with `received_at`."""
        with self._lock:
            return list(self._in.user_reports.get(user_id, ()))

    def _received(self, report: Report) -> Report:
        return {**report, "received_at": iso(self.clock.now())}

    def _owner_id(self, wanted: Mapping[str, Any]) -> str | None:
        for person in self.persons():
            named = {"id": person.id, "email": person.email}
            asked = {name: wanted[name] for name in named if name in wanted}
            if asked and person.active and all(named[name] == value for name, value in asked.items()):
                return person.id
        return None

    def _save(self, task: Task) -> None:
        self._in.tasks.pop(task.id, None)
        self._in.tasks[task.id] = task

    def _announce(
        self, kind: str, task: Task, actor: Actor, changed: list[str] | None = None, owner_id: str | None = None
    ) -> None:
        person = self._in.persons[owner_id or task.owner_id].email
        self.announcer.task(kind, task, self.show, person, actor, changed)

    def _tick(self) -> datetime:
        """The time of a change: now, but always after the change before, so that lists can be paged by it."""
        now, last = self.clock.now(), self._in.last_change
        if last is not None and now <= last:
            now = last + timedelta(microseconds=1)
        self._in.last_change = now
        return now

    def _new_id(self, letter: str) -> str:
        self._in.count += 1
        return f"{letter}-{self._in.count}-{self._in.random.getrandbits(24):06x}"
