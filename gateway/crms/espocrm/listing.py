"""Lists of tasks: what is asked of EspoCRM, page by page, and how what it lists is read. Pure.

A list names its fields, so that text of a task that is off is not even fetched (B1). It is asked in the order of
``modifiedAt``, in whole seconds: the next page begins with the last second seen, what is listed twice is known already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.core.errors import NotReadable
from gateway.core.model import TaskId, TaskState
from gateway.core.reading import an_object
from gateway.crms.espocrm.names import SELECTED, THIN, TOGGLE
from gateway.crms.espocrm.translate import naive, read_thin

PAGE: Final = 50
"""An administrator can set the most that a list shows; the usual limit is 200."""

_CURSOR = re.compile(r"([0-9]{1,12})\+([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after ``since`` (``None``: at the very first), ``skipping`` so many of what then follows."""

    since: datetime | None
    skipping: int = 0

    @classmethod
    def read(cls, cursor: str) -> Place:
        """Out of a cursor of ours."""
        parts = _CURSOR.fullmatch(cursor)
        if parts is None:
            raise ValueError("not a cursor of ours")
        return cls(datetime.fromtimestamp(int(parts[1]), UTC), int(parts[2]))

    def written(self) -> str:
        """As a cursor."""
        return f"{int(self.since.timestamp()) if self.since else 0}+{self.skipping}"

    def after(self, times: Sequence[datetime], listed: int) -> Place | None:
        """Where the next page begins; ``None`` after the last. ``times``: of the entries that could be read."""
        if listed < PAGE:
            return None
        if not times or times[0] == times[-1]:
            # Many were changed in one second: only counting leads on.
            return Place(self.since, self.skipping + listed)
        return Place(times[-1] - timedelta(seconds=1))


@dataclass(slots=True)
class Page:
    """One thin page: its ids in order, those that are on, the others, all times, what could not be read."""

    order: list[TaskId] = field(default_factory=list)
    on: list[TaskId] = field(default_factory=list)
    off: dict[TaskId, TaskState] = field(default_factory=dict)
    times: list[datetime] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def changed(place: Place, *, only_on: bool) -> dict[str, str]:
    """The query for a thin page. ``only_on``: of a CRM that is new to us only the tasks that are on matter."""
    query = {"orderBy": "modifiedAt", "order": "asc", "maxSize": str(PAGE), "select": THIN}
    where: list[Mapping[str, str]] = []
    if place.since is not None:
        where.append({"type": "after", "attribute": "modifiedAt", "value": naive(place.since)})
    if only_on:
        where.append({"type": "isTrue", "attribute": TOGGLE})
    if place.skipping:
        query["offset"] = str(place.skipping)
    return query | _where(where)


def whole(ids: Sequence[TaskId]) -> dict[str, str]:
    """The query for these tasks with all that is mirrored of them."""
    return {"maxSize": str(PAGE), "select": SELECTED} | _where([{"type": "in", "attribute": "id"}]) | _values(ids)


def ids_only(ids: Sequence[TaskId]) -> dict[str, str]:
    """The query for which of these are there."""
    return {"maxSize": str(PAGE), "select": "id"} | _where([{"type": "in", "attribute": "id"}]) | _values(ids)


def entries(body: Any) -> list[Any]:
    """The entries of a list's answer."""
    found = an_object(body, "list").get("list")
    if not isinstance(found, list):
        raise NotReadable("list.list", "send a list")
    return found


def read_page(found: Sequence[Any]) -> Page:
    """A thin page as it was listed. What cannot be read is named in ``faults`` and left out."""
    page = Page()
    for number, value in enumerate(found):
        try:
            task_id, is_on, off, modified = read_thin(value, f"list[{number}]")
        except NotReadable as error:
            page.faults.append(str(error))
            continue
        page.order.append(task_id)
        page.times.append(modified)
        if is_on:
            page.on.append(task_id)
        else:
            page.off[task_id] = off
    return page


def _where(items: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Conditions in the form of PHP's query strings: https://docs.espocrm.com/development/api-search-params."""
    return {f"where[{n}][{name}]": value for n, item in enumerate(items) for name, value in item.items()}


def _values(ids: Sequence[TaskId]) -> dict[str, str]:
    return {f"where[0][value][{n}]": task_id for n, task_id in enumerate(ids)}
