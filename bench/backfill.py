"""One person's single edits while another person's many tasks are switched on: in turns without and with.

The tasks are switched on at a pace that a CRM's own sender keeps up with, faster than the calendar takes them in: what
is measured is how fair the gateway is, not how long an edit's webhook stands in the CRM's own queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import edits
from bench.edits import Edit, Pool
from bench.house import House, Someone, wait_for
from bench.table import Row, percentiles

_EVERY_SECONDS = 0.5
_GIVE_UP_SECONDS = 600.0
_REFLECTED_SECONDS = 30.0
_LIMIT_MS = 2000
_ALONE = 10
_SWITCHED_PER_SECOND = 30
_SINGLE_TASKS = 40


def run(house: House, *, tasks: int, turns: int) -> list[Row]:
    """``turns`` times: some edits alone, then edits for as long as the switching on of so many tasks takes."""
    other = house.someone("single@example.com")
    house.give_tasks(other, [f"Single {number}" for number in range(_SINGLE_TASKS)])
    pool = Pool(house, [other])
    alone: list[float] = []
    beside: list[float] = []
    took: list[float] = []
    for turn in range(turns):
        house.rest()
        alone += _edits(house, pool, lambda n: n < _ALONE)
        who = house.someone(f"many{turn}@example.com")
        made = _off(house, who, tasks)
        house.rest()
        events, began = _Inserted(house), time.monotonic()
        with ThreadPoolExecutor(1) as hand:
            switching = hand.submit(_switch_on, house, who, made)
            beside += _edits(house, pool, lambda _, events=events: events.so_far() < tasks)  # type: ignore[misc]
            switching.result()
        took.append(time.monotonic() - began)
        _check(house, who, tasks)
    values, base = percentiles(beside), percentiles(alone)
    rate = {"tasks": float(tasks), "seconds": round(min(took), 1), "per s": round(tasks / min(took), 1)}
    return [
        Row("backfill", "another's single edit", "ms", values, base, f"p99 < {_LIMIT_MS}", values["p99"] < _LIMIT_MS),
        Row("backfill", "all switched on", "", rate),
    ]


def _off(house: House, who: Someone, tasks: int) -> list[str]:
    with ThreadPoolExecutor(4) as hands:
        return list(hands.map(lambda n: house.new_task(who, f"Many {n}", on=False, day=n), range(tasks)))


def _switch_on(house: House, who: Someone, tasks: list[str]) -> None:
    began = time.monotonic()
    for number, task in enumerate(tasks):
        time.sleep(max(0.0, began + number / _SWITCHED_PER_SECOND - time.monotonic()))
        house.edit_task(who, task, calendar_sync=True)


def _edits(house: House, pool: Pool, keep_going: Callable[[int], bool]) -> list[float]:
    """An edit now and then, each followed to its end; how long each took in seconds."""
    marks = {side: house.mark(side) for side in ("crm", "google")}
    made: list[Edit] = []
    began = time.monotonic()
    while keep_going(len(made)):
        if time.monotonic() - began > _GIVE_UP_SECONDS:
            raise RuntimeError("the backfill does not come to an end")
        made.append(edits.in_crm(pool))
        made[-1].make()
        time.sleep(_EVERY_SECONDS)

    def found() -> dict[edits.Key, Any]:
        return {k: at for side, n in marks.items() for k, at in edits.index(side, house.ledger(side, n)).items()}

    wait_for(lambda: all(e.effect in found() for e in made), "every single edit to be reflected", _REFLECTED_SECONDS)
    done = found()
    return [(done[e.effect][0] - done[e.cause][0]).total_seconds() for e in made]


class _Inserted:
    """Counts the events that the gateway makes, reading on in the ledger where it last stopped: reading all of it again
    and again would be most of the load."""

    def __init__(self, house: House) -> None:
        self._house, self._since, self._count = house, house.mark("google"), 0

    def so_far(self) -> int:
        """How many there are since this was made."""
        entries = self._house.ledger("google", self._since)
        self._since = entries[-1]["n"] if entries else self._since
        mine = [e for e in entries if e["direction"] == "in" and e["caller"] == "gateway" and e["method"] == "POST"]
        self._count += len([e for e in mine if e["path"].endswith("/events")])
        return self._count


def _check(house: House, who: Someone, tasks: int) -> None:
    """Exactly one event for each task."""
    titles = [event["summary"] for event in house.events(who) if event["summary"].startswith("Many ")]
    if sorted(titles) != sorted({f"Many {n}" for n in range(tasks)}):
        raise RuntimeError(f"{len(titles)} events for {tasks} tasks")
