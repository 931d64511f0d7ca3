"""The checker finds what it is there for: words that were lost, overruled without a word, banners that are false."""

from __future__ import annotations

from typing import Any

import pytest

from tests.storm.book import Page, Word
from tests.storm.checker import lost_words, was_overruled

BEFORE = {"title": "before", "due": None}


def page(*said: tuple[str, str, float], unsettled: bool = False) -> Page:
    """What was said of the title: side, value, when; each took half a second."""
    return Page([Word(side, "title", value, at, at + 0.5) for side, value, at in said], unsettled=unsettled)


def lost(found: Page, title: str) -> bool:
    return bool(list(lost_words(found, {"title": title, "due": None}, BEFORE)))


@pytest.mark.parametrize(
    ("said", "stands", "is_lost"),
    [
        ([], "before", False),
        ([], "other", True),
        ([("crm", "a", 1)], "a", False),
        ([("crm", "a", 1)], "before", True),
        ([("calendar", "b", 1)], "b", False),
        ([("calendar", "b", 1)], "before", True),
        ([("crm", "a", 1), ("calendar", "b", 2)], "a", False),
        ([("crm", "a", 1), ("calendar", "b", 2)], "b", False),
        ([("calendar", "b", 1), ("crm", "a", 2)], "a", False),
        ([("calendar", "b", 1), ("crm", "a", 2)], "b", True),
        ([("calendar", "b", 1), ("crm", "a", 1.2)], "b", False),
        ([("crm", "a", 1), ("crm", "c", 2)], "a", True),
    ],
)
def test_a_word_that_no_later_word_replaced_is_missed(said: list[Any], stands: str, is_lost: bool) -> None:
    assert lost(page(*said), stands) is is_lost


def test_where_the_event_was_replaced_the_calendars_word_may_be_lost() -> None:
    assert not lost(page(("calendar", "b", 1), unsettled=True), "before")
    assert lost(page(("crm", "a", 1), unsettled=True), "before")


def test_the_last_word_of_the_calendar_is_overruled_only_with_a_conflict() -> None:
    said = page(("crm", "a", 1), ("calendar", "b", 2))
    assert was_overruled(said, "title", {"title": "a"}, BEFORE)
    assert not was_overruled(said, "title", {"title": "b"}, BEFORE)
    assert not was_overruled(page(("calendar", "b", 1), ("crm", "a", 2)), "title", {"title": "a"}, BEFORE)


def test_an_undo_is_no_news_against_what_both_sides_may_have_agreed_on() -> None:
    said = page(("crm", "a", 1), ("calendar", "b", 2), ("crm", "before", 3))
    assert not lost(said, "b")
    assert not lost(said, "before")
    assert lost(said, "a")
