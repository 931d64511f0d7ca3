"""The Google and Microsoft stand-ins for their own tests: one server each for the run, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sandbox.google
import sandbox.graph
import sandbox.graph.conformance
from sandbox.google import GoogleStandIn, conformance
from sandbox.graph import GraphStandIn
from tests.sandbox.google_world import GoogleWorld, Receiver
from tests.sandbox.graph_world import GraphWorld, Inbox


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


@pytest.fixture(scope="session")
def graph_server() -> Iterator[GraphStandIn]:
    running = sandbox.graph.start(record=True)
    yield running
    running.stop()


@pytest.fixture
def graph(graph_server: GraphStandIn) -> Iterator[GraphWorld]:
    """An empty Microsoft. In the end all of Graph's traffic, both ways, is held against its types."""
    world = GraphWorld(graph_server)
    yield world
    world.close()
    wrong = [text for entry in graph_server.recorder.entries() for text in sandbox.graph.conformance.check(entry)]
    assert wrong == []


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    running = Inbox()
    yield running
    running.stop()
