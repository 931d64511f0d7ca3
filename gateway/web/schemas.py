"""The bodies of the ``/v1`` API: what a CRM's server sends and what it is answered. Names are the contract's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from gateway.core.model import ConnectionStatus, Reason, State
from gateway.core.records import HeldState, ParkReason
from gateway.core.stories import Actor
from gateway.web.fields import Flag, Id, Instant, Open, Strict, Text

PROVIDERS = ("google", "outlook")
LONGEST_TOKEN_S = 900
"""The longest that an embed token may live: 15 minutes."""

_STATES = [state.value for state in State]
_REASONS = [reason.value for reason in Reason]
_STATUSES = [status.value for status in ConnectionStatus]
_PARK_REASONS = [reason.value for reason in ParkReason]
_CLOSED_BY = ["crm", "calendar", "superseded", "expired"]


def _about(description: str, example: Any = None) -> dict[str, Any]:
    return {"description": description} if example is None else {"description": description, "example": example}


# --- requests -------------------------------------------------------------------------------------------------------


class ConnectLinkRequest(Strict):
    """Ask for a link that lets one user connect a calendar."""

    provider = Text(required=True, validate=validate.OneOf(PROVIDERS), metadata=_about("Whose calendar.", "google"))
    return_url = Text(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=2048),
        metadata=_about(
            "Where the browser goes afterwards, with `?status=connected`, `denied` or `error`. It must be on the "
            "installation's list of return URLs. Without it the gateway shows a page of its own.",
            "https://crm.example/settings/calendar",
        ),
    )


class CalendarChoice(Strict):
    """Choose the calendar that events are written to."""

    calendar_id = Text(
        required=True,
        validate=validate.Length(min=1, max=1024),
        metadata=_about(
            "An `id` of `GET /v1/users/{uid}/calendars`, or `new` for a calendar of its own.", "ada@example.com"
        ),
    )


class SyncSwitch(Strict):
    """Switch a task's sync, for CRMs without a field for it."""

    enabled = Flag(required=True, metadata=_about("On or off.", example=True))


class Resolution(Strict):
    """Close a conflict."""

    keep = Text(
        required=True,
        validate=validate.OneOf(["crm", "calendar"]),
        metadata=_about("`crm` keeps the task as it is; `calendar` writes the calendar's value to the task.", "crm"),
    )


class EmbedTokenRequest(Strict):
    """Ask for a token that opens a widget for one user."""

    user_id = Id(required=True, metadata=_about("Who will look at the widget.", "u-7"))
    task_id = Id(load_default=None, allow_none=True, metadata=_about("The task of a task panel.", "t-1"))
    ttl = fields.Integer(
        load_default=LONGEST_TOKEN_S,
        strict=True,
        validate=validate.Range(min=1, max=LONGEST_TOKEN_S),
        metadata=_about("How long the token opens the widget, in seconds.", 300),
    )


class ResyncRequest(Strict):
    """Compare everything of one user afresh."""

    dry_run = Flag(load_default=False, metadata=_about("Only tell what would be done."))


class PreviewRequest(Strict):
    """What would be done with another target calendar, or with other settings."""

    calendar_id = Text(
        validate=validate.Length(min=1, max=1024),
        metadata=_about("Another target; `new` for a calendar of its own. Any, where nobody is connected.", "new"),
    )
    settings = fields.Dict(
        keys=Text(validate=validate.Length(max=100)),
        values=fields.Raw(),
        validate=validate.Length(min=1, max=50),
        metadata=_about("Settings of the installation, by name.", {"crm_name": "Acme"}),
    )

    @validates_schema
    def _one_way(self, data: Mapping[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ValidationError("send one of calendar_id and settings")


class ReplayRequest(Strict):
    """Choose parked work to try again. What is done is decided from the present state, never from an old payload."""

    task = Id(metadata=_about("Work about this task.", "t-1"))
    user = Id(metadata=_about("Work about this user.", "u-7"))
    reason = Text(
        validate=validate.OneOf(_PARK_REASONS), metadata=_about("Work parked for this reason.", "forbidden")
    )
    from_ = Instant(data_key="from", metadata=_about("Parked at or after this time."))
    to = Instant(metadata=_about("Parked before this time."))

    @validates_schema
    def _one_way(self, data: Mapping[str, Any], **_: Any) -> None:
        if ("from_" in data) != ("to" in data):
            raise ValidationError("send from and to together")
        if len(data) - ("to" in data) != 1:
            raise ValidationError("send one of task, user, reason, or from and to")
        if "to" in data and data["to"] <= data["from_"]:
            raise ValidationError("send a time after from", "to")


# --- answers --------------------------------------------------------------------------------------------------------


class ConnectLink(Open):
    """A link for one user, good for one use."""

    url = fields.Url(required=True, metadata=_about("Send the user's browser here."))
    expires_at = Instant(required=True, metadata=_about("Ten minutes after it was made."))


class ConnectedCalendar(Open):
    """The target calendar."""

    id = Text(required=True)
    name = Text(required=True, allow_none=True)


class Connection(Open):
    """One user's connection."""

    status = Text(required=True, validate=validate.OneOf(_STATUSES))
    provider = Text(required=True, allow_none=True, validate=validate.OneOf([*PROVIDERS, None]))
    account_email = Text(required=True, allow_none=True)
    calendar = fields.Nested(ConnectedCalendar, required=True, allow_none=True)
    reason = Text(required=True, allow_none=True, metadata=_about("Why the status is not simply `connected`."))
    moving = fields.Integer(metadata=_about("How many events have still to move to the target calendar."))
    heard_at = Instant(allow_none=True, metadata=_about("When the calendar last sent a notice."))
    looked_at = Instant(allow_none=True, metadata=_about("When our events in it were last looked at."))


class CalendarItem(Open):
    """A calendar that can be chosen as the target."""

    id = Text(required=True)
    name = Text(required=True)
    primary = fields.Boolean(required=True)
    selected = fields.Boolean(required=True, metadata=_about("Whether events are written here now."))


class ConflictField(Open):
    """One field with both values. A title is a text, a due date the object of the contract."""

    name = Text(required=True, validate=validate.OneOf(["title", "due"]))
    calendar = fields.Raw(required=True, metadata=_about("The calendar's value, which gave way."))
    kept = fields.Raw(required=True, metadata=_about("The CRM's value, which was kept."))


class ConflictBanner(Open):
    """An open conflict inside a state."""

    id = Text(required=True, metadata=_about("For `POST /v1/conflicts/{cid}/resolve`."))
    fields_ = fields.List(fields.Nested(ConflictField), required=True, data_key="fields", attribute="fields")
    detected_at = Instant(required=True)


class SyncState(Open):
    """The state of one task: what its banner shows."""

    state = Text(required=True, validate=validate.OneOf(_STATES))
    reason = Text(required=True, allow_none=True, validate=validate.OneOf([*_REASONS, None]))
    event_url = Text(required=True, allow_none=True, metadata=_about("Opens the event in its calendar."))
    provider = Text(required=True, allow_none=True, validate=validate.OneOf([*PROVIDERS, None]))
    synced_at = Instant(required=True, allow_none=True)
    conflict = fields.Nested(ConflictBanner, required=True, allow_none=True, metadata=_about("In `conflict` only."))
    field = Text(metadata=_about("The fields (comma-separated) behind `refused`, `invalid_value`, `clipped`."))


class ConflictItem(Open):
    """A recorded conflict."""

    id = Text(required=True)
    task_id = Text(required=True)
    user_id = Text(required=True, allow_none=True)
    state = Text(required=True, validate=validate.OneOf(["open", "closed"]))
    fields_ = fields.List(fields.Nested(ConflictField), required=True, data_key="fields", attribute="fields")
    detected_at = Instant(required=True)
    closed_at = Instant(required=True, allow_none=True)
    closed_by = Text(required=True, allow_none=True, validate=validate.OneOf([*_CLOSED_BY, None]))


class ConflictPage(Open):
    """Conflicts, oldest first."""

    conflicts = fields.List(fields.Nested(ConflictItem), required=True)
    next_cursor = Text(required=True, allow_none=True, metadata=_about("`null` on the last page."))


class EmbedToken(Open):
    """A token for `/embed/task/{id}?token=` or `/embed/settings?token=`."""

    token = Text(required=True)
    expires_at = Instant(required=True)


class TimelineEntry(Open):
    """One hop. It holds no title and no description."""

    at = Instant(required=True)
    actor = Text(required=True, validate=validate.OneOf([actor.value for actor in Actor]))
    code = Text(required=True, metadata=_about("For programs.", "nothing_to_do"))
    text = Text(required=True, metadata=_about("For people.", "Nothing to do: echo of our own write"))


class Timeline(Open):
    """What happened to one task, newest first, for 90 days."""

    entries = fields.List(fields.Nested(TimelineEntry), required=True)


class PrivacyLedger(Open):
    """What the gateway has seen of one user's calendar since it was connected, in whole numbers."""

    pushes = fields.Integer(required=True, metadata=_about("Notices received."))
    dropped = fields.Integer(required=True, metadata=_about("Notices dropped unread: not about our events."))
    read = fields.Integer(required=True, metadata=_about("Events read, every one of them written by the gateway."))
    written = fields.Integer(required=True, metadata=_about("Writes to events."))


class Plan(Open):
    """What would be done, or has been asked for."""

    create = fields.Integer(required=True)
    change = fields.Integer(required=True)
    delete = fields.Integer(required=True)
    dry_run = fields.Boolean(required=True)
    tasks = fields.Integer(required=True, metadata=_about("How many tasks of the user are on."))
    looked_at = fields.Integer(required=True, metadata=_about("How many of them were played in a dry run."))


class Counted(Open):
    """How many pieces of work were taken up."""

    count = fields.Integer(required=True)


class ParkedItem(Open):
    """Work set aside after it kept failing."""

    topic = Text(required=True)
    key = Text(required=True, metadata=_about("The id of the link, connection or installation it is about."))
    reason = Text(required=True, validate=validate.OneOf(_PARK_REASONS))
    attempts = fields.Integer(required=True)
    parked_at = Instant(required=True)


class ParkedList(Open):
    """All parked work."""

    parked = fields.List(fields.Nested(ParkedItem), required=True)


class HeldItem(Open):
    """A mass change in one calendar that waits, or has waited, for a yes."""

    id = Text(required=True)
    user_id = Text(required=True, metadata=_about("In whose calendar."))
    state = Text(required=True, validate=validate.OneOf([state.value for state in HeldState]))
    tasks = fields.List(Text(), required=True, metadata=_about("The tasks that still wait with it."))
    made_at = Instant(required=True)
    decided_at = Instant(required=True, allow_none=True)
    decided_by = Text(required=True, allow_none=True, validate=validate.OneOf(["person", "operator", "crm", None]))


class HeldList(Open):
    """What waits for a yes."""

    held = fields.List(fields.Nested(HeldItem), required=True)


class WebhookSecret(Open):
    """A new webhook secret."""

    webhook_secret = Text(
        required=True, allow_none=True, metadata=_about("`null`: the CRM makes its secrets itself, and was told.")
    )


class UserExport(Open):
    """Everything held about one user, but secrets."""

    user_id = Text(required=True)
    exported_at = Instant(required=True)
    connections = fields.List(fields.Dict(), required=True, metadata=_about("Accounts, calendars, what was counted."))
    tasks = fields.List(fields.Dict(), required=True, metadata=_about("What is remembered of each task."))
    deliveries = fields.List(fields.Dict(), required=True, metadata=_about("Raw webhooks kept, in base64."))


class Adoptable(Open):
    """Tasks whose events of before wait in the calendar."""

    tasks = fields.List(Text(), required=True)


class ProblemField(Open):
    """One thing wrong."""

    field = Text(required=True, metadata=_about("The path of the value at fault.", "data.task.due.date_time"))
    code = Text(required=True, metadata=_about("For programs.", "not_readable"))
    hint = Text(required=True, metadata=_about("The way out.", "give an offset such as Z or +01:00"))


class Problem(Open):
    """A problem document (RFC 9457)."""

    type = Text(required=True)
    title = Text(required=True)
    status = fields.Integer(required=True)
    code = Text(required=True, metadata=_about("For programs.", "not_readable"))
    detail = Text()
    errors = fields.List(fields.Nested(ProblemField))
