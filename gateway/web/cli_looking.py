"""Commands that only look: connections in trouble, subscriptions, links, owed work. At most 1,000 rows each."""

from __future__ import annotations

from typing import Final

import click
from flask.cli import with_appcontext

from gateway.core.model import InstallationId
from gateway.services import installations as use
from gateway.web.api import told_time
from gateway.web.door import context
from gateway.web.plainly import plainly
from gateway.web.telling import Told, rows, telling

_MOST: Final = 1_000
_ONLY: Final = click.option("--installation", "key", metavar="KEY", help="Only this one's.")


def _id(key: str | None) -> InstallationId | None:
    return use.by_key(context(), key).id if key is not None else None


@click.group("connections")
def connections() -> None:
    """People's calendars."""


@connections.command("list")
@_ONLY
@with_appcontext
@plainly
@telling
def list_connections(key: str | None) -> Told:
    """Those that are not well, the longest first: installation, user, provider, status, reason, since."""
    only = _id(key)
    with context().store.begin() as uow:
        found = uow.survey.in_trouble(_MOST, only)
    return rows(
        [
            {
                "installation_id": one.installation_id,
                "user_id": one.user_id,
                "provider": one.provider,
                "status": one.status.value,
                "reason": one.reason,
                "since": told_time(one.since),
            }
            for one in found
        ]
    )


@click.group("subscriptions")
def subscriptions() -> None:
    """Our standing orders for pushes."""


@subscriptions.command("list")
@with_appcontext
@plainly
@telling
def list_subscriptions() -> Told:
    """Live ones, the first to end first: installation, connection, provider, renewed from, ends, suspect."""
    with context().store.begin() as uow:
        found = uow.survey.expiring(_MOST)
    return rows(
        [
            {
                "installation_id": one.installation_id,
                "connection_id": one.connection_id,
                "provider": one.provider,
                "renew_at": told_time(one.renew_at),
                "expires_at": told_time(one.expires_at),
                "suspect": one.is_suspect,
            }
            for one in found
        ]
    )


@click.group("links")
def links() -> None:
    """Tasks paired with events."""


@links.command("find")
@click.argument("text", metavar="ID")
@with_appcontext
@plainly
@telling
def find_links(text: str) -> Told:
    """By the exact id of a task or an event: installation, task, owner, state, reason, event, last in step."""
    with context().store.begin() as uow:
        found = uow.survey.find_tasks(text, _MOST)
    return rows(
        [
            {
                "installation_id": one.installation_id,
                "task_id": one.id,
                "owner_id": one.owner_id,
                "state": one.state,
                "reason": one.reason,
                "event_id": one.event_id,
                "synced_at": told_time(one.synced_at),
            }
            for one in found
        ]
    )


@click.group("outbox")
def outbox() -> None:
    """What we still owe."""


@outbox.command("list")
@_ONLY
@with_appcontext
@plainly
@telling
def list_outbox(key: str | None) -> Told:
    """By topic: how many wait, run, are tried again, fall due later; since when the oldest is due."""
    only = _id(key)
    with context().store.begin() as uow:
        found = uow.survey.waiting(context().clock.now(), only)
    return rows(
        [
            {
                "topic": one.topic.value,
                "count": one.count,
                "running": one.running,
                "retrying": one.retrying,
                "later": one.later,
                "oldest_at": told_time(one.oldest_at),
            }
            for one in found
        ]
    )


LOOKING: Final[tuple[click.Command, ...]] = (connections, subscriptions, links, outbox)
"""All of them."""
