"""What goes wrong in the storm, at random times: processes, servers, lines, providers, deliveries, clocks."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import redis

from tests.flows.house import Api
from tests.flows.trouble import HTML, refusal
from tests.storm.place import PROCESSES, Place
from tests.storm.proxy import Mode

CRASH_POINTS = (
    "worker_popped",
    "worker_before_lease",
    "worker_before_write",
    "worker_after_write",
)

_LINES = ("redis", "postgres", "crm", "google", "graph", "web")
_MOODS: Sequence[Mapping[str, object]] = (
    {"do": "status", "status": 500, "body": "oops"},
    {"do": "status", "status": 502, "body": HTML},
    {"do": "status", "status": 503, "headers": {"Retry-After": "1"}},
    {"do": "status", "status": 429, "headers": {"Retry-After": "2"}},
    {"do": "cut_after_write"},
    {"do": "cut_after_write"},
    {"do": "drop"},
    {"do": "duplicate"},
    {"do": "delay", "delay_ms": 11_000},
    {"do": "delay", "delay_ms": 800},
)
_PUSH_DELAYS_MS = (500, 3000, 20_000, 120_000)


class Weather:
    """Faults one after the other, until told to stop. ``counts``: how many of each kind."""

    def __init__(self, place: Place, seed: int, calm_s: float) -> None:
        self._place, self._seed, self._calm_s = place, seed, calm_s
        self.counts: Counter[str] = Counter()
        self.story: list[str] = []
        self.errors: list[str] = []
        self._shifted, self._lossy, self._longest_s = 0.0, True, 0.0
        self._timers: list[threading.Timer] = []

    def calm(self) -> None:
        """What was to be undone after a while is undone."""
        for timer in self._timers:
            timer.join(60)
        self._timers.clear()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        timer = threading.Timer(min(seconds, self._longest_s), act)
        timer.start()
        self._timers.append(timer)

    def blow(self, until: float, round_: int, *, lossy: bool) -> threading.Thread:
        """Start; it ends by itself at that monotonic time, and leaves what it broke as it is. ``lossy``: deliveries may
        be lost for good, so that only a look unasked finds what they told (Google does not try again where nobody
        answered, a CRM not where its signature is too old)."""
        self._lossy, self._longest_s = lossy, until - time.monotonic()
        thread = threading.Thread(target=self._keep_blowing, args=(until, round_))
        thread.start()
        return thread

    def _keep_blowing(self, until: float, round_: int) -> None:
        chance = random.Random(f"{self._seed}/{round_}/weather")
        self._shifted = 0.0
        while time.monotonic() < until:
            time.sleep(chance.random() * 2 * self._calm_s)
            fault, weight = zip(*self._menu(), strict=True)
            act: Callable[[random.Random], str] = chance.choices(fault, weight)[0]
            try:
                what = act(chance)
            except Exception as error:  # noqa: BLE001 - told with the round
                self.errors.append(f"{act.__name__}: {error!r}")
                continue
            self.counts[what.partition(":")[0]] += 1
            self.story.append(f"{time.strftime('%H:%M:%S')} {what}")

    def _menu(self) -> list[tuple[Callable[[random.Random], str], int]]:
        return [
            (self._kill, 4),
            (self._crash_point, 4),
            (self._freeze, 1),
            (self._flush, 3),
            (self._stop_redis, 1),
            (self._restart_postgres, 1),
            (self._bad_line, 6),
            (self._cut_line, 4),
            (self._provider, 10),
            (self._delivery, 8),
            (self._jump, 2),
        ]

    # --- our processes and servers ---

    def _processes(self) -> Sequence[str]:
        return [name for name in PROCESSES if self._lossy or not name.startswith("web")]

    def _kill(self, chance: random.Random) -> str:
        name = chance.choice(self._processes())
        self._place.kill(name)
        return f"SIGKILL: {name}"

    def _crash_point(self, chance: random.Random) -> str:
        name, at = chance.choice(("worker-1", "worker-2")), chance.choice(CRASH_POINTS)
        self._place.kill(name, f"{at}:{chance.randint(1, 4)}")
        return f"crash point armed: {name} {at}"

    def _freeze(self, chance: random.Random) -> str:
        name, seconds = chance.choice(self._processes()), chance.choice((3, 10, 30))
        pid = self._place.children[name].pid
        os.killpg(pid, signal.SIGSTOP)
        self._after(seconds, lambda: _thaw(pid))
        return f"SIGSTOP: {name} {seconds} s"

    def _flush(self, _chance: random.Random) -> str:
        with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self._place.servers.redis_url) as client:
            client.flushall()
        return "Redis emptied:"

    def _stop_redis(self, chance: random.Random) -> str:
        seconds = chance.choice((1, 3, 8, 30))
        self._place.servers.kill("valkey")
        self._after(seconds, self._place.start_servers)
        return f"Redis stopped: {seconds} s"

    def _restart_postgres(self, chance: random.Random) -> str:
        self._place.servers.kill("postgres")
        time.sleep(chance.random())
        self._place.start_servers()
        return "PostgreSQL killed and started again:"

    # --- the lines between them ---

    def _line(self, chance: random.Random) -> str:
        return chance.choice(_LINES if self._lossy else _LINES[:-1])

    def _bad_line(self, chance: random.Random) -> str:
        name = self._line(chance)
        mode = chance.choice((Mode.DROP, Mode.HOLD, Mode.DELAY, Mode.DELAY, Mode.DEAD))
        seconds = chance.choice((0.5, 1.5, 4.0))
        self._place.proxies[name].set(mode, chance.choice((0.02, 0.2, 0.7)))
        time.sleep(seconds)
        self._place.proxies[name].set(Mode.PASS)
        return f"line {mode}: {name} {seconds} s"

    def _cut_line(self, chance: random.Random) -> str:
        name = self._line(chance)
        self._place.proxies[name].cut(chance.choice((0, 10, 300, 2000)))
        return f"line cut: {name}"

    # --- providers, the CRM, and what they send ---

    def _side(self, chance: random.Random) -> tuple[str, Api]:
        place = self._place
        sides = (("crm", place.crm_admin), ("google", place.google_admin), ("graph", place.graph_admin))
        return chance.choice(sides)

    def _provider(self, chance: random.Random) -> str:
        name, admin = self._side(chance)
        spec = chance.choice(_MOODS)
        if name == "google" and chance.random() < 0.15:
            spec = {"do": "status", **refusal(403, "rateLimitExceeded")}
        match = {"direction": "in", "caller": "gateway", "path": "/(tasks|calendars|events|token)"}
        if chance.random() < 0.6:
            match["method"] = chance.choice(("PATCH", "POST", "DELETE", "GET"))
        admin.call("POST", "/faults", json={"match": match, "times": chance.randint(1, 3), **spec})
        return f"{name} {spec['do']} {spec.get('status', '')}:"

    def _delivery(self, chance: random.Random) -> str:
        name, admin = self._side(chance)
        kinds = ("duplicate", "delay", "delay", "hold", "status", "cut_after_write")
        do = chance.choice((*kinds, "drop") if self._lossy else kinds)
        statuses = (500, 503, 404, 429) if self._lossy else (500, 503)
        how = {"delay_ms": chance.choice(_PUSH_DELAYS_MS), "status": chance.choice(statuses)}
        admin.call(
            "POST", "/faults", json={"match": {"direction": "out"}, "do": do, "times": chance.randint(1, 3), **how}
        )
        if chance.random() < 0.5:
            admin.call("POST", "/release")
        return f"deliveries of {name} {do}:"

    # --- time ---

    def _jump(self, chance: random.Random) -> str:
        seconds = chance.choice((2.0, -2.0, 70.0, -45.0))
        if self._lossy and chance.random() < 0.6:
            seconds = chance.choice((400.0, -400.0, 3700.0, -3700.0))
        if abs(self._shifted + seconds) > 4 * 3600:
            seconds = -self._shifted
        self._shifted += seconds
        self._place.advance(seconds)
        return f"clock jumped: {seconds:+.0f} s"


def _thaw(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGCONT)
