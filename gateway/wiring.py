"""Puts the parts together: the only file that knows them all (but the web pages). One call a process."""

from __future__ import annotations

import hashlib
import hmac
import logging
import random
import uuid
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from redis import RedisError
from sqlalchemy import Engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway import crash, sentry
from gateway.alarm import Alarm
from gateway.clock import ShiftedClock, SystemClock
from gateway.core.errors import AlreadyExists
from gateway.core.model import InstallationId
from gateway.core.ports import Clock, Crm, CrmAccount, CrmKind, Meter, Provider
from gateway.core.records import Installation
from gateway.core.repositories import StoreDown
from gateway.core.vitals import Pulse
from gateway.crms import kinds
from gateway.crms.hosts import Outbound
from gateway.deployment import Gateway, Probe, Vitals
from gateway.providers import PROVIDERS
from gateway.providers.google import GoogleConfig
from gateway.providers.outlook import OutlookConfig
from gateway.services.context import Context
from gateway.services.pausing import say_if_halted
from gateway.settings import Settings, SettingsError
from gateway.store.engine import is_migrated, make_engine
from gateway.store.rotation import key_state, rotate
from gateway.store.unit_of_work import PgStore
from gateway.store.vault import Vault
from gateway.store.vitals import vitals_of
from gateway.tally import Tally
from workers.queue import RedisDoorbell

log = logging.getLogger(__name__)

_INSTALLATIONS = uuid.UUID("6f0c2f0e-6a55-4f0a-9c0d-8b9f6b9d1c55")


class Process(StrEnum):
    """What this process is."""

    WEB = "web"
    WORKER = "worker"
    CLOCK = "clock"
    COMMAND = "command"


def build(settings: Settings, process: Process = Process.COMMAND) -> Gateway:
    """The gateway of this process. Connects to nothing yet. Raises ``SettingsError``."""
    sentry.begin(settings)
    crash.arm(settings.crash_at)
    clock: Clock = ShiftedClock(settings.clock_file) if settings.clock_file else SystemClock()
    tally = Tally()
    engine = make_engine(
        settings.database_url,
        pool_size=_pool_size(settings, process),
        application_name=f"calendar-gateway {process.value}",
    )
    vault = Vault.of(settings.token_keys)
    store = PgStore(engine, vault, clock, settings.deployment_id)
    doorbell = RedisDoorbell(settings.redis_url, tally, tls_verify=settings.redis_tls_verify)
    crms = kinds(Outbound(settings.allow_loopback, settings.crm_private_hosts, _calls(tally, "crm")), clock)
    _check_adapter(settings, crms)
    ctx = Context(
        store=store,
        clock=clock,
        doorbell=doorbell,
        meter=tally,
        providers=_providers(settings, clock, tally),
        crms=crms,
        open_crm=_opener(crms),
        deployment_id=settings.deployment_id,
        public_url=settings.public_url,
        id_key=hmac.new(settings.secret_key.encode(), b"calendar gateway: ids of events", hashlib.sha256).digest(),
        jitter=random.SystemRandom().random,
        alarm=Alarm(clock, doorbell),
    )
    return Gateway(
        settings=settings,
        ctx=ctx,
        store=store,
        probes=_probes(engine, doorbell),
        heard=doorbell.heard,
        tally=tally,
        rotate_keys=lambda: ((one.done, one.failed, one.left) for one in rotate(engine, vault)),
        vitals=Vitals(
            queue=lambda: _pulse(doorbell),
            database=lambda: vitals_of(engine),
            keys=lambda: key_state(engine, vault),
            went_round=doorbell.went_round,
        ),
    )


def _pulse(doorbell: RedisDoorbell) -> Pulse | None:
    try:
        return doorbell.pulse()
    except RedisError:
        return None


def settle_in(gateway: Gateway) -> None:
    """What a process that may does at its start: the database is ours from now on, if it was nobody's; the log says why
    everything waits, if it does; the first installation is there. Raises ``StoreDown``."""
    say_if_halted(gateway.ctx)
    ensure_first_installation(gateway)


def ensure_first_installation(gateway: Gateway) -> None:
    """Store the installation that the environment describes, if there is none under its key. Safe to run anywhere, any
    number of times. One that is there, removed or changed since, is left as it is. Raises ``StoreDown``."""
    crm = gateway.settings.first_crm
    if crm is None:
        return
    installation = Installation(
        id=InstallationId(str(uuid.uuid5(_INSTALLATIONS, crm.key))),
        key=crm.key,
        name=crm.name,
        adapter=crm.adapter,
        base_url=crm.base_url,
        settings={"crm_name": crm.name},
        credentials=crm.credentials,
        webhook_secrets=(crm.webhook_secret,),
        # An app's door, for the accounts that join later; its own account is learnt by `installations install`.
        door=crm.key if gateway.ctx.crms[crm.adapter].many_accounts else None,
    )
    with gateway.store.begin() as uow:
        if uow.installations.by_key(crm.key) is not None:
            return
        try:
            uow.installations.add(installation, hashlib.sha256(crm.api_token.encode()).digest())
            uow.commit()
        except AlreadyExists:  # another process was faster, or the token belongs to another installation
            log.warning("the first installation was not added: its key or API token is in use")
            return
    log.info("the first installation is added", extra={"installation": installation.id, "adapter": crm.adapter})


def _pool_size(settings: Settings, process: Process) -> int:
    """Connections to the database: 16 at most by default, in all processes together."""
    return {Process.WEB: 3, Process.WORKER: settings.worker_concurrency}.get(process, 1)


def _check_adapter(settings: Settings, crms: Mapping[str, CrmKind]) -> None:
    if settings.first_crm and settings.first_crm.adapter not in crms:
        raise SettingsError("CRM_ADAPTER", f"must be one of {', '.join(sorted(crms))}", "generic")


def _opener(crms: Mapping[str, CrmKind]) -> Callable[[Installation], Crm]:
    def open_crm(installation: Installation) -> Crm:
        account = CrmAccount(
            installation.base_url, installation.credentials, installation.settings, installation.account
        )
        return crms[installation.adapter].open(account)

    return open_crm


def _calls(meter: Meter, to: str) -> Callable[[str], None]:
    return lambda status: meter.count("calls", to=to, status=status)


def _providers(settings: Settings, clock: Clock, meter: Meter) -> Mapping[str, Provider]:
    """The providers for which this deployment has an OAuth client."""
    configs = {name: make(settings, clock, _calls(meter, name)) for name, make in _CONFIGS.items()}
    return {name: PROVIDERS[name](config) for name, config in configs.items() if config is not None}


def _google(settings: Settings, clock: Clock, count: Callable[[str], None]) -> GoogleConfig | None:
    own = settings.google
    if own is None:
        return None
    return GoogleConfig(
        client_id=own.client_id, client_secret=own.client_secret, now=clock.now, count=count, **own.endpoints
    )


def _outlook(settings: Settings, clock: Clock, count: Callable[[str], None]) -> OutlookConfig | None:
    own = settings.microsoft
    if own is None:
        return None
    return OutlookConfig(
        client_id=own.client_id, client_secret=own.client_secret, now=clock.now, count=count, **own.endpoints
    )


_Config = Callable[[Settings, Clock, Callable[[str], None]], Any]
_CONFIGS: Mapping[str, _Config] = {"google": _google, "outlook": _outlook}


def _probes(engine: Engine, doorbell: RedisDoorbell) -> Mapping[str, Probe]:
    def database() -> str | None:
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except StoreDown:
            return "does not answer"
        except PoolTimeout:
            return "no connection came free in time"
        return None

    def migrations() -> str | None:
        try:
            return None if is_migrated(engine) else "missing: run `alembic upgrade head`"
        except StoreDown:
            return "unknown: the database does not answer"
        except PoolTimeout:
            return "unknown: no connection came free in time"

    def queue() -> str | None:
        try:
            doorbell.waiting()
        except RedisError as error:
            return f"does not answer ({type(error).__name__}); work goes on when it is back"
        return None

    return {"database": database, "migrations": migrations, "queue": queue}
