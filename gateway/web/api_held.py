"""The API's half about mass changes: what is held, a yes, a no (B24)."""

from __future__ import annotations

from typing import Any, Final

from flask import jsonify
from flask.typing import ResponseReturnValue

from gateway.core.records import Held
from gateway.services import held as use
from gateway.web.api import blueprint, told_time
from gateway.web.door import context, installation

held = blueprint("held")

_BATCH: Final = "/held/<path:hid>"


@held.get("/held")
def list_held() -> ResponseReturnValue:
    """What waits for a word, oldest first."""
    return jsonify(held=[shown(one) for one in use.waiting(context(), installation().id)])


@held.post(f"{_BATCH}/approve")
def approve_held(hid: str) -> ResponseReturnValue:
    """The calendar's word counts."""
    return jsonify(shown(use.approve(context(), installation().id, hid, use.CRM)))


@held.post(f"{_BATCH}/drop")
def drop_held(hid: str) -> ResponseReturnValue:
    """The tasks' word counts."""
    return jsonify(shown(use.drop(context(), installation().id, hid, use.CRM)))


def shown(batch: Held) -> dict[str, Any]:
    """A batch as the API tells it."""
    return {
        "id": batch.id,
        "user_id": batch.user_id,
        "state": batch.state.value,
        "tasks": list(batch.tasks),
        "made_at": told_time(batch.made_at),
        "decided_at": told_time(batch.decided_at),
        "decided_by": batch.decided_by,
    }
