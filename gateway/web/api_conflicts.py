"""The API's half about conflicts: what both sides changed at once, and the person's answer."""

from __future__ import annotations

from typing import Any, Final

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from gateway.core.model import UserId
from gateway.core.reading import a_text, an_id
from gateway.core.records import Conflict
from gateway.services import conflicts as use
from gateway.services.reports import told
from gateway.web import schemas
from gateway.web.api import blueprint, body, one_of, told_time
from gateway.web.door import context, installation

conflicts = blueprint("conflicts")

PAGE: Final = 100
_OPEN, _CLOSED = "open", "closed"


@conflicts.get("/conflicts")
def list_conflicts() -> ResponseReturnValue:
    """A page of them, oldest first."""
    wanted = one_of("state", (_OPEN, _CLOSED))
    user_id, cursor = request.args.get("user_id"), request.args.get("cursor")
    with context().store.begin() as uow:
        found, following = uow.conflicts.search(
            installation().id,
            user_id=None if user_id is None else UserId(an_id(user_id, "user_id")),
            open_only=wanted == _OPEN,
            closed_only=wanted == _CLOSED,
            cursor=None if cursor is None else a_text(cursor, "cursor", 1024),
            limit=PAGE,
        )
    return jsonify(conflicts=[shown(one) for one in found], next_cursor=following)


@conflicts.post("/conflicts/<path:cid>/resolve")
def resolve_conflict(cid: str) -> ResponseReturnValue:
    """Close one: keep the CRM's value, or take the calendar's after all."""
    keep = body(schemas.Resolution)["keep"]
    return jsonify(shown(use.resolve(context(), installation(), cid, keep)))


def shown(conflict: Conflict) -> dict[str, Any]:
    """A conflict as the API tells it."""
    what = conflict.what
    return {
        "id": conflict.id,
        "task_id": conflict.task_id,
        "user_id": conflict.user_id,
        "state": _OPEN if conflict.closed_at is None else _CLOSED,
        "fields": [{"name": what.field.value, "calendar": told(what.calendar), "kept": told(what.kept)}],
        "detected_at": told_time(conflict.detected_at),
        "closed_at": told_time(conflict.closed_at),
        "closed_by": conflict.closed_by,
    }
