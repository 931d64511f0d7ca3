"""All that the stand-in HubSpot knows: one app, and accounts with their owners, properties and tasks. One lock."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sandbox.hubspot.events import Announcer, App, Change
from sandbox.hubspot.limit import Window
from sandbox.hubspot.model import STANDARD, Owner, Property, Task
from sandbox.hubspot.problems import Problem, invalid, not_found
from sandbox.kit.clock import Clock

ACCESS_LASTS = timedelta(minutes=30)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class By:
    """Who makes a change, as webhooks tell it: an owner in the user interface, or an app."""

    source: str
    source_id: str
    owner: Owner | None = None


@dataclass
class Portal:
    """An account."""

    id: int
    refresh_token: str
    window: Window
    owners: dict[str, Owner] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=lambda: {"task": "Task"})
    properties: dict[str, Property] = field(default_factory=lambda: dict(STANDARD))
    installed: bool = True


@dataclass
class _Contents:
    random: random.Random
    app: App
    portals: dict[int, Portal] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    """In the order of change: a task that changes moves to the end."""
    access: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    locked: dict[str, frozenset[str]] = field(default_factory=dict)
    last_change: datetime | None = None
    count: int = 0


class Book:
    """The data and the rules of changing it."""

    def __init__(self, clock: Clock, announcer: Announcer, seed: int, limit: int | None) -> None:
        self.clock, self.announcer = clock, announcer
        self._limit, self._lock = limit, threading.RLock()
        self.pages = "https://app.hubspot.com"
        self.tells_properties_of_new_tasks = True
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """One app, one account that has installed it."""
        with self._lock:
            chance = random.Random(seed)
            made = [f"{chance.getrandbits(96):024x}" for _ in range(3)]
            self._in = _Contents(chance, App(4, made[0], f"hs-secret-{made[1]}", f"hs-developer-{made[2]}"))
            self.announcer.silent = False
            self.tells_properties_of_new_tasks = True
            self.add_portal()

    # Accounts and who is who

    @property
    def app(self) -> App:
        """The app."""
        return self._in.app

    def change_app(self, app: App) -> None:
        """Another address, other subscriptions."""
        self._in.app = app

    def next_id(self) -> int:
        """A number that was never used."""
        with self._lock:
            self._in.count += 1
            return 1000 + self._in.count

    def add_portal(self) -> Portal:
        """An account that has installed the app."""
        with self._lock:
            portal = Portal(self.next_id(), f"refresh-{self._in.random.getrandbits(96):024x}", Window(self._limit))
            self._in.portals[portal.id] = portal
            return portal

    def portal(self, portal_id: int | None = None) -> Portal:
        """The account; without an id the first one."""
        with self._lock:
            return self._in.portals[next(iter(self._in.portals)) if portal_id is None else portal_id]

    def portals(self) -> list[Portal]:
        """All of them."""
        return list(self._in.portals.values())

    def add_owner(self, portal: Portal, email: str) -> Owner:
        """A user of the account, signed in with a token of their own."""
        with self._lock:
            token = f"person-{self._in.random.getrandbits(96):024x}"
            owner = Owner(str(self.next_id()), self.next_id(), email, token)
            portal.owners[owner.id] = owner
            return owner

    def owner_with(self, token: str) -> tuple[Portal, Owner] | None:
        """Whose token this is."""
        found = ((portal, owner) for portal in self.portals() for owner in portal.owners.values())
        return next((both for both in found if both[1].token == token), None)

    def grant(self, refresh_token: str) -> str:
        """A fresh access token. Raises the refusal of a token that is worth nothing."""
        with self._lock:
            portal = next((one for one in self.portals() if one.refresh_token == refresh_token), None)
            if portal is None or not portal.installed:
                raise Problem(400, "BAD_REFRESH_TOKEN", "missing or invalid refresh token")
            token = f"access-{self._in.random.getrandbits(96):024x}"
            self._in.access[token] = (portal.id, self.clock.now() + ACCESS_LASTS)
            return token

    def portal_with(self, token: str) -> Portal:
        """The account that an access token opens. Raises a 401."""
        found = self._in.access.get(token)
        if found is None or not self.portal(found[0]).installed:
            raise Problem(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if self.clock.now() >= found[1]:
            raise Problem(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired.")
        return self.portal(found[0])

    def uninstall(self, portal: Portal, *, anew: bool = False) -> None:
        """The account throws the app out; `anew` installs it again, with another refresh token."""
        with self._lock:
            portal.installed = anew
            self._in.access = {token: of for token, of in self._in.access.items() if of[0] != portal.id}
            portal.refresh_token = f"refresh-{self._in.random.getrandbits(96):024x}"

    # Tasks

    def any_task(self, portal: Portal, task_id: str) -> Task:
        """A task of the account, archived ones included. Raises a 404."""
        found = self._in.tasks.get(task_id)
        if found is None or found.portal_id != portal.id:
            raise not_found()
        return found

    def task(self, portal: Portal, task_id: str, *, archived: bool = False) -> Task:
        """A task that is archived, or not. Raises a 404 for the others."""
        found = self.any_task(portal, task_id)
        if found.archived != archived:
            raise not_found()
        return found

    def tasks(self, portal: Portal) -> list[Task]:
        """Every task of the account, in the order of change."""
        with self._lock:
            return [task for task in self._in.tasks.values() if task.portal_id == portal.id]

    def create(self, portal: Portal, values: Mapping[str, object], by: By) -> Task:
        """A new task; it has to have a time."""
        with self._lock:
            given = self._checked(portal, values)
            if not given.get("hs_timestamp"):
                raise invalid("hs_timestamp", "REQUIRED_FIELD")
            now = self._tick()
            blank = Task(str(self.next_id()), portal.id, now, now)
            given = {"hs_task_status": "NOT_STARTED", "hs_task_priority": "NONE"} | given
            task = blank.with_values(given, now)
            self._keep(task)
            changes = [self._change(task, "object.creation", by)]
            if self.tells_properties_of_new_tasks:
                changes += [self._change(task, "object.propertyChange", by, name) for name in task.values]
            self._tell(portal, task, changes)
            return task

    def edit(self, portal: Portal, task_id: str, values: Mapping[str, object], by: By) -> Task:
        """A patch: one event for each property that changes. One that changes nothing is taken without a word."""
        return self.edit_many(portal, {task_id: values}, by)[0]

    def edit_many(self, portal: Portal, values: Mapping[str, Mapping[str, object]], by: By) -> list[Task]:
        """Patches of many tasks, whose events travel together."""
        with self._lock:
            done = [self._edited(portal, task_id, given, by) for task_id, given in values.items()]
            changes = [change for _, changes in done for change in changes]
            if changes:
                self._tell(portal, done[0][0], changes)
            return [task for task, _ in done]

    def _edited(self, portal: Portal, task_id: str, values: Mapping[str, object], by: By) -> tuple[Task, list[Change]]:
        before = self.task(portal, task_id)
        given = self._checked(portal, values)
        refused = self._in.locked.get(before.id, frozenset()) & given.keys()
        if refused and by.owner is None:
            raise invalid(min(refused), "INVALID_VALUE")
        if given.get("hs_timestamp") == "":
            raise invalid("hs_timestamp", "REQUIRED_FIELD")
        after = before.with_values(given, before.updated_at)
        changed = [name for name in given if after.values.get(name) != before.values.get(name)]
        if not changed:
            return before, []
        after = replace(after, updated_at=self._tick())
        self._keep(after)
        return after, [self._change(after, "object.propertyChange", by, name) for name in changed]

    def archive(self, portal: Portal, task_id: str, by: By, *, archived: bool = True) -> Task:
        """Into the bin, or out of it."""
        with self._lock:
            before = self.task(portal, task_id, archived=not archived)
            after = replace(before, archived=archived, updated_at=self._tick())
            self._keep(after)
            self._tell(portal, after, [self._change(after, "object.deletion" if archived else "object.restore", by)])
            return after

    def lock_fields(self, portal: Portal, task_id: str, names: frozenset[str]) -> None:
        """From now on refuse the app these properties of this task."""
        self._in.locked[self.any_task(portal, task_id).id] = names

    def _checked(self, portal: Portal, values: Mapping[str, object]) -> dict[str, str]:
        """Every value as the string that is kept; times as milliseconds are taken too."""
        given: dict[str, str] = {}
        for name, value in values.items():
            about = portal.properties.get(name)
            if about is None or about.archived:
                raise invalid(name, "PROPERTY_DOESNT_EXIST")
            text = "" if value is None else str(value)
            if about.values and text and text not in about.values:
                raise invalid(name, "INVALID_OPTION")
            given[name] = _stamp(name, text) if about.type == "datetime" and text else text
        return given

    def _keep(self, task: Task) -> None:
        self._in.tasks.pop(task.id, None)
        self._in.tasks[task.id] = task

    def _change(self, task: Task, kind: str, by: By, name: str | None = None) -> Change:
        value = None if name is None else task.values.get(name, "")
        return Change(task.portal_id, task.id, kind, self.clock.now(), by.source, by.source_id, name, value)

    def _tell(self, portal: Portal, task: Task, changes: Sequence[Change]) -> None:
        owner = portal.owners.get(task.values.get("hubspot_owner_id", ""))
        self.announcer.announce(self.app, changes, owner.email if owner else None)

    def _tick(self) -> datetime:
        """The time of a change in milliseconds, always after the change before."""
        now, last = self.clock.now(), self._in.last_change
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if last is not None and now <= last:
            now = last + _MILLISECOND
        self._in.last_change = now
        return now


def _stamp(name: str, text: str) -> str:
    try:
        at = datetime.fromtimestamp(int(text) / 1000, UTC) if text.isdigit() else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise invalid(name, "INVALID_DATE") from None
    if at.tzinfo is None:
        raise invalid(name, "INVALID_DATE")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
