"""Where Google is, and who we are to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


def _machine_time() -> datetime:
    return datetime.now(UTC)


def _nobody_counts(_status: str) -> None:
    """For who does not want to know."""


@dataclass(frozen=True, slots=True)
class GoogleConfig:
    """One OAuth client and the endpoints it speaks to; the defaults are the real ones.

    Sources: https://developers.google.com/identity/protocols/oauth2/web-server and the Calendar v3 discovery document.
    ``now``: aware UTC, for token lifetimes and for a ``Retry-After`` in an answer without a date.
    """

    client_id: str
    client_secret: str = field(repr=False)
    auth_uri: str = "https://accounts.google.com/o/oauth2/v2/auth"
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address, not a token
    revoke_uri: str = "https://oauth2.googleapis.com/revoke"
    calendar_endpoint: str = "https://www.googleapis.com/calendar/v3/"
    now: Callable[[], datetime] = field(default=_machine_time, repr=False, compare=False)
    count: Callable[[str], None] = field(default=_nobody_counts, repr=False, compare=False)
    """Told the status of each answer, ``none`` where there was none."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a client of the real Google would look like and this one does not. No call is made."""
        if "google" not in self.token_uri:  # another authority makes its ids as it likes
            return ()
        found = []
        if not self.client_id.endswith(".apps.googleusercontent.com"):
            found.append("GOOGLE_CLIENT_ID does not end in .apps.googleusercontent.com: copy the client's id whole")
        if self.client_secret.endswith(".apps.googleusercontent.com") or " " in self.client_secret:
            found.append("GOOGLE_CLIENT_SECRET is no secret of a client: copy the one beside the id (GOCSPX-...)")
        return tuple(found)
