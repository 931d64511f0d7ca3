"""The stand-in CRM's outgoing webhooks: what is said about a change, signed by the rules of Standard Webhooks.

Full tasks go out only while their switch is on; a task that is off, switched off or gone is named by id, version and
switch alone. Signing: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from math import floor
from typing import Any

from standardwebhooks import Webhook

from sandbox.crm.model import Task
from sandbox.kit.clock import Clock, iso
from sandbox.kit.sender import Delivery, Sender

RETRIES_S = (1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 86400.0)
"""Waits before each further attempt: quick at first, then as the specification advises, about two days in all."""
PAYLOADS = ("careful", "full", "thin")


@dataclass
class Behaviour:
    """How this CRM behaves.

    `payload` is careful (full only while on), full (always, as a careless vendor does) or thin (never more than id,
    version and switch); `actor` says whether webhooks tell who did it. `write_ms` is how long a PATCH of the
    gateway's takes between claiming its idempotency key and the write.
    """

    payload: str = "careful"
    actor: bool = True
    write_ms: float = 0.0


@dataclass(frozen=True)
class Installation:
    """Where webhooks go and what signs them; several secrets sign side by side while they are rotated."""

    webhook_url: str
    signers: tuple[Webhook, ...]
    gateway_url: str | None = None
    gateway_token: str | None = None
    task_url: str = "https://crm.example/tasks/{id}"


@dataclass(frozen=True)
class Actor:
    """Who made a change: `kind` is `user` or `api`."""

    kind: str
    id: str

    def shown(self) -> dict[str, str]:
        """The contract's shape."""
        return {"kind": self.kind, "id": self.id}


class Announcer:
    """Turns changes into deliveries. Without an installation it says nothing; after a 410 it says nothing more."""

    def __init__(self, clock: Clock, sender: Sender, retries_s: tuple[float, ...] = RETRIES_S) -> None:
        self._clock, self._sender, self._retries_s = clock, sender, retries_s
        self.behaviour = Behaviour()
        self.installation: Installation | None = None
        self.stopped_by_410 = False

    def task(
        self,
        kind: str,
        task: Task,
        show: Callable[[Task], Mapping[str, Any]],
        person: str | None,
        actor: Actor,
        changed: list[str] | None = None,
    ) -> None:
        """Announce `task.<kind>`; `show` gives the full task, `person` is its owner's e-mail (for faults)."""
        data: dict[str, Any] = {"task": self._shape(kind, task, show)}
        if changed is not None:
            data["changed"] = changed
        if kind == "deleted":
            data["cause"] = task.gone
        if self.behaviour.actor:
            data["actor"] = actor.shown()
        self._announce(f"task.{kind}", data, task.id, person)

    def user_deactivated(self, user_id: str, person: str) -> None:
        """Announce that a user has left."""
        self._announce("user.deactivated", {"user": {"id": user_id}}, user_id, person)

    def ping(self) -> None:
        """Send the handshake."""
        self._announce("ping", {}, "ping", None)

    def raw(
        self,
        body: object,
        message_id: str | None = None,
        timestamp: int | None = None,
        secret: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Send any body, signed as asked (another time, another secret, other headers), once, and return its id."""
        if self.installation is None:
            raise ValueError("no installation: nowhere to send to")
        message_id = message_id or _new_id()
        signers = (Webhook(secret),) if secret else self.installation.signers
        content = body if isinstance(body, str) else json.dumps(body)

        def headers_at(now: datetime) -> dict[str, str]:
            at = now if timestamp is None else datetime.fromtimestamp(timestamp, now.tzinfo)
            return {**_headers(signers, message_id, at, content), **(headers or {})}

        self._sender.submit(
            Delivery(self.installation.webhook_url, content.encode(), headers_at, message_id, shown_body=body)
        )
        return message_id

    def _shape(self, kind: str, task: Task, show: Callable[[Task], Mapping[str, Any]]) -> Mapping[str, Any]:
        payload = self.behaviour.payload
        if kind != "deleted" and (payload == "full" or (payload == "careful" and task.calendar_sync)):
            return show(task)
        return task.thin()

    def _announce(self, kind: str, data: Mapping[str, Any], key: str, person: str | None) -> None:
        installation = self.installation
        if installation is None or self.stopped_by_410:
            return
        message = {"type": kind, "timestamp": iso(self._clock.now()), "data": data}
        content, message_id = json.dumps(message, ensure_ascii=False), _new_id()
        self._sender.submit(
            Delivery(
                url=installation.webhook_url,
                body=content.encode(),
                headers_at=lambda now: _headers(installation.signers, message_id, now, content),
                key=key,
                person=person,
                ids=(key,),
                ours=(False,),
                shown_body=message,
                retries=self._retries_s,
                on_answer=lambda status: self._heard(installation, status),
            )
        )

    def _heard(self, installation: Installation, status: int | None) -> None:
        """410 means that the receiver is gone for good: stop until webhooks are installed anew."""
        if status == HTTPStatus.GONE and installation is self.installation:
            self.stopped_by_410 = True


def _headers(signers: tuple[Webhook, ...], message_id: str, now: datetime, content: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "sandbox-crm",
        "webhook-id": message_id,
        "webhook-timestamp": str(floor(now.timestamp())),
        "webhook-signature": " ".join(signer.sign(message_id, now, content) for signer in signers),
    }


def _new_id() -> str:
    # Not drawn from the seed: a receiver remembers ids for days, and a stand-in that starts again must not repeat one.
    return f"msg_{uuid.uuid4().hex}"
