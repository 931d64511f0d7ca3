"""What a run finds out about somebody else's calendar, or another mailbox: told to whoever works off the mailbox."""

from __future__ import annotations

from gateway.core.errors import AccessRevoked, SignInAgain, TargetGone
from gateway.core.model import ConnectionId

Lost = AccessRevoked | SignInAgain | TargetGone


class OthersError(Exception):
    """What is lost is another connection's than the one in whose mailbox this work waits: a former owner's."""

    def __init__(self, connection_id: ConnectionId, lost: Lost) -> None:
        super().__init__(type(lost).__name__)
        self.connection_id, self.lost = connection_id, lost


class ElsewhereError(Exception):
    """This work belongs into another mailbox, where calls to that person's calendar are counted."""

    def __init__(self, mailbox: str) -> None:
        super().__init__(mailbox)
        self.mailbox = mailbox
