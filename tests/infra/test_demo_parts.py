"""The demo's parts one by one: ports and folder, its secrets, its processes, the pages it walks through."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue

from sandbox.child import Child
from sandbox.demo import settings
from sandbox.demo.connect import connect
from sandbox.demo.keys import keys
from sandbox.demo.outside import Api, OutsideError, Person
from sandbox.demo.processes import Processes
from sandbox.demo.report import Report
from sandbox.kit.server import serve

SLEEPER = ["-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = ["-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path / "logs")
    yield made
    made.stop()


def until_up(child: Child) -> None:
    deadline = time.monotonic() + 10
    while child.last_words() != "up":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(settings.CannotStart, match=f"Port {port} is in use.*make demo PORT={port + 1}"):
            settings.read({"PORT": str(port), "DEMO_DIR": str(tmp_path)})
    with pytest.raises(settings.CannotStart, match="PORT=http is not a port number"):
        settings.read({"PORT": "http", "DEMO_DIR": str(tmp_path)})


def test_any_free_port_will_do(tmp_path: Path) -> None:
    ports = settings.read({"PORT": "0", "DEMO_DIR": str(tmp_path)}).ports
    assert len(set(vars(ports).values())) == 5


def test_the_shell_does_not_steer_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    monkeypatch.setenv("PGPORT", "1234")
    chosen = settings.read({"PORT": "0", "DEMO_DIR": str(tmp_path)})
    client = {"client_id": "id", "client_secret": "secret"}
    env = settings.for_gateway(chosen, keys(tmp_path), {"google": client, "graph": client}, "token")
    assert {"HTTPS_PROXY", "PGPORT"}.isdisjoint(env)
    assert env["GOOGLE_CALENDAR_ENDPOINT"] == f"{chosen.ports.url('google')}/calendar/v3/"
    assert env["MICROSOFT_GRAPH_ENDPOINT"] == f"{chosen.ports.url('graph')}/v1.0"


def test_secrets_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    made = keys(tmp_path)
    assert keys(tmp_path) == made
    assert made.ops_password not in repr(made)
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    (tmp_path / "keys.json").write_text("{")
    assert keys(tmp_path) != made


def test_the_report_is_for_the_owner_only(tmp_path: Path) -> None:
    report = Report(tmp_path / "installation.json")
    report.update(key="k", pids={"web": 1})
    report.update(pids={"web": 2})
    assert json.loads((tmp_path / "installation.json").read_text()) == {"key": "k", "pids": {"web": 2}}
    assert stat.S_IMODE((tmp_path / "installation.json").stat().st_mode) == 0o600
    report.remove()
    report.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_falls_over_is_started_again(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.demo.processes._RESTART_PAUSE", 0.0)
    worker = processes.start("worker", SLEEPER, os.environ)
    before = processes.pids
    assert processes.revive("sandbox", lambda _: None) is False
    worker.kill()
    said: list[str] = []
    assert processes.revive("sandbox", said.append) is True
    assert (processes.pids != before, said) == (True, ["worker ended; starting it again"])


def test_stand_ins_that_fall_over_end_the_demo(processes: Processes) -> None:
    processes.start("sandbox", ["-c", "print('out of luck')"], os.environ).wait(10)
    with pytest.raises(RuntimeError, match="sandbox ended:\nout of luck"):
        processes.revive("sandbox", lambda _: None)


def test_a_step_that_fails_shows_its_last_words(processes: Processes) -> None:
    assert processes.run("release", ["-c", "print('done')"], os.environ) == "done\n"
    with pytest.raises(RuntimeError, match="release failed:\nno such table"):
        processes.run("release", ["-c", "print('no such table'); raise SystemExit(1)"], os.environ)


def test_a_process_that_will_not_stop_is_killed(processes: Processes) -> None:
    child = processes.start("web", STUBBORN, os.environ)
    until_up(child)
    assert child.stop(grace=0.1) == -signal.SIGKILL
    polite = processes.start("web", SLEEPER, os.environ)
    until_up(polite)
    assert polite.stop() == -signal.SIGTERM


def a_gateway(calendars: list[str], last_status: str) -> Flask:
    """A gateway that asks two questions on the way: which kind, by radio button, and which calendar."""
    app = Flask(__name__)
    status = ["none"]

    @app.post("/v1/users/u-1/connect-links")
    def link() -> ResponseReturnValue:
        return {"url": f"{request.host_url}connect/once"}, 201

    @app.get("/connect/once")
    def kinds() -> ResponseReturnValue:
        return """<form action="/go" method="post"><input type="hidden" name="csrf" value="c">
            <input type="radio" name="kind" value="own"><input type="radio" name="kind" value="existing" checked>
            <button name="act" value="go">Go on</button><button name="act" value="back">Back</button></form>"""

    @app.post("/go")
    def go() -> ResponseReturnValue:
        assert request.form.to_dict() == {"csrf": "c", "kind": "existing", "act": "go"}
        return redirect("/choose", 303)

    @app.get("/choose")
    def choose() -> ResponseReturnValue:
        status[0] = "choosing_calendar"
        return "<p>Choose in your CRM.</p>"

    @app.get("/v1/users/u-1/connection")
    def connection() -> ResponseReturnValue:
        return {"status": status[0]}

    @app.put("/v1/users/u-1/calendar")
    def calendar() -> ResponseReturnValue:
        calendars.append(request.get_json()["calendar_id"])
        status[0] = last_status
        return {}

    return app


def a_google() -> Flask:
    app = Flask(__name__)

    @app.post("/_sandbox/consent")
    def consent() -> ResponseReturnValue:
        return {}

    return app


@pytest.mark.parametrize("last_status", ["connected", "calendar_gone"])
def test_it_connects_as_a_person_would(last_status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.demo.connect._SECONDS", 0.3)
    person = Person("u-1", "robin@example.com", "UTC", "google", "robin@example.com", "", "")
    calendars: list[str] = []
    gateway, google = serve(a_gateway(calendars, last_status)), serve(a_google())
    try:
        if last_status == "connected":
            connect(Api(gateway.url), google.url, person)
        else:
            with pytest.raises(OutsideError, match="did not get connected; it is calendar_gone"):
                connect(Api(gateway.url), google.url, person)
    finally:
        gateway.stop()
        google.stop()
    assert calendars == ["robin@example.com"]
