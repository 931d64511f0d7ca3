"""Write ``constraints.txt``: the exact version of everything that the requirement files pull in.

Resolved in an empty throw-away environment, so that nothing comes along that no requirement asks for.
"""

from __future__ import annotations

import subprocess
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = """\
# Exact versions of everything that requirements.txt and requirements-dev.txt pull in; the same wheels install on
# Python 3.11, 3.12 and 3.13. Written by: make lock
"""


def main() -> None:
    """Resolve, freeze, write."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check"]
        wanted = Path(folder, "wanted.txt")
        wanted.write_text("".join(requirements("requirements.txt") + requirements("requirements-dev.txt")))
        subprocess.run([*pip, "install", "-q", "-r", str(wanted)], check=True)
        frozen = subprocess.run([*pip, "freeze"], capture_output=True, text=True, check=True).stdout
    (ROOT / "constraints.txt").write_text(HEAD + frozen)


def requirements(name: str) -> list[str]:
    """The lines that name a package, without the options that refer to other files (the old lock among them)."""
    return [line for line in (ROOT / name).read_text().splitlines(keepends=True) if not line.startswith("-")]


if __name__ == "__main__":
    main()
