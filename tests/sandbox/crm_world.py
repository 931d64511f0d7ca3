"""A stand-in CRM with a receiver for its webhooks, and the callers that the tests play: persons and the gateway."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from wsgiref.types import StartResponse, WSGIEnvironment

import requests
from standardwebhooks import Webhook

import sandbox.crm
from sandbox.kit.clock import Clock
from sandbox.kit.server import ConnectionDropped, serve

SECRET = "whsec_Y2FsZW5kYXItZ2F0ZXdheS12ZWN0b3ItMDAwMQ=="
OTHER_SECRET = "whsec_Y2FsZW5kYXItZ2F0ZXdheS12ZWN0b3ItMDAwMg=="
DEADLINE_S = 10.0


def eventually(holds: Callable[[], object], why: str = "") -> None:
    """Wait until `holds` is true; fail after the deadline, saying what was waited for."""
    until = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < until, f"still not so: {why or holds}"
        time.sleep(0.002)


@dataclass(frozen=True)
class Arrival:
    """One webhook as it came in."""

    headers: dict[str, str]
    raw: str

    @property
    def message(self) -> Any:
        return json.loads(self.raw)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str = SECRET) -> Any:
        return Webhook(secret).verify(self.raw, self.headers)


class Receiver:
    """Takes webhooks in; answers 202, or what `answers` holds next (None: breaks the connection off)."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.answers: deque[int | None] = deque()
        self._server = serve(self._take, 0)
        self._rounds = 0
        self.forget()

    def forget(self) -> None:
        """Start over at a new address, so that what was sent to the old one is not mistaken for news."""
        self._rounds += 1
        self.path = f"/webhooks/crm/key-{self._rounds}"
        self.url = self._server.url + self.path
        self.arrivals.clear()
        self.answers.clear()

    def _take(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != self.path:
            start_response("404 x", [])
            return [b""]
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        body = environ["wsgi.input"].read()
        answer = self.answers.popleft() if self.answers else 202
        self.arrivals.append(Arrival(headers | {"content-type": environ.get("CONTENT_TYPE", "")}, body.decode()))
        if answer is None:
            raise ConnectionDropped
        start_response(f"{answer} x", [("Content-Length", "0")])
        return [b""]

    def wait(self, count: int) -> list[Arrival]:
        eventually(lambda: len(self.arrivals) >= count, f"{count} webhooks, got {len(self.arrivals)}")
        assert len(self.arrivals) == count
        return list(self.arrivals)

    def stop(self) -> None:
        self._server.stop()


class Caller:
    """A client with a token."""

    def __init__(self, session: requests.Session, url: str, token: str) -> None:
        self._session, self._url = session, url
        self.token = token

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self._session.request(method, self._url + path, headers=headers, timeout=DEADLINE_S, **more)


class Person(Caller):
    """A person of the CRM."""

    def __init__(self, session: requests.Session, url: str, token: str, user_id: str, email: str) -> None:
        super().__init__(session, url, token)
        self.user_id, self.email = user_id, email

    def create(self, **fields: Any) -> Any:
        answer = self.call("POST", "/tasks", json={"title": "Call Ada", **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def edit(self, task: Any, **fields: Any) -> Any:
        answer = self.call("PATCH", f"/tasks/{task['id']}", json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Gateway(Caller):
    """The gateway, as the contract wants it to behave unless told otherwise."""

    def patch(
        self, task: Any, patch: Any, key: str = "key-1", version: int | None = None, **headers: str | None
    ) -> requests.Response:
        given = {
            "Content-Type": "application/merge-patch+json",
            "If-Match": f'"{version or task["version"]}"',
            "Idempotency-Key": key,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        kept = {name: value for name, value in given.items() if value is not None}
        return self.call("PATCH", f"/tasks/{task['id']}", data=json.dumps(patch), headers=kept)

    def report(self, task: Any, report: Any) -> requests.Response:
        return self.call("PUT", f"/tasks/{task['id']}/calendar-sync", json=report)


class CrmWorld:
    """All of it together; a context manager."""

    def __init__(self, **options: Any) -> None:
        self.clock = options.setdefault("clock", Clock())
        self.crm = sandbox.crm.start(**options)
        self.receiver = Receiver()
        self.session = requests.Session()
        self.gateway = Gateway(self.session, self.crm.url, "")

    def __enter__(self) -> Self:
        self.fresh()
        return self

    def fresh(self) -> CrmWorld:
        """Empty, with the clock at real time and webhooks installed."""
        self.admin("POST", "/reset", {})
        self.clock.advance(-self.clock.offset())
        self.receiver.forget()
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()
        self.crm.stop()
        self.receiver.stop()

    def install(self, **more: Any) -> None:
        asked = {"webhook_url": self.receiver.url, "webhook_secret": SECRET, **more}
        self.gateway.token = self.admin("POST", "/installation", asked).json()["api_token"]

    def person(self, email: str = "ada@example.test", time_zone: str | None = None) -> Person:
        made = self.admin("POST", "/persons", {"email": email, "time_zone": time_zone}).json()
        return Person(self.session, self.crm.url, made["token"], made["user_id"], email)

    def admin(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.session.request(method, f"{self.crm.url}/_sandbox{path}", json=body, timeout=DEADLINE_S)

    def fault(self, do: str, match: Any = None, **more: Any) -> str:
        answer = self.admin("POST", "/faults", {"do": do, "match": match or {}, **more})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def ledger(self, direction: str | None = None) -> list[Any]:
        entries = self.admin("GET", "/ledger?since=0").json()["entries"]
        return [entry for entry in entries if direction in (None, entry["direction"])]


def problem(answer: requests.Response, status: int) -> dict[str, str]:
    """The fields at fault of a problem document, with their codes."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"].endswith(body["code"])
    assert body["title"]
    return {error["field"]: error["code"] for error in body.get("errors", [])}
