"""The schemas of the contract that a CRM fulfils: what it sends and what it answers. For the document only.

Deliveries are read by ``gateway.crms.generic``, whose readers are stricter and faster; a test holds both together.
"""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, fields, validate

from gateway.core.model import Cause, Priority, Status
from gateway.core.reading import ID_LIMIT
from gateway.web.fields import Instant, Open, Text
from gateway.web.schemas import Connection, SyncState

EVENT_TYPES = ("task.created", "task.updated", "task.restored", "task.deleted", "user.deactivated", "ping")
_ID: dict[str, Any] = {"required": True, "validate": validate.Length(min=1, max=ID_LIMIT)}


class Due(Open):
    """When a task is due: a `date`, which is the same day in every zone, or a `date_time`."""

    date = Text(allow_none=True, metadata={"format": "date", "example": "2026-12-02"})
    date_time = Text(
        allow_none=True,
        metadata={
            "format": "date-time",
            "example": "2026-12-02T08:00:00Z",
            "description": "RFC 3339 with an offset. Without an offset: 400.",
        },
    )
    time_zone = Text(
        allow_none=True,
        metadata={
            "description": "An IANA name: how the time is shown. Without it the owner's zone, then the calendar's.",
            "example": "Europe/Berlin",
        },
    )


class TaskOwner(Open):
    """Whose calendar is written."""

    id = Text(**_ID)
    email = Text(allow_none=True)
    time_zone = Text(allow_none=True, metadata={"description": "An IANA name.", "example": "Europe/Berlin"})


class FullTask(Open):
    """A task as a CRM shows it. What is left out of an answer is empty; a delivery that leaves a field out is read."""

    id = Text(**_ID)
    version = fields.Integer(
        required=True,
        validate=validate.Range(min=0, max=2**63 - 1),
        metadata={"description": 'Grows with every change of a field below. The `ETag` is `"<version>"`.'},
    )
    calendar_sync = fields.Boolean(
        required=True, metadata={"description": "The switch. While it is off, send no more than id, version and this."}
    )
    title = Text(required=True, metadata={"description": "Plain text, at its best 1 to 255 characters."})
    description = Text(allow_none=True, metadata={"description": "Plain text. The gateway never writes it."})
    status = Text(allow_none=True, validate=validate.OneOf([status.value for status in Status]))
    completed_at = Instant(allow_none=True)
    priority = Text(allow_none=True, validate=validate.OneOf([priority.value for priority in Priority]))
    due = fields.Nested(Due, allow_none=True)
    duration_minutes = fields.Integer(allow_none=True, validate=validate.Range(min=1, max=31 * 24 * 60))
    owner = fields.Nested(TaskOwner, allow_none=True)
    url = Text(allow_none=True, metadata={"format": "uri", "description": "The deep link; it goes into the event."})
    updated_at = Instant(allow_none=True)


class ThinTask(Open):
    """A task of which no more is said: one that is off, that the gateway is to read, or that is gone."""

    id = Text(**_ID)
    version = fields.Integer(metadata={"description": "Required, but for `task.deleted`."})
    calendar_sync = fields.Boolean()


class EventActor(Open):
    """Who made a change."""

    kind = Text(metadata={"description": "`user`, or anything else for programs.", "example": "user"})
    id = Text()


class EventUser(Open):
    """A user of the CRM."""

    id = Text(**_ID)


class EventData(Open):
    """What an event is about."""

    task = fields.Dict(
        metadata={
            "anyOf": [{"$ref": "#/components/schemas/FullTask"}, {"$ref": "#/components/schemas/ThinTask"}],
            "description": "All of the task, or only id, version and switch. For `task.deleted` the id is enough.",
        }
    )
    user = fields.Nested(EventUser, metadata={"description": "For `user.deactivated`."})
    cause = Text(
        validate=validate.OneOf([cause.value for cause in Cause]),
        metadata={"description": "Why a task is gone, for `task.deleted`."},
    )
    changed = fields.List(Text(), metadata={"description": "The names of the fields that changed."})
    actor = fields.Nested(EventActor)


class CrmEvent(Open):
    """One delivery. Unknown types and fields are accepted and ignored."""

    type = Text(required=True, metadata={"description": "One of " + ", ".join(f"`{name}`" for name in EVENT_TYPES)})
    timestamp = Instant(metadata={"description": "When it happened."})
    data = fields.Nested(EventData)


class TaskPatch(Open):
    """A merge-patch (RFC 7396) with nothing but what changes."""

    title = Text()
    due = fields.Nested(Due, metadata={"description": "The form that no longer holds is taken away with `null`."})
    calendar_sync = fields.Boolean(metadata={"enum": [False], "description": "The gateway only ever switches off."})


class TaskList(Open):
    """A page of tasks, oldest change first: full ones that are on, thin ones that are off."""

    tasks = fields.List(
        fields.Dict(
            metadata={"anyOf": [{"$ref": "#/components/schemas/FullTask"}, {"$ref": "#/components/schemas/ThinTask"}]}
        ),
        required=True,
    )
    next_cursor = Text(allow_none=True, metadata={"description": "Opaque; `null` on the last page."})


class ConnectionState(Connection):
    """What a user's settings page in the CRM shows."""

    class Meta:
        """Its fields."""

        unknown = INCLUDE
        exclude = ("calendar", "moving", "heard_at", "looked_at")

    reconnect_url = Text(allow_none=True, metadata={"description": "Where the user has to act: offer this link."})


StateReport = SyncState
"""A state report is the state that ``GET /v1/tasks/{tid}/sync`` answers."""
