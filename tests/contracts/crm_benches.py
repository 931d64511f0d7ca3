"""Every CRM that the contract suite runs for, and what of the contract each can do beyond what all must.

A new CRM: a ``Ground`` (a person's hands in its stand-in), and one line in :data:`BENCHES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import pytest

import sandbox.crm
import sandbox.espocrm
import sandbox.hubspot
import sandbox.twenty
from sandbox.kit.standin import StandIn
from tests.contracts.crm_grounds import FakeGround, Ground, WireGround
from tests.contracts.espocrm_ground import EspoGround
from tests.contracts.hubspot_ground import HubSpotGround
from tests.contracts.twenty_ground import TwentyGround


class Trait(StrEnum):
    """What not every CRM does."""

    WIRE = "speaks HTTP"
    UNDATED = "a task may have no due date"
    DAYS = "holds a date without a time"
    CANCELED = "knows canceled beside completed"
    LENGTHS = "a task has a length of its own"
    ZONES = "tells time zones"
    CAUSES = "tells why a task is gone"
    RESTORED = "a restored task has a higher version"
    STILL = "a change that changes nothing leaves the version"
    KEYS = "replays idempotency keys"
    CURRENT = "a stale write brings the task as it is"
    STRICT = "refuses an empty, too long or broken title by name"
    REFUSES = "names the field that it does not let us change"
    SILENT = "a report leaves the version, and every report can be seen"
    PERSONS = "shows a person's connection"


@dataclass(frozen=True)
class Bench:
    """One CRM: how its stand-in is started (``None``: it needs none), how a person comes to it, what it can do."""

    start: Callable[[], StandIn] | None
    ground: Callable[[StandIn], Ground]
    traits: frozenset[Trait]


_ALL = frozenset(Trait)
_PLAIN = (Trait.WIRE, Trait.REFUSES)
BENCHES = {
    "fake": Bench(None, lambda _: FakeGround(), _ALL - {Trait.WIRE}),
    "generic": Bench(lambda: sandbox.crm.start(retries_s=()), WireGround, _ALL),
    "twenty": Bench(
        sandbox.twenty.start, TwentyGround, frozenset({*_PLAIN, Trait.UNDATED, Trait.CURRENT, Trait.RESTORED})
    ),
    "espocrm": Bench(
        sandbox.espocrm.start, EspoGround, frozenset({*_PLAIN, Trait.UNDATED, Trait.DAYS, Trait.CANCELED})
    ),
    "hubspot": Bench(sandbox.hubspot.start, HubSpotGround, frozenset({*_PLAIN, Trait.CURRENT, Trait.RESTORED})),
}


def having(*traits: Trait) -> pytest.MarkDecorator:
    """Run a test for the CRMs that can do all of this."""
    names = [name for name, bench in BENCHES.items() if bench.traits >= set(traits)]
    return pytest.mark.parametrize("ground", names, indirect=True)


@pytest.fixture(scope="module")
def standins() -> Iterator[dict[str, StandIn]]:
    """Those already started, by name."""
    running: dict[str, StandIn] = {}
    yield running
    for standin in running.values():
        standin.stop()


@pytest.fixture(params=list(BENCHES))
def ground(request: pytest.FixtureRequest, standins: dict[str, StandIn]) -> Iterator[Ground]:
    """One CRM, empty, with a person in front of it."""
    bench = BENCHES[request.param]
    if bench.start is None:
        yield bench.ground(None)  # type: ignore[arg-type]
        return
    if request.param not in standins:
        standins[request.param] = bench.start()
    made = bench.ground(standins[request.param])
    yield made
    made.crm.close()  # type: ignore[attr-defined]
