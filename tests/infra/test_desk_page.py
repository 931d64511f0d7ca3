"""The desk in a real browser: switched, typed and moved as a person would, with the keyboard where it matters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from sandbox.demo import seed
from sandbox.demo.desk import Desk, create_app
from sandbox.demo.outside import Api
from sandbox.kit.server import serve
from tests.browsing import PHONE, accessible, fits, picture, visit
from tests.infra.conftest import OTHER, Gateway, Parts
from tests.infra.test_demo import eventually
from tests.infra.test_desk import an_event, calendar

pytestmark = pytest.mark.browser

HALF_HOUR = 24
"""Pixels, as the calendar draws it: measured below, where a drag ends at the hour it should."""
PRIVATE = re.compile("Dentist|Run|evening|Lunch|lesson|parcel|Physio|grandma|Choir|Haircut")
WHERE = {"webhook_url": "http://127.0.0.1:9/", "webhook_secret": "whsec_bm90LXlldC1ub3QteWV0LW5vdC15ZXQ="}
MOVED = {"day": "2026-12-24", "time": "09:00", "minutes": 30}


@pytest.fixture
def page(desk: Desk, chrome: Browser) -> Iterator[Page]:
    server = serve(create_app(desk))
    context = chrome.new_context(viewport={"width": 1400, "height": 1000}, timezone_id="America/New_York")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.goto(server.url)
    yield page
    while_there = list(wrong)  # leaving cuts short what is under way
    page.goto("about:blank")
    context.close()
    server.stop()
    assert [one for one in while_there if "/api/state" not in one and "/api/wire" not in one] == []


def test_the_switch_works_by_keyboard_and_keeps_the_focus(page: Page, desk: Desk) -> None:
    seed.seed_tasks(desk.crm, desk.now())
    switch = page.get_by_role("switch", name="Sync to calendar: Renew the support contract")
    switch.focus()
    page.keyboard.press("Space")
    card = page.get_by_role("listitem").filter(has_text="Renew the support contract")
    expect(card.get_by_text("On its way to the calendar")).to_be_visible()
    expect(switch).to_be_checked()
    expect(switch).to_be_focused()


def test_a_new_task_is_typed_in(page: Page, desk: Desk) -> None:
    page.get_by_role("button", name="New task").click()
    dialog = page.get_by_role("dialog", name="New task")
    dialog.get_by_label("Title").fill("Call <b>Ada</b>")
    dialog.get_by_label("Due date").fill("2026-12-24")
    dialog.get_by_label("Time").fill("09:30")
    dialog.get_by_label("Owner").select_option("Mira (Outlook)")
    dialog.get_by_label("Priority").select_option("urgent")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Call <b>Ada</b>")).to_be_visible()
    expect(page.get_by_text("Thu 24 Dec, 09:30")).to_be_visible()
    (task,) = desk.crm.tasks()
    assert task["owner"]["email"] == OTHER
    assert task["due"] == {"date_time": "2026-12-24T08:30:00Z"}
    assert (task["priority"], task["calendar_sync"]) == ("urgent", True)


def region(page: Page, provider: str) -> Locator:
    return page.get_by_role("region", name="Robin's calendar" if provider == "google" else "Mira's calendar")


def drawn(page: Page, provider: str, title: str = "Call Ada") -> Locator:
    """An event as the calendar draws it."""
    return region(page, provider).get_by_role("button").filter(has_text=title)


def drag(page: Page, start: tuple[float, float], down: float) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0], start[1] + down, steps=8)
    page.mouse.up()


@pytest.mark.parametrize("provider", ["google", "outlook"])
def test_an_event_is_dragged_and_pulled_longer_with_the_mouse(page: Page, desk: Desk, provider: str) -> None:
    an_event(desk, provider)
    event = drawn(page, provider)
    expect(event).to_be_visible()
    box = event.bounding_box()
    assert box is not None
    drag(page, (box["x"] + 20, box["y"] + 4), 2 * HALF_HOUR)
    assert eventually(lambda: times(desk) != ("12:00", "12:30"))
    assert times(desk) == ("13:00", "13:30")
    page.wait_for_timeout(1000)  # drawn anew, so that the edge lies where it is looked for
    box = event.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    drag(page, (box["x"] + box["width"] / 2, box["y"] + box["height"] - 2), HALF_HOUR)
    assert eventually(lambda: times(desk) == ("13:00", "14:00"))


def times(desk: Desk) -> tuple[str, str]:
    (event,) = (one for one in desk.state()["events"] if one["ours"])
    return event["time"], event["until"]


@pytest.mark.parametrize("provider", ["google", "outlook"])
def test_an_event_is_renamed_made_all_day_and_deleted_by_keyboard(page: Page, desk: Desk, provider: str) -> None:
    event = an_event(desk, provider)
    drawn(page, provider).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Event")
    dialog.get_by_label("Title").fill("Call Ada back")
    dialog.get_by_label("All day").press("Space")
    page.keyboard.press("Enter")
    assert eventually(lambda: times(desk) == ("", ""))
    (now,) = desk.state()["events"]
    assert (now["id"], now["title"]) == (event["id"], "Call Ada back")
    drawn(page, provider, "Call Ada back").focus()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Delete").press("Enter")
    expect(region(page, provider).get_by_text("Nothing from the CRM in this calendar")).to_be_visible()
    assert desk.state()["events"] == []


def test_a_conflict_shows_both_values_and_is_settled(page: Page, desk: Desk) -> None:
    task = desk.crm.create({"title": "Call Ada", "calendar_sync": True})
    token = Api(desk.crm.url).call("POST", "/_sandbox/installation", json=WHERE)["api_token"]
    fields = [{"name": "title", "kept": "Call Ada", "calendar": "Ring Ada"}]
    conflict = {"id": "c-1", "fields": fields, "detected_at": "2026-12-01T09:00:00Z"}
    report = {"state": "conflict", "conflict": conflict}
    Api(desk.crm.url, token).call("PUT", f"/tasks/{task['id']}/calendar-sync", json=report)
    banner = page.get_by_role("group", name="Conflict")
    expect(banner.get_by_text("Ring Ada")).to_be_visible()
    banner.get_by_role("button", name="Use the calendar's value").click()
    expect(page.get_by_role("status")).to_have_text("Conflict closed.")
    assert isinstance(desk.gateway, Gateway)
    written = [call for call in desk.gateway.calls if call[0] != "GET"]
    assert written == [("POST", "/v1/conflicts/c-1/resolve", {"keep": "calendar"})]


def test_private_events_are_shown_as_such_and_can_be_hidden(page: Page, desk: Desk) -> None:
    seed.seed_private_events(calendar(desk), desk.now())
    expect(page.get_by_text("private events are in these calendars")).to_be_visible()
    region(page, "google").get_by_role("button").filter(has_text=PRIVATE).first.click()
    expect(page.get_by_role("heading", name="Private event")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("switch", name="Show private events").click()
    expect(region(page, "google").get_by_role("button").filter(has_text=PRIVATE)).to_have_count(0)


def test_pushes_are_held_and_let_go(page: Page, desk: Desk) -> None:
    hold = page.get_by_role("switch", name="Hold the pushes")
    hold.click()
    expect(page.get_by_text("Webhooks and pushes are held.")).to_be_visible()
    hold.click()
    expect(page.get_by_text("Webhooks and pushes are held.")).to_have_count(0)
    assert desk.mischief.state()["held"] is False


def test_breaking_is_said_and_shown_on_the_wire(page: Page, desk: Desk) -> None:
    page.get_by_role("button", name="Kill the worker").click()
    expect(page.get_by_role("cell", name="the worker was killed")).to_be_visible()
    page.get_by_role("button", name="Providers answer 429").click()
    expect(page.get_by_text("ask the gateway for patience. Changes wait")).to_be_visible()
    page.get_by_role("button", name="Take Mira's access away").click()
    expect(page.get_by_text("Mira took the access away.")).to_be_visible()
    page.get_by_role("button", name="Give Mira's access back").click()
    expect(page.get_by_role("button", name="Take Mira's access away")).to_be_visible()
    assert isinstance(desk.mischief.machinery, Parts)
    assert desk.mischief.machinery.done == ["worker", "Mira"]


def test_the_guide_is_ticked_by_what_happens(page: Page, desk: Desk) -> None:
    """The person's step begins it, the gateway's write ends it; both are seen on the wire."""
    expect(page.get_by_text("0 of 5")).to_be_visible()
    token = Api(desk.crm.url).call("POST", "/_sandbox/installation", json=WHERE)["api_token"]
    task = desk.crm.create({"title": "Call Ada", "calendar_sync": True})
    event = an_event(desk)
    mira = calendar(desk, "outlook").person.user_id
    page.request.patch(f"{page.url}api/people/{event['person']}/events/{event['id']}", data=MOVED)
    patch = {"If-Match": f'"{task["version"]}"', "Idempotency-Key": "k", "Content-Type": "application/merge-patch+json"}
    Api(desk.crm.url, token).call("PATCH", f"/tasks/{task['id']}", json={"due": {"date": "2026-12-24"}}, headers=patch)
    expect(page.get_by_text("1 of 5")).to_be_visible()
    expect(page.locator("#guide .done")).to_contain_text("Drag that event")
    page.request.patch(f"{page.url}api/tasks/{task['id']}", data={"owner": mira})
    expect(page.get_by_role("cell", name="Robin hands a task over")).to_be_visible()
    page.reload()
    expect(page.get_by_text("1 of 5")).to_be_visible()


def test_the_wire_is_a_picture_and_a_table(page: Page, desk: Desk) -> None:
    page.get_by_role("switch", name="Hold still").click()
    desk.crm.create({"title": "Call Ada", "calendar_sync": True})
    page.wait_for_timeout(1500)
    expect(page.get_by_role("cell", name="Robin makes a task")).to_have_count(0)
    page.get_by_role("switch", name="Hold still").click()
    desk.crm.create({"title": "Call Grace"})
    cell = page.get_by_role("cell", name="People to CRM: Robin makes a task")
    expect(cell.first).to_be_visible()
    lanes = page.get_by_role("table").get_by_role("columnheader")
    expect(lanes).to_have_text(["Time", "People", "CRM", "Gateway", "Google", "Outlook"])


@pytest.mark.parametrize(
    ("name", "size", "colours"),
    [("light", (1400, 900), "light"), ("dark", (1400, 900), "dark"), ("phone", PHONE, "light")],
)
def test_anybody_can_read_it(
    desk: Desk, chrome: Browser, name: str, size: tuple[int, int], colours: Literal["light", "dark"]
) -> None:
    seed.seed_tasks(desk.crm, desk.now(), calendar(desk, "outlook").person)
    for app in desk.calendars:
        seed.seed_private_events(app, desk.now())
    an_event(desk)
    server = serve(create_app(desk))
    with visit(chrome, size=size, colours=colours) as page:
        page.goto(server.url)
        expect(drawn(page, "google")).to_be_visible()
        page.get_by_role("switch", name="Sync to calendar: Renew the support contract").press("Space")
        expect(page.get_by_role("cell", name="switches a task on")).to_be_visible()
        page.wait_for_timeout(300)  # the switch has stopped moving
        accessible(page)
        fits(page)
        picture(page, f"desk-{name}")
        page.goto("about:blank")
    server.stop()
