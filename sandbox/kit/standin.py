"""A running stand-in, as tests and `python -m sandbox` hold it."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.kit.sender import Sender
from sandbox.kit.server import Server


@dataclass(frozen=True)
class StandIn:
    """One stand-in being served; `url` has no slash at its end."""

    name: str
    server: Server
    sender: Sender

    @property
    def url(self) -> str:
        """Where it answers, for example `http://127.0.0.1:41234`."""
        return self.server.url

    def stop(self) -> None:
        """Stop sending and serving, and break off open connections."""
        self.sender.stop()
        self.server.stop()
