"""How many signed webhooks a second the CRM's door takes, beside a bare Flask 202 and the usual recipe.

All three behind gunicorn with the same number of processes and threads, in turns; the recipe has a Valkey of its own.
Worker and clock stand still meanwhile: this is the door's own cost. The sender shares the machine with all of them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.house import ROOT, House, wait_for
from bench.table import Row, median, percentiles
from sandbox import embedded

CONNECTIONS = 8
_TASKS = 200
_NUMBERS = itertools.count(1)
_SETTINGS = ("--worker-class", "gthread", "--threads", "32", "--log-level", "error", "--no-control-socket")


@dataclass
class Door:
    """Where to send to, and what it took."""

    name: str
    url: str
    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def run(house: House, *, seconds: float, turns: int) -> list[Row]:
    """Each door for so many seconds, ``turns`` times in turns."""
    secret = str(house.told["webhook_secret"])
    with ExitStack() as stack:
        own = Door("the gateway", str(house.told["webhook_url"]))
        redis_url = stack.enter_context(_valkey())
        plain = [Door(name, stack.enter_context(_plain(name, redis_url, secret))) for name in ("bare", "recipe")]
        with _standing_still(house):
            for door in [own, *plain] * turns:
                _load(door, secret, seconds)
    rate = {door.name: round(median(door.rates)) for door in plain}
    took = percentiles(own.seconds)
    return [
        Row("intake", "signed webhooks", "req/s", {"gateway": round(median(own.rates))}, rate),
        *(Row("intake", f"answer, beside {door.name}", "ms", took, percentiles(door.seconds)) for door in plain),
    ]


@contextmanager
def _valkey() -> Iterator[str]:
    given = {"PATH": os.environ.get("PATH", ""), "DATABASE_URL": "postgresql://not-needed"}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        embedded.start(Path(folder), given, durable=False) as servers,
    ):
        yield servers.redis_url


@contextmanager
def _plain(name: str, redis_url: str, secret: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    env = {"PATH": os.environ.get("PATH", ""), "REDIS_URL": redis_url, "BENCH_SECRET": secret}
    command = [sys.executable, "-m", "gunicorn", f"bench.plain_web:{name}", "--bind", f"127.0.0.1:{port}", *_SETTINGS]
    # Not the gateway's own settings file, which reads the gateway's environment.
    command += ["--config", "python:bench", "--workers", os.environ.get("WEB_CONCURRENCY", "2")]
    process = subprocess.Popen(command, cwd=ROOT, env=env)  # noqa: S603 - made here
    try:
        wait_for(lambda: _listens(port), f"the server {name}", 20)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _standing_still(house: House) -> Iterator[None]:
    pids = [house.told["pids"][name] for name in ("worker", "clock")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _load(door: Door, secret: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    took: list[list[float]] = [[] for _ in range(CONNECTIONS)]
    senders = [threading.Thread(target=_send, args=(door, secret, until, mine)) for mine in took]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    done = [one for mine in took for one in mine]
    door.rates.append(len(done) / seconds)
    door.seconds += done


def _send(door: Door, secret: str, until: float, took: list[float]) -> None:
    where = urlsplit(door.url)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    while time.monotonic() < until:
        body, headers = _message(key)
        began = time.monotonic()
        line.request("POST", where.path, body, headers)
        with line.getresponse() as answer:
            answer.read()
        if answer.status != 202:
            raise RuntimeError(f"{door.name} answered {answer.status}")
        took.append(time.monotonic() - began)
    line.close()


def _message(key: bytes) -> tuple[bytes, dict[str, str]]:
    """A signed delivery of a task that is on, in the form of https://www.standardwebhooks.com."""
    number = next(_NUMBERS)
    task: dict[str, Any] = {
        "id": f"bench-{number % _TASKS}",
        "version": number,
        "title": f"Webhook {number}",
        "description": "Bring the quote. " * 40,
        "status": "open",
        "completed_at": None,
        "priority": "high",
        "due": {"date_time": "2031-03-05T09:00:00+01:00", "time_zone": "Europe/Berlin"},
        "owner": {"id": "nobody", "time_zone": "Europe/Berlin"},
        "url": f"https://crm.example/tasks/bench-{number % _TASKS}",
        "calendar_sync": True,
        "updated_at": "2026-12-01T09:30:00Z",
    }
    said = {"type": "task.updated", "timestamp": "2026-12-01T09:30:00.120Z"}
    body = json.dumps({**said, "data": {"task": task, "actor": {"kind": "user", "id": "nobody"}}}).encode()
    message, at = f"bench-{number}", str(int(time.time()))
    signature = hmac.digest(key, f"{message}.{at}.".encode() + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
    }
    return body, headers
