"""Who may look at a widget: a token for one user, and for one task where it is a task's panel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.model import InstallationId, TaskId, UserId
from gateway.core.records import Installation
from gateway.services.consent import SpentError, new_token
from gateway.services.context import Context

EMBED = "embed"
LONGEST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Viewer:
    """For whom a widget was opened. ``task_id``: the one task it may show; ``None``: the settings."""

    installation_id: InstallationId
    user_id: UserId
    task_id: TaskId | None


def admit(
    ctx: Context, installation: Installation, user_id: UserId, task_id: TaskId | None, lasts: timedelta
) -> tuple[str, datetime]:
    """A token that opens a widget until it ends, and when that is; at most 15 minutes from now. Hashed at rest."""
    token, expires_at = new_token(), ctx.clock.now() + min(lasts, LONGEST)
    payload = {"installation": installation.id, "user": user_id, "task": task_id}
    with ctx.store.begin() as uow:
        uow.one_use.put(EMBED, token, payload, expires_at, installation.id)
        uow.commit()
    return token, expires_at


def viewer(ctx: Context, token: str) -> Viewer:
    """Who looks. The token stays good until it ends. Raises ``SpentError``."""
    with ctx.store.begin() as uow:
        payload = uow.one_use.peek(EMBED, token, ctx.clock.now())
    if payload is None:
        raise SpentError(EMBED)
    task_id = payload["task"]
    return Viewer(
        InstallationId(payload["installation"]), UserId(payload["user"]), TaskId(task_id) if task_id else None
    )
