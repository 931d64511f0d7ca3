"""B30: a dry run tells what connecting, a setting, another calendar or a resync would do, and does nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from gateway.store.engine import make_engine
from gateway.store.schema import metadata
from tests.flows.acts import LATER, edit_task, new_task, synced_task
from tests.flows.house import House, Marks, Person
from tests.flows.trouble import until_quiet

COUNTS = ("create", "change", "delete")


def all_rows(house: House) -> dict[str, list[str]]:
    engine = make_engine(house.environment["DATABASE_URL"])
    with engine.connect() as open_:
        found = {
            table.name: sorted(open_.execute(text(f"SELECT CAST(t AS text) FROM {table} AS t")).scalars())  # noqa: S608
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def written(house: House, since: Marks) -> list[str]:
    """What the gateway changed on either side."""
    calls = house.calls(since) + house.calls(since, which="crm")
    return [f"{one['method']} {one['path']}" for one in calls if one["method"] != "GET"]


def ask(house: House, who: Person, route: str, **body: Any) -> tuple[int, ...]:
    """A dry run; nothing is written by it, here or anywhere."""
    before, mark = all_rows(house), house.mark()
    plan = house.api.call("POST", f"/v1/users/{who.user_id}/{route}", json=body, expect=200)
    assert plan["dry_run"] is True
    assert plan["looked_at"] == plan["tasks"]
    assert written(house, mark) == []
    assert all_rows(house) == before
    return tuple(plan[name] for name in COUNTS)


def test_b30_another_calendar_other_settings_and_a_resync(house: House, ada: Person) -> None:
    tasks = [synced_task(house, ada, title=f"Task {n}") for n in range(3)]
    there = str(ada.calendar.call("POST", "/calendars", json={"summary": "Tasks"})["id"])
    assert ask(house, ada, "preview", calendar_id=there) == (0, 3, 0)
    assert ask(house, ada, "preview", calendar_id=ada.calendar_id) == (0, 0, 0)
    assert ask(house, ada, "preview", settings={"crm_name": "Another"}) == (0, 3, 0), "the link's words"
    assert ask(house, ada, "preview", settings={"busy": True}) == (0, 0, 0), "of new events only"
    assert ask(house, ada, "resync", dry_run=True) == (0, 0, 0)
    house.crm_admin.call("POST", "/faults", json={"match": {"direction": "out"}, "do": "drop", "times": 3})
    edit_task(ada, tasks[0], due=LATER)
    edit_task(ada, tasks[1], calendar_sync=False)
    new_task(ada, calendar_sync=True)
    until_quiet(house)
    assert ask(house, ada, "resync", dry_run=True) == (0, 1, 1), "what no webhook told"
    house.api.call("POST", f"/v1/users/{ada.user_id}/preview", json={}, expect=400)
    house.api.call("POST", f"/v1/users/{ada.user_id}/preview", json={"settings": {"odd": 1}}, expect=400)
    house.api.call("POST", "/v1/users/u-nobody/preview", json={"calendar_id": "new"}, expect=404)


def test_b30_connecting(house: House) -> None:
    who = house.person("ada@example.com")
    for number in range(4):
        new_task(who, title=f"Task {number}", calendar_sync=True)
    new_task(who, title="No due date", calendar_sync=True, due=None)
    until_quiet(house)
    assert ask(house, who, "preview", calendar_id="new") == (4, 0, 0)
