"""The stand-in CRM's webhooks on the wire: signatures, ids, retries, order, and misbehaviour on demand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial

import pytest
from standardwebhooks import WebhookVerificationError

from sandbox.crm.webhooks import RETRIES_S
from tests.sandbox.crm_world import OTHER_SECRET, SECRET, CrmWorld, eventually, problem


@pytest.fixture(scope="module")
def running() -> Iterator[CrmWorld]:
    with CrmWorld() as world:
        yield world


@pytest.fixture
def world(running: CrmWorld) -> CrmWorld:
    return running.fresh()


def heard(world: CrmWorld, count: int) -> bool:
    return len(world.ledger("out")) == count


def test_every_webhook_is_signed_and_has_an_id_of_its_own(world):
    ada = world.person()
    task = ada.create(calendar_sync=True, title="Grüße 👋🏽")
    ada.edit(task, priority="low")
    arrivals = world.receiver.wait(2)
    assert arrivals[0].verify()["data"]["task"]["title"] == "Grüße 👋🏽"
    assert arrivals[0].headers["content-type"] == "application/json"
    assert len({arrival.id for arrival in arrivals}) == 2
    with pytest.raises(WebhookVerificationError):
        arrivals[0].verify(OTHER_SECRET)


def test_several_secrets_sign_side_by_side(world):
    world.install(webhook_secret=[SECRET, OTHER_SECRET])
    world.admin("POST", "/ping")
    arrival = world.receiver.wait(1)[0]
    assert arrival.verify(SECRET)["type"] == arrival.verify(OTHER_SECRET)["type"] == "ping"


def test_a_failed_delivery_comes_again_by_the_clock_with_the_same_id(world):
    world.receiver.answers.extend([503, None, 429])
    world.person().create(calendar_sync=True)
    for number, wait_s in enumerate(RETRIES_S[:3], start=1):
        eventually(partial(heard, world, number))
        world.clock.advance(wait_s)
        world.receiver.wait(number + 1)
    arrivals = world.receiver.arrivals
    assert len({arrival.id for arrival in arrivals}) == 1
    assert len({arrival.raw for arrival in arrivals}) == 1
    stamps = [int(arrival.headers["webhook-timestamp"]) for arrival in arrivals]
    assert stamps[-1] - stamps[0] >= sum(RETRIES_S[:3]) - 1
    eventually(lambda: [entry["status"] for entry in world.ledger("out")] == [503, None, 429, 202])


def test_410_stops_webhooks_until_they_are_installed_anew(world):
    world.receiver.answers.append(410)
    ada = world.person()
    task = ada.create(calendar_sync=True)
    eventually(lambda: world.admin("GET", "/installation").json()["stopped_by_410"])
    ada.edit(task, title="Unheard")
    world.install()
    ada.edit(task, title="Heard")
    arrivals = world.receiver.wait(2)
    assert arrivals[1].verify()["data"]["task"]["title"] == "Heard"


def test_another_4xx_is_not_repeated(world):
    world.receiver.answers.append(400)
    ada = world.person()
    ada.create(calendar_sync=True)
    eventually(lambda: [entry["status"] for entry in world.ledger("out")] == [400])
    world.clock.advance(sum(RETRIES_S))
    world.admin("POST", "/ping")
    assert world.receiver.wait(2)[1].message["type"] == "ping"


def test_a_burst_on_one_task_arrives_in_order(world):
    ada = world.person()
    task = ada.create(calendar_sync=True)
    for number in range(60):
        ada.edit(task, title=f"Title {number}")
    versions = [arrival.message["data"]["task"]["version"] for arrival in world.receiver.wait(61)]
    assert versions == list(range(1, 62))


def test_no_webhook_for_a_state_report(world):
    task = world.person().create(calendar_sync=True)
    assert world.gateway.report(task, {"state": "synced"}).status_code == 204
    world.admin("POST", "/ping")
    assert {arrival.message["type"] for arrival in world.receiver.wait(2)} == {"task.created", "ping"}


def test_held_webhooks_let_later_ones_pass(world):
    ada = world.person()
    task = ada.create(calendar_sync=True)
    world.receiver.wait(1)
    world.fault("hold", {"direction": "out", "person": ada.email})
    ada.edit(task, title="First")
    ada.edit(task, title="Second")
    world.receiver.wait(2)
    assert world.admin("POST", "/release").json() == {"released": 1}
    titles = [arrival.verify()["data"]["task"]["title"] for arrival in world.receiver.wait(3)]
    assert titles == ["Call Ada", "Second", "First"]


def test_lifting_the_faults_lets_held_webhooks_go(world):
    world.fault("hold", {"direction": "out"}, times=None)
    world.person().create()
    eventually(lambda: world.admin("DELETE", "/faults").status_code == 204 and world.receiver.arrivals)


def test_duplicate_sends_the_same_delivery_twice(world):
    world.fault("duplicate", {"direction": "out"})
    world.person().create()
    first, second = world.receiver.wait(2)
    assert (first.id, first.raw) == (second.id, second.raw)


def test_dropped_webhooks_are_lost(world):
    world.fault("drop", {"direction": "out", "path": "^/webhooks/crm/"})
    ada = world.person()
    ada.create(title="Lost")
    eventually(lambda: [entry["status"] for entry in world.ledger("out")] == [None])
    world.clock.advance(sum(RETRIES_S))
    ada.create(title="Found", calendar_sync=True)
    assert world.receiver.wait(1)[0].message["data"]["task"]["title"] == "Found"


def test_a_cut_answer_is_no_answer_so_the_webhook_comes_again(world):
    world.fault("cut_after_write", {"direction": "out"})
    world.person().create()
    eventually(lambda: len(world.ledger("out")) == 1)
    world.receiver.wait(1)
    world.clock.advance(RETRIES_S[0])
    first, second = world.receiver.wait(2)
    assert first.id == second.id


def test_a_scripted_status_stands_for_the_receivers(world):
    world.fault("status", {"direction": "out"}, status=500)
    world.person().create()
    eventually(lambda: [entry["status"] for entry in world.ledger("out")] == [500])
    assert world.receiver.arrivals == []
    world.clock.advance(RETRIES_S[0])
    world.receiver.wait(1)


def test_delayed_webhooks_wait_for_the_clock(world):
    world.fault("delay", {"direction": "out"}, delay_ms=3_600_000)
    ada = world.person()
    ada.create(title="Late", calendar_sync=True)
    ada.create(title="Early", calendar_sync=True)
    world.receiver.wait(1)
    world.clock.advance(3600)
    titles = [arrival.message["data"]["task"]["title"] for arrival in world.receiver.wait(2)]
    assert titles == ["Early", "Late"]


def test_a_careless_vendor_sends_private_tasks_whole(world):
    world.admin("POST", "/behaviour", {"payload": "full", "actor": False})
    world.person().create(title="Private")
    data = world.receiver.wait(1)[0].verify()["data"]
    assert data["task"]["title"] == "Private"
    assert "actor" not in data


def test_a_thin_vendor_never_sends_content(world):
    world.admin("POST", "/behaviour", {"payload": "thin"})
    task = world.person().create(calendar_sync=True)
    data = world.receiver.wait(1)[0].verify()["data"]
    assert data["task"] == {"id": task["id"], "version": 1, "calendar_sync": True}


def test_any_delivery_can_be_sent_by_hand(world):
    stale = int(time.time()) - 301
    sent = world.admin("POST", "/send", {"body": [{"type": "ping"}], "id": "msg_1", "timestamp": stale}).json()
    world.admin("POST", "/send", {"body": "{broken", "secret": OTHER_SECRET, "headers": {"Content-Type": "text/x"}})
    by_id = {arrival.id == "msg_1": arrival for arrival in world.receiver.wait(2)}
    assert sent == {"id": "msg_1"}
    assert by_id[True].headers["webhook-timestamp"] == str(stale)
    with pytest.raises(WebhookVerificationError, match="too old"):
        by_id[True].verify()
    assert (by_id[False].raw, by_id[False].headers["content-type"]) == ("{broken", "text/x")
    with pytest.raises(WebhookVerificationError, match="No matching"):
        by_id[False].verify()


def test_the_contracts_own_vector(world):
    body = (
        '{"type":"task.updated","timestamp":"2026-12-01T09:30:00Z",'
        '"data":{"task":{"id":"t-1","version":7},"changed":["due"]}}'
    )
    world.admin("POST", "/send", {"body": body, "id": "msg_01", "timestamp": 1764581400})
    arrival = world.receiver.wait(1)[0]
    assert arrival.headers["webhook-signature"] == "v1,OeJlAPtKMNsPWRe8dVlughL6WWj8eFYMj/AIK6HiCwk="
    assert arrival.message == json.loads(body)


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"webhook_url": "https://crm.example/hook"}, {"webhook_url": "must_be_on_loopback"}),
        ({"webhook_url": "ftp://127.0.0.1/"}, {"webhook_url": "not_absolute_url"}),
        ({"webhook_url": None}, {"webhook_url": "required"}),
        ({"webhook_secret": "whsec_"}, {"webhook_secret": "not_whsec_base64"}),
        ({"webhook_secret": None}, {"webhook_secret": "required"}),
        ({"webhook": 1}, {"webhook": "unknown_field"}),
    ],
)
def test_an_installation_that_cannot_work_is_refused(world, asked, wrong):
    whole = {"webhook_url": world.receiver.url, "webhook_secret": SECRET}
    assert problem(world.admin("POST", "/installation", whole | asked), 422) == wrong


def test_the_gateways_token_stays_until_it_is_rotated(world):
    before = world.gateway.token
    world.install()
    assert world.gateway.token == before
    world.install(rotate_token=True)
    assert world.gateway.call("GET", "/tasks").status_code == 200
    world.gateway.token = before
    assert problem(world.gateway.call("GET", "/tasks"), 401) == {"Authorization": "bearer_token"}


def test_webhooks_leave_after_the_notify_delay():
    with CrmWorld(notify_delay_ms=60_000) as slow:
        slow.person().create()
        slow.clock.advance(59)
        assert slow.receiver.arrivals == []
        slow.clock.advance(2)
        slow.receiver.wait(1)
