"""A state report in words (B16): every reason has some, a conflict shows both values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.core.model import Reason, State
from gateway.core.ports import StateReport
from gateway.crms.note import LIMIT, note

URL = "https://calendar.example/e/1"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words_of_its_own(reason: Reason) -> None:
    words = note(StateReport(State.ERROR, reason.value))
    assert words not in ("", note(StateReport(State.ERROR)))
    assert reason.value not in words.split()


def test_b16_a_conflict_shows_both_values() -> None:
    fields = [
        {
            "name": "due",
            "calendar": {"date_time": "2026-12-02T09:00:00Z", "time_zone": "Europe/Berlin"},
            "kept": {"date": "2026-12-03"},
        },
        {"name": "title", "calendar": "Call Eve", "kept": "Call Ada"},
    ]
    said = note(StateReport(State.CONFLICT, event_url=URL, conflict={"id": "c-1", "fields": fields}))
    assert said == (
        "Changed in both places; the CRM's value was kept. "
        "Due: kept 2026-12-03, the calendar had 2026-12-02 09:00:00 UTC (Europe/Berlin). "
        "Title: kept “Call Ada”, the calendar had “Call Eve”. " + URL
    )


def test_a_switch_that_is_off_says_nothing_but_why() -> None:
    assert note(StateReport(State.OFF, event_url=URL)) == ""
    assert note(StateReport(State.OFF, "event_deleted")) == "The event was deleted in the calendar."


def test_the_same_report_is_the_same_note_whenever_it_was_synced() -> None:
    early, late = (StateReport(State.SYNCED, None, URL, "google", datetime(2026, 12, d, tzinfo=UTC)) for d in (1, 2))
    assert note(early) == note(late) == f"In step with the calendar. {URL}"


def test_a_note_is_cut_where_a_field_would_cut_it() -> None:
    fields = [{"name": "title", "calendar": "x" * 900, "kept": "y"}]
    said = note(StateReport(State.CONFLICT, conflict={"id": "c-1", "fields": fields}))
    assert (len(said), said[-1]) == (LIMIT, "…")
