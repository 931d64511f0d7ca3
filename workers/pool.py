"""The worker process: a pool of threads, each an RQ worker with its own connection and exactly one queue.

Out of RQ's own parts, with a loop of our own, since RQ ships no thread worker and its loop cannot be asked to stop
between two looks. A thread whose Redis fails starts again inside the process, after a growing pause. Registries that RQ
keeps are for its tools to look at; no work depends on them.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final

from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.timeouts import BaseDeathPenalty

from gateway.core.ports import Lane, Meter
from gateway.crash import crashpoint
from workers.queue import JOB_SECONDS, SERIALIZER, client
from workers.ring import ID, Work, ring_job

log = logging.getLogger(__name__)

POP_SECONDS: Final = 1
"""How long a thread waits for a ring before it looks whether it is to stop."""

ANSWER_SECONDS: Final = POP_SECONDS + 3.0
"""How long Redis may be silent before the connection counts as dead."""

_WORKER_SECONDS: Final = 30
_HEARTBEAT_SECONDS: Final = 10.0
_MAINTENANCE_SECONDS: Final = 60
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
_SETTLED_SECONDS: Final = 30.0


class NoDeathPenalty(BaseDeathPenalty):
    """Jobs are not cut off: raising into a thread can hit a commit, and cannot end a blocking read anyway. Every call
    has a limit of its own, and whoever holds a lease too long has lost it."""

    def setup_death_penalty(self) -> None:
        """Nothing to set up."""

    def cancel_death_penalty(self) -> None:
        """Nothing to cancel."""


class ThreadWorker(SimpleWorker):
    """RQ's worker for one thread: its bookkeeping without its signals, its commands from Redis and its timer."""

    death_penalty_class = NoDeathPenalty

    @property
    def connection_timeout(self) -> int:
        """The client's own limit is right as it is."""
        return 0

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002 - RQ's signature
        """How long a running job is left alone."""
        return JOB_SECONDS


def lanes(size: int) -> list[Lane]:
    """Whom each of so many threads listens to: one of every four to ``backfill`` (at least one), the others to ``now``.

    A thread with two queues could lose a job for good (https://github.com/rq/rq/issues/2079), and backfills would keep
    waiting people waiting.
    """
    if size < 2:
        raise ValueError("a pool needs a thread for each lane")
    backfill = max(1, size // 4)
    return [Lane.BACKFILL] * backfill + [Lane.NOW] * (size - backfill)


class Pool:
    """N threads, each in its lane."""

    def __init__(
        self,
        redis_url: str,
        size: int,
        work: Work,
        meter: Meter,
        stop: threading.Event,
        *,
        tls_verify: bool = True,
    ) -> None:
        """``size``: at least 2. ``work``: what a ring calls, from any thread; it never raises. ``stop``: set by
        ``close``; to be looked at by ``work``."""
        self._url, self._tls_verify = redis_url, tls_verify
        self._work = work
        self._meter = meter
        self._stop = stop
        self._lanes = lanes(size)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads; those that find no Redis wait for it."""
        for number, lane in enumerate(self._lanes):
            name = f"{lane.value}-{number}"
            thread = threading.Thread(target=self._keep_serving, args=(lane,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self, within: float) -> bool:
        """Take nothing new, wait at most so many seconds for what is being done; whether all of it was finished."""
        self._stop.set()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _keep_serving(self, lane: Lane) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._serve(lane)
            except RedisError as error:
                log.warning("Redis does not answer, waiting for it: %s", type(error).__name__)
            except Exception:
                log.exception("a worker thread failed, it starts again")
            if time.monotonic() - began > _SETTLED_SECONDS:
                pause = _FIRST_PAUSE
            self._stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _serve(self, lane: Lane) -> None:
        """Answer rings until told to stop. Raises ``RedisError``."""
        with client(self._url, tls_verify=self._tls_verify, timeout=ANSWER_SECONDS) as redis:
            job_class = ring_job(self._work, self._refused)
            queue = Queue(
                lane.value,
                connection=redis,
                serializer=SERIALIZER,
                job_class=job_class,
                death_penalty_class=NoDeathPenalty,
            )
            worker = ThreadWorker(
                [queue],
                connection=redis,
                serializer=SERIALIZER,
                job_class=job_class,
                worker_ttl=_WORKER_SECONDS,
                maintenance_interval=_MAINTENANCE_SECONDS,
            )
            worker.register_birth()  # type: ignore[no-untyped-call]
            try:
                self._answer_rings(worker, queue, redis)
            finally:
                _register_death(worker)

    def _answer_rings(self, worker: ThreadWorker, queue: Queue, redis: Redis) -> None:
        heartbeat_at = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= heartbeat_at:
                worker.heartbeat()
                _maintain(worker)
                heartbeat_at = time.monotonic() + _HEARTBEAT_SECONDS
            # To a list of its own, from which the job is taken off as it begins: what dies between is seen there.
            found = redis.blmove(queue.key, queue.intermediate_queue_key, POP_SECONDS)
            if found is None:
                continue
            crashpoint("worker_popped")
            job = self._job(queue, found)
            if job is None:
                redis.lrem(queue.intermediate_queue_key, 1, found)  # type: ignore[arg-type]  # bytes are fine
            else:
                worker.execute_job(job, queue)

    def _job(self, queue: Queue, found: Any) -> Job | None:
        """The ring under this id; ``None`` for what is none of ours, or is not there any more."""
        if ID.fullmatch(found) is None:
            self._refused("id")
            return None
        try:
            return queue.job_class.fetch(found.decode(), connection=queue.connection, serializer=SERIALIZER)
        except NoSuchJobError:
            return None
        except RedisError as error:
            if not _wrong_type(error):
                raise
            self._refused("type")
            return None

    def _refused(self, why: str) -> None:
        self._meter.count("rings_refused", why=why)
        log.warning("something in the queue is none of ours and was dropped: %s", why)


def _wrong_type(error: RedisError) -> bool:
    """Whether the key is there but holds another kind of value: a stranger's, not an outage."""
    return str(error).startswith("WRONGTYPE")


def _maintain(worker: ThreadWorker) -> None:
    """Let RQ tidy its registries, once in a while; what a stranger has put there must not stop the work."""
    if not worker.should_run_maintenance_tasks:
        return
    try:
        worker.clean_registries()  # type: ignore[no-untyped-call]
    except RedisError:
        raise
    except Exception:
        log.exception("RQ's registries could not be tidied")


def _register_death(worker: ThreadWorker) -> None:
    try:
        worker.register_death()  # type: ignore[no-untyped-call]
    except RedisError:
        log.info("could not sign off, the entry ends by itself")
