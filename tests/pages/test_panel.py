"""A task's panel in a real browser, in a frame of another origin as in a CRM: live, by keyboard, small, readable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, FrameLocator, Page, Request, expect

from gateway.core.model import Field, LinkStatus, Reason, State
from gateway.core.stories import Story
from sandbox.kit.server import serve
from tests.browsing import PHONE, accessible, fits, picture, visit
from tests.pages.conftest import Site

pytestmark = pytest.mark.browser

LARGEST = 30_000
"""Bytes on the wire, headers included."""
MOVED = {"fields": ["due"], "due": "2026-12-01T13:00:00Z"}


@pytest.fixture
def crm(site: Site) -> Iterator[str]:
    """A page of the CRM: another origin, which frames what its address says and notes what it is told."""
    page = Flask("crm")

    @page.get("/")
    def around() -> str:
        return """<!doctype html><html lang="en"><title>CRM</title><link rel="icon" href="data:,"><main><h1>Task</h1>
        <iframe id="panel" title="Calendar sync" width="100%" height="600"></iframe></main>
        <script>said = []; addEventListener("message", e => said.push([e.origin, e.data]));
        panel.src = decodeURIComponent(location.hash.slice(1))</script>"""

    server = serve(page)
    origin = server.url.replace("127.0.0.1", "localhost")
    site.bench.change(frame_origins=[origin])
    yield origin
    server.stop()


def busy_task(site: Site) -> None:
    """A conflict, and a story before it."""
    site.connect()
    link = site.stands(state=State.SYNCED)
    site.conflict(link, Field.DUE)
    site.tell("t-1", (Story.SWITCHED_ON, {}), (Story.EVENT_CREATED, {}), ago=3600)
    site.tell("t-1", (Story.PUSH_CAME, {}), (Story.TASK_UPDATED, MOVED), ago=300)
    site.tell("t-1", (Story.PUSH_CAME, {}), (Story.EVENT_ECHO, {}), ago=200)
    site.tell("t-1", (Story.TASK_CHANGED, {}), (Story.CONFLICT, {}), (Story.EVENT_PUT_BACK, {}), ago=12)


def on_the_wire(asked: Request) -> int:
    sizes = asked.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


def framed(page: Page, site: Site, crm: str) -> FrameLocator:
    page.goto(f"{crm}/#{site.frame()}")
    return page.frame_locator("#panel")


def test_it_is_small_quick_and_says_everything(site: Site, chrome: Browser) -> None:
    busy_task(site)
    with visit(chrome, size=(420, 900)) as page:
        wire: list[int] = []
        page.on("requestfinished", lambda asked: wire.append(on_the_wire(asked)))
        page.goto(site.frame(), wait_until="networkidle")
        assert sum(wire) < LARGEST, f"{sum(wire)} bytes on the wire"
        shown = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert shown < 1000
        expect(page.get_by_role("switch", name="Sync to calendar")).to_be_checked()
        expect(page.get_by_text(re.compile(r"\d\d sec\.? ago"))).to_be_visible()
        expect(page.get_by_text("You moved it to Tue 1 Dec, 13:00 in Google")).to_be_visible()
        expect(page.get_by_role("link", name="Open in Google")).to_have_attribute("target", "_blank")
        accessible(page)
        fits(page)
        picture(page, "panel-conflict")


@pytest.mark.parametrize("locale", ["de-DE", "he-IL"])
def test_it_speaks_and_reads_in_the_persons_direction(site: Site, chrome: Browser, locale: str) -> None:
    busy_task(site)
    with visit(chrome, size=PHONE, colours="dark", locale=locale) as page:
        page.goto(site.frame(), wait_until="networkidle")
        assert page.locator("html").get_attribute("dir") == ("rtl" if locale == "he-IL" else "ltr")
        accessible(page)
        fits(page)
        picture(page, f"panel-dark-phone-{locale}")


@pytest.mark.parametrize(
    ("state", "reason", "says", "offers"),
    [
        (State.PENDING, Reason.NO_DUE_DATE, "Waiting for a due date.", ""),
        (State.PENDING, Reason.OWNER_NOT_CONNECTED, "The owner has not connected a calendar.", "Connect your calendar"),
        (State.ERROR, Reason.REAUTHORIZE, "The owner must sign in to the calendar again.", "Sign in again"),
        (State.OFF, Reason.EVENT_DELETED, "The event was deleted in the calendar.", ""),
        (State.PENDING, None, "On its way to the calendar", ""),
    ],
)
def test_each_state_says_why_and_what_next(
    site: Site, chrome: Browser, state: State, reason: Reason | None, says: str, offers: str
) -> None:
    site.stands(state=state, reason=reason, at=False, status=LinkStatus.OFF if state is State.OFF else LinkStatus.LIVE)
    with visit(chrome, size=PHONE) as page:
        page.goto(site.frame())
        expect(page.get_by_role("status").get_by_text(says)).to_be_visible()
        expect(page.get_by_role("button", name=offers or "Connect")).to_have_count(1 if offers else 0)
        accessible(page)
        picture(page, f"panel-{reason.value if reason else 'on-its-way'}")


def test_a_change_shows_within_a_second_and_focus_stays(site: Site, chrome: Browser, crm: str) -> None:
    site.connect()
    link = site.stands(state=State.SYNCED)
    with visit(chrome) as page:
        frame = framed(page, site, crm)
        expect(frame.get_by_text("In step with the calendar")).to_be_visible()
        switch = frame.get_by_role("switch", name="Sync to calendar")
        switch.focus()
        site.conflict(link, Field.TITLE)
        expect(frame.get_by_role("button", name="Use the calendar's")).to_be_visible(timeout=2000)
        expect(switch).to_be_focused()
        expect(frame.locator("#live")).to_have_attribute("data-state", "conflict")
        told = page.evaluate("said")
        assert {origin for origin, _data in told} == {site.url}
        said = [data for _origin, data in told]
        assert [one["state"] for one in said if one["type"] == "calendar-gateway:state"] == ["synced", "conflict"]
        assert all(one["height"] > 100 for one in said if one["type"] == "calendar-gateway:height")


def test_an_unchanged_look_is_a_bare_304(site: Site, chrome: Browser) -> None:
    site.connect()
    site.stands(state=State.SYNCED)
    with visit(chrome) as page:
        looks: list[int] = []
        page.on("response", lambda r: looks.append(r.status) if r.request.headers.get("hx-request") else None)
        page.goto(site.frame())
        asked = "() => performance.getEntriesByType('resource').filter(e => e.name.includes('/embed/')).length > 2"
        page.wait_for_function(asked)
        assert looks[0] == 200
        assert set(looks[1:]) == {304}


def test_a_conflict_is_settled_by_keyboard_alone(site: Site, chrome: Browser, crm: str) -> None:
    busy_task(site)
    site.bench.crm.add("t-1", due=None)
    with visit(chrome, tolerates=("409",)) as page:
        frame = framed(page, site, crm)
        keep = frame.get_by_role("button", name="Keep Acme's")
        expect(keep).to_be_visible()
        frame.get_by_role("switch").focus()
        page.keyboard.press("Tab")  # the link to the event
        page.keyboard.press("Tab")
        expect(keep).to_be_focused()
        page.keyboard.press("Tab")
        expect(frame.get_by_role("button", name="Use the calendar's")).to_be_focused()
        page.keyboard.press("Enter")
        expect(frame.get_by_role("alert")).to_contain_text("The task has changed since")
        frame.get_by_role("button", name="Keep Acme's").press("Enter")
        expect(frame.get_by_text("Settled.")).to_be_visible()
        expect(frame.get_by_role("button", name="Use the calendar's")).to_have_count(0)


def test_it_closes_after_its_time_and_a_stranger_may_not_frame_it(site: Site, chrome: Browser, crm: str) -> None:
    site.connect()
    site.stands(state=State.SYNCED)
    with visit(chrome, tolerates=("403", "frame-ancestors", "Refused to frame", "Framing")) as page:
        frame = framed(page, site, crm)
        expect(frame.get_by_role("switch")).to_be_visible()
        site.bench.clock.advance(timedelta(minutes=16))
        expect(frame.get_by_text("This view is closed")).to_be_visible(timeout=3000)
        picture(page, "panel-closed")
        page.goto("about:blank")
        page.goto(f"{crm.replace('localhost', '127.0.0.1')}/#{site.frame()}")
        expect(page.frame_locator("#panel").get_by_role("switch")).to_have_count(0)


def test_it_works_without_scripts(site: Site, chrome: Browser) -> None:
    busy_task(site)
    with visit(chrome, java_script_enabled=False) as page:
        page.goto(site.frame())
        page.get_by_role("button", name="Keep Acme's").click()
        expect(page.get_by_text("Settled.")).to_be_visible()
        expect(page.get_by_text("What happened")).to_be_visible()
