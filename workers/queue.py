"""The doorbell: the only place that enqueues. A ring says which mailbox to look into, and nothing else.

Rings for one mailbox coalesce: a key in Redis says that one is on its way, and the job that answers it removes the key
before it looks. Everything here may be lost, doubled or late without harm; the database knows what is due. So it never
waits long for Redis, never tries twice, and never raises.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue

from gateway.core.model import InstallationId
from gateway.core.ports import Lane, Meter
from gateway.core.vitals import Pulse

log = logging.getLogger(__name__)

JOB: Final = "workers.jobs.drain"
"""The name of the one job there is. It says what is meant; workers run no code by its name."""

SERIALIZER: Final = "json"
JOB_SECONDS: Final = 120
"""After this long without an end a job counts as abandoned. It is not cut off: its calls have their own limits."""

NUDGE_SECONDS: Final = 10
"""For how long a ring that got lost keeps others away."""

MOST_WAITING: Final = 10_000
"""Beyond this many waiting rings no more are added: those that wait find the work as well."""

CLOCK_KEY: Final = "clock:went-round"
CLOCK_SECONDS: Final = 60
"""For how long a clock's good round is remembered."""

_WORKERS: Final = "rq:workers"
_QUIET_TTL: Final = 45
"""RQ lets a worker's key live for 90 s from each of its heartbeats, one every 10 s: who has less left is gone or stuck
(https://github.com/rq/rq/blob/master/rq/worker/base.py)."""

_FAILURE_SECONDS: Final = 60
_TIMEOUT_SECONDS: Final = 0.5
_QUIET_SECONDS: Final = 1.0


def client(url: str, *, tls_verify: bool = True, timeout: float = _TIMEOUT_SECONDS) -> Redis:
    """A client that waits ``timeout`` seconds for an answer and never asks twice. It connects at its first command.

    ``tls_verify``: off only for a server whose certificate is of its own making.
    """
    tls: Mapping[str, Any] = {}
    if url.startswith("rediss://") and not tls_verify:
        tls = {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}
    return Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0), **tls
    )


def _read(values: list[bytes | None]) -> list[bytes]:
    return [value or b"" for value in values]


def nudge_key(mailbox: str, lane: Lane) -> str:
    """The key that says: somebody is on the way to this mailbox."""
    return f"nudge:{lane.value}:{mailbox}"


class RedisDoorbell:
    """The port ``Doorbell`` on RQ. Thread-safe; may be made before a process forks, since it connects late.

    After a failure it keeps quiet for a second, so that a silent Redis costs a busy process no more than one wait a
    second.
    """

    def __init__(
        self, url: str, meter: Meter, *, tls_verify: bool = True, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = client(url, tls_verify=tls_verify)
        self._queues = {lane: Queue(lane.value, connection=self._redis, serializer=SERIALIZER) for lane in Lane}
        self._meter = meter
        self._monotonic = monotonic
        self._quiet_until = 0.0

    def ring(self, installation_id: InstallationId, mailbox: str, lane: Lane) -> None:
        """Somebody, come and look into this mailbox."""
        if self._monotonic() < self._quiet_until:
            self._meter.count("rings", outcome="not_tried")
            return
        try:
            outcome = self._ring(installation_id, mailbox, Lane(lane))
        except Exception as error:  # noqa: BLE001 - whatever it is, the work is safe in the database
            self._quiet_until = self._monotonic() + _QUIET_SECONDS
            outcome = "failed"
            log.warning("a ring was lost, the sweep will find the work: %s", type(error).__name__)
        self._meter.count("rings", outcome=outcome)

    def heard(self, mailbox: str, lane: Lane) -> None:
        """Somebody is there: from now on a ring for this mailbox is a new one."""
        try:
            self._redis.delete(nudge_key(mailbox, lane))
        except Exception as error:  # noqa: BLE001 - the key ends by itself
            log.warning("a nudge could not be taken back: %s", type(error).__name__)

    def waiting(self) -> dict[str, int]:
        """How many rings wait, by lane. Raises ``redis.RedisError``."""
        return {lane.value: self._redis.llen(queue.key) for lane, queue in self._queues.items()}

    def went_round(self) -> None:
        """The clock of this deployment has just had a good round. A lost one is said again by the next."""
        try:
            self._redis.set(CLOCK_KEY, 1, ex=CLOCK_SECONDS)
        except Exception as error:  # noqa: BLE001 - only the doctor looks at it
            log.warning("the clock's heartbeat was lost: %s", type(error).__name__)

    def pulse(self, host: str | None = None) -> Pulse:
        """Who is there; ``host``: threads of this machine alone. Reads plain fields alone, so that nothing in Redis
        makes code run. Raises ``redis.RedisError``."""
        redis: Any = self._redis
        seconds, micros = redis.time()
        memory = redis.info("memory")
        threads: Counter[str] = Counter()
        for key in redis.smembers(_WORKERS):
            queues, at = (value.decode(errors="replace") for value in _read(redis.hmget(key, "queues", "hostname")))
            if redis.ttl(key) > _QUIET_TTL and host in (None, at):
                threads[queues] += 1
        return Pulse(
            at=datetime.fromtimestamp(seconds + micros / 1e6, UTC),
            threads=dict(threads),
            has_clock=bool(redis.exists(CLOCK_KEY)),
            used_bytes=int(memory.get("used_memory", 0)),
            limit_bytes=int(memory.get("maxmemory", 0)),
            eviction=str(memory.get("maxmemory_policy", "")),
        )

    def _ring(self, installation_id: InstallationId, mailbox: str, lane: Lane) -> str:
        queue = self._queues[lane]
        with self._redis.pipeline(transaction=False) as both:
            both.set(nudge_key(mailbox, lane), 1, nx=True, ex=NUDGE_SECONDS)
            both.llen(queue.key)
            is_first, waiting = both.execute()
        if not is_first:
            return "coalesced"
        if waiting >= MOST_WAITING:
            return "full"
        queue.enqueue_call(
            JOB,
            args=[installation_id, mailbox, lane.value],
            timeout=JOB_SECONDS,
            result_ttl=0,
            failure_ttl=_FAILURE_SECONDS,
            description="drain",
        )
        return "rung"
