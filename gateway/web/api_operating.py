"""The API's half for whoever runs the installation: pause, resume, parked work."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from gateway.core.model import UserId
from gateway.core.records import Parked, ParkReason
from gateway.services import installations, parked, pausing
from gateway.web import schemas
from gateway.web.api import USER, blueprint, body, told_time
from gateway.web.door import context, installation

operating = blueprint("operating")


@operating.post("/pause")
def pause() -> ResponseReturnValue:
    """Everything of this installation waits."""
    pausing.pause(context(), installation())
    return "", 202


@operating.post("/resume")
def resume() -> ResponseReturnValue:
    """And goes on."""
    pausing.resume(context(), installation())
    return "", 202


@operating.post("/webhook-secret")
def rotate_webhook_secret() -> ResponseReturnValue:
    """A new one; the one before stays valid for a day. ``null`` where the CRM makes its secrets itself."""
    return jsonify(webhook_secret=installations.rotate_secret(context(), installation().key).secret), 201


@operating.post(f"{USER}/pause")
def pause_user(uid: str) -> ResponseReturnValue:
    """One user's calendar is left alone for now."""
    pausing.pause_user(context(), installation().id, UserId(uid))
    return "", 202


@operating.post(f"{USER}/resume")
def resume_user(uid: str) -> ResponseReturnValue:
    """And goes on."""
    pausing.resume_user(context(), installation().id, UserId(uid))
    return "", 202


@operating.get("/parked")
def list_parked() -> ResponseReturnValue:
    """Work set aside after it kept failing."""
    return jsonify(parked=[shown(one) for one in parked.waiting(context(), installation().id)])


@operating.post("/parked/replay")
def replay_parked() -> ResponseReturnValue:
    """Try some of it again."""
    asked = body(schemas.ReplayRequest)
    choice = parked.Choice(
        task=asked.get("task"),
        user=asked.get("user"),
        reason=ParkReason(asked["reason"]) if "reason" in asked else None,
        since=asked.get("from_"),
        until=asked.get("to"),
    )
    return jsonify(count=parked.replay(context(), installation().id, choice)), 202


def shown(one: Parked) -> dict[str, Any]:
    """Parked work as the API tells it."""
    return {
        "topic": one.topic.value,
        "key": one.key,
        "reason": one.reason.value,
        "attempts": one.attempts,
        "parked_at": told_time(one.parked_at),
    }
