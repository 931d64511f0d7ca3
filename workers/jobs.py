"""What a ring makes a worker do: look into one mailbox. A few lines around ``gateway.services.work``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway import telemetry
from gateway.core.model import InstallationId
from gateway.core.ports import Lane
from gateway.core.repositories import StoreDown
from gateway.crash import crashpoint
from gateway.services import work
from gateway.services.context import Context

log = logging.getLogger(__name__)

TURN_SECONDS = 1.0
"""After this long at one mailbox no further row is begun: others wait too, and the rest is rung for."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the jobs of one process share. ``heard`` takes a mailbox's ring back; ``stopping``: begin nothing new."""

    ctx: Context
    heard: Callable[[str, Lane], None]
    stopping: Callable[[], bool]

    def drain(self, installation_id: InstallationId, mailbox: str, lane: Lane) -> None:
        """Work off what is due in a mailbox. Whatever goes wrong, the work stays owed; so nothing is raised."""
        # Before the look: whoever rings from now on may have brought what this look does not see.
        self.heard(mailbox, lane)
        crashpoint("worker_before_lease")
        until = time.monotonic() + TURN_SECONDS
        with telemetry.fields(installation=installation_id, mailbox=mailbox, lane=lane.value):
            try:
                work.drain(self.ctx, installation_id, mailbox, lane, keep_going=lambda: self._may_go_on(until))
            except StoreDown as error:
                self.ctx.meter.count("drains", outcome="store_down")
                log.warning("the database does not answer, the sweep will find the work: %s", error)
            except Exception:
                self.ctx.meter.count("drains", outcome="failed")
                log.exception("a mailbox could not be worked off, the sweep will come back to it")
            else:
                self.ctx.meter.count("drains", outcome="done")

    def _may_go_on(self, until: float) -> bool:
        return not self.stopping() and time.monotonic() < until
