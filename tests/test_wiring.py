"""The wiring: what a process is made of, its probes, the first installation out of the environment, Sentry."""

from __future__ import annotations

import hashlib
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway import settings, wiring
from gateway.clock import SystemClock
from gateway.core.records import InstallationStatus
from gateway.core.repositories import StoreDown
from gateway.deployment import Gateway
from gateway.providers.google import GoogleConfig
from gateway.providers.outlook import OutlookConfig
from gateway.settings import SettingsError
from tests.fakes_store import clock, store, store_database, store_engine
from tests.webhooks.conftest import environment
from workers.queue import RedisDoorbell

__all__ = ["clock", "store", "store_database", "store_engine"]

NOWHERE = "postgresql://nobody@/none?host=/nowhere"
NO_REDIS = "redis://127.0.0.1:1"
CRM = {
    "CRM_KEY": "crm-key-0123456789",
    "CRM_NAME": "Acme CRM",
    "CRM_BASE_URL": "http://127.0.0.1:9",
    "CRM_CREDENTIALS": "crm-credentials",
    "CRM_WEBHOOK_SECRET": "whsec_" + "A" * 44,
    "CRM_API_TOKEN": "crm-api-token-" + "t" * 30,
}


def built(database_url: str = NOWHERE, redis_url: str = NO_REDIS, **more: str) -> Gateway:
    return wiring.build(settings.load(environment(database_url, redis_url) | more))


def test_building_connects_to_nothing() -> None:
    gateway = built()
    assert set(gateway.ctx.providers) == {"google"}
    assert "generic" in gateway.ctx.crms
    assert isinstance(gateway.ctx.doorbell, RedisDoorbell)


def test_a_provider_without_a_client_is_not_offered() -> None:
    assert built(GOOGLE_CLIENT_ID="", GOOGLE_CLIENT_SECRET="").ctx.providers == {}


def test_ids_stay_the_same_for_the_same_secret_key() -> None:
    assert built().ctx.id_key == built().ctx.id_key != built(SECRET_KEY="t" * 40).ctx.id_key
    assert len(built().ctx.id_key) == 32


def test_nothing_of_it_shows_a_secret() -> None:
    gateway = built(**CRM)
    for secret in gateway.settings.secrets:
        assert secret not in repr(gateway)
        assert secret not in repr(gateway.ctx)


def test_an_adapter_nobody_knows_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"^CRM_ADAPTER must be one of .*generic"):
        built(**CRM, CRM_ADAPTER="abacus")


def test_connections_to_the_database_are_counted_out() -> None:
    chosen = settings.load(environment(NOWHERE, NO_REDIS))
    sizes = {process: wiring._pool_size(chosen, process) for process in wiring.Process}
    # Two web processes, one worker, one clock, one command.
    assert 2 * sizes[wiring.Process.WEB] + sum(sizes.values()) - sizes[wiring.Process.WEB] <= 16
    assert sizes[wiring.Process.WORKER] == chosen.worker_concurrency


# --- probes ---------------------------------------------------------------------------------------------------------


def test_probes_with_everything_there(database_url: str, redis_url: str) -> None:
    gateway = built(database_url, redis_url)
    assert {name: probe() for name, probe in gateway.probes.items()} == dict.fromkeys(
        ("database", "migrations", "queue")
    )
    gateway.store.close()  # type: ignore[attr-defined]


def test_probes_with_nothing_there() -> None:
    found = {name: probe() for name, probe in built().probes.items()}
    assert found["database"] == "does not answer"
    assert found["migrations"] == "unknown: the database does not answer"
    assert found["queue"] is not None
    assert found["queue"].startswith("does not answer")


def test_probes_before_the_release(empty_database_url: str) -> None:
    gateway = built(empty_database_url)
    assert gateway.probes["database"]() is None
    assert gateway.probes["migrations"]() == "missing: run `alembic upgrade head`"
    gateway.store.close()  # type: ignore[attr-defined]


# --- the first installation -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("store")
def test_the_first_installation_is_added_once(store_database: str) -> None:
    gateway = built(store_database, **CRM)
    for _ in range(3):
        wiring.ensure_first_installation(gateway)
    with gateway.store.begin() as uow:
        (found,) = uow.installations.all()
        assert uow.installations.by_token(hashlib.sha256(CRM["CRM_API_TOKEN"].encode()).digest()) == found
    assert (found.key, found.name, found.adapter) == (CRM["CRM_KEY"], "Acme CRM", "generic")
    assert (found.credentials, found.webhook_secrets) == ("crm-credentials", (CRM["CRM_WEBHOOK_SECRET"],))
    gateway.store.close()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("store")
def test_one_of_an_app_gets_a_door_that_others_may_join(store_database: str) -> None:
    gateway = built(store_database, **CRM, CRM_ADAPTER="hubspot")
    wiring.ensure_first_installation(gateway)
    with gateway.store.begin() as uow:
        found = uow.installations.at_door(CRM["CRM_KEY"])
        assert found is not None
        assert found == uow.installations.by_key(CRM["CRM_KEY"])
    assert (found.adapter, found.account) == ("hubspot", None)
    gateway.store.close()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("store")
def test_several_processes_may_add_it_at_once(store_database: str) -> None:
    gateway = built(store_database, **CRM)
    with ThreadPoolExecutor(3) as many:
        list(many.map(lambda _: wiring.ensure_first_installation(gateway), range(3)))
    with gateway.store.begin() as uow:
        assert len(uow.installations.all()) == 1
    gateway.store.close()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("store")
def test_one_that_was_removed_stays_removed(store_database: str) -> None:
    gateway = built(store_database, **CRM)
    wiring.ensure_first_installation(gateway)
    with gateway.store.begin() as uow:
        (found,) = uow.installations.all()
        uow.installations.set_status(found.id, InstallationStatus.REMOVED, None)
        uow.commit()
    wiring.ensure_first_installation(gateway)
    with gateway.store.begin() as uow:
        assert list(uow.installations.all()) == []
    gateway.store.close()  # type: ignore[attr-defined]


def test_none_in_the_environment_asks_nobody() -> None:
    wiring.ensure_first_installation(built())


def test_a_database_that_is_away_is_told() -> None:
    with pytest.raises(StoreDown):
        wiring.ensure_first_installation(built(**CRM))


# --- Sentry ---------------------------------------------------------------------------------------------------------

DSN = {"SENTRY_DSN": "https://key@sentry.example/1"}


def test_sentry_without_its_package_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(SettingsError, match=r"^SENTRY_DSN needs the package sentry-sdk"):
        built(**DSN)


def test_what_goes_to_sentry_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: dict[str, Any] = {}
    monkeypatch.setitem(sys.modules, "sentry_sdk", types.SimpleNamespace(init=begun.update))
    built(**DSN)
    assert (begun["send_default_pii"], begun["include_local_variables"]) == (False, False)
    sent = begun["before_send"](
        {
            "event_id": "1",
            "message": "token=abcdef123",
            "exception": {"values": [{"type": "ValueError", "value": "client-secret"}]},
            "request": {"data": "a title"},
            "user": {"ip_address": "192.0.2.1"},
            "breadcrumbs": ["x"],
        },
        {},
    )
    assert sent == {
        "event_id": "1",
        "message": "token=[redacted]",
        "exception": {"values": [{"type": "ValueError", "value": "[redacted]"}]},
    }


# --- the doctor's eyes ----------------------------------------------------------------------------------------------


def test_the_stores_tell_their_time_and_their_limits(database_url: str, redis_url: str) -> None:
    gateway = built(database_url, redis_url)
    found, pulse = gateway.vitals.database(), gateway.vitals.queue()
    now = SystemClock().now()
    assert abs((found.at - now).total_seconds()) < 5
    assert found.version >= 140000
    assert 0 < found.connections <= found.most
    assert pulse is not None
    assert (abs((pulse.at - now).total_seconds()) < 5, pulse.has_clock) == (True, False)
    gateway.vitals.went_round()
    assert (gateway.vitals.queue() or pulse).has_clock
    gateway.store.close()  # type: ignore[attr-defined]


def test_a_silent_queue_has_no_pulse() -> None:
    assert built().vitals.queue() is None


def test_clients_that_cannot_be_right_are_doubted() -> None:
    guid = "0b6f1e0a-5a0c-4f39-9d0b-1f2e3d4c5b6a"
    good = OutlookConfig(guid, "Abc8Q~value").doubts, GoogleConfig("1-a.apps.googleusercontent.com", "GOCSPX-x").doubts
    assert good == ((), ())
    assert "copy its Value" in OutlookConfig(guid, guid).doubts[0]
    assert "Application (client) ID" in OutlookConfig("my app", "Abc8Q~value").doubts[0]
    assert len(GoogleConfig("1-a", "1-a.apps.googleusercontent.com").doubts) == 2
    # Another authority (the stand-ins, an emulator) makes its ids as it likes.
    assert GoogleConfig("a", "b", token_uri="http://127.0.0.1/token").doubts == ()
    assert OutlookConfig("a", "b", authority="http://127.0.0.1/common").doubts == ()
