"""The API's half for whoever runs the installation: pause, resume, parked work."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from gateway.core.model import LinkStatus, TaskId, UserId
from gateway.core.records import Parked
from gateway.services import installations as use
from gateway.services.context import link_id
from gateway.web import schemas
from gateway.web.api import blueprint, body, told_time
from gateway.web.door import context, installation

operating = blueprint("operating")


@operating.post("/pause")
def pause() -> ResponseReturnValue:
    """Everything of this installation waits."""
    use.pause(context(), installation().key)
    return "", 202


@operating.post("/resume")
def resume() -> ResponseReturnValue:
    """And goes on."""
    use.resume(context(), installation().key)
    return "", 202


@operating.get("/parked")
def list_parked() -> ResponseReturnValue:
    """Work set aside after it kept failing."""
    return jsonify(parked=[shown(one) for one in use.parked(context(), installation().key)])


@operating.post("/parked/replay")
def replay_parked() -> ResponseReturnValue:
    """Try some of it again."""
    asked = body(schemas.ReplayRequest)
    keys = _keys(asked)
    chosen = [one for one in use.parked(context(), installation().key) if _fits(one, asked, keys)]
    return jsonify(count=use.replay(context(), chosen)), 202


def _keys(asked: dict[str, Any]) -> set[str] | None:
    """What the work asked for is about: a task's link, or all of a user's and the user's connection."""
    inst = installation().id
    if "task" in asked:
        return {link_id(inst, TaskId(asked["task"]))}
    if "user" not in asked:
        return None
    user_id = UserId(asked["user"])
    with context().store.begin() as uow:
        connection = uow.connections.of_user(inst, user_id)
        links = uow.links.ids_of_owner(inst, user_id, list(LinkStatus))
    return {link for link, _task in links} | ({connection.id} if connection else set())


def _fits(one: Parked, asked: dict[str, Any], keys: set[str] | None) -> bool:
    if keys is not None:
        return one.key in keys
    if "reason" in asked:
        return bool(one.reason == asked["reason"])
    return bool(asked["from_"] <= one.parked_at < asked["to"])


def shown(one: Parked) -> dict[str, Any]:
    """Parked work as the API tells it."""
    return {
        "topic": one.topic.value,
        "key": one.key,
        "reason": one.reason,
        "attempts": one.attempts,
        "parked_at": told_time(one.parked_at),
    }
