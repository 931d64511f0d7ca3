"""The deployment in the storm: two of each process, a router before the web, a proxy before everything else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from sandbox import embedded
from tests.e2e.world import World, free_ports
from tests.flows.house import PRIVATE_EVENTS, Api, Browser, Person
from tests.flows.outlook_house import times
from tests.patience import until
from tests.sandbox.graph_world import form_of
from tests.storm.calendars import FIRST_DUE, CalendarApp, GoogleApp, OutlookApp
from tests.storm.proxy import Loop, Mode, Proxy, Upstream

PROCESSES = ("web-1", "web-2", "worker-1", "worker-2", "clock-1", "clock-2")
_LOOK_SECONDS = 0.2


class Keeper:
    """Starts the processes, and starts again what has died, as a platform does. Whatever starts a process is done in
    its one thread: processes end with the thread that started them."""

    def __init__(self) -> None:
        self._asked: queue.Queue[tuple[Callable[[], None], Future[None]]] = queue.Queue()
        self._stop = threading.Event()
        self.look: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._keep, name="keeper")
        self._thread.start()

    def do(self, act: Callable[[], None]) -> None:
        """Have it done there, and wait for it."""
        done: Future[None] = Future()
        self._asked.put((act, done))
        done.result(90)

    def stop(self) -> None:
        """Look after nothing any more."""
        self._stop.set()
        self._thread.join(60)

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                act, done = self._asked.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self.look()
                continue
            try:
                done.set_result(act())
            except Exception as error:  # noqa: BLE001 - for whoever asked
                done.set_exception(error)


class Place(World):
    """The world of the tests with processes, doubled and behind proxies."""

    def __init__(self, folder: Path, servers: embedded.Servers, database_url: str, path: str) -> None:
        self.loop, self.keeper = Loop(), Keeper()
        self.proxies: dict[str, Proxy] = {}
        self.apps: dict[str, CalendarApp] = {}
        self.crash_at: dict[str, str] = {}
        self.kept = False
        self.restarts = 0
        self.direct_database_url = database_url
        super().__init__(folder, servers, database_url, path)

    # --- the deployment ---

    def reached(self, name: str) -> str:
        """Through its proxy."""
        return f"http://127.0.0.1:{self.proxies[name].port}"

    def _environment(self, database_url: str) -> dict[str, str]:
        for name, url in (("crm", self.crm_url), ("google", self.google_url), ("graph", self.graph_url)):
            self.proxies[name] = Proxy(self.loop, [Upstream(port=urlsplit(url).port or 0)])
        found = urlsplit(database_url)
        folder = parse_qs(found.query)["host"][0]
        self.proxies["postgres"] = Proxy(self.loop, [Upstream(path=f"{folder}/.s.PGSQL.5432")])
        self.proxies["redis"] = Proxy(self.loop, [Upstream(path=urlsplit(self.servers.redis_url).path)])
        port = self.proxies["postgres"].port
        through = f"postgresql://postgres@127.0.0.1:{port}/{quote(found.path[1:])}?sslmode=disable&gssencmode=disable"
        given = super()._environment(through)
        return given | {"REDIS_URL": f"redis://127.0.0.1:{self.proxies['redis'].port}", "WORKER_CONCURRENCY": "4"}

    def _start_gateway(self) -> None:
        self.web_ports = free_ports(2)
        router = [Upstream(port=port) for port in self.web_ports]
        self.proxies["web"] = Proxy(self.loop, router, port=int(self.url.rpartition(":")[2]))
        self.keeper.do(self._start_all)
        self.keeper.look = self._look_after
        self.kept = True
        self._answers(f"{self.url}/readyz", "web-1")

    def _start_all(self) -> None:
        for name in PROCESSES:
            self._start_one(name)

    def kill(self, name: str, crash_at: str = "") -> None:
        """SIGKILL; the next one dies at this crash point."""
        if crash_at:
            self.crash_at[name] = crash_at

        def kill() -> None:
            self.children[name].kill()

        self.keeper.do(kill)

    def _start_one(self, name: str) -> None:
        kind, _, number = name.partition("-")
        if kind == "web":
            port = self.web_ports[int(number) - 1]
            self.start(name, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}")
        else:
            module = "workers" if kind == "worker" else "workers.clock"
            self.start(name, "-m", module, env={"CRASH_AT": self.crash_at.pop(name, "")})

    def _look_after(self) -> None:
        if not self.kept:
            return
        for name in PROCESSES:
            if not self.children[name].is_running():
                self.restarts += 1
                self._start_one(name)

    def stop(self) -> None:
        """End everything."""
        self.kept = False
        try:
            super().stop()
        finally:
            for proxy in self.proxies.values():
                proxy.stop()
            self.keeper.stop()
            self.loop.stop()

    def all_well(self) -> None:
        """Nothing misbehaves any more, and everything runs."""
        for proxy in self.proxies.values():
            proxy.set(Mode.PASS)
        for admin in (self.crm_admin, self.google_admin, self.graph_admin):
            admin.call("DELETE", "/faults")
        self.start_servers()
        until(lambda: all(self.children[name].is_running() for name in PROCESSES), 30)

    def start_servers(self) -> None:
        """Those of PostgreSQL and Redis that do not run."""
        self.keeper.do(self._start_servers)

    def _start_servers(self) -> None:
        for name, server in self.servers.running.items():
            if not server.child.is_running():
                self.servers.start_again(name)

    # --- people ---

    def user(self, email: str, provider: str) -> Person:
        """Somebody with a calendar full of private events, connected."""
        if provider == "google":
            who = self.person(email, connected=False)
            self.apps[email] = GoogleApp(who)
            self.connect(who)
        else:
            who = self._outlook_person(email)
            self.apps[email] = OutlookApp(who)
            self._connect_outlook(who)
        return who

    def _outlook_person(self, email: str) -> Person:
        crm = self.crm_admin.call("POST", "/persons", json={"email": email, "time_zone": "Europe/Berlin"})
        graph = self.graph_admin.call("POST", "/persons", json={"email": email})
        calendar = Api(f"{self.graph_url}/v1.0", graph["token"])
        who = Person(email, crm["user_id"], Api(self.crm_url, crm["token"]), calendar, graph["calendar_id"])
        for number in range(PRIVATE_EVENTS):
            start = FIRST_DUE.replace(minute=number)
            body = {"subject": f"Private matter {number}", **times(start, start.replace(hour=start.hour + 1))}
            who.calendar.call("POST", "/me/events", json=body)
        return who

    def _connect_outlook(self, who: Person) -> None:
        self.graph_admin.call("POST", "/consent", json={"email": who.email, "decision": "allow"})
        link = self.api.call("POST", f"/v1/users/{who.user_id}/connect-links", json={"provider": "outlook"})
        browser = Browser()
        page = browser.submit(browser.get(link["url"]), mode="existing")
        action, form = form_of(page.text)
        page = browser.session.post(action, data=form, headers={"Origin": self.graph_url}, timeout=15)
        if "calendar_id" in page.text:
            browser.submit(page, calendar_id=who.calendar_id)
        until(lambda: self.connection(who)["status"] == "connected", 20)

    # --- time ---

    def advance(self, seconds: float) -> None:
        """Time jumps for everybody."""
        self.google_admin.call("POST", "/clock", json={"advance_s": seconds})
