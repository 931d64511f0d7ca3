"""Every operation of the public interface, as a table: what ``/openapi.json`` and ``/docs`` are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from marshmallow import Schema

from gateway.web import contract, schemas

DELIVERIES: Final = "Deliveries"
USERS: Final = "Users and calendars"
TASKS: Final = "Tasks"
CONFLICTS: Final = "Conflicts"
OPERATING: Final = "Operating"
CRM_SIDE: Final = "What your CRM provides"

TAGS: Final[Mapping[str, str]] = {
    DELIVERIES: "What your CRM sends to the gateway.",
    USERS: "Connect a user's calendar, choose it, disconnect it. User ids are the CRM's own.",
    TASKS: "State, switch and history of a task. Task ids are the CRM's own.",
    CONFLICTS: "Both sides changed the same field: the CRM's value was kept, the calendar's is shown.",
    OPERATING: "Pause, resync, replay, export, erase.",
    CRM_SIDE: "The calls that the gateway makes to your CRM's base URL, with the token you gave it. They time out "
    "after 10 seconds, and redirects are not followed.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what it means, and its body where it has one. ``many``: a list of such bodies."""

    says: str
    body: type[Schema] | None = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header."""

    name: str
    says: str
    where: str = "query"
    required: bool = False
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. ``refusals``: the statuses answered with a problem document."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    answers: Mapping[int, Answer]
    says: str = ""
    body: type[Schema] | None = None
    body_needed: bool = True
    media: str = "application/json"
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = (401,)


_OK_CONNECTION: Final = {200: Answer("The connection.", schemas.Connection)}
_STANDARD_WEBHOOKS: Final = (
    Parameter("webhook-id", "The same for every retry of one message; remembered for 7 days.", "header", required=True),
    Parameter("webhook-timestamp", "Seconds since 1970, at most 300 s from now.", "header", required=True),
    Parameter("webhook-signature", "`v1,<base64>`, several separated by blanks.", "header", required=True),
)

DELIVERY_OPERATIONS: Final = (
    Operation(
        "post",
        "/webhooks/crm/{key}",
        "receiveCrmEvent",
        DELIVERIES,
        "Tell the gateway about a change",
        {202: Answer("Recorded; the work follows."), 200: Answer("This id was seen before.")},
        says="Signed by Standard Webhooks: HMAC-SHA256 over `id.timestamp.body` with the bytes behind `whsec_`. "
        "Deliveries may repeat and arrive in any order. On any 5xx send the same message again, with the same id.",
        body=contract.CrmEvent,
        parameters=_STANDARD_WEBHOOKS,
        refusals=(400, 401, 410, 413, 415, 503),
    ),
)

USER_OPERATIONS: Final = (
    Operation(
        "post",
        "/v1/users/{uid}/connect-links",
        "createConnectLink",
        USERS,
        "Make a link that connects a calendar",
        {201: Answer("The link, good for one use within 10 minutes.", schemas.ConnectLink)},
        body=schemas.ConnectLinkRequest,
        refusals=(400, 401),
    ),
    Operation("get", "/v1/users/{uid}/connection", "getConnection", USERS, "Read a user's connection", _OK_CONNECTION),
    Operation(
        "get",
        "/v1/users/{uid}/calendars",
        "listCalendars",
        USERS,
        "List the calendars that can be chosen",
        {200: Answer("The writable calendars.", schemas.CalendarItem, many=True)},
        refusals=(401, 403, 404, 409, 503),
    ),
    Operation(
        "put",
        "/v1/users/{uid}/calendar",
        "chooseCalendar",
        USERS,
        "Choose the target calendar",
        _OK_CONNECTION,
        says="Linked events move to it in the background.",
        body=schemas.CalendarChoice,
        refusals=(400, 401, 403, 404, 409, 503),
    ),
    Operation(
        "delete",
        "/v1/users/{uid}/connection",
        "disconnect",
        USERS,
        "Disconnect",
        {202: Answer("Events stay as copies, switches go off, the grant is revoked.")},
        refusals=(401, 404),
    ),
    Operation(
        "post",
        "/v1/embed-tokens",
        "createEmbedToken",
        USERS,
        "Make a token that opens a widget",
        {201: Answer("The token.", schemas.EmbedToken)},
        body=schemas.EmbedTokenRequest,
        refusals=(400, 401),
    ),
    Operation(
        "get",
        "/v1/users/{uid}/privacy-ledger",
        "getPrivacyLedger",
        USERS,
        "Read what was seen of a user's calendar",
        {200: Answer("The counts.", schemas.PrivacyLedger)},
        refusals=(401, 404),
    ),
)

TASK_OPERATIONS: Final = (
    Operation(
        "get",
        "/v1/tasks/{tid}/sync",
        "getSync",
        TASKS,
        "Read a task's state",
        {200: Answer("The state.", schemas.SyncState)},
        refusals=(401, 404),
    ),
    Operation(
        "put",
        "/v1/tasks/{tid}/sync",
        "switchSync",
        TASKS,
        "Switch a task's sync",
        {200: Answer("The state.", schemas.SyncState)},
        says="For CRMs without a field for the switch; where there is one, write it there.",
        body=schemas.SyncSwitch,
        refusals=(400, 401, 403, 404, 409, 422, 503),
    ),
    Operation(
        "get",
        "/v1/tasks/{tid}/timeline",
        "getTimeline",
        TASKS,
        "Read what happened to a task",
        {200: Answer("The timeline.", schemas.Timeline)},
        refusals=(401, 404),
    ),
    Operation(
        "post",
        "/v1/tasks/{tid}/resync",
        "resyncTask",
        TASKS,
        "Compare a task with its event afresh",
        {202: Answer("It is looked at again.")},
        refusals=(401, 404),
    ),
)

_CONFLICT_QUERY: Final = (
    Parameter("user_id", "Only this user's."),
    Parameter("state", "Only those.", schema={"type": "string", "enum": ["open", "closed"]}),
    Parameter("cursor", "`next_cursor` of the page before."),
)

CONFLICT_OPERATIONS: Final = (
    Operation(
        "get",
        "/v1/conflicts",
        "listConflicts",
        CONFLICTS,
        "List conflicts",
        {200: Answer("A page.", schemas.ConflictPage)},
        parameters=_CONFLICT_QUERY,
        refusals=(400, 401),
    ),
    Operation(
        "post",
        "/v1/conflicts/{cid}/resolve",
        "resolveConflict",
        CONFLICTS,
        "Close a conflict",
        {200: Answer("The conflict, closed.", schemas.ConflictItem)},
        says="`crm` may be repeated. `calendar` patches the task at its current version: 409 if it has moved on.",
        body=schemas.Resolution,
        refusals=(400, 401, 403, 404, 409, 422, 503),
    ),
)

OPERATING_OPERATIONS: Final = (
    Operation("post", "/v1/pause", "pause", OPERATING, "Pause everything", {202: Answer("Changes wait.")}),
    Operation("post", "/v1/resume", "resume", OPERATING, "Resume everything", {202: Answer("Resumed.")}),
    Operation(
        "post",
        "/v1/users/{uid}/pause",
        "pauseUser",
        OPERATING,
        "Pause one user's calendar",
        {202: Answer("Changes wait; switches stay on.")},
        refusals=(401, 404),
    ),
    Operation(
        "post",
        "/v1/users/{uid}/resume",
        "resumeUser",
        OPERATING,
        "Resume one user's calendar",
        {202: Answer("Both sides are looked at afresh.")},
        refusals=(401, 404),
    ),
    Operation(
        "post",
        "/v1/users/{uid}/resync",
        "resyncUser",
        OPERATING,
        "Compare all of a user's tasks afresh",
        {200: Answer("A dry run.", schemas.Plan), 202: Answer("Asked for.", schemas.Plan)},
        body=schemas.ResyncRequest,
        body_needed=False,
        refusals=(400, 401, 403, 404, 409, 503),
    ),
    Operation(
        "get",
        "/v1/users/{uid}/export",
        "exportUser",
        OPERATING,
        "Read everything held about a user",
        {200: Answer("All of it but secrets, decrypted.", schemas.UserExport)},
        refusals=(401, 404),
    ),
    Operation(
        "delete",
        "/v1/users/{uid}",
        "eraseUser",
        OPERATING,
        "Erase everything held about a user",
        {202: Answer("Tokens are given back first, then all rows go; after 72 hours at the latest.")},
        says="As a disconnect before: events stay in the calendar as copies, switches go off.",
        refusals=(401, 404),
    ),
    Operation(
        "post",
        "/v1/users/{uid}/adopt",
        "adoptEvents",
        OPERATING,
        "Take up the events of before",
        {200: Answer("The tasks to switch on.", schemas.Adoptable)},
        says="After the same account was connected again. Switch these tasks on, after the person has said yes: each "
        "takes up its old event, and none is copied. The gateway itself never turns a switch on.",
        refusals=(401, 404),
    ),
    Operation(
        "post",
        "/v1/users/{uid}/preview",
        "previewUser",
        OPERATING,
        "See what a change would do",
        {200: Answer("What would be created, changed, deleted.", schemas.Plan)},
        says="Another calendar, other settings, or, for a user who is not connected, connecting. Nothing is written.",
        body=schemas.PreviewRequest,
        refusals=(400, 401, 403, 404, 409, 503),
    ),
    Operation(
        "post",
        "/v1/webhook-secret",
        "rotateWebhookSecret",
        OPERATING,
        "Make a new webhook secret",
        {201: Answer("The secret, told once.", schemas.WebhookSecret)},
        says="Sign with it from now on; what is signed with the one before is taken for 24 hours more.",
        refusals=(401, 409, 503),
    ),
    Operation(
        "get",
        "/v1/held",
        "listHeld",
        OPERATING,
        "List mass changes that wait for a yes",
        {200: Answer("The list.", schemas.HeldList)},
        says="Where more than 10 events, and more than half of those in a calendar, vanish or move at once, nothing is "
        "done to their tasks until somebody has said yes or no.",
    ),
    Operation(
        "post",
        "/v1/held/{hid}/approve",
        "approveHeld",
        OPERATING,
        "Let a mass change through",
        {200: Answer("The batch.", schemas.HeldItem)},
        says="Tasks whose events are gone are switched off, tasks whose events have moved follow. May be repeated.",
        refusals=(401, 404, 409),
    ),
    Operation(
        "post",
        "/v1/held/{hid}/drop",
        "dropHeld",
        OPERATING,
        "Undo a mass change",
        {200: Answer("The batch.", schemas.HeldItem)},
        says="The tasks stay as they are; their events are made anew and put back. May be repeated.",
        refusals=(401, 404, 409),
    ),
    Operation(
        "get",
        "/v1/parked",
        "listParked",
        OPERATING,
        "List parked work",
        {200: Answer("The list.", schemas.ParkedList)},
    ),
    Operation(
        "post",
        "/v1/parked/replay",
        "replayParked",
        OPERATING,
        "Try parked work again",
        {202: Answer("How much.", schemas.Counted)},
        body=schemas.ReplayRequest,
        refusals=(400, 401),
    ),
)
