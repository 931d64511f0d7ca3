"""``python -m sandbox.demo``: run the demo until Ctrl-C or SIGTERM; the last line printed is the desk's address.

PORT (8080) is the gateway's, DEMO_DIR (.demo) holds data, logs and ``installation.json``.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from sandbox.demo import settings
from sandbox.demo.outside import OutsideError
from sandbox.demo.run import Demo, say
from sandbox.embedded import ServersUnavailable

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stop(BaseException):
    """Asked to stop: unwinds from wherever the start has got to."""


def main() -> int:
    """Exit code 0 after being asked to stop, 1 with a reason when the demo cannot run."""
    for number in _SIGNALS:
        signal.signal(number, _stop)
    try:
        chosen = settings.read(os.environ)
    except settings.CannotStart as error:
        say(str(error))
        return 1
    demo = Demo(chosen)
    try:
        print(f"Desk: {demo.start()}", flush=True)
        demo.watch()
    except _Stop:
        return 0
    except (settings.CannotStart, ServersUnavailable, OutsideError, RuntimeError) as error:
        say(str(error))
        return 1
    finally:
        for number in _SIGNALS:  # what is being stopped is not to be interrupted
            signal.signal(number, signal.SIG_IGN)
        say("stopping")
        demo.stop()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stop


if __name__ == "__main__":
    sys.exit(main())
