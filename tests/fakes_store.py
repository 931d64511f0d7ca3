"""The real store, quick enough for every test: one migrated database for many tests, emptied before each.

Emptying is one round trip of ``DELETE``s in the order of the foreign keys (under 2 ms; ``TRUNCATE`` takes ten times as
long). It fails, rather than waits, when a test before left a transaction open.

A test module, or the conftest of a folder, gets the fixtures by importing all four of them; each that does has a
database of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Engine

from gateway.store.engine import make_engine
from gateway.store.schema import metadata
from gateway.store.unit_of_work import PgStore
from gateway.store.vault import Vault
from sandbox import embedded

EMPTY = "; ".join(
    ["SET statement_timeout = '5s'", *(str(table.delete()) for table in reversed(metadata.sorted_tables))]
)

KEYS = (b"k" * 32,)
THREADS = 8


@dataclass
class HandClock:
    """Stands still until it is moved."""

    at: datetime = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> datetime:
        self.at += by
        return self.at


@pytest.fixture(scope="session")
def store_database(servers: embedded.Servers, migrated_template: str) -> Iterator[str]:
    """The address of the database that ``store`` uses."""
    name = f"store_{os.getpid()}_{time.monotonic_ns()}"
    yield embedded.create_database(servers, name, template=migrated_template)
    embedded.drop_database(servers, name)


@pytest.fixture(scope="session")
def store_engine(store_database: str) -> Iterator[Engine]:
    """Its engine, for as many threads as tests use at once."""
    engine = make_engine(store_database, pool_size=THREADS + 2, patience=timedelta(seconds=20))
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> HandClock:
    """The time of the store and of the test."""
    return HandClock()


@pytest.fixture
def store(store_engine: Engine, store_database: str, clock: HandClock) -> PgStore:
    """An empty store."""
    with psycopg.connect(store_database, autocommit=True) as connection:
        connection.execute(EMPTY)
    return PgStore(store_engine, Vault(KEYS), clock)
