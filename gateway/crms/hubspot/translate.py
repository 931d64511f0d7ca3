"""HubSpot's task objects and our nouns, both ways. Pure.

Every property's value is a string. A version is ``updatedAt`` in milliseconds: it moves with every change of the
object, with our own state reports too. A task always has a time, and never an all-day date; its body is HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.core.errors import NotReadable
from gateway.core.model import Moment, Owner, Priority, Status, Task, TaskChanges, TaskId, UserId
from gateway.core.ports import StateReport
from gateway.core.reading import a_moment, a_text, an_id, an_instant, an_object
from gateway.crms.note import note
from gateway.crms.plain import from_html
from gateway.crms.words import priorities, statuses

TASK_TYPE: Final = "0-27"
"""How HubSpot calls the type of a task, in webhooks and addresses."""

TOGGLE: Final = "calendar_sync"
STATE: Final = "calendar_sync_state"
NOTE: Final = "calendar_sync_note"

MIRRORED: Final = (
    "hs_task_subject",
    "hs_task_body",
    "hs_timestamp",
    "hs_task_status",
    "hs_task_priority",
    "hubspot_owner_id",
    TOGGLE,
)
"""The properties that are read, and whose changes are subscribed to. State and note are not: a report is no news."""

OURS: Final = {"hs_task_subject": "title", "hs_timestamp": "due", TOGGLE: "calendar_sync"}
"""Which of our fields a property is, among those that are written."""

_STATUSES: Final = {
    "NOT_STARTED": Status.OPEN,
    "IN_PROGRESS": Status.OPEN,
    "WAITING": Status.OPEN,
    "DEFERRED": Status.OPEN,
    "COMPLETED": Status.COMPLETED,
}
_PRIORITIES: Final = {
    "NONE": Priority.NONE,
    "LOW": Priority.LOW,
    "MEDIUM": Priority.NORMAL,
    "HIGH": Priority.HIGH,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_URL_LIMIT: Final = 2048
_PAGES: Final = "https://app.hubspot.com"


@dataclass(frozen=True, slots=True)
class Portal:
    """What an installation says of its account: where its pages are, and what its words mean."""

    account: str | None
    pages: str
    statuses: Mapping[str, Status]
    priorities: Mapping[str, Priority]

    @classmethod
    def of(cls, account: str | None, settings: Mapping[str, Any]) -> Portal:
        """By its account and settings. ``pages_url``: where the pages are; the installer learns it."""
        pages = str(settings.get("pages_url") or _PAGES).rstrip("/")
        return cls(account, pages, statuses(settings, _STATUSES), priorities(settings, _PRIORITIES))

    def task_url(self, task_id: str) -> str:
        """A task's page; empty as long as nobody knows the account."""
        return f"{self.pages}/contacts/{self.account}/record/{TASK_TYPE}/{task_id}" if self.account else ""


# --- reading --------------------------------------------------------------------------------------------------------


def is_id(task_id: str) -> bool:
    """Whether HubSpot could have given this id: a number."""
    return task_id.isascii() and task_id.isdecimal() and len(task_id) < 20


def milliseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // _MILLISECOND


def instant(stamp: int) -> datetime:
    """From milliseconds since 1970. Raises ``OverflowError`` where there is none."""
    return _EPOCH + _MILLISECOND * stamp


def read_id(value: Mapping[str, Any], path: str) -> TaskId:
    """An object's id."""
    return TaskId(an_id(value.get("id"), f"{path}.id"))


def read_version(value: Mapping[str, Any], path: str) -> int:
    """``updatedAt`` in milliseconds since 1970."""
    return milliseconds(an_instant(value.get("updatedAt"), f"{path}.updatedAt"))


def properties(value: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """An object's properties."""
    return an_object(value.get("properties"), f"{path}.properties")


def is_on(found: Mapping[str, Any]) -> bool:
    """The switch among an object's properties. An account without our property has none on."""
    return found.get(TOGGLE) == "true"


def read_task(value: Mapping[str, Any], path: str, portal: Portal) -> Task:
    """An object as a task. Of one that is off only id and version are taken."""
    task_id, version, found = read_id(value, path), read_version(value, path), properties(value, path)
    if not is_on(found):
        return Task(id=task_id, version=version, title="", due=None, owner=None, sync_on=False)
    inner = f"{path}.properties"
    owner = found.get("hubspot_owner_id")
    return Task(
        id=task_id,
        version=version,
        title=a_text(found.get("hs_task_subject") or "", f"{inner}.hs_task_subject"),
        due=_due(found.get("hs_timestamp"), f"{inner}.hs_timestamp"),
        owner=Owner(UserId(an_id(owner, f"{inner}.hubspot_owner_id"))) if owner else None,
        sync_on=True,
        description=from_html(a_text(found.get("hs_task_body") or "", f"{inner}.hs_task_body")),
        status=portal.statuses.get(str(found.get("hs_task_status")), Status.OPEN),
        priority=portal.priorities.get(str(found.get("hs_task_priority")), Priority.NONE),
        url=_url(value, portal, task_id),
        updated_at=an_instant(value.get("updatedAt"), f"{path}.updatedAt"),
    )


def _url(value: Mapping[str, Any], portal: Portal, task_id: str) -> str:
    """The object's own address where it is one that may be put before a person, else the one built by hand."""
    url = value.get("url")
    fine = isinstance(url, str) and url.startswith("https://") and url.isprintable() and len(url) <= _URL_LIMIT
    return str(url) if fine and "@" not in str(url) else portal.task_url(task_id)


def _due(value: Any, path: str) -> Moment | None:
    """An instant. One that is missing, which HubSpot never sends, is no due date."""
    return a_moment(value, path) if value else None


# --- writing --------------------------------------------------------------------------------------------------------


def changes_json(changes: TaskChanges) -> dict[str, str]:
    """The properties to patch. A date never comes here: HubSpot holds none, and says so in its capabilities."""
    patch: dict[str, str] = {}
    if changes.title is not None:
        patch["hs_task_subject"] = changes.title
    if changes.due is not None:
        if not isinstance(changes.due, Moment):
            raise NotReadable("due", "HubSpot holds instants only")
        patch["hs_timestamp"] = changes.due.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if changes.sync_off:
        patch[TOGGLE] = "false"
    return patch


def is_there(found: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Whether an object's properties hold these values already, instants however they are written."""
    return all(_same(name, found.get(name), value) for name, value in wanted.items())


def _same(name: str, found: Any, wanted: str) -> bool:
    if name == "hs_timestamp" and isinstance(found, str):
        try:
            return an_instant(found, name) == an_instant(wanted, name)
        except NotReadable:
            return False
    return bool(found == wanted)


def state_json(report: StateReport) -> dict[str, str]:
    """A state report as the two properties that show it."""
    return {STATE: report.state.value, NOTE: note(report)}
