"""The whole house in one process: stand-ins and the gateway's web door over real HTTP, jobs run when a test says so.

Only two things differ from production: rings go into a list instead of Redis, and ``settle`` works off what is due, so
that a test decides when a job runs. Time is the clock file's: nothing here sleeps for a due time, it moves the clock.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

import sandbox.crm
import sandbox.google
from gateway import settings, wiring
from gateway.core.model import InstallationId
from gateway.core.ports import Lane
from gateway.services import sweep
from gateway.services.work import drain
from gateway.store.unit_of_work import PgStore
from gateway.web.app import create_app
from sandbox.kit.clock import Clock
from sandbox.kit.server import serve
from sandbox.kit.standin import StandIn
from tests.flows.forms import first_form
from workers.clock import Rounds

DEADLINE_S = 60.0
PRIVATE_EVENTS = 50


class Rings:
    """The doorbell of a house whose worker is the test itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rung: list[tuple[str, str, Lane]] = []

    def ring(self, installation_id: InstallationId, mailbox: str, lane: Lane) -> None:
        with self._lock:
            self._rung.append((installation_id, mailbox, Lane(lane)))

    def take(self) -> list[tuple[str, str, Lane]]:
        with self._lock:
            taken, self._rung = list(dict.fromkeys(self._rung)), []
        return taken


@dataclass
class Api:
    """One person's, or the admin plane's, view of one server."""

    url: str
    token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, *, expect: int | None = None, **kwargs: Any) -> Any:
        headers = dict(kwargs.pop("headers", {}))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        answer = self.session.request(method, self.url + path, headers=headers, timeout=15, **kwargs)
        wanted = range(200, 300) if expect is None else (expect,)
        assert answer.status_code in wanted, f"{method} {path}: {answer.status_code} {answer.text[:400]}"
        return answer.json() if answer.content and "json" in answer.headers.get("Content-Type", "") else answer.text


@dataclass
class Person:
    """One person on both sides."""

    email: str
    user_id: str
    crm: Api
    calendar: Api
    calendar_id: str = ""


class House:
    """Everything, started; ``stop`` ends it."""

    def __init__(self, folder: Path, database_url: str, **world: Any) -> None:
        self.clock = Clock(folder / "clock")
        self.crm = self.start_crm(world.pop("crm", {}))
        self.google = sandbox.google.start(clock=self.clock, seed=1, **world.pop("google", {}))
        self.crm_admin, self.google_admin = Api(f"{self.crm.url}/_sandbox"), Api(f"{self.google.url}/_sandbox")
        self.rings = Rings()
        self._server_port = _free_port()
        self.url = f"http://127.0.0.1:{self._server_port}"
        client = self.google_admin.call(
            "POST", "/clients", json={"redirect_uris": [f"{self.url}/oauth/google/callback"]}
        )
        self.environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "PUBLIC_URL": self.url,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "TOKEN_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "GOOGLE_CLIENT_ID": client["client_id"],
            "GOOGLE_CLIENT_SECRET": client["client_secret"],
            "DEPLOYMENT_ID": "test",
            "GOOGLE_AUTH_URI": f"{self.google.url}/o/oauth2/v2/auth",
            "GOOGLE_TOKEN_URI": f"{self.google.url}/token",
            "GOOGLE_REVOKE_URI": f"{self.google.url}/revoke",
            "GOOGLE_CALENDAR_ENDPOINT": f"{self.google.url}/calendar/v3/",
            "ALLOW_LOOPBACK": "1",
            "CLOCK_FILE": str(folder / "clock"),
        }
        self.others: list[StandIn] = []
        self.environment |= self.furnish()
        gateway = wiring.build(settings.load(self.environment), wiring.Process.WORKER)
        ctx = dataclasses.replace(gateway.ctx, doorbell=self.rings, alarm=self._alarm)
        self.gateway = dataclasses.replace(gateway, ctx=ctx)
        self.ctx = ctx
        self.app = create_app(self.gateway)
        self._server = serve(self.app, self._server_port)
        self.installation: dict[str, str] = {}
        self.api = Api(self.url)

    def start_crm(self, how: dict[str, Any]) -> StandIn:
        """The CRM's stand-in."""
        return sandbox.crm.start(clock=self.clock, seed=1, **how)

    def furnish(self) -> dict[str, str]:
        """Further stand-ins, kept in ``others``, and what the environment says of them."""
        return {}

    def stop_web(self) -> None:
        """Nobody is at the doors."""
        self._server.stop()

    def start_web(self) -> None:
        """The doors are open again."""
        self._server = serve(self.app, self._server_port)

    def stop(self) -> None:
        self._server.stop()
        for one in self.others:
            one.stop()
        self.crm.stop()
        self.google.stop()
        assert isinstance(self.gateway.store, PgStore)
        self.gateway.store.close()

    # --- set-up, by the same ways a person or an operator takes ---

    def install(self, *settings_given: str) -> None:
        """An installation by the command line, known to the CRM."""
        not_yet = {"webhook_url": "http://127.0.0.1:9/", "webhook_secret": "whsec_bm90LXlldC1ub3QteWV0LW5vdC15ZXQ="}
        token = self.crm_admin.call("POST", "/installation", json=not_yet)["api_token"]
        runner = self.app.test_cli_runner(env={"CRM_TOKEN": token})
        args = ["installations", "add", "--name", "Acme", "--adapter", "generic", "--base-url", self.crm.url]
        done = runner.invoke(args=[*args, "--credentials-env", "CRM_TOKEN", "--json"])
        assert done.exit_code == 0, done.output
        self.installation = _last_json(done.output)
        if settings_given:
            done = runner.invoke(args=["installations", "set", self.installation["key"], *settings_given])
            assert done.exit_code == 0, done.output
        self.crm_admin.call(
            "POST",
            "/installation",
            json={
                "webhook_url": self.installation["webhook_url"],
                "webhook_secret": self.installation["webhook_secret"],
                "gateway_url": self.url,
                "gateway_token": self.installation["api_token"],
            },
        )
        self.api = Api(self.url, self.installation["api_token"])

    def person(self, email: str, zone: str = "Europe/Berlin") -> Person:
        """Somebody with an account on both sides, and a calendar full of private events."""
        about = {"email": email, "time_zone": zone}
        crm = self.crm_admin.call("POST", "/persons", json=about)
        google = self.google_admin.call("POST", "/persons", json=about)
        calendar = Api(f"{self.google.url}/calendar/v3", google["token"])
        who = Person(email, crm["user_id"], Api(self.crm.url, crm["token"]), calendar)
        add_private_events(calendar, email)
        return who

    def connect(self, who: Person, *, mode: str = "existing", calendar: str | None = None) -> None:
        """Through the pages and the provider's consent, as a browser goes."""
        self.consent(who.email)
        link = self.api.call("POST", f"/v1/users/{who.user_id}/connect-links", json={"provider": "google"})
        browser = Browser()
        page = browser.get(link["url"])
        page = browser.submit(page, mode=mode)
        if "calendar_id" in page.text and mode == "existing":
            page = browser.submit(page, calendar_id=calendar or who.email)
        assert page.status_code == 200, page.text
        told = self.api.call("GET", f"/v1/users/{who.user_id}/connection")
        assert told["status"] == "connected", (told, page.text)
        who.calendar_id = told["calendar"]["id"] if isinstance(told.get("calendar"), dict) else told["calendar"]
        self.settle()

    def consent(self, email: str, decision: str = "allow", untick: tuple[str, ...] = ()) -> None:
        self.google_admin.call("POST", "/consent", json={"email": email, "decision": decision, "untick": list(untick)})

    # --- time and work ---

    def _alarm(self, installation_id: InstallationId, mailbox: str, lane: str, seconds: float) -> None:
        if seconds <= 0:
            self.rings.ring(installation_id, mailbox, Lane(lane))

    def advance(self, **how: float) -> None:
        """Let time go by for everybody."""
        self.clock.advance(timedelta(**how).total_seconds())

    def work(self) -> bool:
        """Run what was rung for; whether there was anything."""
        rung = self.rings.take()
        for installation_id, mailbox, lane in rung:
            drain(self.ctx, InstallationId(installation_id), mailbox, lane, keep_going=lambda: True)
        return bool(rung)

    def settle(self, *, within: float = DEADLINE_S, soon: float = 5.0) -> None:
        """Work until nothing is due within ``soon`` seconds, nothing is on its way, and nobody has anything to say.
        Rows due a little later are reached by moving the clock."""
        deadline = time.monotonic() + within
        quiet = 0
        while quiet < 3:
            assert time.monotonic() < deadline, "the house does not come to rest"
            busy = self.work() or any(one.sender.busy for one in (self.crm, self.google, *self.others))
            sweep.ring_due(self.ctx)
            busy = self.work() or busy
            if not busy and self._step_to_next(soon):
                busy = True
            quiet = 0 if busy else quiet + 1
            if not busy:
                time.sleep(0.005)

    def _step_to_next(self, soon: float) -> bool:
        """Move the clock to the next row that falls due within ``soon``."""
        now = self.ctx.clock.now()
        with self.ctx.store.begin() as uow:
            due = uow.outbox.due(now + timedelta(seconds=soon), 1)
        if not due or due[0].due_at <= now:
            return bool(due)
        self.clock.advance((due[0].due_at - now).total_seconds() + 0.001)
        return True

    def down(self) -> None:
        """The gateway stops: nobody answers its door, nothing is worked on."""
        self._server.stop()
        self.rings.take()

    def up(self) -> None:
        """It starts again, the clock process with it."""
        self._server = serve(self.app, self._server_port)
        Rounds(self.ctx, lambda: None).once()
        self.settle()

    def tick(self) -> None:
        """One beat of the clock process, and what follows."""
        sweep.tick(self.ctx)
        self.settle()

    # --- looking ---

    def gateway_installation(self) -> InstallationId:
        """The installation's id inside the gateway."""
        with self.ctx.store.begin() as uow:
            found = uow.installations.by_key(self.installation["key"])
        assert found is not None
        return found.id

    def task(self, task_id: str) -> dict[str, Any]:
        """The task with every state report received."""
        found: dict[str, Any] = self.crm_admin.call("GET", f"/tasks/{task_id}")
        return found

    def state(self, task_id: str) -> dict[str, Any]:
        """The last state the CRM was told."""
        found: dict[str, Any] = self.api.call("GET", f"/v1/tasks/{task_id}/sync")
        return found

    def events(self, who: Person, calendar: str | None = None) -> list[dict[str, Any]]:
        """The live events of ours in a person's calendar, as their calendar app sees them."""
        listed = who.calendar.call("GET", f"/calendars/{calendar or who.calendar_id}/events")
        return [event for event in listed["items"] if is_ours(event)]

    def event(self, who: Person, calendar: str | None = None) -> dict[str, Any]:
        found = self.events(who, calendar)
        assert len(found) == 1, [e.get("summary") for e in found]
        return found[0]

    def edit_event(self, who: Person, event: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """As the person's calendar app would."""
        path = f"/calendars/{who.calendar_id}/events/{event['id']}"
        done: dict[str, Any] = who.calendar.call("PATCH", path, json=changes)
        return done

    def delete_event(self, who: Person, event: Mapping[str, Any]) -> None:
        who.calendar.call("DELETE", f"/calendars/{who.calendar_id}/events/{event['id']}")

    def calls(self, since: Marks, *, which: str = "google") -> list[dict[str, Any]]:
        """What the gateway asked of a stand-in since then, tokens aside."""
        admin, start = (self.google_admin, since.google) if which == "google" else (self.crm_admin, since.crm)
        entries = admin.call("GET", f"/ledger?since={start}")["entries"]
        mine = [e for e in entries if e["direction"] == "in" and e["caller"] == "gateway"]
        return [e for e in mine if not e["path"].endswith(("/token", "/revoke", "/auth"))]

    def mark(self) -> Marks:
        """Now, in both ledgers."""
        return Marks(
            self.google_admin.call("GET", "/ledger?since=999999999")["next"],
            self.crm_admin.call("GET", "/ledger?since=999999999")["next"],
        )

    def foreign_reads(self) -> list[dict[str, Any]]:
        """Answers to the gateway that held an event not of ours: the ledger must show none."""
        entries = self.google_admin.call("GET", "/ledger?since=0")["entries"]
        return [e for e in entries if e["caller"] == "gateway" and not all(e.get("ours") or [True])]


def add_private_events(calendar: Api, calendar_id: str) -> None:
    """A person's own events, which are none of the gateway's business."""
    start = datetime(2030, 1, 7, 9, tzinfo=UTC)
    for number in range(PRIVATE_EVENTS):
        begin = start + timedelta(hours=number)
        body = {
            "summary": f"Private matter {number}",
            "start": {"dateTime": begin.isoformat()},
            "end": {"dateTime": (begin + timedelta(minutes=30)).isoformat()},
        }
        calendar.call("POST", f"/calendars/{calendar_id}/events", json=body)


def is_ours(event: Mapping[str, Any]) -> bool:
    """Whether a gateway made it."""
    return "gw" in event.get("extendedProperties", {}).get("private", {})


@dataclass(frozen=True)
class Marks:
    """A place in each ledger."""

    google: int
    crm: int


class Browser:
    """Follows redirects, keeps cookies, fills in the first form of a page."""

    def __init__(self) -> None:
        self.session = requests.Session()

    def get(self, url: str) -> requests.Response:
        return self.session.get(url, timeout=15)

    def submit(self, page: requests.Response, **values: str) -> requests.Response:
        form = first_form(page.text, page.url)
        origin = "/".join(page.url.split("/")[:3])
        return self.session.post(form.action, data={**form.values, **values}, headers={"Origin": origin}, timeout=15)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_json(output: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(output.strip().splitlines()[-1])
    return found
