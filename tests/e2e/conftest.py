"""One deployment for the whole folder: its own Valkey, its own database. Each test has people and tasks of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sandbox import embedded
from tests.e2e.world import World
from tests.flows.house import Person


@pytest.fixture(scope="package")
def running(
    servers: embedded.Servers, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Up and installed, for all tests."""
    name = f"e2e_{os.getpid()}"
    database = embedded.create_database(servers, name, template=migrated_template)
    path = os.environ.get("PATH", "")
    given = {"PATH": path, "DATABASE_URL": servers.database_url}
    with embedded.start(tmp_path_factory.mktemp("queue"), given, durable=False) as queue:
        world = World(tmp_path_factory.mktemp("e2e"), queue, database, path)
        yield world
        foreign, wrong = world.foreign_reads(), world.wrong_requests()
        world.stop()
    embedded.drop_database(servers, name)
    assert foreign == []
    assert wrong == []


@pytest.fixture
def world(running: World) -> Iterator[World]:
    """As a test wants to find it, and as it leaves it: everything running, no fault in force."""
    for admin in (running.crm_admin, running.google_admin):
        admin.call("DELETE", "/faults")
    if not running.servers.running["valkey"].child.is_running():
        running.servers.start_again("valkey")
    if not running.children["worker"].is_running():
        running.start_worker()
    yield running
    for name in ("web", "clock", "sandbox"):
        assert running.children[name].is_running(), running.children[name].last_words()


@pytest.fixture
def ada(world: World) -> Person:
    """Connected."""
    return world.somebody()
