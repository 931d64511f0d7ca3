"""What every use case is given: the ports, and the few facts of this deployment."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gateway.core.model import ConnectionId, EventId, InstallationId, LinkId, Priority, TaskId
from gateway.core.ports import Clock, Crm, CrmKind, Doorbell, Lane, Meter, Provider, Style
from gateway.core.records import Connection, Installation
from gateway.core.repositories import Store

log = logging.getLogger("gateway")

Ring = tuple[InstallationId, str, Lane, float]
"""Whom to wake after the commit: installation, mailbox, lane, and in how many seconds."""

_LINKS = uuid.UUID("b3a1f4b2-6a0e-4a5f-8f0b-3a52b8b7f1d4")


@dataclass(frozen=True, slots=True)
class Context:
    """The ports and the deployment. ``jitter`` gives a number in [0, 1); ``id_key`` keys the hashes behind ids.

    ``alarm``: called with (installation, mailbox, lane, seconds) when work falls due soon, so that the process that
    postponed it rings in time; losing it costs at most one sweep.
    """

    store: Store
    clock: Clock
    doorbell: Doorbell
    meter: Meter
    providers: Mapping[str, Provider]
    crms: Mapping[str, CrmKind]
    open_crm: Callable[[Installation], Crm]
    deployment_id: str
    public_url: str
    id_key: bytes = field(repr=False)
    jitter: Callable[[], float]
    alarm: Callable[[InstallationId, str, str, float], None]

    def provider(self, connection: Connection) -> Provider:
        """The connection's provider."""
        return self.providers[connection.provider]


def link_id(installation_id: InstallationId, task_id: TaskId) -> LinkId:
    """The same for the same task, so that a lost row is found again by what stands in its event."""
    return LinkId(str(uuid.uuid5(_LINKS, f"{installation_id}\x00{task_id}")))


def event_id(ctx: Context, connection: Connection, task_id: TaskId, generation: int) -> EventId:
    """A keyed hash over deployment, installation, task, account and generation, in the alphabet of base32hex.

    Google allows ``a``-``v`` and ``0``-``9``: https://developers.google.com/workspace/calendar/api/v3/reference/events/insert
    """
    said = (ctx.deployment_id, connection.installation_id, task_id, connection.issuer, connection.subject)
    digest = _keyed(ctx, *said, str(generation))
    return EventId(base64.b32hexencode(digest).decode().rstrip("=").lower())


def tag_of(ctx: Context, installation_id: InstallationId, issuer: str, subject: str) -> str:
    """What marks our events: the deployment, and a keyed hash of installation and account (two installations on one
    calendar never see each other's)."""
    return f"{ctx.deployment_id}.{_keyed(ctx, installation_id, issuer, subject).hex()[:24]}"


def _keyed(ctx: Context, *parts: str) -> bytes:
    return hmac.new(ctx.id_key, "\x00".join(parts).encode(), hashlib.sha256).digest()


def calendar_mailbox(connection_id: ConnectionId) -> str:
    """Where work waits that calls a person's calendar: at most two calls at a time."""
    return f"cal:{connection_id}"


def crm_mailbox(installation_id: InstallationId) -> str:
    """Where work waits that calls a CRM."""
    return f"crm:{installation_id}"


def door_url(ctx: Context, installation: Installation) -> str:
    """Where an installation's CRM sends its webhooks: built from the settings, never from a proxy's headers."""
    return url_of_door(ctx, installation.door or installation.key)


def url_of_door(ctx: Context, key: str) -> str:
    """The public address of a CRM's door. ``key``: an installation's own, or an app's."""
    return f"{ctx.public_url}/webhooks/crm/{key}"


DEFAULT_LENGTH = 30


def style_of(installation: Installation) -> Style:
    """An installation's settings, seen from a calendar adapter."""
    settings: Mapping[str, Any] = installation.settings
    colours = {Priority(name): str(colour) for name, colour in dict(settings.get("colours", {})).items()}
    return Style(
        crm_name=str(settings.get("crm_name") or installation.name),
        default_length=timedelta(minutes=int(settings.get("default_minutes", DEFAULT_LENGTH))),
        busy=bool(settings.get("busy", False)),
        colours=colours,
        done_colour=settings.get("done_colour"),
    )
