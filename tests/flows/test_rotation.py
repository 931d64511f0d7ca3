"""Webhook secrets and token keys are rotated while work goes on: no delivery is lost, no connection is."""

from __future__ import annotations

import base64
import dataclasses
import secrets
from typing import Any

from gateway import settings, wiring
from tests.flows.acts import edit_task, synced_task
from tests.flows.house import House, Person
from tests.flows.trouble import token_ages, until_quiet


def crm_signs_with(house: House, secret: str) -> None:
    given = {"webhook_url": house.installation["webhook_url"], "webhook_secret": secret}
    house.crm_admin.call("POST", "/installation", json=given)


def statuses(house: House, since: int) -> list[int]:
    """What the CRM's deliveries were answered."""
    entries = house.crm_admin.call("GET", f"/ledger?since={since}")["entries"]
    return [e["status"] for e in entries if e["direction"] == "out" and "/webhooks/crm/" in e["path"]]


def test_a_webhook_secret_is_rotated_without_a_lost_delivery(house: House, ada: Person) -> None:
    task, old = synced_task(house, ada), house.installation["webhook_secret"]
    since = house.mark().crm
    fresh = house.api.call("POST", "/v1/webhook-secret", expect=201)["webhook_secret"]
    assert fresh != old
    for turn, secret in enumerate((old, fresh, old, fresh)):
        crm_signs_with(house, secret)
        edit_task(ada, task, title=f"Turn {turn}")
        until_quiet(house)
        assert house.event(ada)["summary"] == f"Turn {turn}"
    assert set(statuses(house, since)) <= {200, 202}
    house.advance(hours=24, minutes=1)
    since = house.mark().crm
    crm_signs_with(house, old)
    edit_task(ada, task, title="Signed with the old one")
    house.settle()
    assert set(statuses(house, since)) == {401}
    assert house.event(ada)["summary"] == "Turn 3"


def restarted(house: House, keys: list[str]) -> Any:
    """The processes again, under these keys; gives the store to be closed."""
    before = house.gateway.store
    gateway = wiring.build(settings.load({**house.environment, "TOKEN_KEYS": ",".join(keys)}), wiring.Process.WORKER)
    house.ctx = dataclasses.replace(gateway.ctx, doorbell=house.rings, alarm=house.ctx.alarm)
    house.gateway = dataclasses.replace(gateway, ctx=house.ctx)
    return before


def test_token_keys_are_rotated_and_the_old_one_is_taken_out(house: House, ada: Person) -> None:
    synced_task(house, ada)
    old, new = house.environment["TOKEN_KEYS"], base64.b64encode(secrets.token_bytes(32)).decode()
    web = restarted(house, [new, old])
    token_ages(house)
    *_, (_done, failed, left) = house.gateway.rotate_keys()
    assert (failed, left) == (0, 0)
    restarted(house, [new]).close()
    with house.ctx.store.begin() as uow:
        mine = uow.connections.of_user(house.gateway_installation(), ada.user_id)  # type: ignore[arg-type]
    assert mine is not None
    assert mine.credential, "the tokens open under the new key alone"
    house.gateway.store.close()  # type: ignore[attr-defined]
    house.gateway = dataclasses.replace(house.gateway, store=web)
