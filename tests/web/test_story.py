"""The timeline in a person's sentences (B23): what belongs together is one, echoes are told where nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from gateway.core.records import Entry
from gateway.core.stories import Story
from gateway.web import words
from gateway.web.story import LINES, Scene, told

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
MOVED = {"fields": ["due"], "due": "2026-12-01T13:00:00Z"}
Hop = Story | tuple[Story, dict[str, Any]]


def lines(*hops: Hop, reader: bool = True, locale: str = "en-GB", apart: float = 1) -> list[str]:
    """The sentences, oldest first."""
    pairs = [hop if isinstance(hop, tuple) else (hop, {}) for hop in hops]
    entries = [Entry(NOW + timedelta(seconds=apart * n), "x", story.value, d) for n, (story, d) in enumerate(pairs)]
    app = Flask(__name__)
    words.speak(app)
    scene = Scene("Acme", "Google Calendar", "ada@example.com", reader, ZoneInfo("Europe/Berlin"), NOW)
    with app.test_request_context(headers={"Accept-Language": locale}):
        return [line.text for line in told(entries[::-1], scene)][::-1]


def test_a_move_in_the_calendar_is_one_sentence() -> None:
    hops: list[Hop] = [Story.PUSH_CAME, Story.PUSH_FOUND_CHANGE, (Story.TASK_UPDATED, MOVED), Story.TASK_ECHO]
    assert lines(*hops) == ["You moved it to Tue 1 Dec, 14:00 in Google Calendar \N{EN DASH} the task followed"]
    (other,) = lines(*hops, reader=False)
    assert other.startswith("ada@example.com moved it to Tue 1 Dec, 14:00 in Google Calendar")


@pytest.mark.parametrize(
    ("detail", "says"),
    [
        ({"fields": ["title"]}, "You renamed it in"),
        ({"fields": ["due"], "due": "2026-12-24"}, "You moved it to Thursday, 24 December 2026, all day in"),
        ({"fields": ["due", "title"], "due": "2026-12-24"}, "You changed it in"),
        ({"fields": ["due"]}, "You changed it in"),
    ],
)
def test_what_was_done_is_said(detail: dict[str, Any], says: str) -> None:
    (line,) = lines(Story.PUSH_CAME, (Story.TASK_UPDATED, detail))
    assert line.startswith(says)


def test_our_own_change_coming_back_is_said_as_that() -> None:
    assert lines(Story.PUSH_CAME, Story.EVENT_ECHO) == [
        "A notice from Google Calendar \N{EN DASH} nothing to send: our own change came back"
    ]


def test_a_conflict_is_one_sentence() -> None:
    (line,) = lines(Story.TASK_CHANGED, (Story.CONFLICT, {"fields": ["due"]}), Story.EVENT_PUT_BACK)
    assert "both sides had changed it; the value from Acme was kept" in line


def test_waiting_says_for_what() -> None:
    assert lines(Story.SWITCHED_ON, (Story.WAITING, {"reason": "no_due_date"})) == [
        "Switched on in Acme \N{EN DASH} waiting for a due date"
    ]


def test_what_comes_much_later_is_a_story_of_its_own() -> None:
    assert lines(Story.TASK_CHANGED, Story.PARKED, apart=3600) == [
        "Changed in Acme",
        "Set aside after many tries; your administrator can start it again",
    ]


@pytest.mark.parametrize("story", list(Story))
@pytest.mark.parametrize("locale", words.LANGUAGES)
def test_every_hop_has_words(story: Story, locale: str) -> None:
    quiet = story in (Story.REPORTED, Story.TASK_REPEATED, Story.TASK_SAME)
    assert [bool(line) for line in lines(story, locale=locale)] == ([] if quiet else [True])


def test_the_same_again_counts_and_the_list_ends() -> None:
    assert len(lines(*[Story.TASK_CHANGED] * 40)) == 1
    assert len(lines(*[Story.TASK_CHANGED, Story.SWITCHED_ON] * 40)) == LINES
