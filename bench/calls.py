"""Calls per change, counted on the stand-ins' ledgers, beside the fewest there can be.

Left out, as in the table of the design: refreshing a token, and state reports to the CRM (one per transition).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.house import House, Someone
from bench.table import Row, median

_QUIET_SECONDS = 2.0
_BURST = 10


@dataclass(frozen=True)
class Calls:
    """What the gateway asked for one change."""

    lists: int
    to_google: int
    to_crm: int


@dataclass(frozen=True)
class Budget:
    """One figure of a flow: which calls, the fewest that a script which knew all about it would need, the most."""

    name: str
    of: Callable[[Calls], int]
    fewest: int
    most: int


def run(house: House, *, times: int) -> list[Row]:
    """Every flow so many times, one change at a time."""
    who = house.someone("counted@example.com")
    house.give_tasks(who, [f"Counted {number}" for number in range(times)])
    house.rest(_QUIET_SECONDS)

    def crm_edit(task: str) -> None:
        house.edit_task(who, task, title=f"Once {task}")

    def burst(task: str) -> None:
        for step in range(_BURST):
            house.edit_task(who, task, title=f"Burst {step} {task}")

    def calendar_edit(task: str) -> None:
        house.edit_event(who, who.tasks[task], summary=f"Renamed {task}")

    def switch_off(task: str) -> None:
        house.edit_task(who, task, calendar_sync=False)

    writes = Budget("writes to Google", lambda c: c.to_google, 1, 1)
    no_crm = Budget("calls to the CRM", lambda c: c.to_crm, 0, 0)
    echo = Budget("lists for the echo", lambda c: c.lists, 0, 1)
    found = [
        (crm_edit, "CRM edit", (writes, echo, no_crm)),
        (burst, f"{_BURST} edits in a second", (Budget("writes to Google", lambda c: c.to_google, 1, 2),)),
        (
            calendar_edit,
            "calendar edit",
            (
                Budget("lists", lambda c: c.lists, 1, 1),
                Budget("other calls to Google", lambda c: c.to_google, 0, 0),
                Budget("calls to the CRM, echo included", lambda c: c.to_crm, 1, 1),
            ),
        ),
        (switch_off, "switch off", (writes, no_crm)),
    ]
    return [row for act, name, budgets in found for row in _rows(house, who, act, name, budgets)]


def _rows(
    house: House, who: Someone, act: Callable[[str], None], name: str, budgets: tuple[Budget, ...]
) -> list[Row]:
    counted = [_count(house, act, task) for task in who.tasks]
    rows = []
    for budget in budgets:
        numbers = [budget.of(calls) for calls in counted]
        values = {"median": median(numbers), "most": max(numbers)}
        base = {"fewest": budget.fewest}
        met = max(numbers) <= budget.most
        rows.append(Row("calls", f"{name}: {budget.name}", "", values, base, f"at most {budget.most}", met))
    return rows


def _count(house: House, act: Callable[[str], None], task: str) -> Calls:
    marks = {side: house.mark(side) for side in ("google", "crm")}
    act(task)
    house.rest(_QUIET_SECONDS)
    google = [c for c in house.by_gateway("google", marks["google"]) if "/calendars/" in c["path"]]
    lists = [c for c in google if c["method"] == "GET" and c["path"].endswith("/events")]
    to_crm = [c for c in house.by_gateway("crm", marks["crm"]) if not _is_report(c)]
    return Calls(len(lists), len(google) - len(lists), len(to_crm))


def _is_report(call: dict[str, Any]) -> bool:
    return str(call["path"]).endswith(("/calendar-sync", "/calendar-connection"))
