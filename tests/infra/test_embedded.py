"""The embedded servers: any user, any folder, any end of the process before."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import psycopg.errors
import pytest
import redis

from sandbox import embedded
from sandbox.embedded.binaries import ServersUnavailable
from sandbox.embedded.place import PUBLIC, sweep

pytestmark = pytest.mark.process
REPOSITORY = Path(__file__).parents[2]
# Root reads any folder; an ordinary user is played with that one right kept, so that it can reach this interpreter.
ORDINARY = ["setpriv", "--reuid=nobody", "--regid=65534", "--clear-groups"]
ORDINARY += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
USERS = {"root": [], "ordinary": ORDINARY} if os.geteuid() == 0 else {"ordinary": []}


@dataclass
class Launcher:
    """A process that started the servers, and what it said."""

    process: subprocess.Popen[str]
    said: dict[str, str | int]

    def pids(self) -> list[int]:
        return [int(self.said["postgres"]), int(self.said["valkey"])]

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(str(self.said["database"]), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def redis(self) -> redis.Redis:
        return redis.from_url(str(self.said["redis"]))

    def end(self) -> float:
        """Close its input; seconds until it was gone."""
        started = time.monotonic()
        self.process.communicate(timeout=15)
        return time.monotonic() - started


class Launchers:
    """Starts launchers as a given user, and leaves none behind."""

    def __init__(self) -> None:
        self.started: list[Launcher] = []

    def __call__(self, demo_dir: Path, user: str) -> Launcher:
        process = subprocess.Popen(
            [*USERS[user], sys.executable, "-B", "-m", "tests.infra.launcher", str(demo_dir)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        self.started.append(Launcher(process, json.loads(line)))
        return self.started[-1]


@pytest.fixture
def launch(demo_dir: Path) -> Iterator[Launchers]:
    """Starts launchers; ends them before the demo folder goes."""
    assert not demo_dir.exists()
    launchers = Launchers()
    yield launchers
    for launcher in launchers.started:
        if launcher.process.poll() is None:
            launcher.end()


@pytest.fixture(params=USERS)
def user(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def demo_dir(tmp_path: Path) -> Iterator[Path]:
    """A demo folder that is gone afterwards, with whatever belongs to it elsewhere."""
    folder = tmp_path / "demo"
    yield folder
    if os.geteuid() == 0:
        subprocess.run(["rm", "-rf", folder], check=True)
        sweep(PUBLIC)


@pytest.fixture
def deep_folder(demo_dir: Path, user: str) -> Path:
    """A folder that only its owner may enter, with a path of more than 150 characters and a blank in it."""
    demo_dir.mkdir()
    private = demo_dir / "private checkout"
    folder = private / ("deep" * 40)
    folder.mkdir(parents=True)
    if USERS[user]:
        for path in (demo_dir, private, folder):
            os.chown(path, 65534, 65534)
    private.chmod(0o700)
    assert len(str(folder)) > 150
    return folder


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def eventually(condition: object, seconds: float = 5.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_private_folder_with_a_long_path_will_do(launch: Launchers, deep_folder: Path, user: str) -> None:
    launcher = launch(deep_folder, user)
    launcher.sql("CREATE TABLE kept (value int)")
    launcher.redis().set("kept", "1")
    assert launcher.end() < 1.0
    assert all(gone(pid) for pid in launcher.pids())
    again = launch(deep_folder, user)
    assert again.sql("SELECT count(*) FROM kept") == [(0,)]
    assert again.redis().get("kept") == b"1"


def test_data_survives_a_hard_kill_of_everything(launch: Launchers, deep_folder: Path, user: str) -> None:
    launcher = launch(deep_folder, user)
    launcher.sql("CREATE TABLE kept (value int)")
    launcher.sql("INSERT INTO kept VALUES (42)")
    launcher.redis().set("kept", "1")
    for pid in (*launcher.pids(), launcher.process.pid):
        os.kill(pid, signal.SIGKILL)
    launcher.process.communicate()
    again = launch(deep_folder, user)
    assert again.sql("SELECT value FROM kept") == [(42,)]
    assert again.redis().get("kept") == b"1"


def test_servers_end_with_a_launcher_that_is_killed(launch: Launchers, demo_dir: Path) -> None:
    user = next(iter(USERS))
    launcher = launch(demo_dir, user)
    launcher.sql("CREATE TABLE kept (value int)")
    launcher.process.kill()
    launcher.process.communicate()
    again = launch(demo_dir, user)  # at once, while the old servers may still be on their way out
    assert again.sql("SELECT count(*) FROM kept") == [(0,)]
    assert eventually(lambda: all(gone(pid) for pid in launcher.pids()))


def test_stale_pid_file_of_a_stranger_is_no_obstacle(launch: Launchers, demo_dir: Path) -> None:
    user = next(iter(USERS))
    launch(demo_dir, user).end()
    place = Path(json.loads((demo_dir / "servers.json").read_text())["place"])
    data = next((place / "data").glob("postgres-*"))
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        for pid_file in (data / "postmaster.pid", *place.glob("data/valkey-*/server.pid")):
            pid_file.write_text(f"{bystander.pid}\n{data}\n")
        (place / "s").mkdir(exist_ok=True)
        (place / "s" / ".s.PGSQL.5432.lock").write_text(f"{bystander.pid}\n{data}\n")
        assert launch(demo_dir, user).sql("SELECT 1") == [(1,)]
        assert bystander.poll() is None
    finally:
        bystander.communicate(b"\n")


def test_deleting_the_demo_folder_deletes_its_data(launch: Launchers, demo_dir: Path) -> None:
    user = next(iter(USERS))
    launcher = launch(demo_dir, user)
    launcher.sql("CREATE TABLE kept (value int)")
    launcher.end()
    subprocess.run(["rm", "-rf", demo_dir], check=True)
    again = launch(demo_dir, user)
    assert again.sql("SELECT to_regclass('kept') IS NULL") == [(True,)]


def test_one_launcher_at_a_time(tmp_path: Path) -> None:
    with (
        embedded.start(tmp_path, {}, durable=False),
        pytest.raises(ServersUnavailable, match="in use by another process"),
    ):
        embedded.start(tmp_path, {}, durable=False)


def test_nobody_else_can_reach_the_sockets(tmp_path: Path) -> None:
    with embedded.start(tmp_path, {}, durable=False) as servers:
        assert servers.place is not None
        for folder in (servers.place.data, servers.place.sockets):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_given_urls_are_taken_as_they_are(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgres://someone@elsewhere/crm", "REDIS_URL": "redis://elsewhere"}
    with embedded.start(tmp_path, given) as servers:
        assert (servers.database_url, servers.redis_url) == ("postgresql://someone@elsewhere/crm", "redis://elsewhere")
        assert servers.pids == {}
    assert list(tmp_path.iterdir()) == []


def test_a_killed_server_starts_again_on_its_address(tmp_path: Path) -> None:
    with embedded.start(tmp_path, {}, durable=False) as servers:
        before = servers.pids
        for name in before:
            servers.kill(name)
            servers.start_again(name)
        assert set(before.values()).isdisjoint(servers.pids.values())
        with psycopg.connect(servers.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_databases_come_and_go(tmp_path: Path) -> None:
    with embedded.start(tmp_path, {}, durable=False) as servers:
        with psycopg.connect(embedded.create_database(servers, "model")) as connection:
            connection.execute("CREATE TABLE kept (value int)")
        with psycopg.connect(embedded.create_database(servers, "copy", template="model")) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        with psycopg.connect(embedded.create_database(servers, "in use")):
            embedded.drop_database(servers, "in use")
        embedded.drop_database(servers, "never there")


def test_without_wheel_and_server_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ServersUnavailable, match=r"make setup.*postgres and initdb on PATH.*DATABASE_URL"):
        embedded.start(tmp_path, {"PATH": str(tmp_path)})
    with pytest.raises(ServersUnavailable, match=r"make setup.*REDIS_URL"):
        embedded.start(tmp_path, {"PATH": str(tmp_path), "DATABASE_URL": "postgresql://elsewhere"})
    assert list(tmp_path.iterdir()) == []
