"""What every test gets: a frozen environment, real servers, a fresh database.

- The environment is emptied of everything that could steer the product or send a request elsewhere, and the machine's
  zone is set to the far end of the world, so that a local time that slips in shows.
- ``servers``: PostgreSQL and Valkey for the whole run, out of the wheels unless ``TEST_DATABASE_URL`` or
  ``TEST_REDIS_URL`` name others (never ``DATABASE_URL``: tests make and drop databases and flush Redis).
- ``database_url``, ``redis_url``: fresh ones for a test.
- ``chrome``: a real browser.
- Hypothesis profiles by ``HYPOTHESIS_PROFILE``: ``quick`` (the default), ``ci`` (``make test``), and two that play new
  examples every time, ``wander`` and ``deep``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis
from playwright.sync_api import Browser, sync_playwright

from sandbox import embedded

REPOSITORY = Path(__file__).parents[1]
_KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|TERM|TMPDIR|VIRTUAL_ENV|CHROMIUM|SEED|MINUTES"
    r"|(LC|PYTHON|PYTEST|HYPOTHESIS|COVERAGE|TEST|LD|DYLD)_?.*"
)

_PROFILES = (("quick", 50, True), ("ci", 500, True), ("wander", 2000, False), ("deep", 10_000, False))
for _profile, _examples, _derandomize in _PROFILES:
    hypothesis.settings.register_profile(
        _profile,
        max_examples=_examples,
        derandomize=_derandomize,
        deadline=None,  # a busy machine is no counterexample
        database=None,
        print_blob=True,
    )


def pytest_configure() -> None:
    """Freeze the environment before anything of the product is imported."""
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
    for name in [name for name in os.environ if not _KEPT.fullmatch(name)]:
        del os.environ[name]
    os.environ["TZ"] = "Pacific/Kiritimati"  # UTC+14
    time.tzset()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Servers]:
    """The servers of this run; durable only as far as a test can tell."""
    given = {
        "PATH": os.environ.get("PATH", ""),
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", ""),
        "REDIS_URL": os.environ.get("TEST_REDIS_URL", ""),
    }
    with embedded.start(tmp_path_factory.mktemp("servers"), given, durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def migrated_template(servers: embedded.Servers) -> str:
    """The name of a database with all migrations applied, to be copied from; nobody may stay connected to it."""
    name = f"template_{os.getpid()}"
    url = embedded.create_database(servers, name)
    migrate(url)
    return name


@pytest.fixture
def database_url(servers: embedded.Servers, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own, copied in some 50 ms."""
    name = f"test_{os.getpid()}_{time.monotonic_ns()}"
    yield embedded.create_database(servers, name, template=migrated_template)
    embedded.drop_database(servers, name)


@pytest.fixture
def empty_database_url(servers: embedded.Servers) -> Iterator[str]:
    """A database of the test's own without any table."""
    name = f"empty_{os.getpid()}_{time.monotonic_ns()}"
    yield embedded.create_database(servers, name)
    embedded.drop_database(servers, name)


@pytest.fixture
def redis_url(servers: embedded.Servers) -> str:
    """The queue's server, emptied."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    return servers.redis_url


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser that runs; fails with the command to run when there is none."""
    found = subprocess.run([sys.executable, REPOSITORY / "bin/browser.py"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@pytest.fixture(scope="session")
def chrome(chromium: str) -> Iterator[Browser]:
    """One running browser for all tests; each takes a context of its own (``tests/browsing.py``)."""
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def migrate(url: str) -> None:
    """``alembic upgrade head`` on a database, as the release step does it."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=REPOSITORY,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
