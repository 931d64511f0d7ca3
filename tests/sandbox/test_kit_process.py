"""`python -m sandbox`: the stand-ins as one process on one clock."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

COMMAND = [sys.executable, "-m", "sandbox"]
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_prints_its_addresses_shares_one_clock_and_stops_cleanly(tmp_path: Path, number: signal.Signals):
    clock_file = tmp_path / "clock"
    ports = ["--crm-port", "0", "--google-port", "0", "--graph-port", "0"]
    options = [*ports, "--clock-file", str(clock_file), "--seed", "3"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        urls = json.loads(process.stdout.readline())
        requests.post(f"{urls['crm_url']}/_sandbox/clock", json={"advance_s": 90}, timeout=5)
        answer = requests.post(f"{urls['google_url']}/_sandbox/clock", json={"advance_s": 1}, timeout=5)
        process.send_signal(number)
        assert process.wait(10) == 0
    assert set(urls) == {"crm_url", "google_url", "graph_url"}
    assert answer.json()["offset_s"] == float(clock_file.read_text()) == 91


def test_a_port_that_is_no_number_is_refused():
    done = subprocess.run([*COMMAND, "--crm-port", "x"], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 2
    assert "--crm-port" in done.stderr
