"""``python -m workers.alive worker|clock``: whether it is alive, by what it last told the queue; for container checks.

A worker counts where all of this host's threads that there should be have been heard of lately, a clock where one of
the deployment's has had a good round within a minute. Asks Redis alone: when that is away, nothing is known, and
restarting would help nobody, so the answer is yes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence

from redis import RedisError

from gateway import settings
from gateway.core.vitals import Pulse
from gateway.settings import Settings, SettingsError
from gateway.telemetry import NullMeter
from workers.queue import RedisDoorbell

_USAGE = "usage: python -m workers.alive worker|clock\n"


def main(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Exit code 0: alive, or unknown; 1: not heard of; 2: a wrong setting or argument."""
    if list(arguments) not in (["worker"], ["clock"]):
        sys.stderr.write(_USAGE)
        return 2
    try:
        chosen = settings.load(variables)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    bell = RedisDoorbell(chosen.redis_url, NullMeter(), tls_verify=chosen.redis_tls_verify)
    try:
        pulse = bell.pulse(socket.gethostname())
    except RedisError as error:
        sys.stderr.write(f"unknown: the queue does not answer ({type(error).__name__})\n")
        return 0
    return 0 if _is_well(arguments[0], pulse, chosen) else 1


def _is_well(process: str, pulse: Pulse, chosen: Settings) -> bool:
    if process == "clock":
        return pulse.has_clock
    return sum(pulse.threads.values()) >= chosen.worker_concurrency


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
