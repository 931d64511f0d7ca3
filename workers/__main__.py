"""``python -m workers``: build the gateway, start the pool, stay until asked to stop."""

from __future__ import annotations

import logging
import os
import sys
import threading

from gateway import settings, telemetry, wiring
from gateway.settings import SettingsError
from workers import stopping
from workers.jobs import Room
from workers.pool import Pool

STOP_SECONDS = 24.0
"""A platform kills after 30 s; work that is under way has this long."""

log = logging.getLogger("workers")


def main() -> int:
    """Exit code 0 after a stop that was asked for, 2 for a wrong setting."""
    stopping.block()
    try:
        chosen = settings.load(os.environ)
        telemetry.begin(chosen.log_level, chosen.secrets)
        gateway = wiring.build(chosen, wiring.Process.WORKER)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    size = chosen.worker_concurrency
    stop = threading.Event()
    room = Room(gateway.ctx, gateway.heard, stop.is_set)
    pool = Pool(chosen.redis_url, size, room.drain, gateway.ctx.meter, stop, tls_verify=chosen.redis_tls_verify)
    gateway.tally.add_to(gateway.store)
    pool.start()
    log.info("ready with %d threads", size)
    stopping.wait()
    log.info("stopping: what is under way is finished")
    if not pool.close(STOP_SECONDS):
        log.warning("work was still under way when the time was up; it will be done again elsewhere")
    gateway.tally.close()
    return 0


if __name__ == "__main__":
    stopping.leave(main())
