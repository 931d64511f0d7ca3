"""The two servers as child processes: how each is made ready, started, and known to be up."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

from sandbox.child import Child
from sandbox.embedded.binaries import Program, ServersUnavailable
from sandbox.embedded.place import Place

PORT = 5432  # of the socket's file name only: no TCP port is opened
_START_SECONDS = 20.0
_STEP_SECONDS = 0.02
# A clean environment: PGPORT, PGDATA or LC_ALL of the person's shell must not reach the servers.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Server:
    """One embedded server: its process, its address, and the question whether it answers."""

    child: Child
    url: str
    answers: Callable[[], bool]

    def start(self) -> None:
        """Start it and wait until it answers.

        A start that ends at once is tried again for a while: after a hard kill, the old server's helpers may hold
        its memory for a moment longer.
        """
        deadline = time.monotonic() + _START_SECONDS
        self.child.start()
        while not self.answers():
            if time.monotonic() > deadline:
                self.child.kill()
                raise ServersUnavailable(f"{self.child.name} did not start:\n{self.child.last_words()}")
            if not self.child.is_running():
                time.sleep(10 * _STEP_SECONDS)
                self.child.start()
            time.sleep(_STEP_SECONDS)


def postgres(program: Program, place: Place, *, durable: bool) -> Server:
    """PostgreSQL on a socket in the place, its data folder made on first use, ready to start.

    ``durable=False`` (tests) leaves out the wait for the disk and nothing else. Sorting is by code point (locale C)
    and the zone is UTC, the same on every machine.
    """
    data = place.data / f"postgres-{program.major}"
    if not (data / "PG_VERSION").exists():
        _initdb(program, data, place)
    _end_orphan(_first_line(data / "postmaster.pid"), str(data))
    (data / "postmaster.pid").unlink(missing_ok=True)  # its number may by now be another process'
    command: list[str | Path] = [program.path, "-D", data, "-k", place.sockets, "-h", "", "-p", str(PORT)]
    for setting in ("timezone=UTC", "log_timezone=UTC", f"fsync={'on' if durable else 'off'}"):
        command += ["-c", setting]
    stop = signal.SIGINT if durable else signal.SIGQUIT  # fast; immediate
    child = Child("postgres", command, place.logs / "postgres.log", _ENVIRONMENT, place.data, stop, place.user)
    return Server(child, database_url(place.sockets, "postgres"), lambda: _connects(place.sockets))


def valkey(program: Program, place: Place, *, durable: bool) -> Server:
    """Valkey on a socket in the place, append-only file, nothing ever evicted, ready to start."""
    data, socket = place.data / f"valkey-{program.major}", place.sockets / "v.sock"
    _make_folder(data, place)
    pid_file = data / "server.pid"
    _end_orphan(_first_line(pid_file), str(socket))
    command: list[str | Path] = [program.path, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700"]
    command += ["--dir", data, "--pidfile", pid_file, "--save", "", "--maxmemory-policy", "noeviction"]
    command += ["--appendonly", "yes" if durable else "no", "--appendfsync", "everysec"]
    child = Child("valkey", command, place.logs / "valkey.log", _ENVIRONMENT, data, signal.SIGTERM, place.user)
    return Server(child, f"unix://{quote(str(socket))}", lambda: _pongs(socket))


def database_url(sockets: Path, name: str) -> str:
    """The address of one database behind a socket folder, for libpq and SQLAlchemy alike."""
    return f"postgresql://postgres@/{quote(name)}?host={quote(str(sockets))}"


def _initdb(program: Program, data: Path, place: Place) -> None:
    """Make the cluster beside its place and rename it: a start that is cut short leaves no half cluster behind."""
    draft = data.with_name(data.name + ".part")
    child = Child(
        "initdb",
        [program.beside("initdb"), "-D", draft, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale", "-N"],
        place.logs / "postgres.log",
        _ENVIRONMENT,
        place.data,
        user=place.user,
    )
    subprocess.run(["rm", "-rf", "--", draft], check=True)  # noqa: S603, S607 - copes with files of both owners
    child.start()
    if child.wait(grace=60) != 0:
        raise ServersUnavailable(f"PostgreSQL could not make its data folder {data}:\n{child.last_words()}")
    draft.rename(data)


def _make_folder(folder: Path, place: Place) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = place.data.stat()
    if folder.stat().st_uid != owner.st_uid:
        os.chown(folder, owner.st_uid, owner.st_gid)


def _connects(sockets: Path) -> bool:
    try:
        psycopg.connect(host=str(sockets), port=PORT, user="postgres", dbname="postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _pongs(socket: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=2.0) as client:
            return bool(client.ping())
    except redis.RedisError:  # refused, or still loading its file
        return False


def _first_line(pid_file: Path) -> int:
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def _end_orphan(pid: int, marker: str) -> None:
    """End a server that an earlier launcher left behind, known by ``marker`` in its command line."""
    for what, seconds in ((None, 3.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 5.0)):
        if marker not in _command_line(pid):
            return
        if what is not None:
            os.kill(pid, what)
        deadline = time.monotonic() + seconds
        while marker in _command_line(pid) and time.monotonic() < deadline:
            time.sleep(_STEP_SECONDS)


def _command_line(pid: int) -> str:
    """What a process runs; empty when there is none of that number."""
    if pid <= 0:
        return ""
    if platform.system() == "Linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    answer = subprocess.run(  # noqa: S603
        ["ps", "-o", "command=", "-p", str(pid)],  # noqa: S607 - where the system keeps it
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout
