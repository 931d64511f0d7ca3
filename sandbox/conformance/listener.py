"""A small door for the webhooks of the CRM under test, which keeps what arrives with what is wrong about it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from standardwebhooks import Webhook, WebhookVerificationError

from sandbox.kit.server import serve


@dataclass(frozen=True)
class Arrival:
    """One webhook. ``wrong``: empty if it is signed as it should be and holds an object."""

    id: str
    body: dict[str, Any]
    wrong: str = ""


class Listener:
    """Takes webhooks in on loopback and answers 202. Raises ValueError for a secret that is none."""

    def __init__(self, port: int, secret: str) -> None:
        self._verifier = Webhook(secret)
        self._changed = threading.Condition()
        self._arrivals: list[Arrival] = []
        self._server = serve(self._take, port)
        self.url = self._server.url

    def stop(self) -> None:
        """Close the door."""
        self._server.stop()

    def count(self) -> int:
        """How many came so far."""
        with self._changed:
            return len(self._arrivals)

    def since(self, count: int, about: str, seconds: float) -> list[Arrival]:
        """What came after the first ``count`` about a task: at once, or as soon as there is any, or nothing in time."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._about(count, about)), seconds)
            return self._about(count, about)

    def _about(self, count: int, task_id: str) -> list[Arrival]:
        def is_about(one: Arrival) -> bool:
            data = one.body.get("data")
            task = data.get("task") if isinstance(data, dict) else None
            return bool(one.wrong) or (isinstance(task, dict) and task.get("id") == task_id)

        return [one for one in self._arrivals[count:] if is_about(one)]

    def _take(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read()
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_WEBHOOK_")
        }
        with self._changed:
            self._arrivals.append(self._read(headers, raw))
            self._changed.notify_all()
        start_response("202 Accepted", [("Content-Length", "0")])
        return [b""]

    def _read(self, headers: dict[str, str], raw: bytes) -> Arrival:
        message_id = headers.get("webhook-id", "")
        try:
            self._verifier.verify(raw.decode(), headers)
            body = json.loads(raw)
        except WebhookVerificationError as error:
            return Arrival(message_id, {}, f"it is not signed as Standard Webhooks asks: {error}")
        except (UnicodeDecodeError, ValueError):
            return Arrival(message_id, {}, "its body is no JSON in UTF-8")
        return Arrival(message_id, body) if isinstance(body, dict) else Arrival(message_id, {}, "its body is no object")
