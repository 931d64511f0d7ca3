"""The Google stand-in for its own tests: one server for the run, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sandbox.google
from sandbox.google import GoogleStandIn, conformance
from tests.sandbox.google_world import GoogleWorld, Receiver


@pytest.fixture(scope="session")
def google_server() -> Iterator[GoogleStandIn]:
    running = sandbox.google.start(record=True)
    yield running
    running.stop()


@pytest.fixture
def google(google_server: GoogleStandIn) -> Iterator[GoogleWorld]:
    """An empty Google. In the end all its traffic, both ways, is held against the API's own document."""
    world = GoogleWorld(google_server)
    yield world
    world.close()
    wrong = [text for entry in google_server.recorder.entries() for text in conformance.check(entry)]
    assert wrong == []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()
