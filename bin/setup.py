"""Make ``.venv`` and install the pinned requirements into it; does nothing when they are there already.

    python3 bin/setup.py        (which is what every target of the Makefile begins with)

Runs on a bare Python 3.11+ with the standard library alone. What is installed is known by a hash over the
requirement files, not by file times, which a fresh checkout or a copy makes meaningless.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "constraints.txt")
_PIP = ("-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check", "--root-user-action=ignore")


def main() -> int:
    """Exit code 0 when ``.venv`` holds exactly what is pinned."""
    if sys.version_info < OLDEST:
        return _fail(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.12 ...")
    with (ROOT / ".venv.lock").open("w") as lock:  # two make runs at once: the second waits, then finds all done
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _works(PYTHON):
            for module in ("venv", "ensurepip"):
                if importlib.util.find_spec(module) is None:
                    return _fail(_missing(module))
            _say("making .venv")
            shutil.rmtree(VENV, ignore_errors=True)
            if _run(sys.executable, "-m", "venv", str(VENV)) != 0:
                return _fail(_missing("venv"))
        return _install()


def _install() -> int:
    stamp, wanted = VENV / ".requirements", _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return 0
    _say("installing the pinned requirements")
    stamp.unlink(missing_ok=True)
    if _run(str(PYTHON), *_PIP, "-r", "requirements-dev.txt") != 0:
        return _fail("pip could not install the requirements; its message is above.")
    stamp.write_text(wanted)
    return 0


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in REQUIREMENTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _works(python: Path) -> bool:
    """Whether it starts, is new enough and has pip: the system's Python may have been replaced under it."""
    check = f"import pip, sys; sys.exit(sys.version_info < {OLDEST!r})"
    return python.exists() and subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0


def _missing(module: str) -> str:
    return (
        f"This Python has no working `{module}` module. Install it (Debian, Ubuntu: apt install python3-venv; "
        "Fedora: dnf install python3-pip), or name another Python: make PYTHON=/path/to/python3 ..."
    )


def _run(*command: str) -> int:
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _say(what: str) -> None:
    sys.stderr.write(f"setup: {what}\n")


def _fail(why: str) -> int:
    _say(why)
    return 1


if __name__ == "__main__":
    sys.exit(main())
