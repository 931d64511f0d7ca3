"""The desk in a real browser: switched, typed and moved as a person would, with the keyboard where it matters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.demo import seed
from sandbox.demo.desk import Desk, create_app
from sandbox.demo.outside import Api
from sandbox.kit.server import serve
from tests.infra.conftest import OTHER, Gateway
from tests.infra.test_desk import an_event, calendar

pytestmark = pytest.mark.browser


@pytest.fixture
def page(desk: Desk, chrome: Browser) -> Iterator[Page]:
    server = serve(create_app(desk))
    context = chrome.new_context(viewport={"width": 1200, "height": 900}, timezone_id="America/New_York")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.goto(server.url)
    yield page
    page.goto("about:blank")
    context.close()
    server.stop()
    assert [one for one in wrong if not one.endswith("/api/state")] == []  # a look may be cut short by leaving


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


@pytest.mark.parametrize("provider", ["google", "outlook"])
def test_an_event_is_renamed_made_all_day_and_deleted(page: Page, desk: Desk, provider: str) -> None:
    event = an_event(desk, provider)
    whose = page.get_by_role("region", name="Robin's calendar" if provider == "google" else "Mira's calendar")
    whose.get_by_role("button", name="Edit event Call Ada").click()
    dialog = page.get_by_role("dialog", name="Event")
    dialog.get_by_label("Title").fill("Call Ada back")
    dialog.get_by_label("Minutes").fill("45")
    dialog.get_by_role("button", name="Save").click()
    expect(whose.get_by_text("12:00\N{EN DASH}12:45")).to_be_visible()
    page.get_by_role("button", name="Make all-day: Call Ada back").click()
    expect(whose.get_by_text("All day")).to_be_visible()
    (now,) = desk.state()["events"]
    assert (now["id"], now["title"], now["time"]) == (event["id"], "Call Ada back", "")
    page.get_by_role("button", name="Delete event Call Ada back").click()
    expect(whose.get_by_text("Nothing from the CRM in this calendar")).to_be_visible()


def test_a_conflict_shows_both_values_and_is_settled(page: Page, desk: Desk) -> None:
    task = desk.crm.create({"title": "Call Ada", "calendar_sync": True})
    where = {"webhook_url": "http://127.0.0.1:9/", "webhook_secret": "whsec_bm90LXlldC1ub3QteWV0LW5vdC15ZXQ="}
    token = Api(desk.crm.url).call("POST", "/_sandbox/installation", json=where)["api_token"]
    fields = [{"name": "title", "kept": "Call Ada", "calendar": "Ring Ada"}]
    conflict = {"id": "c-1", "fields": fields, "detected_at": "2026-12-01T09:00:00Z"}
    report = {"state": "conflict", "conflict": conflict}
    Api(desk.crm.url, token).call("PUT", f"/tasks/{task['id']}/calendar-sync", json=report)
    banner = page.get_by_role("group", name="Conflict")
    expect(banner.get_by_text("Ring Ada")).to_be_visible()
    banner.get_by_role("button", name="Use the calendar's value").click()
    expect(page.get_by_role("status")).to_have_text("Conflict closed.")
    assert isinstance(desk.gateway, Gateway)
    assert desk.gateway.calls == [("POST", "/v1/conflicts/c-1/resolve", {"keep": "calendar"})]


def test_private_events_are_shown_on_demand_only(page: Page, desk: Desk) -> None:
    seed.seed_private_events(calendar(desk), desk.now())
    expect(page.get_by_text("private events are in these calendars")).to_be_visible()
    expect(page.get_by_text("Dentist")).to_have_count(0)
    page.get_by_role("switch", name="Show private events").click()
    expect(page.get_by_text("Dentist").first).to_be_visible()
    expect(page.get_by_role("button", name="Edit event Dentist")).to_have_count(0)


def test_pushes_are_held_and_let_go(page: Page, desk: Desk) -> None:
    hold = page.get_by_role("switch", name="Hold the pushes")
    hold.click()
    expect(page.get_by_text("Held. Edit a task and its event now")).to_be_visible()
    hold.click()
    expect(page.get_by_text("Webhooks and pushes arrive at once.")).to_be_visible()
    assert desk.held is False


def test_it_fits_a_phone(page: Page, desk: Desk) -> None:
    seed.seed_tasks(desk.crm, desk.now())
    an_event(desk)
    page.set_viewport_size({"width": 320, "height": 700})
    expect(page.get_by_text("Renew the support contract")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
