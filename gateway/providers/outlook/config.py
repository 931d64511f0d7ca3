"""Where Microsoft is, and who we are to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _machine_time() -> datetime:
    return datetime.now(UTC)


def _nobody_counts(_status: str) -> None:
    """For who does not want to know."""


@dataclass(frozen=True, slots=True)
class OutlookConfig:
    """One app registration and the endpoints it speaks to; the defaults are the real ones, for work and personal
    accounts alike: https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints.

    ``graph_endpoint``: with the version, without a slash at its end. ``now``: aware UTC, for token lifetimes, for the
    end of a subscription, and for a ``Retry-After`` in an answer without a date.
    """

    client_id: str
    client_secret: str = field(repr=False)
    authority: str = "https://login.microsoftonline.com/common"
    graph_endpoint: str = "https://graph.microsoft.com/v1.0"
    now: Callable[[], datetime] = field(default=_machine_time, repr=False, compare=False)
    count: Callable[[str], None] = field(default=_nobody_counts, repr=False, compare=False)
    """Told the status of each answer, ``none`` where there was none."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a registration at the real Microsoft would look like and this one does not. No call is made."""
        if "microsoftonline" not in self.authority:
            return ()
        found = []
        if not _GUID.fullmatch(self.client_id):
            found.append("MICROSOFT_CLIENT_ID is no Application (client) ID: copy it from the registration's overview")
        if _GUID.fullmatch(self.client_secret):
            found.append("MICROSOFT_CLIENT_SECRET looks like the Secret ID: make a new secret and copy its Value")
        return tuple(found)
