"""How long a person's edit takes to reach the other side, both ways, at 20 edits a second.

Both ends are arrival times in the stand-ins' ledgers: of the person's request, and of the write that reflects it.
The baseline, in turns with it: the bare two calls, a PATCH to the CRM and then a PATCH to Google, by nobody but this.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from bench import edits
from bench.edits import Edit, Key, Pool
from bench.house import House, Someone, wait_for
from bench.table import Row, percentiles

PER_SECOND = 20
PEOPLE, TASKS_EACH = 8, 25
P50_MS, P99_MS = 500, 2000
BARE = "bare"
_UNDO_AFTER_SECONDS = 1.5
_GIVE_UP_SECONDS = 30.0

Times = dict[str, list[float]]


@dataclass(frozen=True)
class Timed:
    """An edit, and when it is made: seconds from the round's start."""

    at: float
    edit: Edit


def run(house: House, *, seconds: float, turns: int) -> list[Row]:
    """``turns`` rounds of ``seconds`` for each direction, a baseline round after each, and one of all kinds mixed."""
    people = [_someone(house, number) for number in range(PEOPLE)]
    house.rest()
    pool, bare = Pool(house, people), _Bare(house, people[0])
    times: Times = defaultdict(list)
    for _ in range(turns):
        for make in (edits.in_crm, edits.in_calendar):
            _play(house, _paced(seconds, make, pool), times, "")
            _play(house, [Timed(n / PER_SECOND, bare.edit(n)) for n in range(int(seconds * PER_SECOND))], times, "")
    _play(house, sorted(_mixed(pool, seconds), key=lambda timed: timed.at), times, ", among others")
    base = percentiles(times.pop(BARE))
    return [_row(kind, found, base) for kind, found in times.items()]


def _someone(house: House, number: int) -> Someone:
    who = house.someone(f"person{number}@example.com")
    house.give_tasks(who, [f"Task {number}-{n}" for n in range(TASKS_EACH)])
    return who


def _paced(seconds: float, make: Callable[[Pool], Edit], pool: Pool) -> list[Timed]:
    return [Timed(number / PER_SECOND, make(pool)) for number in range(int(seconds * PER_SECOND))]


def _mixed(pool: Pool, seconds: float) -> Iterator[Timed]:
    """20 edits a second, of which 3 take something away and 2 are taken back in the calendar."""
    losses = (edits.switched_off, edits.deleted_in_crm, edits.deleted_in_calendar)
    for second in range(int(seconds)):
        undone = [edits.undone(pool) for _ in range(2)]
        firsts = [first for first, _, _ in undone]
        made = [*firsts, *(edits.in_crm(pool) for _ in range(6)), *(edits.in_calendar(pool) for _ in range(5))]
        made += [loss(pool) for loss in losses]
        for number, one in enumerate(made):
            yield Timed(second + number / PER_SECOND, one)
        for number, (_, again, back) in enumerate(undone):
            yield Timed(second + _UNDO_AFTER_SECONDS + number / PER_SECOND, again)
            yield Timed(second + 2 * _UNDO_AFTER_SECONDS + number / PER_SECOND, back)


class _Bare:
    """The two calls without anything in between: a task that is off, and a private event."""

    def __init__(self, house: House, who: Someone) -> None:
        self._house, self._who = house, who
        self._task = house.new_task(who, "Off", on=False)
        self._event = house.new_event(who, "Private")
        self._round = 0

    def edit(self, number: int) -> Edit:
        """Both calls, one after the other."""
        self._round += number == 0
        title = f"Bare {self._round}-{number:06}"

        def make() -> None:
            self._house.edit_task(self._who, self._task, title=title)
            self._house.edit_event(self._who, self._event, summary=title)

        return Edit(BARE, make, ("crm", False, "title", title), ("google", False, "title", title))


def _play(house: House, timed: Sequence[Timed], times: Times, suffix: str) -> None:
    """Make the edits at their times, however long each takes; wait until the last is reflected, and note how long each
    took. Raises RuntimeError when one is not reflected at all."""
    marks = {side: house.mark(side) for side in ("crm", "google")}
    began = time.monotonic()
    with ThreadPoolExecutor(16) as hands:
        made = []
        for one in timed:
            time.sleep(max(0.0, began + one.at - time.monotonic()))
            made.append(hands.submit(one.edit.make))
        for done in made:
            done.result()

    def found() -> dict[Key, list[datetime]]:
        return {k: at for side, n in marks.items() for k, at in edits.index(side, house.ledger(side, n)).items()}

    def missing() -> set[str]:
        done = found()
        left = [one.edit for one in timed if one.edit.effect not in done]
        return {" ".join(map(str, edit.effect)) for edit in left if not edit.may_be_overtaken}

    try:
        wait_for(lambda: not missing(), "every edit to be reflected", _GIVE_UP_SECONDS)
    except RuntimeError as error:
        raise RuntimeError(f"not reflected: {sorted(missing())}") from error
    house.rest()
    done_at = found()
    for one in timed:
        if one.edit.effect in done_at:
            took = (done_at[one.edit.effect][0] - done_at[one.edit.cause][0]).total_seconds()
            times[one.edit.kind if one.edit.kind == BARE else one.edit.kind + suffix].append(took)


def _row(kind: str, found: list[float], base: dict[str, float]) -> Row:
    values = percentiles(found)
    met = values["p50"] < P50_MS and values["p99"] < P99_MS
    return Row("reflect", kind, "ms", values, base, f"p50 < {P50_MS}, p99 < {P99_MS}", met)
