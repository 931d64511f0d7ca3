"""Make the README's pictures, true ones: the demo is started, people do things in it, and a browser looks.

    CHROMIUM=... .venv/bin/python bin/pictures.py [FOLDER]       (make pictures; without a folder: docs/pictures)

The desk, a task's panel with a conflict, a person's settings. What is on them happened: a task that somebody moved in
the calendar, then changed on both sides while webhooks and pushes were held.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402 - the checkout comes first

from sandbox.demo import settings  # noqa: E402
from sandbox.demo.calendars import CalendarApp, Span, calendar_app  # noqa: E402
from sandbox.demo.outside import Api, CrmApp, Person  # noqa: E402
from sandbox.demo.run import Demo  # noqa: E402

PATIENCE = 30.0
TITLE = "Call Nova Logistics about the renewal"
SIGNS = {"desk": (TITLE, 1), "panel": ("the task followed", 0), "settings": ("Live", 0)}
"""What shows that a page is all there: at the desk, the task's second mention, which is its event."""
_HOLD = {"match": {"direction": "out"}, "do": "hold", "times": None}


def main() -> int:
    """Exit code 0 when all three are there."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/pictures"
    found = os.environ["CHROMIUM"]
    with tempfile.TemporaryDirectory() as place:
        demo = Demo(settings.read({"PORT": "0", "DEMO_DIR": place}))
        try:
            desk = demo.start()
            told = json.loads((Path(place) / "installation.json").read_text())
            act(told)
            with sync_playwright() as driver:
                chrome = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
                look(chrome, desk, told, folder)
                chrome.close()
        finally:
            demo.stop()
    return 0


def act(told: dict[str, Any]) -> None:
    """Move the task in the calendar; then both sides change its time without knowing of each other."""
    robin = Person(**told["persons"][0], time_zone="Europe/Berlin")
    crm, google = CrmApp(told["crm_url"], robin), calendar_app({"google": told["google_url"]}, robin)
    task_id = _task(crm)["id"]
    _until(lambda: _state(crm) == "synced")
    first = _due(crm)
    _move(google, timedelta(hours=1))
    _until(lambda: _due(crm) != first)
    planes = [Api(told[f"{name}_url"]) for name in ("crm", "google", "graph")]
    for plane in planes:
        plane.call("POST", "/_sandbox/faults", json=_HOLD)
    _move(google, timedelta(hours=3))
    later = _due(crm) + timedelta(minutes=30)
    crm.change(task_id, {"due": {"date_time": later.isoformat()}})
    for plane in planes:
        plane.call("DELETE", "/_sandbox/faults")
        plane.call("POST", "/_sandbox/release")
    _until(lambda: _state(crm) == "conflict")


def look(chrome: Browser, desk: str, told: dict[str, Any], folder: Path) -> None:
    """Three windows, three pictures."""
    person, gateway = told["persons"][0], Api(told["gateway_url"], told["api_token"])
    task_id = _task(CrmApp(told["crm_url"], Person(**person, time_zone="Europe/Berlin")))["id"]
    asked = {"user_id": person["user_id"], "ttl": 900}
    panel = gateway.call("POST", "/v1/embed-tokens", json={**asked, "task_id": task_id})["token"]
    own = gateway.call("POST", "/v1/embed-tokens", json=asked)["token"]
    frames = f"{told['gateway_url']}/embed"
    windows = {
        "desk": (desk, (1440, 1000), False),
        "panel": (f"{frames}/task/{task_id}?token={panel}", (480, 400), True),
        "settings": (f"{frames}/settings?token={own}", (560, 300), True),
    }
    for name, (address, (width, height), whole) in windows.items():
        context = chrome.new_context(
            viewport={"width": width, "height": height}, locale="en-GB", timezone_id="Europe/Berlin"
        )
        page = context.new_page()
        page.goto(address)
        sign, which = SIGNS[name]
        page.get_by_text(sign).nth(which).wait_for()
        page.screenshot(path=folder / f"{name}.png", full_page=whole)
        context.close()


def _task(crm: CrmApp) -> dict[str, Any]:
    return next(task for task in crm.tasks() if task["title"] == TITLE)


def _due(crm: CrmApp) -> datetime:
    return datetime.fromisoformat(_task(crm)["due"]["date_time"])


def _state(crm: CrmApp) -> str:
    reports = _task(crm).get("reports") or [{}]
    return str(reports[-1].get("state", ""))


def _move(calendar: CalendarApp, by: timedelta) -> None:
    now = datetime.now(UTC)
    event = next(one for one in calendar.events(now, now + timedelta(days=7)) if one.title == TITLE)
    calendar.change(event.id, span=Span(event.span.start + by, event.span.end + by))


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("the demo did not get there in time")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
