"""A worker process whose jobs take as many seconds as their mailbox says: ``python slow_pool.py REDIS_URL FILE SIZE``.

Writes ``+name`` to the file when a job begins and ``-name`` when it ends.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from gateway import telemetry
from gateway.core.model import InstallationId
from gateway.core.ports import Lane
from workers import stopping
from workers.pool import Pool


def main(url: str, file: Path, size: int) -> int:
    stopping.block()
    telemetry.begin("INFO", ())

    def work(_installation: InstallationId, mailbox: str, _lane: Lane) -> None:
        with file.open("a", buffering=1) as notes:
            notes.write(f"+{mailbox}\n")
            time.sleep(float(mailbox.split(":")[1]))
            notes.write(f"-{mailbox}\n")

    pool = Pool(url, size, work, telemetry.NullMeter(), threading.Event())
    pool.start()
    stopping.wait()
    pool.close(24)
    return 0


if __name__ == "__main__":
    stopping.leave(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
