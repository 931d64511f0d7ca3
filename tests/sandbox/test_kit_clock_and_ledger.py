"""The stand-ins' clock and ledger by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.kit.clock import Clock, iso
from sandbox.kit.ledger import Ledger

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def ahead(clock: Clock) -> float:
    return (clock.now() - datetime.now(UTC)).total_seconds()


def test_without_a_file_the_clock_is_real_time_until_advanced():
    clock = Clock()
    assert ahead(clock) == pytest.approx(0, abs=1)
    clock.advance(90)
    assert clock.offset() == 90
    assert ahead(clock) == pytest.approx(90, abs=1)


def test_a_missing_file_is_no_offset_and_advance_writes_it(tmp_path: Path):
    file = tmp_path / "clock"
    clock, other = Clock(file), Clock(file)
    assert clock.offset() == 0
    clock.advance(3600)
    other.advance(0.5)
    assert clock.offset() == other.offset() == float(file.read_text()) == 3600.5
    assert [found.name for found in tmp_path.iterdir()] == ["clock"]


def test_the_file_is_read_again_when_another_process_writes_it(tmp_path: Path):
    file = tmp_path / "clock"
    clock = Clock(file)
    for seconds in (10, 700, -3):
        file.write_text(f"{seconds}\n")
        assert clock.offset() == seconds
    file.write_text("")
    assert clock.offset() == -3
    file.unlink()
    assert clock.offset() == 0
    file.write_text("soon")
    with pytest.raises(ValueError, match="soon"):
        clock.now()


def test_times_are_told_in_utc_with_milliseconds():
    assert iso(NOON + timedelta(microseconds=1500)) == "2026-12-01T12:00:00.001Z"


def test_the_ledger_numbers_its_entries_and_gives_them_from_anywhere():
    ledger = Ledger()
    for number in range(1, 4):
        assert ledger.record(at=NOON, direction="in", method="GET", path=f"/{number}") == number
    entries, following = ledger.since(1)
    assert [entry["path"] for entry in entries] == ["/2", "/3"]
    assert ledger.since(following) == ([], 3)
    ledger.clear()
    assert ledger.since(0) == ([], 3)
    assert ledger.record(at=NOON, direction="out", method="POST", path="/4") == 4


def test_the_oldest_entries_go_first():
    ledger = Ledger(limit=2)
    for number in range(5):
        ledger.record(at=NOON, direction="in", method="GET", path=f"/{number}")
    entries, following = ledger.since(0)
    assert [entry["n"] for entry in entries] == [4, 5]
    assert following == 5
