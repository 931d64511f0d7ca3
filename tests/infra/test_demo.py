"""``make demo`` as a whole: ready within its time, a switch makes an event, and nothing is left when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.embedded.place import PUBLIC, sweep

pytestmark = pytest.mark.process
REPOSITORY = Path(__file__).parents[2]
TOLD = {f"{name}_url" for name in ("gateway", "crm", "google", "graph", "desk", "ops", "webhook")} | {
    *("ops_password", "key", "webhook_secret", "api_token")
}
PERSON = {"user_id", "email", "provider", "calendar_id", "crm_token", "calendar_token"}
PARTS = {"postgres", "valkey", "sandbox", "web", "worker", "clock"}


@dataclass
class Running:
    """A demo that is ready: its process, and what it wrote for checks from outside."""

    process: subprocess.Popen[str]
    folder: Path
    installation: dict[str, Any]

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.installation['desk_url']}/api/state", timeout=10).json()
        return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Running]:
    folder = tmp_path / "demo"
    environment = {**os.environ, "PORT": "0", "DEMO_DIR": str(folder)}
    with (tmp_path / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.demo"],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Desk: http://127.0.0.1:"), (tmp_path / "stderr").read_text()
    installation = json.loads((folder / "installation.json").read_text())
    assert line == f"Desk: {installation['desk_url']}\n"
    yield Running(process, folder, installation)
    process.terminate()
    process.communicate()
    subprocess.run(["rm", "-rf", folder], check=True)
    if os.geteuid() == 0:
        sweep(PUBLIC)


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def whose(demo: Running, title: str) -> list[str]:
    """In whose calendars there is an event of ours with this title."""
    state = demo.state()
    names = {person["id"]: person["name"] for person in state["persons"]}
    return [names[event["person"]] for event in state["events"] if event["ours"] and event["title"] == title]


def test_an_event_follows_its_task_to_the_other_person_and_termination_leaves_nothing(demo: Running) -> None:
    """B2, then B8 from the one provider to the other; and what is pinned for checks from outside."""
    told, pids = demo.installation, demo.installation["pids"]
    assert set(pids) == PARTS
    assert set(told) >= TOLD
    assert [set(person) for person in told["persons"]] == [PERSON, PERSON]
    assert [person["provider"] for person in told["persons"]] == ["google", "outlook"]
    title = "Send the quote to Brightside"
    task = next(task for task in demo.state()["tasks"] if task["title"] == title)
    desk = demo.installation["desk_url"]
    path = f"{desk}/api/tasks/{task['id']}"
    assert requests.patch(path, json={"on": True}, timeout=10).status_code == 204
    assert eventually(lambda: whose(demo, title) == ["Robin"])
    mira = told["persons"][1]["user_id"]
    assert requests.patch(path, json={"owner": mira}, timeout=10).status_code == 204
    assert eventually(lambda: whose(demo, title) == ["Mira"])
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(30) == 0
    assert all(gone(pid) for pid in pids.values())
    assert not (demo.folder / "installation.json").exists()


def test_a_killed_worker_is_started_again(demo: Running) -> None:
    before = demo.installation["pids"]
    os.kill(before["worker"], signal.SIGKILL)

    def pids() -> dict[str, int]:
        found: dict[str, int] = json.loads((demo.folder / "installation.json").read_text())["pids"]
        return found

    assert eventually(lambda: pids()["worker"] != before["worker"])
    assert {name for name, pid in pids().items() if pid != before[name]} == {"worker"}


def test_parts_end_with_a_demo_that_is_killed(demo: Running) -> None:
    demo.process.kill()
    demo.process.wait()
    assert eventually(lambda: all(gone(pid) for pid in demo.installation["pids"].values()))
