"""EspoCRM's webhook queue: changes wait for the daemon's next pass and leave in batches, one kind of event each.

Source: https://github.com/espocrm/espocrm, `Core/Webhook/Queue.php` and `Sender.php`. What an answer means there:
2xx and 3xx done; 401, 403, 404, 405, 408, 500, 503 tried again, four times in all, ten minutes apart, while newer
changes go ahead; 410 deletes the webhook; everything else is dropped at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.kit.clock import Clock
from sandbox.kit.sender import Delivery, Sender

AT_ONCE = 20
"""Changes that one pass takes up (`webhookQueueEventPortionSize`)."""
BATCH = 50
ATTEMPTS = 4
AGAIN_AFTER = timedelta(minutes=10)
RETRIED = frozenset({401, 403, 404, 405, 408, 500, 503})


@dataclass
class Hook:
    """A webhook: what it is for, where to, whose it is, what signs it."""

    id: str
    event: str
    url: str
    secret: str
    user_id: str
    skip_own: bool = False
    active: bool = True


@dataclass
class _Item:
    event: str
    task_id: str
    data: Mapping[str, Any]
    by: str
    person: str | None
    hook: Hook | None = None
    attempts: int = 0
    due_at: datetime | None = None
    in_flight: bool = False


@dataclass
class Behaviour:
    """How this EspoCRM behaves. `version`: 8.4 signs in the old scheme only, tells versions in its changes and knows no
    `skipOwn`; up to 9.2 a refused connection is tried again, from 10.0 on it is final."""

    version: str = "10.0"
    silent: bool = False

    @property
    def is_old(self) -> bool:
        """Before 9.0."""
        return self.version.startswith("8.")


@dataclass
class Queue:
    """The queue and the daemon's thread."""

    clock: Clock
    sender: Sender
    pass_s: float
    hooks: dict[str, Hook] = field(default_factory=dict)
    behaviour: Behaviour = field(default_factory=Behaviour)

    def __post_init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._events: list[_Item] = []
        self._items: list[_Item] = []
        self._stopped = False
        threading.Thread(target=self._passes, daemon=True).start()

    def add(self, event: str, task_id: str, data: Mapping[str, Any], by: str, person: str | None) -> None:
        """Something happened to a task. `by`: the user; `person`: the owner's e-mail, for faults."""
        with self._changed:
            wanted = any(hook.event == event for hook in self.hooks.values())
            if wanted and not self.behaviour.silent:
                self._events.append(_Item(event, task_id, data, by, person))
                self._changed.notify_all()

    def forget(self) -> None:
        """Drop what waits."""
        with self._changed:
            self._events, self._items = [], []

    def clear(self) -> None:
        """Forget all: webhooks and behaviour too."""
        with self._changed:
            self.forget()
            self.hooks.clear()
            self.behaviour = Behaviour()

    @property
    def busy(self) -> bool:
        """Whether anything leaves at the next pass, or is on its way."""
        with self._changed:
            now = self.clock.now()
            return bool(self._events) or any(i.in_flight or i.due_at is None or i.due_at <= now for i in self._items)

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """Changes that have not been delivered, or given up."""
        with self._changed:
            return len(self._events) + len(self._items)

    def send_raw(self, hook: Hook, body: bytes, headers: Mapping[str, str] | None = None, secret: str = "") -> None:
        """Any bytes, signed by a hook, once."""
        signed = {**signatures(hook.id, secret or hook.secret, body, old=self.behaviour.is_old), **(headers or {})}
        self.sender.submit(Delivery(hook.url, body, lambda _now: signed, f"raw-{hook.id}", shown_body=body.decode()))

    # --- the daemon -------------------------------------------------------------------------------------------------

    def _passes(self) -> None:
        with self._changed:
            while not self._stopped:
                if not (self._events or self._items):
                    self._changed.wait()
                    continue
                # A pass comes when it comes: what happens meanwhile goes along.
                self._changed.wait_for(lambda: self._stopped, self.pass_s)
                self._one_pass()

    def _one_pass(self) -> None:
        taken, self._events = self._events[:AT_ONCE], self._events[AT_ONCE:]
        for one in taken:
            for hook in self.hooks.values():
                own = hook.skip_own and not self.behaviour.is_old and one.by == hook.user_id
                if hook.event == one.event and hook.active and not own:
                    self._items.append(_Item(one.event, one.task_id, one.data, one.by, one.person, hook))
        now = self.clock.now()
        for hook in list(self.hooks.values()):
            mine = [i for i in self._items if i.hook is hook]
            if any(i.in_flight for i in mine):
                continue
            batch = [i for i in mine if i.due_at is None or i.due_at <= now][:BATCH]
            if batch:
                self._send(hook, batch)
        self._items = [i for i in self._items if i.hook is not None and i.hook.id in self.hooks]

    def _send(self, hook: Hook, batch: list[_Item]) -> None:
        body = encoded([dict(item.data) for item in batch])
        headers = signatures(hook.id, hook.secret, body, old=self.behaviour.is_old)
        for item in batch:
            item.in_flight = True
        self.sender.submit(
            Delivery(
                hook.url,
                body,
                lambda _now: headers,
                key=hook.id,
                person=batch[0].person,
                ids=tuple(item.task_id for item in batch),
                ours=(False,) * len(batch),
                shown_body=json.loads(body),
                on_answer=self._heard(hook, batch),
            )
        )

    def _heard(self, hook: Hook, batch: list[_Item]) -> Callable[[int | None], None]:
        def answered(status: int | None) -> None:
            with self._changed:
                # No answer: a connection that was refused; from 10.0 on that is final.
                again = status in RETRIED or (status is None and not self.behaviour.version.startswith("10"))
                for item in batch:
                    item.in_flight, item.attempts = False, item.attempts + 1
                    item.due_at = self.clock.now() + AGAIN_AFTER
                done = [i for i in batch if not again or i.attempts >= ATTEMPTS]
                self._items = [i for i in self._items if i not in done]
                if status == 410:
                    self.hooks.pop(hook.id, None)
                self._changed.notify_all()

        return answered


def encoded(value: Any) -> bytes:
    """JSON as PHP writes it: no blanks, slashes and everything beyond ASCII escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def signatures(hook_id: str, secret: str, body: bytes, *, old: bool = False) -> dict[str, str]:
    """Both schemes, or only the one of before 9.0, with the rest of the headers."""
    digest = hmac.digest(secret.encode(), body, hashlib.sha256)
    legacy = base64.b64encode(hook_id.encode() + b":" + digest).decode()
    new = {} if old else {"Signature": base64.b64encode(f"{hook_id}:{digest.hex()}".encode()).decode()}
    return {"Accept": "*/*", "Content-Type": "application/json", **new, "X-Signature": legacy}
