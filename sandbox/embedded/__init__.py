"""PostgreSQL and Valkey for the demo and the tests, with nothing to install: plain child processes on unix sockets.

Order of choice for each: the URL given (``DATABASE_URL``, ``REDIS_URL``), the server out of its wheel, one on
``PATH``, else ``ServersUnavailable`` says what to do. No TCP port is opened. Data survives a hard kill of everything
and lives in (or, as root, is pointed to from) the demo's folder.

    with embedded.start(Path(".demo"), os.environ) as servers:
        run(DATABASE_URL=servers.database_url, REDIS_URL=servers.redis_url)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from sandbox.embedded.binaries import Program, ServersUnavailable, find_postgres, find_valkey, public_copy
from sandbox.embedded.place import PUBLIC, Place, claim
from sandbox.embedded.servers import Server, postgres, valkey

__all__ = ["Servers", "ServersUnavailable", "create_database", "drop_database", "empty_queue", "start"]


@dataclass(frozen=True)
class Servers:
    """The two servers: their addresses, their processes, their end.

    ``running`` holds only what was started here, under ``postgres`` and ``valkey``; a server given by URL is neither
    checked, stopped nor restarted.
    """

    database_url: str = field(repr=False)  # one that was given may hold a password
    redis_url: str = field(repr=False)
    running: Mapping[str, Server]
    place: Place | None = None
    durable: bool = True

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by name."""
        return {name: server.child.pid for name, server in self.running.items()}

    def kill(self, name: str) -> None:
        """Kill one server the hard way, as a crash would, and wait until it is gone."""
        self.running[name].child.kill()

    def start_again(self, name: str) -> None:
        """Start a server that ended, on the same data and address."""
        self.running[name].start()

    def stop(self) -> None:
        """Stop what was started here, in well under a second; servers that are not durable take their data along."""
        for server in self.running.values():
            server.child.ask_to_stop()
        for server in self.running.values():
            server.child.wait(grace=10)
        if self.place is not None:
            self.place.release(wipe=not self.durable)

    def __enter__(self) -> Self:
        """The servers themselves: they run already."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop them."""
        self.stop()


def start(demo_dir: Path, env: Mapping[str, str], *, durable: bool = True) -> Servers:
    """Start what ``env`` does not name a URL for, and return when all of it answers.

    ``durable=False`` is for tests: no wait for the disk, and all data is gone with ``stop``. Call it from a thread
    that lives as long as the servers should (the main one): on Linux they end with it.
    """
    database_url, redis_url = env.get("DATABASE_URL", ""), env.get("REDIS_URL", "")
    if database_url and redis_url:
        return Servers(_modern(database_url), redis_url, {})
    programs: dict[str, Program] = {}
    if not database_url:
        programs["postgres"] = find_postgres(env.get("PATH"))
    if not redis_url:
        programs["valkey"] = find_valkey(env.get("PATH"))
    place = claim(demo_dir)
    running: dict[str, Server] = {}
    try:
        _start_each(programs, place, running, durable=durable)
    except BaseException:
        Servers("", "", running, place, durable).stop()
        raise
    return Servers(
        _modern(database_url) or running["postgres"].url,
        redis_url or running["valkey"].url,
        running,
        place,
        durable,
    )


def create_database(servers: Servers, name: str, template: str | None = None) -> str:
    """Make an empty database, or a copy of ``template`` that nobody is connected to, and return its URL."""
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    _run(servers, statement)
    return urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{quote(name)}"))


def drop_database(servers: Servers, name: str) -> None:
    """Drop a database, ending whatever connections are still open to it; none of that name is fine too."""
    _run(servers, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def empty_queue(servers: Servers) -> None:
    """Forget everything in Valkey."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()


def _start_each(programs: Mapping[str, Program], place: Place, running: dict[str, Server], *, durable: bool) -> None:
    for name, program in programs.items():
        reachable = public_copy(program, PUBLIC) if os.geteuid() == 0 else program
        make = postgres if name == "postgres" else valkey
        running[name] = make(reachable, place, durable=durable)
        running[name].start()


def _run(servers: Servers, statement: sql.Composed) -> None:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(statement)


def _modern(url: str) -> str:
    """``postgres://`` is the older spelling of ``postgresql://``, still handed out by platforms."""
    return "postgresql" + url.removeprefix("postgres") if url.startswith("postgres://") else url
