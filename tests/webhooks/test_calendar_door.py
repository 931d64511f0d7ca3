"""The calendar providers' door: a push is a hint; who cannot name the channel's token is nobody."""

from __future__ import annotations

import dataclasses
from typing import Any

import psycopg
import pytest

from gateway.core.errors import NotTrusted
from gateway.core.ports import Lane
from gateway.core.signals import Handshake, Push, Pushes
from gateway.web.app import create_app
from tests.webhooks.conftest import CHANNEL, CHANNEL_TOKEN, INSTALLATION, Doors
from tests.webhooks.test_crm_door import Broken

NOTHING = (0, 0, 0, 0)


def test_a_push_owes_a_look_and_wakes_somebody(doors: Doors) -> None:
    answer = doors.push()
    assert (answer.status_code, answer.data) == (202, b"")
    assert (doors.count("inbox"), doors.count("outbox")) == (1, 1)
    assert doors.bell.rung == [(INSTALLATION, "cal:conn-1", Lane.NOW)]


def test_two_equal_pushes_may_be_two_edits_and_are_one_look(doors: Doors) -> None:
    doors.push()
    assert doors.push().status_code == 202
    assert (doors.count("inbox"), doors.count("outbox")) == (2, 1)


def test_the_first_message_marks_the_subscription_and_owes_nothing(doors: Doors) -> None:
    assert doors.push(resource_state="sync", message_number="1").status_code == 202
    assert doors.kept() == NOTHING
    with psycopg.connect(doors.database) as connection:
        row = connection.execute("SELECT verified_at, resource FROM subscriptions").fetchone()
    assert row is not None
    assert row[0] is not None
    assert row[1] == "resource-1"


def test_23_strangers(doors: Doors) -> None:
    assert doors.push(channel_id="a-channel-of-yesterday").status_code == 404
    assert doors.push(channel_token="wrong").status_code == 401
    assert doors.push(channel_token=f"{CHANNEL_TOKEN},{CHANNEL_TOKEN}").status_code == 401  # sent twice
    assert doors.push(channel_id=f"{CHANNEL},{CHANNEL}").status_code == 404
    assert doors.push(channel_token="schl\xfcssel").status_code == 401
    assert doors.kept() == NOTHING
    assert doors.bell.rung == []


def test_23_the_channel_of_another_resource(doors: Doors) -> None:
    doors.push(resource_state="sync")
    assert doors.push(resource_id="another").status_code == 401


@pytest.mark.parametrize("name", ["channel_id", "channel_token", "resource_state"])
def test_a_missing_header_is_named(doors: Doors, name: str) -> None:
    without: dict[str, Any] = {name: None}
    answer = doors.push(**without)
    assert answer.status_code == 400
    assert answer.get_json(force=True)["errors"][0]["field"] == f"x-goog-{name.replace('_', '-')}"


@pytest.mark.parametrize("number", ["1", "0", "-5", "x", "9" * 30, None])
def test_23_numbers_may_go_backwards_or_be_none(doors: Doors, number: str | None) -> None:
    doors.push(message_number="7")
    assert doors.push(message_number=number).status_code == 202


def test_23_a_state_nobody_knows_is_still_a_hint(doors: Doors) -> None:
    assert doors.push(resource_state="made-up").status_code == 202


def test_a_body_is_not_looked_at_but_limited(doors: Doors) -> None:
    assert doors.push(data=b"\xff\x00{" * 100).status_code == 202
    assert doors.push(data=b"x" * 64 * 1024).status_code == 202
    assert doors.push(data=b"x" * (64 * 1024 + 1)).status_code == 413


def test_compressed_is_refused(doors: Doors) -> None:
    answer = doors.client.post("/webhooks/calendar/google", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize("provider", ["outlook", "nobody", "..%2Fgoogle", "crm", "GOOGLE"])
def test_a_provider_that_we_do_not_have(doors: Doors, provider: str) -> None:
    assert doors.push(provider, data=b"x" * 100).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_only_post(doors: Doors, method: str) -> None:
    assert doors.client.open("/webhooks/calendar/google", method=method).status_code == 405


def test_a_database_that_is_away(doors: Doors) -> None:
    ctx = doors.gateway.ctx
    object.__setattr__(ctx, "store", Broken(ctx.store, 99))
    assert doors.push().status_code == 503


# --- what other providers do ----------------------------------------------------------------------------------------


def with_provider(doors: Doors, read: Any, **how: Any) -> Doors:
    """The same doors with a provider that reads like this."""
    provider = dataclasses.replace(doors.gateway.ctx.providers["google"], read_notification=read, **how)
    ctx = dataclasses.replace(doors.gateway.ctx, providers={"google": provider})
    built = dataclasses.replace(doors.gateway, ctx=ctx)
    return dataclasses.replace(doors, gateway=built, app=create_app(built))


def test_a_handshake_is_echoed_as_plain_text_and_not_stored(doors: Doors) -> None:
    changed = with_provider(doors, lambda _headers, _raw, query: Handshake(query))
    answer = changed.client.post("/webhooks/calendar/google?<script>&x=%0d%0a")
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text == "<script>&x=%0d%0a"
    assert changed.kept() == NOTHING


def test_22_of_a_collection_the_forged_items_are_dropped(doors: Doors) -> None:
    forged = [Push(CHANNEL, "wrong", "changed") for _ in range(99)] + [Push("unknown", "x", "changed")]
    items = (*forged, Push(CHANNEL, CHANNEL_TOKEN, "changed"))
    changed = with_provider(doors, lambda *_: Pushes(items), refuses_strangers=False)
    assert changed.push().status_code == 202
    assert changed.count("inbox") == 1


@pytest.mark.parametrize("items", [(), (Push("unknown", "x", "changed"),), (Push(CHANNEL, "wrong", "changed"),)])
def test_22_a_collection_of_nothing_to_trust_is_acknowledged_where_that_is_the_rule(
    doors: Doors, items: tuple[Push, ...]
) -> None:
    changed = with_provider(doors, lambda *_: Pushes(items), refuses_strangers=False)
    assert changed.push().status_code == 202
    assert changed.kept() == NOTHING


def test_an_adapter_may_say_that_nothing_can_be_trusted(doors: Doors) -> None:
    def read(*_: object) -> Pushes:
        raise NotTrusted("no")

    assert with_provider(doors, read).push().status_code == 401


def test_notices_about_subscriptions_have_a_door_of_their_own(doors: Doors) -> None:
    assert doors.client.post("/webhooks/calendar/google/lifecycle").status_code == 400
