"""The alarm: at once, in time by a clock that may jump, once for each mailbox, never without measure."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from gateway import alarm as alarm_module
from gateway.alarm import Alarm
from gateway.core.model import InstallationId
from gateway.core.ports import Lane
from tests.fakes_store import HandClock
from tests.patience import until

INSTALLATION = InstallationId("inst")


class Bell:
    """Notes who was woken, and by which thread."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.threads: set[str] = set()

    def ring(self, _installation_id: InstallationId, mailbox: str, lane: Lane) -> None:
        self.rung.append(f"{mailbox} {lane.value}")
        self.threads.add(threading.current_thread().name)


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def hands() -> HandClock:
    return HandClock()


@pytest.fixture
def alarm(hands: HandClock, bell: Bell) -> Alarm:
    return Alarm(hands, bell)


def test_without_a_wait_it_rings_at_once_and_needs_no_thread(alarm: Alarm, bell: Bell) -> None:
    alarm(INSTALLATION, "a", "now", 0)
    alarm(INSTALLATION, "b", Lane.BACKFILL, -3)
    assert bell.rung == ["a now", "b backfill"]
    assert bell.threads == {"MainThread"}


def test_in_time_and_in_order(alarm: Alarm, bell: Bell, hands: HandClock) -> None:
    alarm(INSTALLATION, "late", "now", 20)
    alarm(INSTALLATION, "soon", "now", 2)
    assert bell.rung == []
    hands.advance(timedelta(seconds=2))
    until(lambda: bell.rung == ["soon now"])
    hands.advance(timedelta(hours=1))
    until(lambda: bell.rung == ["soon now", "late now"])


def test_once_for_each_mailbox_at_the_earliest_time(alarm: Alarm, bell: Bell, hands: HandClock) -> None:
    for seconds in (20, 5, 7, 20, 5):
        alarm(INSTALLATION, "a", "now", seconds)
    alarm(INSTALLATION, "marker", "now", 30)
    hands.advance(timedelta(seconds=5))
    until(lambda: bell.rung == ["a now"])
    hands.advance(timedelta(seconds=60))
    until(lambda: "marker now" in bell.rung)
    assert bell.rung == ["a now", "marker now"]


def test_after_it_rang_a_mailbox_can_be_waited_for_again(alarm: Alarm, bell: Bell, hands: HandClock) -> None:
    for times in (1, 2, 3):
        alarm(INSTALLATION, "a", "now", 1)
        hands.advance(timedelta(seconds=1))
        until(lambda times=times: len(bell.rung) == times)  # type: ignore[misc]


def test_what_is_far_off_is_the_sweeps(alarm: Alarm, bell: Bell, hands: HandClock) -> None:
    alarm(INSTALLATION, "tomorrow", "now", 86_400)
    alarm(INSTALLATION, "never", "now", float("inf"))
    alarm(INSTALLATION, "marker", "now", 59)
    hands.advance(timedelta(days=2))
    until(lambda: bell.rung == ["marker now"])


def test_not_without_measure(
    alarm: Alarm, bell: Bell, hands: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarm_module, "MOST", 3)
    for number in range(10):
        alarm(INSTALLATION, f"{number}", "now", 10)
    hands.advance(timedelta(seconds=10))
    until(lambda: len(bell.rung) == 3)


def test_many_threads_may_set_it(alarm: Alarm, bell: Bell, hands: HandClock) -> None:
    threads = [threading.Thread(target=alarm, args=(INSTALLATION, f"{n}", "now", 5)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hands.advance(timedelta(seconds=5))
    until(lambda: len(bell.rung) == 50)
    assert bell.threads == {"alarm"}
