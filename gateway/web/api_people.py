"""The API's half about one user's data: export, erase, and taking up what was left in the calendar (B20, B31)."""

from __future__ import annotations

from flask import jsonify
from flask.typing import ResponseReturnValue

from gateway.core.model import UserId
from gateway.services import personal_data as use
from gateway.web.api import USER, blueprint
from gateway.web.door import context, installation

people = blueprint("people")


@people.get(f"{USER}/export")
def export_user(uid: str) -> ResponseReturnValue:
    """Everything held about the user, but secrets."""
    return jsonify(use.export(context(), installation().id, UserId(uid)))


@people.delete(USER)
def erase_user(uid: str) -> ResponseReturnValue:
    """All of it goes, tokens first."""
    use.ask_to_erase(context(), installation(), UserId(uid))
    return "", 202


@people.post(f"{USER}/adopt")
def adopt(uid: str) -> ResponseReturnValue:
    """Which tasks would take up the events that were left in the calendar."""
    return jsonify(tasks=list(use.to_take_up(context(), installation(), UserId(uid))))
