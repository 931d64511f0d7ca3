"""Tasks and persons of the stand-in CRM as values, and the two shapes in which a task is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

FIELDS = (
    "title",
    "description",
    "status",
    "priority",
    "due",
    "duration_minutes",
    "owner",
    "calendar_sync",
)
"""What a person may set; each is mirrored, so each change makes a new version."""


@dataclass(frozen=True)
class Person:
    """A user of the CRM; `time_zone` is an IANA name or None."""

    id: str
    email: str
    token: str
    time_zone: str | None = None
    active: bool = True

    def as_owner(self) -> dict[str, Any]:
        """The person as the `owner` of a task."""
        shown = {"id": self.id, "email": self.email}
        return shown | {"time_zone": self.time_zone} if self.time_zone else shown


@dataclass(frozen=True)
class Due:
    """When a task is due: a `day`, or an `instant` (aware UTC) with the zone that the person thinks in."""

    day: date | None = None
    instant: datetime | None = None
    time_zone: str | None = None

    def shown(self) -> dict[str, Any]:
        """The contract's shape: `{"date"}` or `{"date_time", "time_zone"?}`."""
        if self.instant is None:
            return {"date": self.day.isoformat() if self.day else None}
        shown = {"date_time": stamp(self.instant)}
        return shown | {"time_zone": self.time_zone} if self.time_zone else shown


@dataclass(frozen=True)
class Task:
    """A task at one version.

    `gone` is None, or the cause it was taken away by; `locked` are the fields that the gateway is refused, with
    `lock_code` as the reason.
    """

    id: str
    version: int
    title: str
    owner_id: str
    updated_at: datetime
    description: str = ""
    status: str = "open"
    completed_at: datetime | None = None
    priority: str = "none"
    due: Due | None = None
    duration_minutes: int | None = None
    calendar_sync: bool = False
    gone: str | None = None
    locked: frozenset[str] = frozenset()
    lock_code: str = "read_only"

    @property
    def etag(self) -> str:
        """The version as a strong entity tag, quotes included."""
        return f'"{self.version}"'

    def thin(self) -> dict[str, Any]:
        """Id, version and switch: all that is said about a task that is not to be synced."""
        return {"id": self.id, "version": self.version, "calendar_sync": self.calendar_sync}

    def full(self, owner: Person, url: str) -> dict[str, Any]:
        """The whole task as the contract shows it (facts: CRM contract, "Task")."""
        return {
            "id": self.id,
            "version": self.version,
            "title": self.title,
            "description": self.description,
            "status": self.status,
            "completed_at": stamp(self.completed_at) if self.completed_at else None,
            "priority": self.priority,
            "due": self.due.shown() if self.due else None,
            "duration_minutes": self.duration_minutes,
            "owner": owner.as_owner(),
            "url": url,
            "calendar_sync": self.calendar_sync,
            "updated_at": self.updated_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }


def stamp(moment: datetime) -> str:
    """An aware moment as RFC 3339 in UTC, with a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
