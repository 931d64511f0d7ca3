"""Tasks, members and fields of the stand-in Twenty as values, and the one shape in which a task is shown.

The order of the keys is that of the captures: a webhook's signature covers the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.kit.clock import iso
from sandbox.twenty.text import search_vector

STATUSES = ("TODO", "IN_PROGRESS", "DONE")
FIELD_TYPES = {"BOOLEAN": False, "TEXT": "", "SELECT": None}
"""The types of custom field that this stand-in makes, with the value that a field without a default begins with."""


@dataclass(frozen=True)
class Member:
    """A member of the workspace, signed in with `token`. `id` is what tasks are assigned to."""

    id: str
    user_id: str
    email: str
    name: str
    token: str
    time_zone: str | None = None


@dataclass(frozen=True)
class Actor:
    """Who made a change: a member by hand, or an API key."""

    source: str
    name: str
    member: Member | None = None

    def shown(self) -> dict[str, Any]:
        """As `createdBy` and `updatedBy` hold it."""
        member_id = self.member.id if self.member else None
        return {"source": self.source, "workspaceMemberId": member_id, "name": self.name, "context": {}}


@dataclass(frozen=True)
class CustomField:
    """A field that an administrator added to tasks."""

    id: str
    name: str
    type: str
    label: str
    default: object = None
    options: tuple[Mapping[str, Any], ...] = ()
    active: bool = True

    def shown(self, object_id: str) -> dict[str, Any]:
        """As the metadata API shows it."""
        return {
            "id": self.id,
            "objectMetadataId": object_id,
            "type": self.type,
            "name": self.name,
            "label": self.label,
            "defaultValue": self.default,
            "options": [dict(option) for option in self.options] or None,
            "isCustom": True,
            "isActive": self.active,
            "isSystem": False,
        }


@dataclass(frozen=True)
class Record:
    """A task. Times are aware UTC in milliseconds; `deleted_at` marks a soft deletion."""

    id: str
    created_at: datetime
    updated_at: datetime
    created_by: Actor
    updated_by: Actor
    position: int = 0
    title: str = ""
    blocknote: str | None = None
    markdown: str = ""
    due_at: datetime | None = None
    status: str = "TODO"
    assignee_id: str | None = None
    deleted_at: datetime | None = None
    custom: Mapping[str, object] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """All scalar fields, in the order in which Twenty sends them."""
        return {
            "id": self.id,
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.updated_at),
            "deletedAt": iso(self.deleted_at) if self.deleted_at else None,
            "position": self.position,
            "title": self.title,
            "bodyV2": {"blocknote": self.blocknote, "markdown": self.markdown},
            "dueAt": iso(self.due_at) if self.due_at else None,
            "status": self.status,
            "createdBy": self.created_by.shown(),
            "updatedBy": self.updated_by.shown(),
            "searchVector": search_vector(self.title, self.markdown),
            "assigneeId": self.assignee_id,
            **self.custom,
        }
