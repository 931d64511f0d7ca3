"""Twenty's outgoing webhooks: one event a POST, signed with its time, attempted once and never again.

The published page shows another body; this is the one on the wire (2.21), byte for byte: see the captures under
`tests/crms/twenty/`. Source: https://github.com/twentyhq/twenty, `engine/metadata-modules/webhook`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sandbox.kit.clock import Clock, iso
from sandbox.kit.sender import Delivery, Sender
from sandbox.twenty.model import Actor, Record
from sandbox.twenty.text import compact

ACTIONS = ("created", "updated", "deleted", "restored", "destroyed")
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Hook:
    """A subscription: where to, for what, and what signs it."""

    id: str
    target_url: str
    operations: tuple[str, ...]
    secret: str
    description: str = ""

    def wants(self, event: str) -> bool:
        """Whether this event is subscribed to; `*` stands for any object, any action."""
        what, _, action = event.partition(".")
        return any(wanted in self.operations for wanted in (event, f"{what}.*", f"*.{action}", "*.*"))

    def shown(self) -> dict[str, Any]:
        """As the metadata API shows it, secret included."""
        return {
            "id": self.id,
            "targetUrl": self.target_url,
            "operations": list(self.operations),
            "description": self.description,
            "secret": self.secret,
        }


@dataclass(frozen=True)
class Workspace:
    """Whose webhooks these are."""

    id: str
    task_object_id: str


@dataclass(frozen=True)
class Event:
    """Something that happened to a task. `updated`: names of the fields that changed, `None` where there are none."""

    action: str
    at: datetime
    record: Record
    actor: Actor
    updated: Sequence[str] | None = None


def body(workspace: Workspace, hook: Hook, event: Event) -> bytes:
    """The bytes that are sent for an event."""
    said: dict[str, Any] = {
        "targetUrl": hook.target_url,
        "eventName": f"task.{event.action}",
        "objectMetadata": {"id": workspace.task_object_id, "nameSingular": "task"},
        "workspaceId": workspace.id,
        "webhookId": hook.id,
        "eventDate": iso(event.at),
    }
    if event.actor.member is not None:
        said |= {"userId": event.actor.member.user_id, "workspaceMemberId": event.actor.member.id}
    said["record"] = event.record.shown()
    if event.updated is not None:
        said["updatedFields"] = list(event.updated)
    return compact(said).encode()


def headers(secret: str, raw: bytes, at: datetime, nonce: str) -> dict[str, str]:
    """What goes with these bytes when they leave at this time: the signature covers `<milliseconds>:<body>`."""
    stamp = str((at - _EPOCH) // _MILLISECOND)
    signed = hmac.new(secret.encode(), f"{stamp}:".encode() + raw, hashlib.sha256).hexdigest()
    return {
        "Accept": "application/json, text/plain, */*",
        "Content-Type": "application/json",
        "X-Twenty-Webhook-Timestamp": stamp,
        "X-Twenty-Webhook-Signature": signed,
        "X-Twenty-Webhook-Nonce": nonce,
        "User-Agent": "axios/1.17.0",
        "Accept-Encoding": "gzip, compress, deflate, br",
    }


class Announcer:
    """Sends events to every hook that wants them, side by side: no order is promised. `silent`: the worker is down,
    and what happens meanwhile is never sent."""

    def __init__(self, clock: Clock, sender: Sender) -> None:
        self._clock, self._sender = clock, sender
        self.hooks: dict[str, Hook] = {}
        self.silent = False

    def announce(self, workspace: Workspace, event: Event, about: str | None) -> None:
        """Send it. `about`: the e-mail of the task's assignee, for faults."""
        if self.silent:
            return
        event = replace(event, at=self._clock.now())
        for hook in self._wanting(f"task.{event.action}"):
            self.send(hook, body(workspace, hook, event), event.record.id, about)

    def send(self, hook: Hook, raw: bytes, task_id: str, about: str | None = None, **odd: Any) -> None:
        """Send these bytes once. `odd`: another `secret`, an `at` to sign for, further `headers`."""
        nonce, extra = str(odd.get("nonce") or secrets.token_hex(16)), odd.get("headers") or {}

        def headers_at(now: datetime) -> Mapping[str, str]:
            return {**headers(odd.get("secret") or hook.secret, raw, odd.get("at") or now, nonce), **extra}

        self._sender.submit(
            Delivery(
                url=hook.target_url,
                body=raw,
                headers_at=headers_at,
                key=nonce,
                person=about,
                ids=(task_id,),
                ours=(False,),
                shown_body=raw.decode("utf-8", "replace"),
            )
        )

    def _wanting(self, event: str) -> Iterable[Hook]:
        return [hook for hook in self.hooks.values() if hook.wants(event)]
