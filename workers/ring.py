"""A ring as a job of RQ, read as a stranger's: whoever can write to Redis must not be able to run code here.

RQ imports the function that a job names, and the callbacks, webhooks, retries and dependencies that its hash holds.
Here none of that is looked at: of a job's hash only known plain fields are read, its payload must be exactly ours, and
what is called is given by the worker, not by the job. Anything else counts as not existing, on every path of RQ.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from typing import Any, Final

from rq.exceptions import NoSuchJobError
from rq.job import Job

from gateway.core.model import InstallationId
from gateway.core.ports import Lane
from workers.queue import JOB

Work = Callable[[InstallationId, str, Lane], None]

ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,64}")
"""Job ids as RQ makes them."""

_PLAIN: Final = frozenset(
    b"created_at data origin description enqueued_at started_at ended_at last_heartbeat timeout result_ttl failure_ttl"
    b" ttl status worker_name".split()
)
_LARGEST: Final = 4096
_LONGEST_NAME: Final = 255


def ring_job(work: Work, refused: Callable[[str], None]) -> type[Job]:
    """The job class of one worker process: its jobs call ``work``; ``refused`` hears why one does not exist."""

    class RingJob(Job):
        def restore(self, raw_data: Any) -> Any:
            known = {name: value for name, value in raw_data.items() if name in _PLAIN}
            if read(known.get(b"data", b"")) is None:
                refused("payload")
                raise NoSuchJobError("not a ring of ours")
            try:
                super().restore(known)
            except Exception as error:
                refused("fields")
                raise NoSuchJobError("not a ring of ours") from error

        def perform(self) -> None:
            ring = read(self.data)
            if ring is not None:
                work(*ring)

    return RingJob


def read(payload: bytes) -> tuple[InstallationId, str, Lane] | None:
    """What a job's payload asks for; ``None`` if it is anything but a ring of ours. Never raises."""
    try:
        text = payload if payload[:1] == b"[" else _inflated(payload)
        match json.loads(text) if len(text) <= _LARGEST else None:
            case [name, None, [str(installation_id), str(mailbox), str(lane)], {}] if name == JOB:
                names = (installation_id, mailbox)
                if all(name.isprintable() and 0 < len(name) <= _LONGEST_NAME for name in names):
                    return InstallationId(installation_id), mailbox, Lane(lane)
    except (ValueError, TypeError, RecursionError, zlib.error):
        return None
    return None


def _inflated(payload: bytes) -> bytes:
    """At most a little more than the largest payload, however large it claims to be."""
    return zlib.decompressobj().decompress(payload, _LARGEST + 1)
