"""Long outages: a provider away for hours and days, the gateway away for an hour, a backup of an hour ago.

Faults 56, 57, 59, 65; B26, B36. Time goes by through the clock file.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from gateway.services import sweep
from sandbox.embedded.binaries import find_postgres
from tests.flows import trouble
from tests.flows.acts import edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Marks, Person
from tests.patience import until

TASKS, EDITS = 50, 2000
STEP_MINUTES = 20


def away(house: House) -> None:
    """Google answers 503 to the gateway, whatever it asks."""
    match = {"direction": "in", "caller": "gateway"}
    fault = {"match": match, "do": "status", "status": 503, "times": None}
    house.google_admin.call("POST", "/faults", json=fault)


def go_by(house: House, hours: float) -> None:
    """Time passes, and the house does its rounds."""
    for _ in range(int(hours * 60 / STEP_MINUTES)):
        house.advance(minutes=STEP_MINUTES)
        sweep.ring_due(house.ctx)
        house.work()


def writes(house: House, since: Marks) -> Counter[str]:
    """How often each event was written since then."""
    taken = [e for e in house.calls(since) if e["method"] in ("POST", "PATCH", "PUT") and e["status"] == 200]
    return Counter(e["path"] for e in taken if "/events/" in e["path"] and not e["path"].endswith("/watch"))


@pytest.mark.parametrize("hours", [6, 71])
def test_a_provider_away_for_hours_and_thousands_of_edits(house: House, ada: Person, hours: int) -> None:
    """The last state of each task is written once, without a storm of refusals before or after."""
    tasks = [synced_task(house, ada, title=f"Task {number}") for number in range(TASKS if hours == 6 else 5)]
    away(house)
    edits = EDITS if hours == 6 else 50
    mark = house.mark()
    for number in range(edits):
        edit_task(ada, tasks[number % len(tasks)], title=f"Edit {number}")
        if number % 200 == 0:
            house.work()
    until(lambda: not house.crm.sender.busy, 60)
    go_by(house, hours)
    refused = len(house.calls(mark))
    trouble.well(house)
    back = house.mark()
    trouble.until_quiet(house)
    assert {event["summary"] for event in house.events(ada)} == {the_task(ada, task)["title"] for task in tasks}
    written = writes(house, back)
    assert set(written.values()) == {1}
    assert len(written) == len(tasks)
    assert not [call for call in house.calls(back) if call["status"] in (403, 429)]
    assert refused <= len(tasks) * (7 + hours), "each task by its schedule, however often it was edited"
    trouble.nothing_is_left(house)


def test_after_72_hours_work_is_parked_and_can_be_taken_up(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    away(house)
    edit_task(ada, task, title="Call Bob")
    until(lambda: not house.crm.sender.busy)
    go_by(house, 75)
    assert [one.reason.value for one in trouble.parked(house)] == ["unavailable"]
    assert house.state(task)["state"] == "error"
    trouble.well(house)
    house.settle()
    assert house.event(ada)["summary"] == "Call Ada"
    house.api.call("POST", "/v1/parked/replay", json={"reason": "unavailable"})
    trouble.until_quiet(house)
    assert house.event(ada)["summary"] == "Call Bob"
    assert house.state(task)["state"] == "synced"
    trouble.nothing_is_left(house)


def absent(house: House, hours: float, meanwhile: Callable[[], object]) -> None:
    """No process of the gateway runs for so long; deliveries find nobody. The database's clock is true time, so it is
    told that the last beat was longer ago."""
    house.tick()
    house.stop_web()
    meanwhile()
    until(lambda: not (house.crm.sender.busy or house.google.sender.busy), 30)
    house.advance(hours=hours)
    let_beat_be_ago(house, hours)
    house.start_web()


def let_beat_be_ago(house: House, hours: float) -> None:
    with psycopg.connect(house.environment["DATABASE_URL"]) as connection:
        connection.execute("UPDATE deployment SET beat_at = beat_at - make_interval(secs => %s)", (hours * 3600,))


def test_the_gateway_away_for_an_hour_catches_up_with_both_sides(house: House, ada: Person) -> None:
    moved, renamed, fresh = (synced_task(house, ada, title=title) for title in ("Moved", "Renamed", "Fresh"))
    by_title = {event["summary"]: event for event in house.events(ada)}

    def edit() -> None:
        edit_task(ada, renamed, title="Renamed in the CRM")
        house.edit_event(ada, by_title["Moved"], summary="Renamed in the calendar")
        house.delete_event(ada, by_title["Fresh"])
        new_task(ada, calendar_sync=True, title="Made meanwhile")

    absent(house, 1, edit)
    house.tick()
    trouble.until_quiet(house)
    assert the_task(ada, moved)["title"] == "Renamed in the calendar"
    assert the_task(ada, fresh)["calendar_sync"] is False
    wanted = {"Renamed in the calendar", "Renamed in the CRM", "Made meanwhile"}
    assert {event["summary"] for event in house.events(ada)} == wanted
    trouble.nothing_is_left(house)


def test_a_beat_in_time_looks_for_nothing(house: House, ada: Person) -> None:
    synced_task(house, ada)
    house.tick()
    mark = house.mark()
    house.tick()
    assert house.calls(mark) == []
    assert house.calls(mark, which="crm") == []


def test_b36_a_backup_of_an_hour_ago_neither_doubles_nor_undoes(house: House, ada: Person, tmp_path: Path) -> None:
    """Fault 56. After the backup: tasks made, edited on both sides, switched off. Nothing of it is lost or doubled."""
    kept, edited, ended = (synced_task(house, ada, title=title) for title in ("Kept", "Edited", "Ended"))
    house.tick()
    backup = dump(house, tmp_path)
    made = synced_task(house, ada, title="Made after the backup")
    edit_task(ada, edited, title="Edited in the CRM")
    house.settle()
    event = next(event for event in house.events(ada) if event["summary"] == "Kept")
    house.edit_event(ada, event, summary="Edited in the calendar")
    edit_task(ada, ended, calendar_sync=False)
    house.settle()
    mark = house.mark()
    restore(house, backup)
    house.advance(hours=1)
    let_beat_be_ago(house, 1)
    house.tick()
    trouble.until_quiet(house)
    house.advance(hours=26)
    house.tick()
    trouble.until_quiet(house)
    wanted = {"Edited in the calendar", "Edited in the CRM", "Made after the backup"}
    assert {event["summary"] for event in house.events(ada)} == wanted
    assert the_task(ada, kept)["title"] == "Edited in the calendar"
    assert the_task(ada, edited)["title"] == "Edited in the CRM"
    assert the_task(ada, ended)["calendar_sync"] is False
    assert the_task(ada, made)["calendar_sync"] is True
    inserted = [call for call in house.calls(mark) if call["method"] == "POST" and call["path"].endswith("/events")]
    assert [call["status"] for call in inserted if call["status"] == 200] == []
    trouble.nothing_is_left(house)


def dump(house: House, folder: Path) -> Path:
    """A backup as an operator makes it."""
    into = folder / "backup.sql"
    tool = find_postgres(None).beside("pg_dump")
    subprocess.run([tool, "--clean", "-f", into, house.environment["DATABASE_URL"]], check=True)
    return into


def restore(house: House, backup: Path) -> None:
    """Bring it back, as an operator does."""
    tool = find_postgres(None).beside("psql")
    url = house.environment["DATABASE_URL"]
    subprocess.run([tool, "-q", "-v", "ON_ERROR_STOP=1", "-f", backup, url], check=True, stdout=subprocess.DEVNULL)
