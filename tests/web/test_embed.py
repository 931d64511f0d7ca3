"""Frames in a CRM: for one person, one task, fifteen minutes, the listed origins; without a cookie (B16, B23)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.core.model import Field, FieldConflict, LinkStatus, Reason, State, Task, TaskId
from gateway.core.records import InstallationStatus, Link
from tests.flows.forms import first_form
from tests.web.bench import ADA, HERE, Bench

CRM = "https://crm.example"
PART = {"HX-Request": "true"}


class Frame:
    """A frame as a browser shows it: no cookies, its token, its forms."""

    def __init__(self, bench: Bench, task: str | None = "t-1", user: str = ADA, token: str | None = None) -> None:
        self.bench = bench
        body = {"user_id": user, "task_id": task, "ttl": 900}
        self.token = bench.api("POST", "/v1/embed-tokens", body, token=token).get_json()["token"]
        self.client = bench.app.test_client(use_cookies=False)

    def get(self, path: str = "/embed/task/t-1", **headers: str) -> TestResponse:
        return self.client.get(path, query_string={"token": self.token}, base_url=HERE, headers=headers)

    def look(self, path: str = "/embed/task/t-1", **headers: str) -> TestResponse:
        """As the page's own script asks."""
        return self.client.get(
            path, base_url=HERE, headers={"Authorization": f"Bearer {self.token}", **PART, **headers}
        )

    def post(self, values: dict[str, Any], path: str = "/embed/task/t-1", **headers: str) -> TestResponse:
        form = first_form(self.get().text, HERE)
        given = {"Origin": HERE, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe", **headers}
        return self.client.post(path, data={**form.values, **values}, base_url=HERE, headers=given)


@pytest.fixture
def task(bench: Bench) -> Link:
    return bench.task()


@pytest.fixture
def frame(bench: Bench, task: Link) -> Frame:
    return Frame(bench)


def conflict(bench: Bench, link: Link, calendar: str = "Ring Ada") -> str:
    with bench.store.begin() as uow:
        what = FieldConflict(Field.TITLE, calendar, held(bench).title)
        made = uow.conflicts.open(link, what, version=1, at=bench.clock.now())
        uow.commit()
    return made


def held(bench: Bench) -> Task:
    """The task as its CRM holds it."""
    task = bench.crm.get(TaskId("t-1"))
    assert isinstance(task, Task)
    return task


# --- for whom


def test_it_shows_its_task_and_no_other(bench: Bench, frame: Frame) -> None:
    bench.task("t-2")
    assert frame.get().status_code == 200
    assert frame.get("/embed/task/t-2").status_code == 403
    assert Frame(bench, task=None).get().status_code == 403


def test_another_tenants_token_shows_another_tenants_task(bench: Bench, frame: Frame) -> None:
    conflict(bench, bench.task("t-1"))
    theirs = Frame(bench, token=bench.other_token).get()
    assert theirs.status_code == 200
    assert "Ring Ada" not in theirs.text
    assert "Ring Ada" in frame.get().text


@pytest.mark.parametrize("path", ["/embed/task/t-1", "/embed/settings"])
def test_without_a_token_or_after_its_time_it_is_closed(bench: Bench, path: str) -> None:
    frame = Frame(bench, task="t-1" if "task" in path else None)
    assert frame.client.get(path).status_code == 403
    assert frame.client.get(path, query_string={"token": "x" * 43}).status_code == 403
    assert frame.get(path).status_code == 200
    bench.clock.advance(timedelta(minutes=15, seconds=1))
    closed = frame.get(path)
    assert closed.status_code == 403
    assert "Reload the page around it" in closed.text
    assert "<form" not in closed.text
    assert "<a " not in closed.text
    part = frame.look(path)
    assert part.status_code == 403
    assert part.text.startswith('<main id="live">')


def test_a_removed_installations_frames_are_closed(bench: Bench, frame: Frame) -> None:
    with bench.store.begin() as uow:
        uow.installations.set_status(bench.acme.id, InstallationStatus.REMOVED, None)
        uow.commit()
    assert frame.get().status_code == 403


# --- where, and with what


def test_only_the_listed_origins_may_frame_it(bench: Bench) -> None:
    token = bench.install("Framed", frame_origins=[CRM, "https://app.example"])[1]
    headers = Frame(bench, token=token).get().headers
    assert f"frame-ancestors {CRM} https://app.example" in headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in headers
    unlisted = Frame(bench).get().headers
    assert "frame-ancestors 'none'" in unlisted["Content-Security-Policy"]
    assert unlisted["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/settings", "/connect/x", "/", "/ops", "/docs"])
def test_nothing_else_may_be_framed(bench: Bench, path: str) -> None:
    headers = bench.app.test_client().get(path).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"


def test_no_cookie_is_set_or_looked_at(bench: Bench, frame: Frame) -> None:
    for answer in (frame.get(), frame.look(), frame.post({"do": "off"}), frame.get("/embed/task/t-2")):
        assert "Set-Cookie" not in answer.headers
    with_cookie = frame.client.get("/embed/task/t-1", headers={"Cookie": f"session={frame.token}"})
    assert with_cookie.status_code == 403


def test_nothing_of_it_is_kept_or_told_to_others(frame: Frame) -> None:
    for answer in (frame.get(), frame.look()):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert frame.token not in frame.look().request.url


# --- forms


@pytest.mark.parametrize(
    ("values", "headers"),
    [
        ({"form_token": "0" * 64}, {}),
        ({"form_token": ""}, {}),
        ({}, {"Sec-Fetch-Site": "cross-site", "Origin": CRM}),
        ({}, {"Origin": CRM}),
    ],
)
def test_a_form_must_be_its_own(bench: Bench, frame: Frame, values: dict[str, str], headers: dict[str, str]) -> None:
    assert frame.post({"do": "off", **values}, **headers).status_code == 403
    assert held(bench).sync_on


def test_the_switch_goes_off_at_the_task(bench: Bench, frame: Frame) -> None:
    answer = frame.post({"do": "off"})
    assert answer.status_code == 200
    assert "Switching off" in answer.text
    assert 'aria-checked="false"' in answer.text
    assert not held(bench).sync_on


def test_a_task_that_was_never_on_is_shown_as_off(bench: Bench) -> None:
    page = Frame(bench, task="t-9").get("/embed/task/t-9").text
    assert "switch it on at the task in Acme" in page
    assert 'aria-checked="false" disabled' in page


def test_b16_a_conflict_shows_both_values_and_what_will_happen(bench: Bench, frame: Frame, task: Link) -> None:
    conflict(bench, task, "<b>Ring</b> Ada")
    page = frame.get().text
    assert "The title was changed on both sides" in page
    assert "“&lt;b&gt;Ring&lt;/b&gt; Ada”" in page
    assert "The task changes to this, and the event with it." in page


@pytest.mark.parametrize("keep", ["crm", "calendar"])
def test_b16_a_conflict_is_settled(bench: Bench, frame: Frame, task: Link, keep: str) -> None:
    made = conflict(bench, task)
    answer = frame.post({"do": keep, "conflict": made})
    assert "Settled." in answer.text
    assert "changed on both sides" not in answer.text
    assert (held(bench).title == "Ring Ada") is (keep == "calendar")


def test_b16_the_calendars_value_is_not_written_over_news(bench: Bench, frame: Frame, task: Link) -> None:
    made = conflict(bench, task)
    bench.crm.edit("t-1", title="News")
    answer = frame.post({"do": "calendar", "conflict": made})
    assert answer.status_code == 409
    assert "The task has changed since, so nothing was done" in answer.text
    assert held(bench).title == "News"


def test_another_tasks_conflict_is_not_settled_here(bench: Bench, frame: Frame) -> None:
    made = conflict(bench, bench.task("t-2"))
    assert frame.post({"do": "crm", "conflict": made}).status_code == 404
    with bench.store.begin() as uow:
        found = uow.conflicts.get(bench.acme.id, made)
    assert found is not None
    assert found.closed_at is None


def test_an_unknown_deed_is_refused(frame: Frame) -> None:
    assert frame.post({"do": "delete"}).status_code == 400


# --- live


def test_asking_again_costs_nothing_until_something_changes(bench: Bench, frame: Frame, task: Link) -> None:
    first = frame.look()
    again = frame.look(**{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    bench.clock.advance(timedelta(minutes=3))
    assert frame.look(**{"If-None-Match": first.headers["ETag"]}).status_code == 304
    conflict(bench, task)
    changed = frame.look(**{"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.text.lstrip().startswith('<main id="live"')


def test_who_may_connect_is_led_to_a_window_of_its_own(bench: Bench, frame: Frame) -> None:
    with bench.store.begin() as uow:
        ((link, _task),) = uow.links.ids_of_owner(bench.acme.id, ADA, [LinkStatus.LIVE])
        uow.links.set_state(bench.acme.id, link, State.PENDING, Reason.OWNER_NOT_CONNECTED, ())
        uow.commit()
    page = frame.get().text
    assert "The owner has not connected a calendar" in page
    assert 'target="_blank"' in page
    led = frame.post({}, "/embed/connect", **{"Sec-Fetch-Dest": "document"})
    assert led.status_code == 303
    assert led.headers["Location"].startswith("/connect/")
    assert bench.app.test_client().get(led.headers["Location"]).status_code == 200
    assert "Connect your calendar" not in Frame(bench, user="u-8").get().text
