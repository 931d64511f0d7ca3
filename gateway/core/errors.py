"""Failures, named by the next move. Imports nothing, so that every layer can speak of them.

::

    GatewayError
    ├── TryLater(after)        network, 5xx, 429, quota: postpone, honour the delay
    │   └── KeepsChanging      what is to be written moved under every try
    ├── StaleWrite(current)    an etag or version moved: read again, decide again, now
    ├── AlreadyExists          an insert's id is taken: read it, then decide
    ├── EventGone              a write met an event that is no more: read to confirm
    ├── TargetGone             the whole calendar vanished: stop and tell, never "all events were deleted"
    ├── WatchGone              nobody knows since when it is silent: make a new one, and look for what was missed
    ├── CursorExpired          a cursor is too old: look at all of ours afresh
    ├── AccessRevoked(reason)  the grant is dead: disable the connection, once
    ├── SignInAgain(reason)    the person must sign in again: changes wait
    ├── Unauthorised           the access token was refused: refresh once, then try again
    ├── Forbidden              a right is missing: pause, report
    ├── Refused(fields)        the other side calls our request wrong
    ├── OperatorFault          our own configuration is wrong: alarm the operator, touch no user
    ├── NotTrusted             a signature, token or age is wrong: 401, count, forget
    ├── NotReadable(field)     input that cannot be understood: 400 that names the field
    └── LeaseLost              somebody took the work over: throw the result away
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any


class GatewayError(Exception):
    """The root. The text never holds a secret, a title or a description."""


class TryLater(GatewayError):
    """The other side is unwell or asks for patience.

    ``after``: how long it asked us to wait (``None``: our own schedule decides).
    ``everyone``: the limit is of the whole mailbox or installation, not of this one item.
    """

    def __init__(self, why: str, *, after: timedelta | None = None, everyone: bool = False) -> None:
        super().__init__(why)
        self.after = after
        self.everyone = everyone


class KeepsChanging(TryLater):
    """Both sides, or one, moved under every try: come back when they are calm."""


class StaleWrite(GatewayError):
    """A conditional write met a newer version. ``current``: that version where the answer held it, else ``None``."""

    def __init__(self, why: str, current: Any = None) -> None:
        super().__init__(why)
        self.current = current


class AlreadyExists(GatewayError):
    """An insert's id is in use, by a live or by a deleted event."""


class EventGone(GatewayError):
    """A write found no event under that id. Not yet proof of a deletion."""


class TargetGone(GatewayError):
    """The target calendar does not exist any more, or is out of reach."""


class WatchGone(GatewayError):
    """The provider does not know this watch any more, so that there were no pushes for an unknown time."""


class CursorExpired(GatewayError):
    """The opaque "since here" is no longer valid."""


class AccessRevoked(GatewayError):
    """The provider's token endpoint said in its own words that this grant is dead. ``reason``: its code."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"access revoked: {reason}")
        self.reason = reason


class SignInAgain(GatewayError):
    """The provider wants to see the person again; the grant may come back. ``reason``: its code."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"sign in again: {reason}")
        self.reason = reason


class Unauthorised(GatewayError):
    """An access token or API token was not accepted (401)."""


class Forbidden(GatewayError):
    """A right is missing (403 without a rate reason)."""


class Refused(GatewayError):
    """The other side calls the request wrong. ``fields``: the ones it named, in our words."""

    def __init__(self, why: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.fields = fields


class OperatorFault(GatewayError):
    """The deployment is set up wrongly (a client secret, a domain): for the operator's eyes, no user is touched."""


class NotTrusted(GatewayError):
    """A delivery whose signature, token or age is wrong."""


class NotReadable(GatewayError):
    """Input we cannot read. ``field``: the path of the value at fault; ``hint``: the way out."""

    def __init__(self, field: str, hint: str) -> None:
        super().__init__(f"{field}: {hint}")
        self.field = field
        self.hint = hint


class LeaseLost(GatewayError):
    """The lease under which this work was begun is no longer ours."""
