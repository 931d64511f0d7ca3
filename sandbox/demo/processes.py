"""The demo's child processes together: started in order, watched, started again when one falls over, stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sandbox.child import Child
from sandbox.embedded import Servers

ROOT = Path(__file__).resolve().parents[2]
_GRACE = {"web": 25.0, "worker": 25.0, "clock": 25.0}
_RESTART_PAUSE = 1.0


class Processes:
    """Everything that runs as a process of its own, under the name that ``installation.json`` uses.

    All calls belong in one thread, the one that lives longest: on Linux the children end with it.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: dict[str, Child] = {}
        self._servers: Servers | None = None
        self._fell_at: dict[str, float] = {}

    def adopt(self, servers: Servers) -> None:
        """Watch and stop the embedded servers too."""
        self._servers = servers

    def start(self, name: str, arguments: Sequence[str], env: Mapping[str, str]) -> Child:
        """Start ``python <arguments>`` under this name, its output in ``<name>.log``."""
        child = Child(name, [sys.executable, *arguments], self._logs / f"{name}.log", env, ROOT)
        child.log.unlink(missing_ok=True)
        child.start()
        self._children[name] = child
        return child

    def run(self, name: str, arguments: Sequence[str], env: Mapping[str, str]) -> str:
        """Run ``python <arguments>`` to its end and return its output. Raises RuntimeError when it fails."""
        child = Child(name, [sys.executable, *arguments], self._logs / f"{name}.log", env, ROOT)
        child.log.unlink(missing_ok=True)
        child.start()
        if child.wait(grace=120) != 0:
            raise RuntimeError(f"{name} failed:\n{child.last_words()}")
        return child.log.read_text()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        servers = self._servers.pids if self._servers else {}
        return servers | {name: child.pid for name, child in self._children.items()}

    def revive(self, mortal: str, say: Callable[[str], None]) -> bool:
        """Start whatever has ended again, after a short pause; true when a process id changed.

        ``mortal`` cannot be revived, since its state was in its memory: its end raises RuntimeError.
        """
        changed = False
        for name, child in self._children.items():
            if child.is_running():
                continue
            if name == mortal:
                raise RuntimeError(f"{name} ended:\n{child.last_words()}")
            changed |= self._again(name, child.start, say)
        for name, server in (self._servers.running if self._servers else {}).items():
            if not server.child.is_running():
                changed |= self._again(name, server.start, say)
        return changed

    def stop(self) -> None:
        """Stop all of it: those who do the work first and together, then the stand-ins, then the stores."""
        working = [child for name, child in self._children.items() if name in _GRACE]
        for child in working:
            child.ask_to_stop()
        for child in working:
            child.wait(_GRACE[child.name])
        for name, child in self._children.items():
            if name not in _GRACE:
                child.stop()
        if self._servers is not None:
            self._servers.stop()

    def _again(self, name: str, start: Callable[[], None], say: Callable[[str], None]) -> bool:
        """Start it once the pause since its fall is over."""
        fell_at = self._fell_at.setdefault(name, time.monotonic())
        if time.monotonic() - fell_at < _RESTART_PAUSE:
            return False
        del self._fell_at[name]
        say(f"{name} ended; starting it again")
        start()
        return True
