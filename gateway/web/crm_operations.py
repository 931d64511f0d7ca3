"""The calls that the gateway makes to a CRM: the other half of the contract, as OpenAPI webhooks."""

from __future__ import annotations

from typing import Final

from gateway.web import contract
from gateway.web.operations import CRM_SIDE, Answer, Operation, Parameter

_TASK: Final = {200: Answer("The task, with its version as `ETag`.", contract.FullTask)}
_PATCH_HEADERS: Final = (
    Parameter("If-Match", 'The version the change was decided on, as `"<version>"`.', "header", required=True),
    Parameter(
        "Idempotency-Key",
        "Kept for 24 hours: the same key and body give the same answer; the same key with another body is 422; while "
        "the first is still at work it is 409.",
        "header",
        required=True,
    ),
)
_LIST_QUERY: Final = (
    Parameter("updated_since", "Only tasks changed at or after this time.", schema={"type": "string"}),
    Parameter("cursor", "`next_cursor` of the page before."),
    Parameter("limit", "At most so many.", schema={"type": "integer", "maximum": 100}),
    Parameter("ids", "Instead of the others: which of these (at most 100, comma-separated) still exist."),
)

CRM_OPERATIONS: Final = (
    Operation(
        "get",
        "/tasks/{id}",
        "crmGetTask",
        CRM_SIDE,
        "Read a task",
        _TASK,
        says="404 or 410 says that it is gone; the `code` of a 410 may say why: `deleted`, `archived`.",
        refusals=(401, 403, 404, 410, 429, 503),
    ),
    Operation(
        "patch",
        "/tasks/{id}",
        "crmPatchTask",
        CRM_SIDE,
        "Change a task that nobody changed in between",
        _TASK | {412: Answer("The version has moved on: the task as it is now.", contract.FullTask)},
        says="400 and 422 name the fields refused; the event is then put back to the task's values.",
        body=contract.TaskPatch,
        media="application/merge-patch+json",
        parameters=_PATCH_HEADERS,
        refusals=(400, 401, 403, 404, 409, 410, 422, 429, 503),
    ),
    Operation(
        "put",
        "/tasks/{id}/calendar-sync",
        "crmReportState",
        CRM_SIDE,
        "Show a state at a task",
        {204: Answer("Shown. The task's version stays, and no event is sent about it.")},
        body=contract.StateReport,
        refusals=(401, 404, 429, 503),
    ),
    Operation(
        "put",
        "/users/{id}/calendar-connection",
        "crmReportConnection",
        CRM_SIDE,
        "Show a connection's state at a user",
        {204: Answer("Shown.")},
        body=contract.ConnectionState,
        refusals=(401, 404, 429, 503),
    ),
    Operation(
        "get",
        "/tasks",
        "crmListTasks",
        CRM_SIDE,
        "List what changed, or what still exists",
        {200: Answer("A page, oldest change first.", contract.TaskList)},
        says="Asked at start and after an outage, never as a routine.",
        parameters=_LIST_QUERY,
        refusals=(400, 401, 429, 503),
    ),
)
