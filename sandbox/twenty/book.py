"""All that the stand-in Twenty knows: one workspace with its members, tasks, fields, keys and webhooks. One lock."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sandbox.kit.clock import Clock
from sandbox.twenty import fields
from sandbox.twenty.limit import Bucket
from sandbox.twenty.model import FIELD_TYPES, Actor, CustomField, Member, Record
from sandbox.twenty.problems import Problem, bad, not_found
from sandbox.twenty.webhooks import Announcer, Event, Hook, Workspace

KEY_NAME = "Developer API Key"
_MILLISECOND = timedelta(milliseconds=1)


@dataclass
class _Contents:
    random: random.Random
    members: dict[str, Member] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    """In the order of `updatedAt`: a task that changes moves to the end."""
    custom: dict[str, CustomField] = field(default_factory=dict)
    api_key: str | None = None
    revoked: set[str] = field(default_factory=set)
    locked: dict[str, frozenset[str]] = field(default_factory=dict)
    last_change: datetime | None = None


class Book:
    """The workspace and the rules of changing it."""

    def __init__(self, clock: Clock, announcer: Announcer, seed: int, limit: int | None) -> None:
        self.clock, self.announcer, self.bucket = clock, announcer, Bucket(limit)
        self._first_limit = limit
        self._lock = threading.RLock()
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """A fresh workspace."""
        with self._lock:
            self._in = _Contents(random.Random(seed))
            self.workspace = Workspace(self.new_id(), self.new_id())
            self.announcer.hooks.clear()
            self.announcer.silent = False
            self.bucket.change(self._first_limit)

    def new_id(self) -> str:
        """A UUID that follows from the seed."""
        with self._lock:
            return str(uuid.UUID(int=self._in.random.getrandbits(128), version=4))

    # Who is who

    def add_member(self, email: str, time_zone: str | None) -> Member:
        """A member of the workspace, with a token of their own."""
        with self._lock:
            name = email.partition("@")[0].title()
            token = f"member_{self._in.random.getrandbits(128):032x}"
            member = Member(self.new_id(), self.new_id(), email, name, token, time_zone)
            self._in.members[member.id] = member
            return member

    def member(self, member_id: str) -> Member:
        """The member; raises a 404."""
        found = self._in.members.get(member_id)
        if found is None:
            raise not_found()
        return found

    def members(self) -> list[Member]:
        """Everyone."""
        return list(self._in.members.values())

    def member_with(self, token: str) -> Member | None:
        """Whose token this is."""
        return next((member for member in self.members() if member.token == token), None)

    def api_key(self, *, anew: bool = False) -> str:
        """The gateway's API key, made on first use; `anew` revokes it and makes another."""
        with self._lock:
            if anew and self._in.api_key:
                self._in.revoked.add(self._in.api_key)
            if self._in.api_key is None or anew:
                self._in.api_key = f"key_{self._in.random.getrandbits(128):032x}"
            return self._in.api_key

    def revoke(self) -> None:
        """Revoke the present API key."""
        with self._lock:
            if self._in.api_key:
                self._in.revoked.add(self._in.api_key)
            self._in.api_key = None

    def is_key(self, token: str) -> bool:
        """Whether this is the live API key. Raises the 403 that a revoked one gets."""
        if token in self._in.revoked:
            # https://github.com/twentyhq/twenty, `auth/strategies/jwt.auth.strategy.ts`: FORBIDDEN_EXCEPTION
            raise Problem(403, "ForbiddenException", "This API Key is revoked")
        return token == self._in.api_key

    # Fields

    def custom(self) -> dict[str, CustomField]:
        """The custom fields of tasks by name, in the order in which they were made."""
        return dict(self._in.custom)

    def add_field(self, asked: Mapping[str, Any]) -> CustomField:
        """A new field, with its default in every task. Raises Problem."""
        with self._lock:
            name, kind = str(asked.get("name", "")), str(asked.get("type", ""))
            if kind not in FIELD_TYPES:
                raise bad(f'Field type "{kind}" is not served by this stand-in')
            if not name.isidentifier() or not asked.get("label"):
                raise bad("name and label are required")
            if name in self._in.custom or name in ("title", "bodyV2", "dueAt", "status", "assigneeId"):
                raise Problem(409, "ConflictException", f'Name "{name}" is not available')
            options = tuple(asked.get("options") or ())
            if kind == "SELECT" and not all(str(o.get("value", "")).isupper() for o in options):
                raise bad("Option values must be UPPER_CASE")
            default = asked.get("defaultValue")
            made = CustomField(self.new_id(), name, kind, str(asked["label"]), default, options)
            self._in.custom[name] = made
            for record in self._in.records.values():
                value = FIELD_TYPES[kind] if default is None else default
                self._in.records[record.id] = replace(record, custom={**record.custom, name: value})
            return made

    def change_field(self, field_id: str, asked: Mapping[str, Any]) -> CustomField:
        """Options or activity of a field."""
        with self._lock:
            found = next((one for one in self._in.custom.values() if one.id == field_id), None)
            if found is None:
                raise not_found()
            changed = replace(
                found,
                options=tuple(asked.get("options", found.options)),
                active=bool(asked.get("isActive", found.active)),
            )
            self._in.custom[found.name] = changed
            return changed

    def drop_field(self, name: str) -> None:
        """An administrator deletes a field."""
        with self._lock:
            self._in.custom.pop(name, None)
            for record in self._in.records.values():
                left = {key: value for key, value in record.custom.items() if key != name}
                self._in.records[record.id] = replace(record, custom=left)

    # Webhooks

    def add_hook(self, target_url: str, operations: tuple[str, ...], secret: str, description: str) -> Hook:
        """A new subscription."""
        with self._lock:
            hook = Hook(self.new_id(), target_url, operations, secret, description)
            self.announcer.hooks[hook.id] = hook
            return hook

    # Tasks

    def record(self, record_id: str) -> Record:
        """A live task; raises a 404, also for one that is soft-deleted, and a 400 for what is no UUID."""
        found = self.any_record(record_id)
        if found.deleted_at is not None:
            raise not_found()
        return found

    def any_record(self, record_id: str) -> Record:
        """A task, soft-deleted ones included."""
        found = self._in.records.get(fields.require_uuid(record_id))
        if found is None:
            raise not_found()
        return found

    def records(self) -> list[Record]:
        """Every task, in the order of change."""
        with self._lock:
            return list(self._in.records.values())

    def create(self, asked: Mapping[str, Any], by: Actor) -> Record:
        """A new task."""
        with self._lock:
            now = self._tick()
            defaults = {
                f.name: FIELD_TYPES[f.type] if f.default is None else f.default for f in self._in.custom.values()
            }
            lowest = min((r.position for r in self._in.records.values()), default=1)
            blank = Record(self.new_id(), now, now, by, by, position=lowest - 1, custom=defaults)
            record = fields.patched(blank, asked, self._in.custom, self.new_id)
            self._keep(record)
            self._tell("created", record, by)
            return record

    def edit(self, record_id: str, patch: Mapping[str, Any], by: Actor) -> Record:
        """A patch. A soft-deleted task takes it too, and one that changes nothing moves `updatedAt` without a word
        (both seen on the wire)."""
        with self._lock:
            before = self.any_record(record_id)
            refused = self._in.locked.get(before.id, frozenset()) & patch.keys()
            if refused and by.member is None:
                raise bad(f'Invalid value for field "{min(refused)}"')
            wanted = fields.patched(before, patch, self._in.custom, self.new_id)
            changed = wanted != before
            after = replace(wanted, updated_at=self._tick(), updated_by=by if changed else before.updated_by)
            self._keep(after)
            if changed:
                self._tell("updated", after, by, _names(before, after))
            return after

    def soft_delete(self, record_id: str, by: Actor) -> Record:
        """As the user interface deletes: it can be restored."""
        with self._lock:
            now = self._tick()
            record = replace(self.record(record_id), deleted_at=now, updated_at=now)
            self._keep(record)
            self._tell("deleted", record, by, ["deletedAt"])
            return record

    def restore(self, record_id: str, by: Actor) -> Record:
        """Out of the bin."""
        with self._lock:
            record = replace(self.any_record(record_id), deleted_at=None, updated_at=self._tick())
            self._keep(record)
            self._tell("restored", record, by, ["deletedAt"])
            return record

    def destroy(self, record_id: str, by: Actor) -> Record:
        """For good."""
        with self._lock:
            record = self.any_record(record_id)
            del self._in.records[record.id]
            self._tell("destroyed", record, by)
            return record

    def lock_fields(self, record_id: str, names: frozenset[str]) -> None:
        """From now on refuse API keys these fields of this task."""
        self._in.locked[self.any_record(record_id).id] = names

    def _keep(self, record: Record) -> None:
        self._in.records.pop(record.id, None)
        self._in.records[record.id] = record

    def _tell(self, action: str, record: Record, by: Actor, updated: list[str] | None = None) -> None:
        about = self._in.members.get(record.assignee_id or "")
        event = Event(action, self.clock.now(), record, by, updated)
        self.announcer.announce(self.workspace, event, about.email if about else None)

    def _tick(self) -> datetime:
        """The time of a change in milliseconds, always after the change before, so that lists can be paged by it."""
        now, last = self.clock.now(), self._in.last_change
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if last is not None and now <= last:
            now = last + _MILLISECOND
        self._in.last_change = now
        return now


def _names(before: Record, after: Record) -> list[str]:
    """What `updatedFields` says: never `updatedAt`, and `updatedBy` only where that is another one (on the wire)."""
    old, new = before.shown(), after.shown()
    return [name for name in new if name not in ("updatedAt", "searchVector") and new[name] != old.get(name)]
