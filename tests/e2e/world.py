"""Everything as processes, and the ways to be cruel to them. Nothing here is in the processes' memory but addresses."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import requests

from sandbox import embedded
from sandbox.child import Child
from sandbox.google import conformance
from sandbox.kit.clock import Clock
from tests.flows.house import Api, Browser, Person, add_private_events, is_ours
from tests.patience import until

REPOSITORY = Path(__file__).parents[2]
NOT_YET = {"webhook_url": "http://127.0.0.1:9/", "webhook_secret": "whsec_bm90LXlldC1ub3QteWV0LW5vdC15ZXQ="}
UP_SECONDS = 40


@dataclass(frozen=True)
class Marks:
    """A place in each ledger."""

    google: int
    crm: int


class World:
    """One deployment. ``stop`` ends it, whatever of it is left."""

    def __init__(self, folder: Path, servers: embedded.Servers, database_url: str, path: str) -> None:
        self.folder, self.servers, self.path = folder, servers, path
        self.clock = Clock(folder / "clock")
        self.children: dict[str, Child] = {}
        self._numbers = itertools.count(1)
        ports = free_ports(4)
        self.url, self.crm_url, self.google_url, self.graph_url = (f"http://127.0.0.1:{port}" for port in ports)
        self.env = {"PATH": path, "PYTHONUNBUFFERED": "1"}
        stand_ins = ["--crm-port", str(ports[1]), "--google-port", str(ports[2]), "--graph-port", str(ports[3])]
        self.start("sandbox", "-m", "sandbox", *stand_ins, "--clock-file", str(folder / "clock"))
        for url in (self.crm_url, self.google_url, self.graph_url):
            self._answers(f"{url}/_sandbox/ledger", "sandbox")
        self.crm_admin, self.google_admin = Api(f"{self.crm_url}/_sandbox"), Api(f"{self.google_url}/_sandbox")
        self.graph_admin = Api(f"{self.graph_url}/_sandbox")
        self.env |= self._environment(database_url)
        self._install()

    def _environment(self, database_url: str) -> dict[str, str]:
        client = self._client(self.google_admin, "google")
        microsoft = self._client(self.graph_admin, "microsoft")
        google_url, graph_url = self.reached("google"), self.reached("graph")
        return {
            "DATABASE_URL": database_url,
            "REDIS_URL": self.servers.redis_url,
            "PUBLIC_URL": self.url,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "TOKEN_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "DEPLOYMENT_ID": "e2e",
            "GOOGLE_CLIENT_ID": client["client_id"],
            "GOOGLE_CLIENT_SECRET": client["client_secret"],
            "GOOGLE_AUTH_URI": f"{self.google_url}/o/oauth2/v2/auth",
            "GOOGLE_TOKEN_URI": f"{google_url}/token",
            "GOOGLE_REVOKE_URI": f"{google_url}/revoke",
            "GOOGLE_CALENDAR_ENDPOINT": f"{google_url}/calendar/v3/",
            "MICROSOFT_CLIENT_ID": microsoft["client_id"],
            "MICROSOFT_CLIENT_SECRET": microsoft["client_secret"],
            "MICROSOFT_AUTHORITY": f"{graph_url}/common",
            "MICROSOFT_GRAPH_ENDPOINT": f"{graph_url}/v1.0",
            "ALLOW_LOOPBACK": "1",
            "CLOCK_FILE": str(self.folder / "clock"),
            "WEB_CONCURRENCY": "1",
            "WORKER_CONCURRENCY": "4",
            "CRM_TOKEN": self.crm_admin.call("POST", "/installation", json=NOT_YET)["api_token"],
        }

    def reached(self, name: str) -> str:
        """The address by which the gateway reaches ``crm``, ``google`` or ``graph``."""
        return {"crm": self.crm_url, "google": self.google_url, "graph": self.graph_url}[name]

    def _client(self, admin: Api, name: str) -> dict[str, str]:
        callback = {"redirect_uris": [f"{self.url}/oauth/{name}/callback"]}
        made: dict[str, str] = admin.call("POST", "/clients", json=callback)
        return made

    def _install(self) -> None:
        """An installation by the command line, known to the CRM; then the processes."""
        add = ["-m", "flask", "--app", "wsgi", "installations", "add", "--name", "Acme", "--adapter", "generic"]
        command = self.start("add", *add, "--base-url", self.reached("crm"), "--credentials-env", "CRM_TOKEN", "--json")
        assert command.wait(UP_SECONDS) == 0, command.last_words()
        told = json.loads(command.log.read_text().splitlines()[-1])
        where = {"webhook_url": told["webhook_url"], "webhook_secret": told["webhook_secret"]}
        gateway = {"gateway_url": self.url, "gateway_token": told["api_token"]}
        self.crm_admin.call("POST", "/installation", json=where | gateway)
        self.api = Api(self.url, told["api_token"])
        self.webhook_secret: str = told["webhook_secret"]
        self._start_gateway()

    def _start_gateway(self) -> None:
        self.start("web", "-m", "gunicorn", "wsgi:app", "--bind", self.url.removeprefix("http://"))
        self.start_worker()
        self.start("clock", "-m", "workers.clock")
        self._answers(f"{self.url}/readyz", "web")

    # --- processes ---

    def start(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Child:
        """Start ``python <arguments>`` under a name that is free."""
        log = self.folder / f"{name}-{time.monotonic_ns()}.log"
        child = Child(name, [sys.executable, *arguments], log, self.env | dict(env or {}), REPOSITORY)
        child.start()
        self.children[name] = child
        return child

    def start_worker(self, crash_at: str = "") -> Child:
        """Start the worker, perhaps with a crash point armed, and wait until it is ready."""

        def is_up() -> bool:
            return child.log.exists() and "ready with" in child.log.read_text()

        child = self.start("worker", "-m", "workers", env={"CRASH_AT": crash_at})
        until(lambda: is_up() or not child.is_running(), UP_SECONDS, child.last_words)
        assert crash_at or is_up(), child.last_words()  # one that is to die may find its moment at once
        return child

    def stop_worker(self) -> None:
        """As a deploy does. One that is dead already is left at that."""
        if not self.children["worker"].is_running():
            return
        assert self.children["worker"].stop(grace=28) == 0, self.children["worker"].last_words()

    def stop(self) -> None:
        """End everything."""
        with ExitStack() as stack:
            for child in self.children.values():
                stack.callback(child.kill)

    def _answers(self, url: str, name: str) -> None:
        def answers() -> bool:
            try:
                return requests.get(url, timeout=2).ok
            except requests.RequestException:
                return False

        until(answers, UP_SECONDS, self.children[name].last_words)

    # --- people ---

    def person(self, email: str, *, connected: bool = True) -> Person:
        """Somebody with an account on both sides, and a calendar full of private events."""
        about = {"email": email, "time_zone": "Europe/Berlin"}
        crm = self.crm_admin.call("POST", "/persons", json=about)
        google = self.google_admin.call("POST", "/persons", json=about)
        calendar = Api(f"{self.google_url}/calendar/v3", google["token"])
        who = Person(email, crm["user_id"], Api(self.crm_url, crm["token"]), calendar, email)
        add_private_events(calendar, email)
        if connected:
            self.connect(who)
        return who

    def somebody(self) -> Person:
        """One more person, connected."""
        return self.person(f"person{next(self._numbers)}@example.com")

    def connect(self, who: Person) -> None:
        """Through the pages and the provider's consent, as a browser goes."""
        self.google_admin.call("POST", "/consent", json={"email": who.email, "decision": "allow", "untick": []})
        link = self.api.call("POST", f"/v1/users/{who.user_id}/connect-links", json={"provider": "google"})
        browser = Browser()
        page = browser.submit(browser.get(link["url"]), mode="existing")
        if "calendar_id" in page.text:
            browser.submit(page, calendar_id=who.email)
        until(lambda: self.connection(who)["status"] == "connected", 20)

    def connection(self, who: Person) -> dict[str, Any]:
        """How it stands."""
        found: dict[str, Any] = self.api.call("GET", f"/v1/users/{who.user_id}/connection")
        return found

    def events(self, who: Person) -> dict[str, dict[str, Any]]:
        """What is ours in a person's calendar, by title; two of the same title fail."""
        listed = who.calendar.call("GET", f"/calendars/{who.email}/events", params={"maxResults": 2500})["items"]
        items = [event for event in listed if is_ours(event)]
        found = {event["summary"]: event for event in items}
        assert len(found) == len(items), sorted(event["summary"] for event in items)
        return found

    # --- looking ---

    def mark(self) -> Marks:
        """Now, in both ledgers."""
        last = "/ledger?since=999999999"
        return Marks(self.google_admin.call("GET", last)["next"], self.crm_admin.call("GET", last)["next"])

    def ledger(self, which: str, since: Marks) -> list[dict[str, Any]]:
        """A stand-in's ledger since then."""
        admin, start = (self.google_admin, since.google) if which == "google" else (self.crm_admin, since.crm)
        found: list[dict[str, Any]] = admin.call("GET", f"/ledger?since={start}")["entries"]
        return found

    def writes(self, since: Marks, who: Person | None = None) -> list[dict[str, Any]]:
        """What the gateway changed among the events of a person, or of anybody, since then."""
        calls = [e for e in self.ledger("google", since) if e["direction"] == "in" and e["caller"] == "gateway"]
        folder = f"/calendars/{who.email}/events" if who else "/events"
        about = [c for c in calls if folder in c["path"] and not c["path"].endswith("/watch")]
        return [call for call in about if call["method"] != "GET" and call["status"] in (200, 204)]

    def foreign_reads(self) -> list[dict[str, Any]]:
        """Answers to the gateway that held an event not of ours: the ledger must show none (B22)."""
        entries = self.google_admin.call("GET", "/ledger?since=0")["entries"]
        return [e for e in entries if e["caller"] == "gateway" and not all(e.get("ours") or [True])]

    def wrong_requests(self) -> list[str]:
        """What the gateway asked of Google that its API's own document does not know."""
        entries = self.google_admin.call("GET", "/ledger?since=0")["entries"]
        return [text for entry in entries for text in conformance.check(entry)]

    def state(self, task_id: str) -> str:
        """A task's state as the gateway tells it; empty for one it does not know."""
        answer = requests.get(
            f"{self.url}/v1/tasks/{task_id}/sync", headers={"Authorization": f"Bearer {self.api.token}"}, timeout=10
        )
        return str(answer.json().get("state", "")) if answer.ok else ""

    def count(self, query: str) -> int:
        """One number out of the gateway's database."""
        with psycopg.connect(self.env["DATABASE_URL"]) as connection:
            found = connection.execute(query.encode()).fetchone()
        assert found is not None
        return int(found[0])

    def eventually(self, is_so: Callable[[], bool], seconds: float = 15) -> None:
        """Wait until it is so."""
        until(is_so, seconds, lambda: "\n".join(child.last_words(5) for child in self.children.values()))


def free_ports(count: int) -> list[int]:
    """Some that nobody listens at now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]
