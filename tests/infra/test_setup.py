"""``bin/setup.py`` and ``bin/browser.py``: what a bare machine gets, and what it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process
REPOSITORY = Path(__file__).parents[2]
# Plays a Python from which the distribution has taken a module out.
WITHOUT_ENSUREPIP = """
import importlib.util, runpy
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "ensurepip" else found(name, *rest)
runpy.run_path("bin/setup.py", run_name="__main__")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that requires nothing, so that no package has to be fetched."""
    (tmp_path / "bin").mkdir()
    shutil.copy(REPOSITORY / "bin/setup.py", tmp_path / "bin")
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        (tmp_path / name).write_text("# nothing\n")
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(arguments or ("bin/setup.py",))]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def test_it_makes_the_environment_once_and_installs_when_the_pins_change(checkout: Path) -> None:
    first = run(checkout)
    assert (first.returncode, first.stderr) == (
        0,
        "setup: making .venv\nsetup: installing the pinned requirements\n",
    )
    assert (run(checkout).returncode, run(checkout).stderr) == (0, "")
    (checkout / "constraints.txt").write_text("# something else\n")
    assert run(checkout).stderr == "setup: installing the pinned requirements\n"


def test_a_failed_installation_is_tried_again(checkout: Path) -> None:
    (checkout / "requirements-dev.txt").write_text("-r nowhere.txt\n")
    failed = run(checkout)
    assert failed.returncode == 1
    assert "pip could not install the requirements" in failed.stderr
    assert run(checkout).returncode == 1


def test_a_missing_module_is_named_with_its_package(checkout: Path) -> None:
    refused = run(checkout, "-c", WITHOUT_ENSUREPIP)
    assert refused.returncode == 1
    assert "no working `ensurepip` module" in refused.stderr
    assert "apt install python3-venv" in refused.stderr
    assert not (checkout / ".venv").exists()


def find_browser(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "bin/browser.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_browser_that_was_named_is_taken(chromium: str, tmp_path: Path) -> None:
    found = find_browser(CHROMIUM=chromium, PATH=os.environ["PATH"])
    assert (found.returncode, found.stdout.strip()) == (0, chromium)
    refused = find_browser(CHROMIUM=str(tmp_path / "none"), PATH=os.environ["PATH"])
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "does not run" in refused.stderr


def test_without_a_browser_it_says_what_to_run(tmp_path: Path) -> None:
    refused = find_browser(PATH=str(tmp_path))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "apt install chromium" in refused.stderr
