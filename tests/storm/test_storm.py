"""A short storm over real processes (I1 to I7; faults 27 to 33, 41 to 45, 50, 57, 58, 61, 65); ``make storm`` is the
long one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.storm.storm import storm

pytestmark = pytest.mark.process


def test_a_short_storm_leaves_everything_as_it_should_be(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", "7"))
    result = storm(seed, 0, tmp_path, os.environ.get("PATH", ""), round_s=8)
    assert not result.wrong, "\n".join(result.wrong)
    assert result.edits.total() > 20
    assert result.faults.total() > 3
