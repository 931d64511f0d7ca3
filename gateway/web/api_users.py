"""The API's half about people: connect, choose a calendar, disconnect, widgets, the ledger. User ids are the CRM's."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from flask import jsonify
from flask.typing import ResponseReturnValue

from gateway.core.errors import NotReadable
from gateway.core.model import TaskId, UserId
from gateway.services import connect, embedding, preview, standing, target
from gateway.services import tasks as use
from gateway.services.consent import CONNECT, LINK_LASTS, Ticket, keep_ticket
from gateway.services.standing import Standing
from gateway.web import installation_settings, schemas
from gateway.web.api import USER, blueprint, body, told_time
from gateway.web.door import context, gateway, installation
from gateway.web.returns import may_return

users = blueprint("users")

NEW: Final = "new"
"""Instead of a calendar's id: make one of our own."""


@users.post(f"{USER}/connect-links")
def create_connect_link(uid: str) -> ResponseReturnValue:
    """A link that connects one user's calendar."""
    asked = body(schemas.ConnectLinkRequest)
    known = sorted(context().providers)
    if asked["provider"] not in known:
        raise NotReadable("provider", f"this gateway is set up for: {', '.join(known) or 'no provider yet'}")
    return_url = asked["return_url"]
    if return_url is not None and not may_return(installation(), return_url):
        hint = "send an address on the installation's return_urls; its operator sets them: installations set"
        raise NotReadable("return_url", hint)
    ticket = Ticket(installation().id, UserId(uid), return_url, asked["provider"])
    token, expires_at = keep_ticket(context(), CONNECT, ticket, LINK_LASTS)
    url = f"{gateway().settings.public_url}/connect/{token}"
    return jsonify(url=url, expires_at=told_time(expires_at)), 201


@users.get(f"{USER}/connection")
def get_connection(uid: str) -> ResponseReturnValue:
    """How a user's connection stands; ``none`` for a user we never heard of."""
    return jsonify(shown(standing.of_user(context(), installation().id, UserId(uid))))


@users.delete(f"{USER}/connection")
def disconnect(uid: str) -> ResponseReturnValue:
    """The user leaves."""
    connect.disconnect(context(), installation(), UserId(uid))
    return "", 202


@users.get(f"{USER}/calendars")
def list_calendars(uid: str) -> ResponseReturnValue:
    """The calendars that can be chosen."""
    connection = standing.connected(context(), installation().id, UserId(uid))
    found = target.offered(context(), connection)
    return jsonify(
        [
            {"id": one.id, "name": one.name, "primary": one.primary, "selected": one.id == connection.calendar_id}
            for one in found
        ]
    )


@users.put(f"{USER}/calendar")
def choose_calendar(uid: str) -> ResponseReturnValue:
    """Choose the target; events move in the background."""
    chosen = body(schemas.CalendarChoice)["calendar_id"]
    connection = standing.connected(context(), installation().id, UserId(uid))
    if chosen == NEW:
        target.make_own(context(), installation(), connection)
    else:
        target.choose_existing(context(), connection, chosen)
    return get_connection(uid)


@users.post("/embed-tokens")
def create_embed_token() -> ResponseReturnValue:
    """A token that opens a widget for one user."""
    asked = body(schemas.EmbedTokenRequest)
    task_id = TaskId(asked["task_id"]) if asked["task_id"] is not None else None
    lasts = timedelta(seconds=asked["ttl"])
    token, expires_at = embedding.admit(context(), installation(), UserId(asked["user_id"]), task_id, lasts)
    return jsonify(token=token, expires_at=told_time(expires_at)), 201


@users.get(f"{USER}/privacy-ledger")
def get_privacy_ledger(uid: str) -> ResponseReturnValue:
    """What was seen of a user's calendar, in numbers."""
    return jsonify(asdict(standing.ledger(context(), installation().id, UserId(uid))))


@users.post(f"{USER}/resync")
def resync_user(uid: str) -> ResponseReturnValue:
    """Compare everything of one user afresh."""
    if body(schemas.ResyncRequest)["dry_run"]:
        return jsonify(told_plan(preview.of_resync(context(), installation(), UserId(uid))))
    asked = use.resync_user(context(), installation(), UserId(uid))
    plan = {"create": asked.without_event, "change": asked.with_event, "delete": 0, "dry_run": False}
    every = asked.without_event + asked.with_event
    return jsonify({**plan, "tasks": every, "looked_at": 0}), 202


@users.post(f"{USER}/preview")
def preview_user(uid: str) -> ResponseReturnValue:
    """What another calendar, or other settings, would do."""
    asked = body(schemas.PreviewRequest)
    if "calendar_id" in asked:
        plan = preview.of_calendar(context(), installation(), UserId(uid), asked["calendar_id"])
    else:
        settings = installation_settings.read(
            f"{name}={_typed(value)}" for name, value in sorted(asked["settings"].items())
        )
        plan = preview.of_settings(context(), installation(), UserId(uid), settings)
    return jsonify(told_plan(plan))


def _typed(value: Any) -> str:
    """As an operator types it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def told_plan(plan: preview.Plan) -> dict[str, Any]:
    """A dry run as the API tells it."""
    return {**asdict(plan), "dry_run": True}


def shown(stands: Standing) -> dict[str, Any]:
    """A connection as the API tells it."""
    connection = stands.connection
    if connection is None:
        nothing = dict.fromkeys(("provider", "account_email", "calendar", "reason"))
        return {"status": stands.status.value, **nothing, "moving": 0, "heard_at": None, "looked_at": None}
    has_calendar = connection.calendar_id is not None and stands.is_live
    calendar = {"id": connection.calendar_id, "name": connection.calendar_name} if has_calendar else None
    return {
        "status": stands.status.value,
        "provider": connection.provider,
        "account_email": connection.email,
        "calendar": calendar,
        "reason": connection.reason,
        "moving": stands.moving,
        "heard_at": told_time(connection.heard_at),
        "looked_at": told_time(connection.read_at),
    }
