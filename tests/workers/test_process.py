"""The worker and the clock as processes: asked to stop in every situation, and wrong settings."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import settings, wiring
from gateway.core.model import InstallationId
from gateway.core.ports import Lane
from gateway.core.records import Installation, Topic
from gateway.telemetry import NullMeter
from sandbox import embedded
from sandbox.child import Child
from tests.patience import until
from tests.workers.conftest import Start, environment, says
from workers.queue import RedisDoorbell

pytestmark = pytest.mark.process

SLOW_POOL = str(Path(__file__).with_name("slow_pool.py"))


def stop(child: Child) -> tuple[int | None, float]:
    """Ask it to stop; its exit code and the seconds it took."""
    began = time.monotonic()
    return child.stop(grace=28), time.monotonic() - began


def test_jobs_of_several_seconds_are_finished_and_no_others_begun(start: Start, redis_url: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.touch()
    bell = RedisDoorbell(redis_url, NullMeter())
    for seconds in ("1", "3", "5", "0.1", "0.2"):
        bell.ring("inst", f"cal:{seconds}", Lane.NOW)  # type: ignore[arg-type]
    child = start(SLOW_POOL, redis_url, str(notes), "4", env={})
    until(lambda: notes.read_text().count("+") >= 3, 20)
    code, took = stop(child)
    lines = notes.read_text().split()
    begun, ended = ({line[1:] for line in lines if line[0] == sign} for sign in "+-")
    assert code == 0
    assert begun == ended == {"cal:1", "cal:3", "cal:5"}
    assert took < 8
    assert bell.waiting()["now"] == 2


def test_asked_twice_it_still_finishes(start: Start, redis_url: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.touch()
    RedisDoorbell(redis_url, NullMeter()).ring("inst", "cal:2", Lane.NOW)  # type: ignore[arg-type]
    child = start(SLOW_POOL, redis_url, str(notes), "2", env={})
    until(lambda: "+" in notes.read_text(), 20)
    child.ask_to_stop()
    child.ask_to_stop()
    code, _ = stop(child)
    assert (code, notes.read_text()) == (0, "+cal:2\n-cal:2\n")


@pytest.mark.parametrize("module", ["workers", "workers.clock"])
def test_idle_it_leaves_at_once(start: Start, database_url: str, redis_url: str, module: str) -> None:
    child = start("-m", module, env=environment(database_url, redis_url))
    says(child, "ready")
    code, took = stop(child)
    assert code == 0, child.last_words()
    assert took < (2.5 if module == "workers" else 1.2)


@pytest.mark.parametrize("module", ["workers", "workers.clock"])
def test_asked_while_it_starts(start: Start, database_url: str, redis_url: str, module: str) -> None:
    child = start("-m", module, env=environment(database_url, redis_url))
    code, took = stop(child)
    assert code in (0, -signal.SIGTERM)  # the latter before any of our code has run
    assert took < 10


@pytest.mark.parametrize("module", ["workers", "workers.clock"])
def test_with_both_stores_away_it_waits_and_leaves_when_asked(
    start: Start, tmp_path: Path, dead_url: str, module: str
) -> None:
    child = start("-m", module, env=environment(f"postgresql://nobody@/none?host={tmp_path}", dead_url))
    says(child, "does not answer")
    assert child.is_running()
    code, took = stop(child)
    assert code == 0, child.last_words()
    assert took < 5


def test_redis_goes_away_and_it_is_asked_to_stop(start: Start, database_url: str, own_queue: embedded.Servers) -> None:
    child = start("-m", "workers", env=environment(database_url, own_queue.redis_url))
    says(child, "ready")
    own_queue.kill("valkey")
    says(child, "Redis does not answer")
    code, took = stop(child)
    assert code == 0, child.last_words()
    assert took < 10


@pytest.mark.parametrize("module", ["workers", "workers.clock"])
def test_a_wrong_setting_stops_the_start_with_its_name(start: Start, module: str) -> None:
    wrong = environment("postgresql://x@/x", "redis://127.0.0.1:1") | {"TOKEN_KEYS": "short"}
    child = start("-m", module, env=wrong)
    assert child.wait(30) == 2
    assert "TOKEN_KEYS must hold keys of 32 bytes in base64. Example: TOKEN_KEYS=" in child.last_words()
    assert "short" not in child.last_words()


@pytest.fixture
def is_owed(database_url: str, redis_url: str) -> Iterator[Callable[[], bool]]:
    """Owe one piece of work that needs nobody outside, without ringing; whether it still is owed."""
    gateway = wiring.build(settings.load(environment(database_url, redis_url)))
    name, now = InstallationId("inst"), datetime.now(UTC)
    elsewhere = "cal:nobody"  # the CRM's own mailbox waits for a catch-up, which nobody answers here
    with gateway.store.begin() as uow:
        uow.installations.add(Installation(name, "key", "CRM", "generic", "http://127.0.0.1:9"), b"hash")
        uow.outbox.request(name, Topic.REPORT, "no-such-link", mailbox=elsewhere, now=now)
        uow.commit()

    def look() -> bool:
        with gateway.store.begin() as uow:
            return uow.outbox.next_due(name, elsewhere) is not None

    yield look
    gateway.store.close()  # type: ignore[attr-defined]


def test_29_work_whose_ring_was_lost_is_found(
    start: Start, database_url: str, redis_url: str, is_owed: Callable[[], bool]
) -> None:
    env = environment(database_url, redis_url)
    start("-m", "workers", env=env)
    assert is_owed()
    start("-m", "workers.clock", env=env)
    until(lambda: not is_owed(), 15)


@pytest.mark.parametrize("point", ["worker_popped", "worker_before_lease"])
def test_30_a_worker_killed_with_a_ring_in_its_hand(
    start: Start, database_url: str, redis_url: str, is_owed: Callable[[], bool], point: str
) -> None:
    env = environment(database_url, redis_url)
    start("-m", "workers.clock", env=env)
    dying = start("-m", "workers", env=env | {"CRASH_AT": point})
    until(lambda: dying.exit_code() == -signal.SIGKILL, 20, dying.last_words)
    began = time.monotonic()
    start("-m", "workers", env=env)
    until(lambda: not is_owed(), 30)
    assert time.monotonic() - began < 30
