"""A bench for each test, on the real store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.store.unit_of_work import PgStore
from tests.fakes_store import HandClock, clock, store, store_database, store_engine  # noqa: F401 - fixtures
from tests.web.bench import Bench, Browser


@pytest.fixture
def make_bench(store: PgStore, clock: HandClock) -> Callable[..., Bench]:  # noqa: F811
    def make(**how: Any) -> Bench:
        return Bench(clock, store, **how)

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def browser(bench: Bench) -> Browser:
    return Browser(bench)
