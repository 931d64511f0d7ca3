"""Calls per change at Outlook, counted on Graph's ledger and held against the table of the design (``-s`` tells)."""

from __future__ import annotations

import sys
from datetime import timedelta

from gateway.services import sweep
from tests.flows.acts import edit_task, synced_task, the_task
from tests.flows.house import Person
from tests.flows.outlook_house import OutlookHouse, times
from tests.flows.test_outlook import NINE, house, ola  # noqa: F401 - fixtures

DAYS = 10


def test_b22_calls_per_change_at_outlook(house: OutlookHouse, ola: Person) -> None:  # noqa: F811
    task = synced_task(house, ola)
    house.quirks(gather=True)  # a push comes when this test says so: an echo is counted by itself

    mark = house.graph_mark()
    edit_task(ola, task, title="Call Bob")
    house.settle()
    crm_edit = house.graph_calls(mark)

    mark = house.graph_mark()
    house.graph_admin.call("POST", "/deliver", json={})
    house.settle()
    echo = house.graph_calls(mark)

    mark, crm_mark = house.graph_mark(), house.mark()
    later = NINE + timedelta(days=2)
    house.edit_outlook(ola, house.outlook_event(ola), **times(later, later + timedelta(minutes=30)))
    house.graph_admin.call("POST", "/deliver", json={})
    house.settle()
    calendar_edit = house.graph_calls(mark)
    to_crm = [c["method"] for c in house.calls(crm_mark, which="crm") if "calendar-sync" not in c["path"]]

    mark = house.graph_mark()
    for _day in range(DAYS):
        house.advance(days=1)
        sweep.tick(house.ctx)
        house.settle()
    idle = house.graph_calls(mark)

    for what, calls in (("CRM edit", crm_edit), ("echo", echo), ("calendar edit", calendar_edit)):
        sys.stdout.write(f"{what}: {len(calls)} {calls}\n")
    sys.stdout.write(f"to the CRM: {to_crm}; idle: {len(idle) / DAYS} a day {sorted(set(idle))}\n")
    assert crm_edit == ["PATCH event"]
    assert len(echo) <= 1
    assert calendar_edit == ["GET event"]
    assert to_crm == ["PATCH"]
    assert len(idle) < 2 * DAYS
    assert the_task(ola, task)["due"]["date_time"] == "2030-03-07T08:00:00Z"
