"""Logs: one line of JSON each, nothing secret in it; counters; the clock that tests shift; crash points."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import crash, telemetry
from gateway.clock import ShiftedClock, SystemClock
from gateway.redaction import GONE, Redactor
from gateway.telemetry import JsonLines, NullMeter, Sparingly

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    telemetry.begin("DEBUG", ("known-secret-0123",), out)
    yield out
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = handlers, level


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_fields(stream: io.StringIO) -> None:
    log = logging.getLogger("somewhere")
    with telemetry.fields(mailbox="cal:c1"), telemetry.fields(lane="now"):
        log.info("done %d", 3, extra={"attempt": 2, "link": "l-1", "title": "Dinner with Ada"})
    log.info("outside")
    first, second = lines(stream)
    assert first.pop("at").endswith("Z")
    assert first == {
        "level": "INFO",
        "logger": "somewhere",
        "message": "done 3",
        "mailbox": "cal:c1",
        "lane": "now",
        "attempt": 2,
        "link": "l-1",
    }
    assert "mailbox" not in second
    assert datetime.fromisoformat(second["at"]).tzinfo == UTC


def test_a_line_break_stays_inside_its_line(stream: io.StringIO) -> None:
    logging.getLogger("x").warning('one\ntwo\r\n{"level": "forged"}')
    (line,) = lines(stream)
    assert line["message"].startswith("one\ntwo")


def test_an_exception_is_told_without_secrets(stream: io.StringIO) -> None:
    error = ValueError("the token=abcdef123 and known-secret-0123")
    logging.getLogger("x").error("failed with known-secret-0123", exc_info=error)
    (line,) = lines(stream)
    assert "ValueError" in line["exception"]
    assert "abcdef123" not in stream.getvalue()
    assert "known-secret" not in stream.getvalue()


def test_arguments_that_do_not_fit_lose_no_line() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%d things", ("many",), None)
    line = json.loads(JsonLines(Redactor()).format(record))
    assert line["message"] == "%d things (with arguments that do not fit)"


@pytest.mark.parametrize(
    "said",
    [
        "Authorization: Bearer abcdefgh.secret-1",
        "authorization=Basic c2VjcmV0LTE=secret-1",
        "GET /oauth/google/callback?code=secret-1&scope=x",
        "GET /oauth/google/callback?scope=x&state=secret-1",
        '{"code": "secret-1"}',
        "{'refresh_token': 'x secret-1'}",
        "access_token=secret-1&x=1",
        "Cookie: session=secret-1",
        "webhook-signature: v1,secret-1",
        "whsec_AAAAsecret-1",
        "ya29.secret-1",
        "1//0secret-1-0000",
        "eyJhbGciOi.eyJpc3Mi.secret-1",
        "postgresql://user:secret-1@host/db",
        "https://secret-1@sentry.example/1",
        "/connect/secret-1",
        "POST /webhooks/crm/secret-1 failed",
        '"title": "secret-1 \\" more secret-1"',
        "summary='secret-1'",
        "x-goog-channel-token: secret-1",
        "client_secret = secret-1",
        "password:secret-1",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(said: str) -> None:
    assert "secret-1" not in Redactor().text(f"before {said} after")
    assert GONE in Redactor().text(said)


@pytest.mark.parametrize(
    "said",
    ["status code 404", "exit code: 1", "state: pending", "/webhooks/crm/<key>", "task t-1 of inst-1", "https://a.example/x"],
)
def test_ordinary_words_stay(said: str) -> None:
    assert Redactor().text(said) == said


def test_known_secrets_are_taken_out_wherever_they_turn_up() -> None:
    redactor = Redactor(["hidden-1", "hidden-1-and-longer", "abc"])
    assert redactor.text("a hidden-1-and-longer b hidden-1 abc") == f"a {GONE} b {GONE} abc"
    assert redactor.value({"k": ["hidden-1", 7, None, True, ("hidden-1",)], "o": object()}) == {
        "k": [GONE, 7, None, True, [GONE]],
        "o": "<object>",
    }


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    redactor = Redactor(["hidden-1"])
    assert "hidden-1" not in redactor.text(f"{text}hidden-1{text}")


def test_the_same_warning_is_told_once_in_a_while() -> None:
    now = [0.0]
    sparingly = Sparingly(10, lambda: now[0])

    def told(message: str, level: int = logging.WARNING) -> bool:
        return bool(sparingly.filter(logging.LogRecord("x", level, "", 0, message, None, None)))

    assert [told("away"), told("away"), told("other")] == [True, False, True]
    assert told("away", logging.INFO)
    now[0] = 10.0
    assert told("away")


def test_nobody_counts() -> None:
    NullMeter().count("rings")


# --- the clock ------------------------------------------------------------------------------------------------------


def about(found: datetime, shift: float) -> bool:
    return abs(found - datetime.now(UTC) - timedelta(seconds=shift)) < timedelta(seconds=1)


def test_the_clock_follows_its_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "clock"
    clock = ShiftedClock(path)
    assert about(clock.now(), 0)
    path.write_text("3600\n")
    assert about(clock.now(), 3600)
    draft = tmp_path / "draft"
    draft.write_text("-86400.5")
    draft.replace(path)
    assert about(clock.now(), -86400.5)
    path.write_text("nonsense here")
    assert about(clock.now(), -86400.5)
    assert "number of seconds" in caplog.text
    path.write_text("")
    assert about(clock.now(), -86400.5)
    path.unlink()
    assert about(clock.now(), 0)
    assert clock.now().tzinfo == SystemClock().now().tzinfo == UTC


# --- crash points ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "passes", "survives"), [("here", 0, False), ("here:3", 2, False), ("there", 9, True), ("", 9, True)]
)
def test_an_armed_point_kills_at_its_pass(at: str, passes: int, survives: bool) -> None:
    code = (
        "import sys\nfrom gateway import crash\n"
        f"crash.arm({at!r})\n"
        "for n in range(10):\n    print(n, flush=True)\n    crash.crashpoint('here')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={"PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if survives else -signal.SIGKILL), done.stderr
    assert done.stdout.split()[-1] == str(passes)


def test_nothing_is_armed_by_itself() -> None:
    crash.crashpoint("")
    crash.crashpoint("web_before_commit")
