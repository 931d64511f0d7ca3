"""Twenty's records and our nouns, both ways. Pure.

A version is ``updatedAt`` in milliseconds: it moves with every change, with our own state reports, and even with a
patch that changes nothing. Twenty has instants only; its words for status and priority may be a workspace's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from gateway.core.errors import NotReadable
from gateway.core.model import (
    Moment,
    Owner,
    Priority,
    Status,
    Task,
    TaskChanges,
    TaskId,
    TaskOff,
    UserId,
)
from gateway.core.ports import StateReport
from gateway.core.reading import a_moment, a_text, an_id, an_instant, an_object
from gateway.crms.note import note
from gateway.crms.plain import from_markdown
from gateway.crms.words import priorities, statuses

TOGGLE: Final = "calendarSync"
STATE: Final = "calendarSyncState"
NOTE: Final = "calendarSyncNote"
PRIORITY: Final = "priority"

OURS: Final = {"title": "title", "dueAt": "due", TOGGLE: "calendar_sync"}
"""Which of our fields a field of theirs is, among those that are written."""

_STATUSES: Final = {"TODO": Status.OPEN, "IN_PROGRESS": Status.OPEN, "DONE": Status.COMPLETED}
_PRIORITIES: Final = {
    "LOW": Priority.LOW,
    "NORMAL": Priority.NORMAL,
    "MEDIUM": Priority.NORMAL,
    "HIGH": Priority.HIGH,
    "URGENT": Priority.URGENT,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Workspace:
    """What an installation says of its workspace: where its pages are, and what its words mean."""

    pages: str
    statuses: Mapping[str, Status]
    priorities: Mapping[str, Priority]

    @classmethod
    def of(cls, base_url: str, settings: Mapping[str, Any]) -> Workspace:
        """By its base URL and settings. ``pages_url``: where the pages are, if not at the base URL (the cloud's)."""
        pages = str(settings.get("pages_url") or base_url).rstrip("/")
        return cls(pages, statuses(settings, _STATUSES), priorities(settings, _PRIORITIES))

    def task_url(self, task_id: str) -> str:
        """A task's page."""
        return f"{self.pages}/object/task/{task_id}"


# --- reading --------------------------------------------------------------------------------------------------------


def is_id(task_id: str) -> bool:
    """Whether Twenty could have given this id: it answers 400, not 404, to anything but a UUID."""
    try:
        return str(UUID(task_id)) == task_id.lower()
    except ValueError:
        return False


def read_version(record: Mapping[str, Any], path: str) -> int:
    """``updatedAt`` in milliseconds since 1970."""
    return (an_instant(record.get("updatedAt"), f"{path}.updatedAt") - _EPOCH) // _MILLISECOND


def is_on(record: Mapping[str, Any]) -> bool:
    """The switch. A workspace without our field has none on."""
    return record.get(TOGGLE) is True


def read_id(record: Mapping[str, Any], path: str) -> TaskId:
    """A record's id."""
    return TaskId(an_id(record.get("id"), f"{path}.id"))


def read_task(value: Any, path: str, workspace: Workspace) -> Task:
    """A record as a task. Of one that is off only id and version are taken."""
    record = an_object(value, path)
    task_id, version = read_id(record, path), read_version(record, path)
    if not is_on(record):
        return Task(id=task_id, version=version, title="", due=None, owner=None, sync_on=False)
    assignee = record.get("assigneeId")
    return Task(
        id=task_id,
        version=version,
        title=a_text(record.get("title") or "", f"{path}.title"),
        due=_due(record.get("dueAt"), f"{path}.dueAt"),
        owner=None if assignee is None else Owner(UserId(an_id(assignee, f"{path}.assigneeId"))),
        sync_on=True,
        description=from_markdown(_markdown(record.get("bodyV2"), f"{path}.bodyV2")),
        status=workspace.statuses.get(str(record.get("status")), Status.OPEN),
        priority=workspace.priorities.get(str(record.get(PRIORITY)), Priority.NONE),
        url=workspace.task_url(task_id),
        updated_at=an_instant(record.get("updatedAt"), f"{path}.updatedAt"),
    )


def read_known(value: Any, path: str, workspace: Workspace) -> Task | TaskOff:
    """A record as news: the whole task while it is on, else that it is off."""
    record = an_object(value, path)
    return read_task(record, path, workspace) if is_on(record) else TaskOff(read_version(record, path))


def _due(value: Any, path: str) -> Moment | None:
    return None if value is None else a_moment(value, path)


def _markdown(value: Any, path: str) -> str:
    if value is None:
        return ""
    return a_text(an_object(value, path).get("markdown") or "", f"{path}.markdown")


# --- writing --------------------------------------------------------------------------------------------------------


def changes_json(changes: TaskChanges) -> dict[str, Any]:
    """The fields to patch. A date never comes here: Twenty holds none, and says so in its capabilities."""
    patch: dict[str, Any] = {}
    if changes.title is not None:
        patch["title"] = changes.title
    if changes.due is not None:
        if not isinstance(changes.due, Moment):
            raise NotReadable("due", "Twenty holds instants only")
        patch["dueAt"] = changes.due.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if changes.sync_off:
        patch[TOGGLE] = False
    return patch


def state_json(report: StateReport) -> dict[str, str]:
    """A state report as the two fields that show it."""
    return {STATE: report.state.value.upper(), NOTE: note(report)}
