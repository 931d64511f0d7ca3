"""One child process of the demo or of a test: started on a leash, logged to a file, stopped for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_LEASH = Path(__file__).with_name("leash.py")


@dataclass
class Child:
    """How to run one command, and the process that runs it now.

    ``stop_signal`` asks it to end; it is also what the kernel sends (Linux) when the launcher itself dies.
    ``user`` is another account to run as, possible for root only. Output is appended to ``log``.
    """

    name: str
    command: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path = Path("/")
    stop_signal: signal.Signals = signal.SIGTERM
    user: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def start(self) -> None:
        """Start it (again); whether it is of any use yet is the caller's question."""
        leash = [sys.executable, "-I", "-S", str(_LEASH), str(int(self.stop_signal)), str(os.getpid()), self.user, "--"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - commands are lists made here, never a shell line
                [*leash, *map(str, self.command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.env),
                cwd=self.cwd,
            )

    @property
    def pid(self) -> int:
        """The process id, the same for the leash and for the command it becomes; 0 before the first start."""
        return self._process.pid if self._process else 0

    def exit_code(self) -> int | None:
        """``None`` while it runs."""
        return self._process.poll() if self._process else None

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the stop signal and return at once."""
        self._send(self.stop_signal)

    def stop(self, grace: float = 10.0) -> int | None:
        """Ask it to end, wait at most ``grace`` seconds, then kill it; returns the exit code."""
        self.ask_to_stop()
        return self.wait(grace)

    def wait(self, grace: float) -> int | None:
        """Wait at most ``grace`` seconds for its end, then kill it; returns the exit code."""
        if self._process is None:
            return None
        try:
            return self._process.wait(grace)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int | None:
        """End it the hard way (SIGKILL to its whole process group), and wait until it is gone."""
        if self._process is None:
            return None
        if self.is_running():
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:  # still the leash, before it opened a session of its own
                self._send(signal.SIGKILL)
        return self._process.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log, for an error message."""
        if not self.log.exists():
            return "(it wrote nothing)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _send(self, what: signal.Signals) -> None:
        if self.is_running() and self._process is not None:
            self._process.send_signal(what)
