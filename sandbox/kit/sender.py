"""Sends webhooks and pushes: a pool of threads that POST to loopback, carry out faults, retry and keep the ledger.

Deliveries with the same key leave in the order they were submitted; a retried, delayed or held one steps out of
that order and lets the others pass, as real senders do.
"""

from __future__ import annotations

import heapq
import ipaddress
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

import requests

from sandbox.kit.clock import Clock
from sandbox.kit.faults import Fault, Faults
from sandbox.kit.ledger import Ledger

TIMEOUT_S = (3.0, 10.0)
_POLL_S = 0.05
_NEVER_LEDGERED = ("signature", "token", "secret", "authorization")
_log = logging.getLogger(__name__)


def no_answer_or_server_error(status: int | None) -> bool:
    """The usual rule for trying again: no answer at all, a 5xx, or 429."""
    return status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS


def _nothing(status: int | None) -> None:
    """Nobody wants to know how the attempt went."""


@dataclass(frozen=True)
class Delivery:
    """One thing to send. `headers_at` gets the time of the attempt (aware UTC), so that a retry is signed anew.

    `retries` are the waits in seconds of the stand-ins' clock before each further attempt. `on_answer` is told the
    status of every attempt (None: no answer). `person` is the e-mail that faults match on. `again` makes the delivery
    of a further attempt, by its number, where that is not the same as the first.
    """

    url: str
    body: bytes
    headers_at: Callable[[datetime], Mapping[str, str]]
    key: str
    person: str | None = None
    ids: tuple[str, ...] = ()
    ours: tuple[bool, ...] = ()
    shown_body: object = None
    retries: tuple[float, ...] = ()
    retry_on: Callable[[int | None], bool] = no_answer_or_server_error
    on_answer: Callable[[int | None], None] = _nothing
    again: Callable[[Delivery, int], Delivery] | None = None


@dataclass(frozen=True)
class _Job:
    delivery: Delivery
    era: int
    attempt: int = 0
    spared: bool = False


def require_loopback(url: str) -> None:
    """Raise ValueError unless `url` is http or https to a loopback host: a stand-in never calls the outside world."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        raise ValueError("address must be http or https")
    if host == "localhost":
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError("address must be on loopback") from None
    if not address.is_loopback:
        raise ValueError("address must be on loopback")


class Sender:
    """The pool. `notify_delay_ms` is added before each first attempt."""

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        faults: Faults,
        notify_delay_ms: float = 0,
        threads: int = 16,
        timeout_s: tuple[float, float] = TIMEOUT_S,
    ) -> None:
        self._clock, self._ledger, self._faults = clock, ledger, faults
        self._delay_s = notify_delay_ms / 1000
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._era = 0
        self._count = 0
        self._stopped = False
        self._later: list[tuple[datetime, int, _Job]] = []
        self._lanes: dict[str, deque[_Job]] = {}
        self._ready: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        self._threads.append(threading.Thread(target=self._watch, daemon=True))
        for thread in self._threads:
            thread.start()

    def submit(self, delivery: Delivery) -> None:
        """Send it from a thread of the pool, in order within its key. Raises ValueError for a host not on loopback."""
        require_loopback(delivery.url)
        self._schedule(_Job(delivery, self._era), self._clock.now(), self._delay_s)

    @property
    def busy(self) -> bool:
        """Whether anything is being sent, or queued to be; what waits for its time or is held does not count."""
        with self._changed:
            return bool(self._lanes)

    def forget(self) -> None:
        """Drop everything queued, waiting to be retried or held; attempts in flight finish and are not repeated."""
        with self._changed:
            self._era += 1
            self._later.clear()
            for lane in self._lanes.values():
                lane.clear()

    def stop(self) -> None:
        """Drop what is queued and end the threads."""
        self.forget()
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for _ in self._threads:
            self._ready.put(None)

    def _schedule(self, job: _Job, since: datetime, wait_s: float) -> None:
        with self._changed:
            if job.era != self._era:
                return
            if wait_s <= 0:
                self._enter_lane(job)
                return
            self._count += 1
            due = since + timedelta(seconds=wait_s)
            heapq.heappush(self._later, (due, self._count, job))
            self._changed.notify_all()

    def _enter_lane(self, job: _Job) -> None:
        lane = self._lanes.get(job.delivery.key)
        if lane is None:
            self._lanes[job.delivery.key] = deque()
            self._ready.put(job)
        else:
            lane.append(job)

    def _leave_lane(self, key: str) -> None:
        with self._changed:
            if self._lanes[key]:
                self._ready.put(self._lanes[key].popleft())
            else:
                del self._lanes[key]

    def _watch(self) -> None:
        """Move what has come due into its lane. The clock file may jump, so a wait is never longer than the poll."""
        with self._changed:
            while not self._stopped:
                now = self._clock.now()
                while self._later and self._later[0][0] <= now:
                    self._enter_lane(heapq.heappop(self._later)[2])
                if not self._later:
                    self._changed.wait()
                else:
                    ahead = (self._later[0][0] - now).total_seconds()
                    self._changed.wait(min(ahead, _POLL_S))

    def _work(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (job := self._ready.get()) is not None:
                try:
                    self._attempt(session, job)
                except Exception:  # noqa: BLE001 - one bad delivery must not end the thread of all the others
                    _log.exception("a delivery for %s could not be attempted", job.delivery.key)
                finally:
                    self._leave_lane(job.delivery.key)

    def _attempt(self, session: requests.Session, job: _Job) -> None:
        now, era = self._clock.now(), self._ledger.era
        with self._changed:
            # Under the lock, so that a delivery from before `forget` uses up no fault of the time after.
            if job.era != self._era:
                return
            path = urlsplit(job.delivery.url).path
            fault = None if job.spared else self._faults.match("out", "POST", path, job.delivery.person)
        if fault is not None and fault.do in ("hold", "delay"):
            self._set_aside(replace(job, spared=True), fault, now)
            return
        if fault is not None and fault.do in ("drop", "status"):
            status = fault.status if fault.do == "status" else None
            self._record(job.delivery, {}, status, now, era)
            if fault.do == "drop":
                # Lost on the way: the receiver never sees it, and the sender believes that it arrived.
                job.delivery.on_answer(HTTPStatus.OK)
                return
        else:
            status = self._post(session, job.delivery, era)
        if fault is not None and fault.do == "duplicate":
            status = self._post(session, job.delivery, era)
        if fault is not None and fault.do == "cut_after_write":
            status = None
        self._settle(job, status, now)

    def _set_aside(self, job: _Job, fault: Fault, now: datetime) -> None:
        """Hold or delay a delivery outside its lane, so that the next ones pass it."""
        if fault.do == "hold":
            self._faults.hold(lambda: self._schedule(job, now, 0))
        else:
            self._schedule(job, now, fault.delay_s)

    def _settle(self, job: _Job, status: int | None, began: datetime) -> None:
        """Tell the caller, and plan the next attempt. Waits count from the attempt's beginning, not from its end.

        So a clock that is moved on as soon as the attempt shows in the ledger has moved on for its retry as well.
        """
        delivery = job.delivery
        delivery.on_answer(status)
        if delivery.retry_on(status) and job.attempt < len(delivery.retries):
            wait_s = delivery.retries[job.attempt]
            following = delivery.again(delivery, job.attempt + 1) if delivery.again else delivery
            later = replace(job, delivery=following, attempt=job.attempt + 1, spared=False)
            self._schedule(later, began, max(wait_s, 0.001))

    def _post(self, session: requests.Session, delivery: Delivery, era: int) -> int | None:
        now = self._clock.now()
        headers = delivery.headers_at(now)
        try:
            answer = session.post(
                delivery.url, data=delivery.body, headers=headers, timeout=self._timeout_s, allow_redirects=False
            )
            status: int | None = answer.status_code
        except requests.RequestException:
            # Refused, reset or too slow: all one to a sender, who saw no answer.
            status = None
        self._record(delivery, headers, status, now, era)
        return status

    def _record(
        self, delivery: Delivery, headers: Mapping[str, str], status: int | None, at: datetime, era: int
    ) -> None:
        shown = {
            name: value for name, value in headers.items() if not any(word in name.lower() for word in _NEVER_LEDGERED)
        }
        self._ledger.record(
            at=at,
            direction="out",
            method="POST",
            path=urlsplit(delivery.url).path,
            headers=shown,
            body=delivery.shown_body,
            status=status,
            ids=delivery.ids,
            ours=delivery.ours,
            era=era,
        )
