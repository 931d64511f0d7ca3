"""The demo from start to end: every step in order, and the watch after."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from typing import NoReturn

from sandbox import embedded
from sandbox.demo import seed, settings
from sandbox.demo.calendars import CalendarApp, calendar_app
from sandbox.demo.connect import connect
from sandbox.demo.desk import Desk, create_app
from sandbox.demo.keys import keys
from sandbox.demo.mischief import Machinery, Mischief
from sandbox.demo.outside import Api, CrmApp, Person
from sandbox.demo.processes import Processes
from sandbox.demo.report import Report
from sandbox.demo.settings import CRM_TOKEN_VARIABLE, Settings
from sandbox.demo.wire import Wire
from sandbox.kit.clock import Clock
from sandbox.kit.server import Server, serve

_FIRST, _SECOND, _TIME_ZONE = "robin@example.com", "mira@example.com", "Europe/Berlin"
_STAND_INS = ("crm", "google", "graph")
_CALLBACKS = {"google": "google", "graph": "microsoft"}
_UP_SECONDS = 60
_WATCH_SECONDS = 0.25
_DATABASE = "demo"
# The CRM wants to know where its webhooks go before it hands out its token, the gateway wants the token before it
# says where: the first answer is a placeholder.
_NOT_YET = {"webhook_url": "http://127.0.0.1:9/", "webhook_secret": "whsec_bm90LXlldC1ub3QteWV0LW5vdC15ZXQ="}
_WEB = ("-m", "gunicorn", "wsgi:app", "--worker-class", "gthread", "--threads", "32", "--no-control-socket")


class Demo:
    """One run of the demo. Use it from the main thread: the children are tied to it."""

    def __init__(self, chosen: Settings) -> None:
        self._chosen = chosen
        self._url = chosen.ports.url
        self._keys = keys(chosen.folder)
        self._clock = Clock(chosen.clock_file)
        self._processes = Processes(chosen.folder / "logs")
        self._report = Report(chosen.folder / "installation.json")
        self._desk: Server | None = None
        self._servers: embedded.Servers | None = None

    def start(self) -> str:
        """Bring everything up and return the desk's address.

        Every run begins anew: the stand-ins keep their state in memory, so what the gateway remembers of an earlier
        run would speak of tasks and events that nobody has. Stores that were given by URL are left as they are.
        """
        self._report.remove()
        self._chosen.clock_file.unlink(missing_ok=True)
        say("PostgreSQL and Valkey")
        stores = self._start_stores()
        say("stand-ins for the CRM, Google and Microsoft")
        self._start_stand_ins()
        people = self._people()
        clients = {name: self._client(name) for name in _CALLBACKS}
        env = settings.for_gateway(self._chosen, self._keys, clients, self._crm_token()) | stores
        say("the gateway: migrations, web, worker, clock")
        installation = self._start_gateway(env)
        say("connecting both calendars")
        gateway = Api(self._url("gateway"), installation["api_token"])
        self._connect(gateway, people, installation)
        return self._open_desk(gateway, people, installation)

    def watch(self) -> NoReturn:
        """Stay until a signal ends it; what falls over meanwhile is started again, as a platform would."""
        while True:
            time.sleep(_WATCH_SECONDS)
            if self._processes.revive("sandbox", say):
                self._report.update(pids=self._processes.pids)

    def stop(self) -> None:
        """Stop everything that was started, whatever of it there is."""
        self._report.remove()
        if self._desk is not None:
            self._desk.stop()
        self._processes.stop()

    def _start_stores(self) -> dict[str, str]:
        servers = embedded.start(self._chosen.folder, os.environ)
        self._processes.adopt(servers)
        database_url = servers.database_url
        if "postgres" in servers.running:
            embedded.drop_database(servers, _DATABASE)
            database_url = embedded.create_database(servers, _DATABASE)
        self._servers = servers
        self._empty_queue()
        return {"DATABASE_URL": database_url, "REDIS_URL": servers.redis_url}

    def _start_stand_ins(self) -> None:
        ports = {name: str(getattr(self._chosen.ports, name)) for name in _STAND_INS}
        arguments = ["-m", "sandbox", "--clock-file", str(self._chosen.clock_file)]
        arguments += [word for name, port in ports.items() for word in (f"--{name}-port", port)]
        child = self._processes.start("sandbox", arguments, settings.for_child())
        for name in _STAND_INS:
            Api(self._url(name)).wait_until_up("/_sandbox/ledger", _UP_SECONDS, child)

    def _people(self) -> tuple[Person, Person]:
        """Two people known to the CRM, one with Google and one with Outlook, their calendars full of private events."""
        first, second = self._person(_FIRST, "google"), self._person(_SECOND, "outlook")
        for one in (first, second):
            seed.seed_private_events(self._calendar(one), self._clock.now())
        return first, second

    def _person(self, email: str, provider: str) -> Person:
        about = {"email": email, "time_zone": _TIME_ZONE}
        crm = Api(self._url("crm")).call("POST", "/_sandbox/persons", json=about)
        there = Api(self._url(settings.STAND_IN[provider])).call("POST", "/_sandbox/persons", json=about)
        calendar = there.get("calendar_id", email)  # at Google the main calendar has the person's address for an id
        return Person(crm["user_id"], email, _TIME_ZONE, provider, calendar, crm["token"], there["token"])

    def _calendar(self, person: Person) -> CalendarApp:
        return calendar_app({name: self._url(name) for name in _CALLBACKS}, person)

    def _client(self, name: str) -> dict[str, str]:
        callback = f"{self._url('gateway')}/oauth/{_CALLBACKS[name]}/callback"
        made: dict[str, str] = Api(self._url(name)).call(
            "POST", "/_sandbox/clients", json={"redirect_uris": [callback]}
        )
        return made

    def _crm_token(self) -> str:
        return str(Api(self._url("crm")).call("POST", "/_sandbox/installation", json=_NOT_YET)["api_token"])

    def _start_gateway(self, env: dict[str, str]) -> dict[str, str]:
        """Release, then the three processes, as the Procfile has them; the installation's key and secrets."""
        self._processes.run("release", ["-m", "alembic", "upgrade", "head"], env)
        add = ["-m", "flask", "--app", "wsgi", "installations", "add", "--name", "Demo CRM", "--adapter", "generic"]
        add += ["--base-url", self._url("crm"), "--credentials-env", CRM_TOKEN_VARIABLE, "--json"]
        printed = self._processes.run("installations", add, env)
        address = self._url("gateway").removeprefix("http://")
        web = self._processes.start("web", [*_WEB, "--bind", address], env)
        self._processes.start("worker", ["-m", "workers"], env)
        self._processes.start("clock", ["-m", "workers.clock"], env)
        Api(self._url("gateway")).wait_until_up("/readyz", _UP_SECONDS, web)
        told = json.loads(printed.splitlines()[-1])
        return {name: str(told[name]) for name in ("key", "webhook_url", "webhook_secret", "api_token")}

    def _connect(self, gateway: Api, people: tuple[Person, Person], installation: dict[str, str]) -> None:
        told = {
            "webhook_url": installation["webhook_url"],
            "webhook_secret": installation["webhook_secret"],
            "gateway_url": self._url("gateway"),
            "gateway_token": installation["api_token"],
            "task_url": f"{self._url('desk')}/#{{id}}",
        }
        Api(self._url("crm")).call("POST", "/_sandbox/installation", json=told)
        for person in people:
            connect(gateway, self._url(settings.STAND_IN[person.provider]), person)
        first, second = people
        seed.seed_tasks(CrmApp(self._url("crm"), first), self._clock.now(), second)

    def _machinery(self, gateway: Api) -> Machinery:
        """What the desk may do to the gateway's own parts. The watch starts a killed worker again."""

        def kill_worker() -> None:
            with suppress(ProcessLookupError):
                os.kill(self._processes.pids["worker"], signal.SIGKILL)

        def connect_again(person: Person) -> None:
            connect(gateway, self._url(settings.STAND_IN[person.provider]), person)

        return Machinery(self._empty_queue, kill_worker, connect_again)

    def _empty_queue(self) -> None:
        """Only where the queue is the demo's own."""
        if self._servers is not None and "valkey" in self._servers.running:
            embedded.empty_queue(self._servers)

    def _open_desk(self, gateway: Api, people: tuple[Person, Person], installation: dict[str, str]) -> str:
        calendars = tuple(self._calendar(one) for one in people)
        stand_ins = {name: self._url(name) for name in _STAND_INS}
        mischief = Mischief(stand_ins, self._machinery(gateway))
        crm = CrmApp(self._url("crm"), people[0])
        desk = Desk(crm, calendars, gateway, self._clock.now, mischief, Wire(stand_ins, gateway))
        self._desk = serve(create_app(desk), self._chosen.ports.desk)
        self._report.update(
            **{f"{name}_url": self._url(name) for name in ("gateway", *_STAND_INS, "desk")},
            ops_url=f"{self._url('gateway')}/ops",
            ops_password=self._keys.ops_password,
            **installation,
            persons=[one.shown() for one in people],
            pids=self._processes.pids,
        )
        return self._desk.url


def say(what: str) -> None:
    """One line on what is going on, for the person who waits."""
    sys.stderr.write(f"demo: {what}\n")
    sys.stderr.flush()
