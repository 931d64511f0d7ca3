"""An installation's life at the operator's hand: added, set, paused, given a new secret, removed."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from gateway.core.errors import AlreadyExists, Forbidden, NotReadable, OperatorFault, Refused, TryLater, Unauthorised
from gateway.core.installing import Door, Outcome, Step
from gateway.core.model import LEFT, ConnectionStatus, InstallationId, Reason
from gateway.core.ports import CrmKind
from gateway.core.records import REFUSED_US, Installation, InstallationStatus
from gateway.core.repositories import UnitOfWork
from gateway.services.catch_up import owe_catch_up
from gateway.services.connect import end
from gateway.services.context import Context, door_url
from gateway.services.pausing import resume

OLD_SECRET_LASTS = timedelta(hours=24)
"""How long a webhook secret stays valid after a new one was made."""



class NoSuchInstallationError(Exception):
    """No installation has this key."""


class SecretByCrmError(Exception):
    """This CRM makes its webhook secrets itself, and did not make new ones: ``steps`` say why."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__("; ".join(f"{step.what}: {step.says}" for step in steps))


@dataclass(frozen=True, slots=True)
class Added:
    """A new installation and its API token, which is shown once and kept as a hash. ``steps``: what its installer did.
    ``secret``: what a person enters in the CRM; ``None`` where the CRM has it already, or makes it itself."""

    installation: Installation
    api_token: str = field(repr=False)
    steps: Sequence[Step] = ()
    secret: str | None = field(default=None, repr=False)


def add(
    ctx: Context, name: str, adapter: str, base_url: str, credentials: str, admin: str = "", door: str | None = None
) -> Added:
    """A new installation, installed in its CRM as far as that goes; its first catch-up is owed.

    ``admin``: as in ``Door``. ``door``: where a CRM's app has one door for all accounts, that of one already there.
    Raises ``NotReadable`` for an unknown adapter or door, ``OperatorFault`` for an address or credentials that no
    adapter could use. What the CRM refuses is told in the steps, and can be done later by :func:`install`.
    """
    kind = ctx.crms.get(adapter)
    if kind is None:
        raise NotReadable("adapter", "choose one of " + ", ".join(sorted(ctx.crms)))
    if not name.strip():
        raise NotReadable("name", "give it a name")
    installation = Installation(
        id=InstallationId(str(uuid.uuid4())),
        key=secrets.token_hex(20),  # never begins with a dash: it is typed after commands
        name=name,
        adapter=adapter,
        base_url=base_url.rstrip("/"),
        credentials=credentials,
        webhook_secrets=(kind.new_secret(),) if kind.new_secret else (),
        door=_door_of(ctx, kind, door),
    )
    ctx.open_crm(installation)
    api_token = secrets.token_urlsafe(32)
    with ctx.store.begin() as uow:
        uow.installations.add(installation, hashlib.sha256(api_token.encode()).digest())
        owe_catch_up(ctx, uow, installation)
        uow.commit()
    steps = _install_now(ctx, installation, admin)
    return Added(installation, api_token, steps, next(iter(installation.webhook_secrets), None))


def _door_of(ctx: Context, kind: CrmKind, door: str | None) -> str | None:
    """The app's door, a new one for its first installation. Raises ``NotReadable``."""
    if not kind.many_accounts:
        if door is not None:
            raise NotReadable("door", "leave it out: every installation of this kind has a door of its own")
        return None
    if door is None:
        return secrets.token_hex(20)
    with ctx.store.begin() as uow:
        found = uow.installations.at_door(door)
    if found is None or found.status is InstallationStatus.REMOVED or found.adapter != kind.name:
        raise NotReadable("door", "give the key in the webhook URL of an installation of this kind")
    return door


def _install_now(ctx: Context, installation: Installation, admin: str) -> Sequence[Step]:
    """The installation is there, whatever its CRM says: so a failure is one more thing to tell."""
    try:
        return install(ctx, installation.key, admin)
    except (Forbidden, OperatorFault, Refused, TryLater, Unauthorised) as error:
        return [Step("installation", Outcome.BROKEN, f"{error}; run `installations install` again")]


def install(ctx: Context, key: str, admin: str = "", *, fresh: bool = False) -> Sequence[Step]:
    """Make fields and webhooks in the CRM; again, nothing changes. ``admin``, ``fresh``: see ``Door``. Raises what
    stands in the way."""
    installation = by_key(ctx, key)
    door = Door(door_url(ctx, installation), installation.webhook_secrets, admin, fresh)
    done = ctx.open_crm(installation).install(door)
    with ctx.store.begin() as uow:
        if done.secret is not None and done.secret not in installation.webhook_secrets:
            uow.installations.add_secret(installation.id, done.secret, ctx.clock.now() + OLD_SECRET_LASTS)
        if done.account is not None and done.account != installation.account:
            _take_account(uow, installation, done.account)
        if done.settings:
            known = _by_key(uow, key).settings
            uow.installations.set_settings(installation.id, {**known, **done.settings})
        uow.commit()
    return done.steps


def by_key(ctx: Context, key: str) -> Installation:
    """The installation. Raises ``NoSuchInstallationError``, also for one that was removed."""
    with ctx.store.begin() as uow:
        return _by_key(uow, key)


def _by_key(uow: UnitOfWork, key: str) -> Installation:
    found = uow.installations.by_key(key)
    if found is None or found.status is InstallationStatus.REMOVED:
        raise NoSuchInstallationError(key)
    return found


def change_settings(ctx: Context, key: str, changes: Mapping[str, Any]) -> Installation:
    """Set these; ``None`` takes one away, a mapping is merged into what is there."""
    with ctx.store.begin() as uow:
        installation = _by_key(uow, key)
        settings = dict(installation.settings)
        for name, value in changes.items():
            whole = {**dict(settings.get(name, {})), **value} if isinstance(value, Mapping) else value
            if isinstance(whole, Mapping):
                whole = {inner: one for inner, one in whole.items() if one is not None}
            settings[name] = whole
        kept = {name: value for name, value in settings.items() if value is not None}
        uow.installations.set_settings(installation.id, kept)
        uow.commit()
    return replace(installation, settings=kept)


def _take_account(uow: UnitOfWork, installation: Installation, account: str) -> None:
    try:
        uow.installations.set_account(installation.id, account)
    except AlreadyExists as error:
        raise NotReadable("account", "another installation at this door has this account already") from error


def check(ctx: Context, key: str, admin: str = "") -> Sequence[Step]:
    """Look in the CRM for what is missing or broken. ``admin``: as in ``Door``, for what only an administrator sees.
    Raises what stands in the way."""
    installation = by_key(ctx, key)
    return ctx.open_crm(installation).check(Door(door_url(ctx, installation), installation.webhook_secrets, admin))


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new webhook secret. ``secret``: as in ``Added``."""

    steps: Sequence[Step]
    secret: str | None = field(default=None, repr=False)


def rotate_secret(ctx: Context, key: str) -> Rotated:
    """A new webhook secret; those before it stay valid for 24 hours. Raises ``SecretByCrmError`` where the CRM makes it
    itself and did not."""
    with ctx.store.begin() as uow:
        installation = _by_key(uow, key)
        make = ctx.crms[installation.adapter].new_secret
        secret = make() if make else None
        if secret is not None:
            uow.installations.add_secret(installation.id, secret, ctx.clock.now() + OLD_SECRET_LASTS)
        uow.commit()
    if secret is not None:
        return Rotated(_renew_now(ctx, installation), secret)
    steps = install(ctx, key, fresh=True)
    if by_key(ctx, key).webhook_secrets[:1] == installation.webhook_secrets[:1]:
        raise SecretByCrmError(steps)
    return Rotated(steps)


def _renew_now(ctx: Context, installation: Installation) -> Sequence[Step]:
    """Tell the CRM the secret that was made here; a failure leaves it to a person."""
    try:
        return install(ctx, installation.key, fresh=True)
    except (Forbidden, OperatorFault, Refused, TryLater, Unauthorised) as error:
        return [Step("webhooks", Outcome.BROKEN, f"{error}; run `installations install` again")]


def renew_credentials(ctx: Context, key: str, credentials: str) -> Sequence[Step]:
    """What the CRM is called with from now on; taken only where the CRM accepts it. What waited because the CRM refused
    the old ones goes on. Raises what stands in the way."""
    installation = replace(by_key(ctx, key), credentials=credentials)
    steps = ctx.open_crm(installation).check(Door(door_url(ctx, installation), installation.webhook_secrets))
    with ctx.store.begin() as uow:
        uow.installations.set_credentials(installation.id, credentials)
        uow.commit()
    if installation.paused_reason == REFUSED_US:
        resume(ctx, installation)
    return steps


def remove(ctx: Context, key: str) -> int:
    """Its webhooks are answered 410, its token is worth nothing, its people's grants are given back; events stay as
    copies, and nothing is patched in the CRM. Gives how many connections ended."""
    with ctx.store.begin() as uow:
        installation = _by_key(uow, key)
        live = [status for status in ConnectionStatus if status not in LEFT]
        held = [one for status in live for one in uow.connections.with_status(installation.id, status)]
    for connection in held:  # one transaction each: two connections' links and work are never locked at once
        with ctx.store.begin() as uow:
            end(ctx, uow, connection, ConnectionStatus.DISCONNECTED, Reason.DISCONNECTED, patches=False)
            uow.commit()
    with ctx.store.begin() as uow:
        uow.installations.set_status(installation.id, InstallationStatus.REMOVED, "operator")
        uow.commit()
    return len(held)
