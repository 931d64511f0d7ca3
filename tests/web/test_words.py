"""One catalogue of words: complete in German, right to left where that is how people read, times in their manner."""

from __future__ import annotations

import re
import runpy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from flask import Flask

from gateway.core.model import Day, Moment
from gateway.web import words
from tests.web.bench import Bench

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SPOKEN: Catalog = runpy.run_path(str(Path(words.__file__).parents[2] / "bin/words.py"))["spoken"]()
DAILY = ("panel_body", "settings_body", "left", "move", "connected", "disconnect", "calendar")


def catalogue(language: str) -> dict[Any, Message]:
    with (words.FOLDER / f"{language}.po").open("rb") as text:
        return {message.id: message for message in read_po(text, locale=language) if message.id}


def strings(said: Any) -> list[str]:
    return list(said) if isinstance(said, (tuple, list)) else [said or ""]


def marks(said: Any) -> set[str]:
    """What has to be in a text in every language: values and tags."""
    return {mark for text in strings(said) for mark in re.findall(r"%\(\w+\)s|</?\w+>", text)}


@pytest.mark.parametrize("language", ["de", "he"])
def test_the_catalogues_hold_what_the_pages_say_and_no_more(language: str) -> None:
    assert catalogue(language).keys() == {message.id for message in SPOKEN if message.id}


def test_german_is_complete() -> None:
    assert [one.id for one in catalogue("de").values() if not all(strings(one.string)) or one.fuzzy] == []


def test_what_is_seen_daily_is_complete_right_to_left() -> None:
    known = catalogue("he")
    pages = [(words.FOLDER.parent / "templates" / f"{name}.html").read_text() for name in DAILY]
    said = {text for page in pages for text in re.findall(r"_\(\"([^\"]+)\"\)", page)}
    assert len(said) > 30
    assert {text for text in said if not known[text].string} == set()


@pytest.mark.parametrize("language", ["de", "he"])
def test_nothing_gets_lost_in_translation(language: str) -> None:
    told = [one for one in catalogue(language).values() if all(strings(one.string))]
    assert {one.id: marks(one.string) for one in told} == {one.id: marks(one.id) for one in told}


def page(bench: Bench, languages: str, path: str = "/") -> str:
    return bench.app.test_client().get(path, headers={"Accept-Language": languages}).text


@pytest.mark.parametrize(
    ("languages", "lang", "direction"),
    [
        ("de-AT,de;q=0.8", "de-AT", "ltr"),
        ("he-IL", "he-IL", "rtl"),
        ("fr, de;q=0.5", "de", "ltr"),
        ("fr", "en", "ltr"),
        ("en-GB", "en-GB", "ltr"),
        ("x" * 100, "en", "ltr"),
        ("", "en", "ltr"),
    ],
)
def test_a_page_speaks_as_its_person_reads(bench: Bench, languages: str, lang: str, direction: str) -> None:
    assert f'<html lang="{lang}" dir="{direction}">' in page(bench, languages)


def test_a_frames_address_may_say_the_language(bench: Bench) -> None:
    token = bench.api("POST", "/v1/embed-tokens", {"user_id": "u-7", "task_id": "t-1", "ttl": 60}).get_json()["token"]
    there = f"/embed/task/t-1?token={token}&locale=de"
    assert "Mit Kalender abgleichen" in page(bench, "en", there)
    assert "Sync to calendar" in page(bench, "en", there.replace("locale=de", "locale=%3Cb%3E"))


def test_failures_are_told_in_the_persons_language(bench: Bench) -> None:
    assert "Dieser Link gilt nicht mehr" in page(bench, "de", "/connect/none")
    assert "Hier ist nichts" in page(bench, "de", "/nowhere")


def test_caches_know_that_languages_differ(bench: Bench) -> None:
    assert "Accept-Language" in bench.app.test_client().get("/").headers["Vary"]


@pytest.mark.parametrize(
    ("languages", "moment", "day"),
    [
        ("en-US", "Tue, Dec 1, 2:00\N{NARROW NO-BREAK SPACE}PM", "Thursday, December 24, 2026, all day"),
        ("en-GB", "Tue 1 Dec, 14:00", "Thursday, 24 December 2026, all day"),
        ("de", "Di., 1. Dez., 14:00", "Donnerstag, 24. Dezember 2026, ganztägig"),
    ],
)
def test_times_are_told_in_the_persons_manner_and_zone(languages: str, moment: str, day: str) -> None:
    app = Flask(__name__)
    words.speak(app)
    due = Moment(datetime(2026, 12, 1, 13, 0, tzinfo=UTC))
    with app.test_request_context(headers={"Accept-Language": languages}):
        assert words.value(due, BERLIN, NOW).replace("\N{RIGHT-TO-LEFT MARK}", "") == moment
        assert words.value(Day(date(2026, 12, 24)), BERLIN, NOW) == day
        assert "2028" in words.value(Moment(due.at.replace(year=2028)), BERLIN, NOW)
        assert words.ago(NOW - timedelta(minutes=5), NOW)


def test_an_unknown_zone_is_passed_over() -> None:
    assert str(words.zone_of(None, "Mars/Olympus", "../etc", "Europe/Berlin")) == "Europe/Berlin"
    assert str(words.zone_of()) == "UTC"
