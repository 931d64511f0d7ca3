"""Tasks, properties, owners and accounts of the stand-in HubSpot as values. Every property's value is a string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sandbox.kit.clock import iso

TASK_TYPE = "0-27"

STATUSES = ("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED")
PRIORITIES = ("NONE", "LOW", "MEDIUM", "HIGH")


@dataclass(frozen=True)
class Property:
    """A property of tasks. `own`: an account made it; the others are HubSpot's."""

    name: str
    type: str
    field_type: str
    label: str = ""
    group: str = "task"
    options: tuple[Mapping[str, Any], ...] = ()
    own: bool = True
    archived: bool = False

    def shown(self) -> dict[str, Any]:
        """As the properties API shows it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "groupName": self.group,
            "options": [dict(option) for option in self.options],
            "hubspotDefined": not self.own,
            "archived": self.archived,
        }

    @property
    def values(self) -> tuple[str, ...]:
        """The values that it is limited to; none: any."""
        return tuple(str(option.get("value")) for option in self.options)


def _choice(name: str, values: Iterable[str]) -> Property:
    return Property(name, "enumeration", "select", name, options=tuple({"value": v} for v in values), own=False)


STANDARD = {
    one.name: one
    for one in (
        Property("hs_task_subject", "string", "text", own=False),
        Property("hs_task_body", "string", "html", own=False),
        Property("hs_timestamp", "datetime", "date", own=False),
        _choice("hs_task_status", STATUSES),
        _choice("hs_task_priority", PRIORITIES),
        Property("hubspot_owner_id", "enumeration", "select", own=False),
    )
}


@dataclass(frozen=True)
class Owner:
    """A user of an account: tasks name the owner's id, webhooks the user's."""

    id: str
    user_id: int
    email: str
    token: str


@dataclass(frozen=True)
class Task:
    """A task at one time. `values` are the properties that have one."""

    id: str
    portal_id: int
    created_at: datetime
    updated_at: datetime
    values: Mapping[str, str] = field(default_factory=dict)
    archived: bool = False

    def shown(self, wanted: Iterable[str], pages: str) -> dict[str, Any]:
        """The object as the API shows it: the properties asked for, and a few that always come along."""
        always = {
            "hs_createdate": iso(self.created_at),
            "hs_lastmodifieddate": iso(self.updated_at),
            "hs_object_id": self.id,
        }
        return {
            "id": self.id,
            "properties": always | {name: self.values.get(name) for name in wanted if name not in always},
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.updated_at),
            "archived": self.archived,
            "url": f"{pages}/contacts/{self.portal_id}/record/{TASK_TYPE}/{self.id}",
        }

    def with_values(self, changed: Mapping[str, str], at: datetime) -> Task:
        """The task with these properties set; an empty value clears."""
        both = {**self.values, **changed}
        return replace(self, values={name: value for name, value in both.items() if value != ""}, updated_at=at)
