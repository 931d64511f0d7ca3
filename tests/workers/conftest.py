"""A pool in this process, a queue server of the test's own, one that never answers, and processes."""

from __future__ import annotations

import base64
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.core.ports import Lane
from gateway.tally import Tally
from sandbox import embedded
from sandbox.child import Child
from tests.patience import until
from workers.pool import Pool
from workers.queue import RedisDoorbell

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Bench:
    """A pool whose work is noted. ``hold``: while it is cleared, work waits inside."""

    url: str
    size: int = 3
    meter: Tally = field(default_factory=Tally)
    done: list[tuple[str, str, Lane]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    hold: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.hold.set()
        self.bell = RedisDoorbell(self.url, self.meter)
        self.pool = Pool(self.url, self.size, self.work, self.meter, self.stop)

    def work(self, installation_id: str, mailbox: str, lane: Lane) -> None:
        self.bell.heard(mailbox, lane)
        self.begun.release()
        self.hold.wait(20)
        self.done.append((installation_id, mailbox, lane))

    def ring(self, mailbox: str, lane: Lane = Lane.NOW) -> None:
        self.bell.ring("inst", mailbox, lane)  # type: ignore[arg-type]

    def counted(self, name: str) -> dict[str, int]:
        """How often this was counted, by the value of its one label."""
        return {one.labels[0][1]: times for one, times in self.meter.waiting().items() if one.name == name}


@pytest.fixture
def bench(redis_url: str) -> Iterator[Bench]:
    made = Bench(redis_url)
    yield made
    made.hold.set()
    assert made.pool.close(20)


@pytest.fixture
def own_queue(servers: embedded.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Servers]:
    """A Valkey that this test may kill."""
    given = {"PATH": os.environ.get("PATH", ""), "DATABASE_URL": servers.database_url}
    with embedded.start(tmp_path_factory.mktemp("queue"), given, durable=False) as running:
        yield running


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Somebody who takes calls and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def dead_url() -> str:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"redis://127.0.0.1:{port}"


Start = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts ``python <arguments>`` as a process; whatever still runs at the end is killed."""
    children: list[Child] = []

    def run(*arguments: str, env: dict[str, str]) -> Child:
        whole = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"} | env
        name = f"child-{len(children)}"
        child = Child(name, [sys.executable, *arguments], tmp_path / f"{name}.log", whole, REPOSITORY)
        children.append(child)
        child.start()
        return child

    yield run
    for child in children:
        child.kill()


def environment(database_url: str, redis_url: str) -> dict[str, str]:
    """The least that a process of the gateway needs."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PUBLIC_URL": "http://127.0.0.1:9",
        "SECRET_KEY": "s" * 40,
        "TOKEN_KEYS": base64.b64encode(b"k" * 32).decode(),
        "DEPLOYMENT_ID": "test",
        "ALLOW_LOOPBACK": "1",
        "WORKER_CONCURRENCY": "2",
    }


def says(child: Child, words: str, seconds: float = 30) -> None:
    """Wait until these words stand in its log."""

    def found() -> bool:
        return child.log.exists() and words in child.log.read_text()

    until(found, seconds, child.last_words)
