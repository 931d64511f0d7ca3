"""What people edit, and how an edit and its reflection are known in the ledgers."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.house import House, Someone

Key = tuple[str, bool, str, str]
"""Side, whether the gateway did it, what was done, to what."""

Target = tuple[Someone, str, str]
"""A person, a task, its event."""


@dataclass(frozen=True)
class Edit:
    """One edit by a person: how it is made, its own key, and the key of the write that reflects it.

    ``may_be_overtaken``: the same field of the same task is edited again soon, so on a slow machine one write may
    stand for both; such an edit does not count then.
    """

    kind: str
    make: Callable[[], None]
    cause: Key
    effect: Key
    may_be_overtaken: bool = False


@dataclass
class Pool:
    """The tasks that edits are made to, in turn, so that no edit is overtaken by the next one of its task."""

    house: House
    people: Sequence[Someone]
    left: list[Target] = field(init=False)

    def __post_init__(self) -> None:
        columns = [[(who, task, event) for task, event in who.tasks.items()] for who in self.people]
        self.left = [one for turn in itertools.zip_longest(*columns) for one in turn if one is not None]
        self._count = itertools.count(1)

    def turn(self) -> Target:
        """Whose turn it is."""
        self.left.append(self.left.pop(0))
        return self.left[-1]

    def last_turn(self) -> Target:
        """Whose turn it is, for the last time."""
        return self.left.pop(0)

    def title(self) -> str:
        """One that nothing had before."""
        return f"Edit {next(self._count):06}"


def in_crm(pool: Pool) -> Edit:
    """A title changed in the CRM must come to stand in the event."""
    (who, task, _event), title = pool.turn(), pool.title()
    make = _bind(pool.house.edit_task, who, task, title=title)
    return Edit("CRM edit -> calendar", make, ("crm", False, "title", title), ("google", True, "title", title))


def in_calendar(pool: Pool) -> Edit:
    """A title changed in the calendar must come to stand in the task."""
    (who, _task, event), title = pool.turn(), pool.title()
    make = _bind(pool.house.edit_event, who, event, summary=title)
    return Edit("calendar edit -> CRM", make, ("google", False, "title", title), ("crm", True, "title", title))


def undone(pool: Pool) -> tuple[Edit, Edit, Edit]:
    """Renamed twice in the CRM; then the person takes the second name back in the calendar."""
    (who, task, event), first, second = pool.turn(), pool.title(), pool.title()
    names = [
        Edit(
            "CRM edit -> calendar",
            _bind(pool.house.edit_task, who, task, title=title),
            ("crm", False, "title", title),
            ("google", True, "title", title),
            may_be_overtaken=True,
        )
        for title in (first, second)
    ]
    back = Edit(
        "undo in the calendar -> CRM",
        _bind(pool.house.edit_event, who, event, summary=first),
        ("google", False, "title", first),
        ("crm", True, "title", first),
        may_be_overtaken=True,
    )
    return names[0], names[1], back


def switched_off(pool: Pool) -> Edit:
    """A switch turned off in the CRM takes the event away."""
    who, task, event = pool.last_turn()
    make = _bind(pool.house.edit_task, who, task, calendar_sync=False)
    return Edit("switch off -> event gone", make, ("crm", False, "off", task), ("google", True, "delete", event))


def deleted_in_crm(pool: Pool) -> Edit:
    """A deleted task takes its event along."""
    who, task, event = pool.last_turn()
    make = _bind(pool.house.delete_task, who, task)
    return Edit("task deleted -> event gone", make, ("crm", False, "delete", task), ("google", True, "delete", event))


def deleted_in_calendar(pool: Pool) -> Edit:
    """A deleted event turns the task's switch off."""
    who, task, event = pool.last_turn()
    make = _bind(pool.house.delete_event, who, event)
    return Edit("event deleted -> switch off", make, ("google", False, "delete", event), ("crm", True, "off", task))


def index(side: str, entries: Iterable[dict[str, Any]]) -> dict[Key, list[datetime]]:
    """When each thing was done, successful requests alone."""
    found: dict[Key, list[datetime]] = defaultdict(list)
    for entry in entries:
        if entry["direction"] == "in" and 200 <= (entry["status"] or 0) < 300:
            for what, about in _done(entry):
                key = (side, entry["caller"] == "gateway", what, about)
                found[key].append(datetime.fromisoformat(entry["at"]))
    return found


def _done(entry: dict[str, Any]) -> list[tuple[str, str]]:
    body = entry["body"] if isinstance(entry["body"], dict) else {}
    about = entry["path"].rpartition("/")[2]
    if entry["method"] == "DELETE":
        return [("delete", about)]
    done = [("title", str(body[name])) for name in ("title", "summary") if name in body]
    return [*done, ("off", about)] if body.get("calendar_sync") is False else done


def _bind(act: Callable[..., None], *given: Any, **named: Any) -> Callable[[], None]:
    return lambda: act(*given, **named)
