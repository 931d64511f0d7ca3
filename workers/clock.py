"""``python -m workers.clock``: rings for work that is due, and once in a while does the rounds. Two do no harm.

Renewals, safety reads, catch-ups and retention are ``gateway.services.sweep``'s; this is only its heartbeat.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway import settings, telemetry, wiring
from gateway.core.repositories import StoreDown
from gateway.deployment import Gateway
from gateway.services import sweep
from gateway.services.context import Context
from gateway.settings import SettingsError
from workers import stopping

log = logging.getLogger("workers.clock")

RING_SECONDS = 0.75
TICK = timedelta(seconds=15)
OUTAGE = timedelta(minutes=1)
"""After so long without a round that went well the whole gateway is taken to have been out."""

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 10.0
_STOP_SECONDS = 0.8


@dataclass(slots=True)
class Rounds:
    """What the clock does, again and again. ``begin``: done before all else, until it has succeeded once.
    ``went_round``: told of good rounds, every 15 s."""

    ctx: Context
    begin: Callable[[], None]
    went_round: Callable[[], None] = lambda: None
    _begun: bool = field(default=False, init=False)
    _ticked_at: datetime | None = field(default=None, init=False)
    _well_at: datetime | None = field(default=None, init=False)

    def once(self) -> None:
        """One round: rings for what is due; every 15 s, or when time has jumped, all the rest. At the start, and where
        the last round that went well is a minute ago, what may have been missed is looked for. Raises ``StoreDown``."""
        if not self._begun:
            self.begin()
            self._begun = True
        now = self.ctx.clock.now()
        if self._well_at is not None and self._well_at - now >= OUTAGE:
            sweep.follow_clock_back(self.ctx, self._well_at - now)
        if self._well_at is None or abs(now - self._well_at) >= OUTAGE:
            sweep.look_for_missed(self.ctx)
            self._well_at = now
        sweep.ring_due(self.ctx)
        if self._ticked_at is None or abs(now - self._ticked_at) >= TICK:
            sweep.tick(self.ctx)
            self._ticked_at = now
            self.went_round()
        self._well_at = now

    def keep_going(self, stop: threading.Event) -> None:
        """Round after round until told to stop; after a failure with a growing pause."""
        pause = RING_SECONDS
        while not stop.is_set():
            try:
                self.once()
                pause = RING_SECONDS
            except StoreDown as error:
                log.warning("the database does not answer, waiting for it: %s", error)
                self._well_at = None  # nothing could be recorded either: webhooks were refused
                pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            except Exception:
                log.exception("a round failed, the next one will try again")
                pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            # A little jitter, so that two clocks do not walk in step.
            stop.wait(pause * (0.9 + 0.2 * self.ctx.jitter()))


def main() -> int:
    """Exit code 0 after a stop that was asked for, 2 for a wrong setting."""
    stopping.block()
    try:
        chosen = settings.load(os.environ)
        telemetry.begin(chosen.log_level, chosen.secrets)
        gateway = wiring.build(chosen, wiring.Process.CLOCK)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    gateway.tally.add_to(gateway.store)
    stop = threading.Event()
    thread = threading.Thread(target=_rounds(gateway).keep_going, args=(stop,), name="rounds", daemon=True)
    thread.start()
    log.info("ready")
    stopping.wait()
    stop.set()
    # Whatever it is at is one transaction, which is rolled back and done again by the next clock.
    thread.join(_STOP_SECONDS)
    gateway.tally.close()
    return 0


def _rounds(gateway: Gateway) -> Rounds:
    return Rounds(gateway.ctx, lambda: wiring.settle_in(gateway), gateway.vitals.went_round)


if __name__ == "__main__":
    stopping.leave(main())
