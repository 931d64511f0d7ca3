"""What tests of the core share."""

from __future__ import annotations

import pytest

from tests.core.world import World


@pytest.fixture
def world() -> World:
    """One task and its event, in step, all told."""
    made = World()
    made.run()
    return made
