"""HubSpot's search, paged to its end: the order of change, and what of it is on. Pure.

A search is paged no further than 10,000 tasks, so a new one begins where the last one stopped. It lags a little behind
writes, which the overlap of two catch-ups covers. https://developers.hubspot.com/docs/api/crm/search
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from gateway.core.errors import NotReadable, TryLater
from gateway.core.model import TaskId, TaskOff, TaskState
from gateway.core.ports import TaskPage
from gateway.core.reading import a_text, an_object
from gateway.crms.hubspot.translate import (
    TOGGLE,
    Portal,
    is_on,
    milliseconds,
    properties,
    read_id,
    read_task,
    read_version,
)

PAGE: Final = 100
DEPTH: Final = 10_000

_CURSOR = re.compile(r"([0-9]{1,15})/([0-9]{1,5})")

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a search goes on: tasks changed since then (milliseconds), the first ``after`` of them passed over."""

    since: int
    after: int = 0

    @classmethod
    def at(cls, since: datetime | None) -> Place:
        """The beginning of a catch-up."""
        return cls(milliseconds(since) if since is not None else 0)

    @classmethod
    def read(cls, cursor: str) -> Place:
        """Out of our own cursor."""
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            raise ValueError("not a cursor of ours")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        """As a cursor."""
        return f"{self.since}/{self.after}"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: ids in the order of change with their versions, those that are on, and where it goes on."""

    versions: Mapping[TaskId, int]
    on: Sequence[TaskId]
    following: str | None
    faults: tuple[str, ...]


def search(place: Place) -> dict[str, Any]:
    """The request: no more of a task than its switch and when it changed."""
    body: dict[str, Any] = {
        "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
        "properties": [TOGGLE, "hs_lastmodifieddate"],
        "limit": PAGE,
        "after": str(place.after),
    }
    if place.since:
        since = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": str(place.since)}
        body["filterGroups"] = [{"filters": [since]}]
    return body


def read_page(body: Any, place: Place) -> Page:
    """A page. What cannot be read is named and left out. Raises ``NotReadable``."""
    page = an_object(body, "page")
    versions: dict[TaskId, int] = {}
    on: list[TaskId] = []
    faults: list[str] = []
    for path, value in _results(page):
        try:
            one = an_object(value, path)
            task_id, version = read_id(one, path), read_version(one, path)
            is_switched_on = is_on(properties(one, path))
        except NotReadable as error:
            faults.append(str(error))
            continue
        versions[task_id] = version
        if is_switched_on:
            on.append(task_id)
    following = _following(page, place, max(versions.values(), default=0)) if _goes_on(page) else None
    return Page(versions, on, str(following) if following else None, tuple(faults))


def whole(page: Page, read: Mapping[TaskId, Mapping[str, Any]], portal: Portal) -> TaskPage:
    """The page with the tasks that are on as they were read. One that is gone meanwhile is left out: its deletion is
    told, or found by the look at what exists."""
    tasks: list[tuple[TaskId, TaskState]] = []
    faults = list(page.faults)
    for task_id, version in page.versions.items():
        if task_id not in page.on:
            tasks.append((task_id, TaskOff(version)))
        elif task_id in read:
            try:
                task = read_task(read[task_id], f"task {task_id}", portal)
            except NotReadable as error:
                faults.append(str(error))
                continue
            tasks.append((task_id, task if task.sync_on else TaskOff(task.version)))
    return TaskPage(tasks, page.following, tuple(faults))


def by_id(body: Any) -> dict[TaskId, Mapping[str, Any]]:
    """The objects of a batch by their ids. Raises ``NotReadable``: one that is there but cannot be read must not be
    taken for a deleted one."""
    found = [(path, an_object(value, path)) for path, value in _results(an_object(body, "batch"))]
    return {read_id(one, path): one for path, one in found}


def understood(read: Callable[[], R]) -> R:
    """What cannot be read of an answer is a fault of theirs."""
    try:
        return read()
    except NotReadable as error:
        raise TryLater(f"answer not understood: {error}") from error


def _results(page: Mapping[str, Any]) -> list[tuple[str, Any]]:
    values = page.get("results")
    if not isinstance(values, list):
        raise NotReadable("results", "send a list")
    return [(f"results[{number}]", value) for number, value in enumerate(values)]


def _goes_on(page: Mapping[str, Any]) -> bool:
    paging = page.get("paging")
    following = an_object(paging, "paging").get("next") if paging is not None else None
    return following is not None and bool(
        a_text(an_object(following, "paging.next").get("after"), "paging.next.after", 20)
    )


def _following(page: Mapping[str, Any], place: Place, last: int) -> Place:
    """The next page of this search; near its end a new search from the last change on. Of more tasks than a search
    gives that changed in one millisecond, those behind are passed over: no other way leads on."""
    after = page["paging"]["next"]["after"]
    if after.isascii() and after.isdecimal() and int(after) + PAGE <= DEPTH:
        return Place(place.since, int(after))
    return Place(max(last, place.since + 1))
