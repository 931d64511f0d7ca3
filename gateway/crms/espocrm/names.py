"""Names in EspoCRM: attributes of a task, our own fields on it, its words for status and priority."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core.model import Priority, Status

TOGGLE: Final = "cCalendarSync"
STATE: Final = "cCalendarSyncState"
NOTE: Final = "cCalendarSyncNote"
OURS: Final = (TOGGLE, STATE, NOTE)
"""Fields of our own. EspoCRM puts the ``c`` before the name of every custom field."""

TITLE: Final = "name"
DUE: Final = "dateEnd"
DUE_DAY: Final = "dateEndDate"
"""Where it is set, ``dateEnd`` is only the end of that day in the server's zone, and means nothing."""
OWNER: Final = "assignedUserId"
VERSION: Final = "versionNumber"
"""Only with the optimistic lock, and ``null`` until a record is edited for the first time under it."""

MIRRORED: Final = frozenset({TITLE, DUE, DUE_DAY, OWNER, TOGGLE, "description", "status", "priority", "deleted"})
"""Attributes whose change concerns the calendar."""

SELECTED: Final = f"id,{TITLE},{DUE},{DUE_DAY},{OWNER},{TOGGLE},{VERSION},description,status,priority,modifiedAt"
"""What a list has to show of a task that is on."""

THIN: Final = f"id,{TOGGLE},{VERSION},modifiedAt"
"""What a list has to show of a task that may be off."""

STATUSES: Final[Mapping[str, Status]] = {
    "Not Started": Status.OPEN,
    "Started": Status.OPEN,
    "Deferred": Status.OPEN,
    "Completed": Status.COMPLETED,
    "Canceled": Status.CANCELED,
}
PRIORITIES: Final[Mapping[str, Priority]] = {
    "Low": Priority.LOW,
    "Normal": Priority.NORMAL,
    "High": Priority.HIGH,
    "Urgent": Priority.URGENT,
}

FIELDS: Final[Mapping[str, str]] = {TITLE: "title", DUE: "due", DUE_DAY: "due", TOGGLE: "calendar_sync"}
"""Its names for what may be written, in the contract's words."""
