"""The demo as a process, and people who use both of its sides at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter

from sandbox.demo.connect import connect
from sandbox.demo.outside import Api, Person

ROOT = Path(__file__).resolve().parents[1]
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
_SECONDS = 30
_STOP_SECONDS = 60
_LAST = 1 << 60


@dataclass(frozen=True)
class Someone:
    """One person on both sides. ``tasks``: the event's id by the task's id."""

    person: Person
    tasks: dict[str, str] = field(default_factory=dict)


class House:
    """The demo, running; a context manager. ``settings``: variables for its processes, as a shell would give them."""

    def __init__(self, **settings: str) -> None:
        self._settings = settings
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._process: subprocess.Popen[str] | None = None
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", HTTPAdapter(pool_connections=8, pool_maxsize=64))
        self.told: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Start it and wait until it is ready."""
        folder = Path(self._folder.name) / "demo"
        env = {**os.environ, **self._settings, "PORT": "0", "DEMO_DIR": str(folder)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.demo"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        )
        if self._process.stdout is None or not self._process.stdout.readline().startswith("Desk: "):
            raise RuntimeError("the demo did not start")
        self.told = json.loads((folder / "installation.json").read_text())
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it; nothing is left."""
        self.session.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_STOP_SECONDS)
            if self._process.stdout is not None:
                self._process.stdout.close()
        self._folder.cleanup()

    # --- people and what they do ---

    def someone(self, email: str, *, connected: bool = True) -> Someone:
        """A new person, known to both sides, connected through the consent pages."""
        about = {"email": email, "time_zone": "Europe/Berlin"}
        crm = self.call("POST", "crm", "/_sandbox/persons", json=about)
        google = self.call("POST", "google", "/_sandbox/persons", json=about)
        who = Person(crm["user_id"], email, "Europe/Berlin", "google", email, crm["token"], google["token"])
        found = Someone(who)
        if connected:
            self.connect(found)
        return found

    def connect(self, who: Someone) -> None:
        """Take a person from "none" to "connected"."""
        connect(Api(self.told["gateway_url"], self.told["api_token"]), self.told["google_url"], who.person)

    def new_task(self, who: Someone, title: str, *, on: bool = True, day: int = 1) -> str:
        """A task of theirs, made in the CRM."""
        due = {"date_time": f"2031-03-{day % 28 + 1:02}T09:00:00+01:00", "time_zone": "Europe/Berlin"}
        task = {"title": title, "description": "Bring the quote", "due": due, "calendar_sync": on}
        return str(self.call("POST", "crm", "/tasks", who.person.crm_token, json=task)["id"])

    def edit_task(self, who: Someone, task: str, **changes: Any) -> None:
        """They edit a task in the CRM."""
        self.call("PATCH", "crm", f"/tasks/{task}", who.person.crm_token, json=changes, headers=MERGE_PATCH)

    def delete_task(self, who: Someone, task: str) -> None:
        """They delete a task in the CRM."""
        self.call("DELETE", "crm", f"/tasks/{task}", who.person.crm_token)

    def edit_event(self, who: Someone, event: str, **changes: Any) -> None:
        """They edit an event in their calendar app."""
        self.call("PATCH", "google", self._event(who, event), who.person.calendar_token, json=changes)

    def delete_event(self, who: Someone, event: str) -> None:
        """They delete an event in their calendar app."""
        self.call("DELETE", "google", self._event(who, event), who.person.calendar_token)

    def new_event(self, who: Someone, title: str) -> str:
        """A private event of theirs."""
        body = {
            "summary": title,
            "start": {"dateTime": "2031-04-01T09:00:00+02:00"},
            "end": {"dateTime": "2031-04-01T09:30:00+02:00"},
        }
        path = f"/calendar/v3/calendars/{who.person.calendar_id}/events"
        return str(self.call("POST", "google", path, who.person.calendar_token, json=body)["id"])

    def events(self, who: Someone) -> list[dict[str, Any]]:
        """Everything in their calendar."""
        path = f"/calendar/v3/calendars/{who.person.calendar_id}/events?maxResults=2500"
        found: list[dict[str, Any]] = self.call("GET", "google", path, who.person.calendar_token)["items"]
        return found

    def give_tasks(self, who: Someone, titles: list[str]) -> None:
        """Tasks that are on, each with its event, noted in ``who.tasks``."""
        made = {self.new_task(who, title, day=number): title for number, title in enumerate(titles)}
        wait_for(lambda: self._link(who, made), f"{len(titles)} tasks of {who.person.email} to get their events")

    def _link(self, who: Someone, made: Mapping[str, str]) -> bool:
        by_title = {event.get("summary", ""): event["id"] for event in self.events(who)}
        if not by_title.keys() >= set(made.values()):
            return False
        who.tasks.update({task: by_title[title] for task, title in made.items()})
        return True

    def _event(self, who: Someone, event: str) -> str:
        return f"/calendar/v3/calendars/{who.person.calendar_id}/events/{event}"

    # --- the stand-ins ---

    def call(self, method: str, where: str, path: str, token: str = "", **options: Any) -> Any:
        """One call to ``crm`` or ``google``. Raises RuntimeError unless the answer is a 2xx."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        url = self.told[f"{where}_url"] + path
        answer = self.session.request(method, url, headers=headers, timeout=_SECONDS, **options)
        if not answer.ok:
            raise RuntimeError(f"{method} {path.partition('?')[0]}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def mark(self, where: str) -> int:
        """Now, in a ledger."""
        return int(self.call("GET", where, f"/_sandbox/ledger?since={_LAST}")["next"])

    def ledger(self, where: str, since: int = 0) -> list[dict[str, Any]]:
        """A ledger's entries."""
        found: list[dict[str, Any]] = self.call("GET", where, f"/_sandbox/ledger?since={since}")["entries"]
        return found

    def by_gateway(self, where: str, since: int) -> list[dict[str, Any]]:
        """What the gateway asked there since a mark."""
        return [e for e in self.ledger(where, since) if e["direction"] == "in" and e["caller"] == "gateway"]

    def rest(self, quiet: float = 2.0) -> None:
        """Wait until neither ledger has grown for so many seconds."""
        seen, since = (self.mark("crm"), self.mark("google")), time.monotonic()
        while time.monotonic() - since < quiet:
            time.sleep(0.1)
            now = (self.mark("crm"), self.mark("google"))
            if now != seen:
                seen, since = now, time.monotonic()


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = 300.0) -> None:
    """Return as soon as it is so. Raises RuntimeError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.25)
