"""A house for each test: a fresh database, fresh stand-ins, one person connected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.google import conformance
from tests.flows.house import House, Person
from tests.flows.lock_order import LockOrder


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[House]:
    """Installed, nobody connected yet. At the end the privacy ledger of the stand-in is looked at: no foreign event
    was in any answer to the gateway (B22); all its traffic, both ways, is held against the API's own document; and no
    transaction has locked rows out of order."""
    locks = LockOrder()
    house = House(tmp_path, database_url, google={"record": True})
    house.install()
    house.settle()
    yield house
    foreign = house.foreign_reads()
    wrong = [text for entry in house.google.recorder.entries() for text in conformance.check(entry)]
    house.stop()
    locks.stop()
    assert foreign == []
    assert wrong == []
    assert locks.broken == []


@pytest.fixture
def ada(house: House) -> Person:
    """Connected to a calendar of her own choice, which is full of private events."""
    who = house.person("ada@example.com")
    house.connect(who)
    return who
