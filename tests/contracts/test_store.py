"""What the ``Store`` promises of tenants, consents and subscriptions.

There is no fake of it: the services' tests use it as it is. What was said and what happened: ``test_store_history``;
links, the outbox, races, tenants and outages: ``tests/store``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.errors import AlreadyExists
from gateway.core.model import ConnectionId, ConnectionStatus, SubscriptionId, UserId
from gateway.core.records import Connection, InstallationStatus, LedgerCount
from gateway.core.repositories import Store, UnitOfWork
from gateway.store.unit_of_work import PgStore
from tests.fakes_store import HandClock, clock, store, store_database, store_engine
from tests.store.rows import (
    ADA,
    HERE,
    NOW,
    SECOND,
    THERE,
    a_connection,
    a_subscription,
    an_installation,
    furnish,
    hashed,
)

__all__ = ["clock", "store", "store_database", "store_engine"]

C1 = ConnectionId("c1")
EVE = UserId("eve")
HOUR = timedelta(hours=1)


def begin(store: Store) -> UnitOfWork:
    """The adapter, seen through its port: the type checker compares the two."""
    return store.begin()


# --- installations --------------------------------------------------------------------------------------------------


def test_installation_is_found_by_id_key_and_token(store: PgStore):
    furnish(store, HERE, THERE)
    with begin(store) as uow:
        for found in (
            uow.installations.get(HERE),
            uow.installations.by_key("key-here"),
            uow.installations.by_token(hashed("token of here")),
        ):
            assert found == an_installation()
        assert uow.installations.by_key("KEY-HERE") is None
        assert uow.installations.by_token(hashed("token")) is None
        assert uow.installations.all() == [an_installation(HERE), an_installation(THERE)]


def test_removed_installation_is_known_by_its_key_alone(store: PgStore):
    furnish(store, HERE, THERE)
    with begin(store) as uow:
        uow.installations.set_status(HERE, InstallationStatus.REMOVED, None)
        removed = uow.installations.by_key("key-here")
        assert removed is not None
        assert removed.status is InstallationStatus.REMOVED
        assert uow.installations.by_token(hashed("token of here")) is None
        assert [one.id for one in uow.installations.all()] == [THERE]


def test_installation_is_paused_and_set(store: PgStore):
    furnish(store)
    with begin(store) as uow:
        uow.installations.set_status(HERE, InstallationStatus.PAUSED, "restored from a backup")
        uow.installations.set_settings(HERE, {"busy": True, "frame": ["https://crm.example"]})
        uow.installations.set_credentials(HERE, "newer")
        uow.installations.caught_up(HERE, NOW)
        uow.installations.caught_up(HERE, NOW - HOUR)
        found = uow.installations.get(HERE)
    assert found == an_installation(
        status=InstallationStatus.PAUSED,
        paused_reason="restored from a backup",
        settings={"busy": True, "frame": ["https://crm.example"]},
        credentials="newer",
        caught_up_at=NOW,
    )


def test_webhook_secrets_overlap(store: PgStore, clock: HandClock):
    furnish(store)

    def valid() -> tuple[str, ...]:
        found = store.run(lambda uow: uow.installations.by_key("key-here"))
        return found.webhook_secrets if found else ()

    start = clock.now()
    store.run(lambda uow: uow.installations.add_secret(HERE, "second", start + 24 * HOUR))
    assert valid() == ("second", "whsec_here")
    store.run(lambda uow: uow.installations.add_secret(HERE, "third", start + 48 * HOUR))
    assert valid() == ("third", "second", "whsec_here")
    clock.advance(24 * HOUR)
    assert valid() == ("third", "second")
    clock.advance(24 * HOUR)
    assert valid() == ("third",)
    store.run(lambda uow: uow.installations.add_secret(HERE, "fourth", start))
    assert valid() == ("fourth",)


@pytest.mark.parametrize("taken", [{"id_": HERE}, {"key": "key-here"}, {}], ids=["id", "key", "token"])
def test_installation_is_unique(store: PgStore, taken: dict[str, str]):
    furnish(store)
    other = an_installation(**{"id_": "other", **taken})
    token = "other" if taken else "token of here"
    with pytest.raises(AlreadyExists), store.begin() as uow:
        uow.installations.add(other, hashed(token))


# --- connections ----------------------------------------------------------------------------------------------------


def test_connection_comes_back_as_it_was_stored(store: PgStore):
    furnish(store, HERE, THERE)
    full = a_connection(
        "c2",
        user_id=EVE,
        calendar_name="Work",
        calendar_zone="Europe/Berlin",
        credential_version=3,
        reason="why",
        heard_at=NOW,
        read_at=NOW,
        next_read_at=NOW + HOUR,
        since=NOW,
    )
    with begin(store) as uow:
        uow.connections.add(full)
        assert uow.connections.get(HERE, full.id) == full
        assert uow.connections.lock(HERE, full.id) == full
        assert uow.connections.get(THERE, full.id) is None


def test_newest_connection_of_a_user(store: PgStore):
    furnish(store)
    with begin(store) as uow:
        uow.connections.save(a_connection(status=ConnectionStatus.DISCONNECTED))
        uow.connections.add(a_connection("c2"))
        found = uow.connections.of_user(HERE, ADA)
        assert found is not None
        assert found.id == "c2"
        assert uow.connections.of_user(HERE, EVE) is None
        assert [one.id for one in uow.connections.with_status(HERE, ConnectionStatus.DISCONNECTED)] == ["c1"]


def test_live_connections_of_an_account_in_every_installation(store: PgStore):
    furnish(store, HERE, THERE)
    with begin(store) as uow:
        uow.connections.add(a_connection("c2", user_id=EVE))
        uow.connections.add(a_connection("c3", user_id=UserId("bob"), subject="4712"))
        found = uow.connections.of_account("https://accounts.example", "4711")
        assert {(one.installation_id, one.id) for one in found} == {(HERE, "c1"), (THERE, "c1"), (HERE, "c2")}
        uow.connections.save(a_connection("c2", user_id=EVE, status=ConnectionStatus.REVOKED))
        assert len(uow.connections.of_account("https://accounts.example", "4711")) == 2


def test_save_leaves_the_credential_and_what_was_heard_since(store: PgStore):
    furnish(store)
    with begin(store) as uow:
        uow.connections.heard(HERE, C1, NOW + HOUR)
        changed = a_connection(status=ConnectionStatus.SUSPECT, calendar_id="home", credential=b"x", heard_at=NOW)
        uow.connections.save(replace(changed, credential_version=9))
        found = uow.connections.get(HERE, C1)
    assert found == replace(changed, credential=b"refresh token", heard_at=NOW + HOUR)


def test_credential_is_replaced_by_who_has_seen_the_one_before(store: PgStore):
    furnish(store)
    with begin(store) as uow:
        assert uow.connections.save_credential(HERE, C1, b"second", 0)
        assert not uow.connections.save_credential(HERE, C1, b"late", 0)
        found = uow.connections.get(HERE, C1)
        assert found is not None
        assert (found.credential, found.credential_version) == (b"second", 1)
        uow.connections.erase_credential(HERE, C1)
        assert not uow.connections.save_credential(HERE, C1, b"late", 1)
        erased = uow.connections.get(HERE, C1)
        assert erased is not None
        assert erased.credential == b""


@pytest.mark.parametrize("status", [ConnectionStatus.DISCONNECTED, ConnectionStatus.REVOKED])
def test_no_credential_for_an_ended_connection(store: PgStore, status: ConnectionStatus):
    furnish(store)
    with begin(store) as uow:
        uow.connections.save(a_connection(status=status))
        assert not uow.connections.save_credential(HERE, C1, b"late", 0)


def test_safety_reads_that_are_due(store: PgStore):
    furnish(store, HERE, THERE)

    def due() -> list[Connection]:
        return list(store.run(lambda uow: uow.connections.to_read(NOW, 10)))

    assert due() == []
    with begin(store) as uow:
        uow.connections.mark_read(HERE, C1, NOW - HOUR, NOW)
        uow.connections.mark_read(THERE, C1, NOW - HOUR, NOW - SECOND)
        for n, status in enumerate(ConnectionStatus):
            uow.connections.add(a_connection(f"s{n}", user_id=UserId(f"u{n}"), status=status, next_read_at=NOW - HOUR))
        uow.connections.add(a_connection("later", user_id=EVE, next_read_at=NOW + SECOND))
        uow.commit()
    writable = {ConnectionStatus.CONNECTED, ConnectionStatus.SUSPECT}
    assert {one.status for one in due()} == writable
    assert [(one.installation_id, one.id) for one in due()][2:] == [(THERE, "c1"), (HERE, "c1")]
    assert len(store.run(lambda uow: uow.connections.to_read(NOW, 1))) == 1
    store.run(lambda uow: uow.installations.set_status(HERE, InstallationStatus.PAUSED, "x"))
    assert [one.installation_id for one in due()] == [THERE]


def test_privacy_ledger_adds_up(store: PgStore):
    furnish(store, HERE, THERE)
    with begin(store) as uow:
        assert uow.connections.ledger(HERE, C1) == LedgerCount()
        uow.connections.count(HERE, C1, LedgerCount(pushes=2, dropped=1))
        uow.connections.count(HERE, C1, LedgerCount(pushes=1, read=3, written=4))
        assert uow.connections.ledger(HERE, C1) == LedgerCount(3, 1, 3, 4)
        assert uow.connections.ledger(THERE, C1) == LedgerCount()


# --- subscriptions --------------------------------------------------------------------------------------------------


def test_subscription_is_found_by_the_id_its_pushes_name(store: PgStore):
    furnish(store)
    with begin(store) as uow:
        uow.subscriptions.add(a_subscription())
        assert uow.subscriptions.get("google", SubscriptionId("s1")) == a_subscription()
        assert uow.subscriptions.get("outlook", SubscriptionId("s1")) is None
        uow.subscriptions.add(a_subscription("s2"))
        assert [one.id for one in uow.subscriptions.of_connection(HERE, C1)] == ["s2", "s1"]
        uow.subscriptions.remove(THERE, SubscriptionId("s1"))
        uow.subscriptions.remove(HERE, SubscriptionId("s2"))
        assert [one.id for one in uow.subscriptions.of_connection(HERE, C1)] == ["s1"]


def test_a_push_may_be_faster_than_the_answer(store: PgStore):
    furnish(store)
    with begin(store) as uow:
        uow.subscriptions.add(a_subscription())
        uow.subscriptions.mark_push(SubscriptionId("s1"), number=7, verified_at=NOW, resource="r1")
        uow.subscriptions.mark_push(SubscriptionId("s1"), number=3, verified_at=NOW + HOUR, resource="r2")
        uow.subscriptions.mark_push(SubscriptionId("s1"), number=None, verified_at=None, resource=None)
        answered = a_subscription(state="live", expires_at=NOW + HOUR, renew_at=NOW, secret_hash=hashed("other"))
        uow.subscriptions.save(answered)
        found = uow.subscriptions.get("google", SubscriptionId("s1"))
    assert found == replace(answered, secret_hash=hashed("secret"), last_number=7, verified_at=NOW, resource="r1")


def test_renewals_that_are_due(store: PgStore):
    furnish(store, HERE, THERE)
    with begin(store) as uow:
        for id_, state, renew_at in (
            ("due", "live", NOW),
            ("earlier", "live", NOW - HOUR),
            ("later", "live", NOW + SECOND),
            ("pending", "pending", NOW),
            ("old", "old", NOW),
            ("unknown", "live", None),
        ):
            uow.subscriptions.add(a_subscription(id_, state=state, renew_at=renew_at))
        uow.subscriptions.add(a_subscription("removed", THERE, state="live", renew_at=NOW))
        uow.installations.set_status(THERE, InstallationStatus.REMOVED, None)
        uow.installations.set_status(HERE, InstallationStatus.PAUSED, None)
        assert [one.id for one in uow.subscriptions.to_renew(NOW, 10)] == ["earlier", "due"]
        assert [one.id for one in uow.subscriptions.to_renew(NOW, 1)] == ["earlier"]
