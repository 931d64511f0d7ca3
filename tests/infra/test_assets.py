"""What a deploy has: the committed files and ``bin/post_compile``. From these two it serves every asset."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# Runs inside the checkout: builds the application as wsgi.py does and asks it for what its templates name.
ASK = """
import json, pathlib, re, sys
from gateway import settings, wiring
from gateway.web import assets
from gateway.web.app import create_app
from tests.web.bench import ENVIRONMENT
client = create_app(wiring.build(settings.load(ENVIRONMENT))).test_client()
named = {"docs.css", *assets.VENDOR}
for page in pathlib.Path("gateway/web/templates").glob("*.html"):
    named |= set(re.findall(r"asset\\('([^']+)'\\)", page.read_text()))
got = {name: client.get(f"/static/{name}") for name in sorted(named)}
front = client.get("/").text
linked = [url for url in re.findall(r'(?:href|src)="(/static/[^"]+)"', front)]
got |= {url: client.get(url) for url in linked}
json.dump({name: [answer.status_code, len(answer.data)] for name, answer in got.items()}, sys.stdout)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of the last commit, and nothing else."""
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def step(checkout: Path, *command: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_checkout_and_the_deploys_step_serve_every_asset(checkout: Path) -> None:
    assert not list(checkout.rglob("vendor/*"))
    assert not (checkout / "package.json").exists()  # a deploy must see a Python application
    step(checkout, "bash", "bin/post_compile")
    ask = [sys.executable, "-W", "ignore", "-c", ASK]
    answered = subprocess.run(ask, cwd=checkout, capture_output=True, text=True, check=False)
    assert answered.returncode == 0, answered.stderr
    got = json.loads(answered.stdout)
    assert {"vendor/htmx.min.js", "pages.css", "icon.svg"} <= got.keys()
    assert {name: answer for name, answer in got.items() if answer[0] != 200 or answer[1] == 0} == {}
    assert not list((checkout / "sandbox").rglob("vendor/*"))  # production has no desk


def test_the_set_up_brings_the_desks_and_the_tests_assets_too(checkout: Path) -> None:
    step(checkout, sys.executable, "bin/assets.py")
    desk = checkout / "sandbox/demo/static"
    named = set(re.findall(r"/static/(vendor/[\w.-]+)", (desk / "desk.html").read_text()))
    assert {name for name in named if not (desk / name).is_file()} == set()
    assert (desk / "vendor/fullcalendar-global.js").is_file()
    assert (checkout / "tests/vendor/axe.min.js").is_file()
    stamps = {path: path.stat().st_mtime_ns for path in checkout.rglob("vendor/*")}
    step(checkout, sys.executable, "bin/assets.py")  # nothing left to do
    assert {path: path.stat().st_mtime_ns for path in checkout.rglob("vendor/*")} == stamps
