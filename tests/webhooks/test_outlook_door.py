"""Microsoft's door: handshakes on both addresses, arrays of many people with forged items, 202 in time."""

from __future__ import annotations

import dataclasses
import json
import time
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from gateway.core.model import (
    Agreed,
    ConnectionId,
    ConnectionStatus,
    Day,
    Event,
    EventId,
    LinkId,
    LinkStatus,
    Memory,
    Pair,
    Place,
    SubscriptionId,
    TaskId,
    UserId,
)
from gateway.core.ports import Mode
from gateway.core.records import Connection, LedgerCount, Link, Subscription, Topic
from gateway.providers import outlook
from gateway.providers.outlook import OutlookConfig
from gateway.services.pushes import hash_secret
from gateway.web.app import create_app
from tests.webhooks.conftest import INSTALLATION, Doors
from tests.webhooks.test_crm_door import Broken

PEOPLE = 3
KEY = "ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ=="
LONGER = "DwAAABYAAABmWdbhEgBXTophjCWt81m9AAAt9l5F"
DOORS_OF_MICROSOFT = ["/webhooks/calendar/outlook", "/webhooks/calendar/outlook/lifecycle"]


@pytest.fixture
def doors(doors: Doors) -> Doors:
    """The doors with Outlook, and three people, each with a task whose event is called ``AAk<person>=``."""
    config = OutlookConfig(client_id="client", client_secret="secret", now=doors.gateway.ctx.clock.now)
    ctx = dataclasses.replace(doors.gateway.ctx, providers={"outlook": outlook.provider(config)})
    built = dataclasses.replace(doors.gateway, ctx=ctx)
    with ctx.store.begin() as uow:
        for number in range(PEOPLE):
            uow.connections.add(a_connection(number))
            uow.subscriptions.add(a_subscription(number, doors.now))
            uow.links.add(a_link(number, doors.now))
        uow.commit()
    return dataclasses.replace(doors, gateway=built, app=create_app(built))


def a_connection(number: int) -> Connection:
    return Connection(
        ConnectionId(f"outlook-{number}"), INSTALLATION, UserId(f"o-{number}"), "outlook", ConnectionStatus.CONNECTED,
        Mode.EXISTING, "https://login.microsoftonline.com/t/v2.0", f"oid-{number}", f"o{number}@example.com",
        f"test.tag{number}", calendar_id=f"calendar-{number}",
    )  # fmt: skip


def a_subscription(number: int, now: datetime, **more: Any) -> Subscription:
    made = Subscription(
        SubscriptionId(f"ms-{number}"), INSTALLATION, ConnectionId(f"outlook-{number}"), "outlook",
        f"calendar-{number}", hash_secret(f"secret-{number}"), state="live", resource=f"sub-{number}",
        created_at=now - timedelta(days=1), expires_at=now + timedelta(days=6), renew_at=now + timedelta(days=3),
    )  # fmt: skip
    return dataclasses.replace(made, **more)


def a_link(number: int, now: datetime) -> Link:
    day = Day(now.date())
    event = Event(EventId(f"AAk{number}="), f'W/"{KEY}"', 1, "Call Ada", day, timedelta(days=1))
    memory = Memory(event=event, agreed=Agreed(1, Pair("Call Ada", "Call Ada"), Pair(day, day)), last_number=1)
    return Link(
        LinkId(f"link-{number}"), INSTALLATION, TaskId(f"task-{number}"), UserId(f"o-{number}"), LinkStatus.LIVE,
        place=Place(ConnectionId(f"outlook-{number}"), f"calendar-{number}", EventId(f"AAk{number}=")), memory=memory,
    )  # fmt: skip


def an_item(number: int = 0, event: str | None = None, **more: Any) -> dict[str, Any]:
    item = {
        "subscriptionId": f"sub-{number}",
        "clientState": f"ms-{number}.secret-{number}",
        "changeType": "updated",
        "resourceData": {"id": event or f"AAk{number}=", "@odata.etag": 'W/"another"'},
    }
    return {**item, **more}


def lifecycle(event: str, number: int = 0) -> dict[str, Any]:
    return {
        "subscriptionId": f"sub-{number}",
        "clientState": f"ms-{number}.secret-{number}",
        "lifecycleEvent": event,
    }


def arrive(doors: Doors, *items: Any, path: str = DOORS_OF_MICROSOFT[0]) -> TestResponse:
    return doors.client.post(path, data=json.dumps({"value": items}), content_type="application/json")


def owed(doors: Doors) -> list[tuple[str, str]]:
    """Topics and keys of what is owed, oldest first."""
    with doors.gateway.ctx.store.begin() as uow:
        found = []
        for topic, keys in (
            (Topic.SYNC, [f"link-{n}" for n in range(PEOPLE)]),
            (Topic.PULL, [f"outlook-{n}" for n in range(PEOPLE)]),
            (Topic.SUBSCRIBE, [f"outlook-{n}" for n in range(PEOPLE)]),
        ):
            for key in keys:
                mailbox = f"cal:{key.replace('link', 'outlook')}"
                due = uow.outbox.next_due(INSTALLATION, mailbox)
                if due is not None and uow.outbox.take(INSTALLATION, topic, key, mailbox, doors.now):
                    found.append((topic.value, key))
    return found


def ledger(doors: Doors, number: int = 0) -> LedgerCount:
    with doors.gateway.ctx.store.begin() as uow:
        return uow.connections.ledger(INSTALLATION, ConnectionId(f"outlook-{number}"))


# --- handshakes


@pytest.mark.parametrize("path", DOORS_OF_MICROSOFT)
def test_both_addresses_answer_the_handshake(doors: Doors, path: str) -> None:
    token = "Validation: Testing client application reachability <b>&amp;</b> Request-Id: 1+1"
    answer = doors.client.post(f"{path}?validationToken={quote(token, safe='')}", content_type="text/plain")
    assert (answer.status_code, answer.text) == (200, token)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert doors.count("inbox") == 0


@pytest.mark.parametrize("path", DOORS_OF_MICROSOFT)
@pytest.mark.parametrize("body", [b"", b"{}", b"no json", b'{"value": 5}'])
def test_what_is_no_collection_is_a_400(doors: Doors, path: str, body: bytes) -> None:
    assert doors.client.post(path, data=body).status_code == 400


def test_too_much_is_a_413_and_no_database_a_503(doors: Doors) -> None:
    assert doors.client.post(DOORS_OF_MICROSOFT[0], data=b"x" * (4 * 1024 * 1024 + 1)).status_code == 413
    object.__setattr__(doors.gateway.ctx, "store", Broken(doors.gateway.ctx.store, 99))
    assert arrive(doors, an_item()).status_code == 503


# --- notices


def test_an_event_of_ours_is_to_be_looked_at(doors: Doors) -> None:
    assert arrive(doors, an_item()).status_code == 202
    assert doors.bell.rung == [(INSTALLATION, "cal:outlook-0", "now")]
    assert (doors.count("outbox"), doors.count("inbox"), doors.count("timeline")) == (1, 1, 1)
    assert ledger(doors) == LedgerCount(pushes=1)
    assert owed(doors)[0] == ("sync", "link-0")


def test_22_an_event_of_anybody_elses_is_dropped_unread(doors: Doors) -> None:
    assert arrive(doors, an_item(event="AAkForeign="), an_item(event="AAk1=")).status_code == 202
    assert doors.kept()[:2] == (0, 0)
    assert doors.bell.rung == []
    assert ledger(doors) == LedgerCount(pushes=2, dropped=2)


def test_an_echo_is_known_by_its_version(doors: Doors) -> None:
    known = {"id": "AAk0=", "@odata.etag": f'W/"{LONGER}"'}
    assert arrive(doors, an_item(resourceData=known)).status_code == 202
    assert doors.count("outbox") == 0
    assert ledger(doors) == LedgerCount(pushes=1)


def test_several_notices_of_one_edit_are_one_look(doors: Doors) -> None:
    arrive(doors, *[an_item()] * 4)
    assert doors.count("outbox") == 1
    assert ledger(doors) == LedgerCount(pushes=4)


def test_one_array_for_many_people_with_forged_items_between(doors: Doors) -> None:
    forged = [
        an_item(0, clientState="ms-0.wrong"),
        an_item(1, clientState="ms-0.secret-1"),
        an_item(1, subscriptionId="sub-2"),
        an_item(7),
        {"value": "odd"},
        None,
    ]
    assert arrive(doors, an_item(0), *forged, an_item(2)).status_code == 202
    assert [key for topic, key in owed(doors) if topic == "sync"] == ["link-0", "link-2"]
    assert [ledger(doors, number).pushes for number in range(PEOPLE)] == [1, 0, 1]


def test_22_nothing_but_forged_items_is_acknowledged_and_leaves_no_trace(doors: Doors) -> None:
    assert arrive(doors, an_item(0, clientState="ms-0.wrong"), an_item(9)).status_code == 202
    assert doors.kept() == (0, 0, PEOPLE, 0)


def test_the_first_notice_may_be_faster_than_the_answer(doors: Doors) -> None:
    with doors.gateway.ctx.store.begin() as uow:
        pending = a_subscription(0, doors.now, id=SubscriptionId("ms-new"), state="pending", resource=None)
        uow.subscriptions.add(pending)
        uow.commit()
    assert arrive(doors, an_item(0, subscriptionId="sub-new", clientState="ms-new.secret-0")).status_code == 202
    with doors.gateway.ctx.store.begin() as uow:
        found = uow.subscriptions.get("outlook", SubscriptionId("ms-new"))
    assert found is not None
    assert (found.resource, found.verified_at) == ("sub-new", doors.now)


def test_thousands_of_notices_are_taken_in_time(doors: Doors) -> None:
    items = [an_item(number % PEOPLE, event=f"AAkForeign{number}=") for number in range(4000)]
    began = time.monotonic()
    assert arrive(doors, *items, an_item(1)).status_code == 202
    assert time.monotonic() - began < 3
    assert ledger(doors, 1).pushes == 1334


# --- the subscription's own fate


def test_a_wish_to_be_renewed_is_renewed_once(doors: Doors) -> None:
    assert arrive(doors, lifecycle("reauthorizationRequired"), path=DOORS_OF_MICROSOFT[1]).status_code == 202
    assert arrive(doors, lifecycle("reauthorizationRequired"), path=DOORS_OF_MICROSOFT[1]).status_code == 202
    assert doors.count("outbox") == 1
    with doors.gateway.ctx.store.begin() as uow:
        found = uow.subscriptions.get("outlook", SubscriptionId("ms-0"))
    assert found is not None
    assert found.renew_at == doors.now


def test_a_wish_right_after_a_renewal_waits_a_little(doors: Doors) -> None:
    with doors.gateway.ctx.store.begin() as uow:
        uow.subscriptions.save(a_subscription(0, doors.now, created_at=doors.now - timedelta(minutes=4)))
        uow.commit()
    arrive(doors, lifecycle("reauthorizationRequired"), path=DOORS_OF_MICROSOFT[1])
    assert doors.count("outbox") == 0
    with doors.gateway.ctx.store.begin() as uow:
        found = uow.subscriptions.get("outlook", SubscriptionId("ms-0"))
    assert found is not None
    assert found.renew_at == doors.now + timedelta(minutes=6)


def test_one_that_was_removed_is_made_anew(doors: Doors) -> None:
    arrive(doors, lifecycle("subscriptionRemoved"), path=DOORS_OF_MICROSOFT[1])
    arrive(doors, lifecycle("subscriptionRemoved"), path=DOORS_OF_MICROSOFT[1])
    with doors.gateway.ctx.store.begin() as uow:
        assert uow.subscriptions.get("outlook", SubscriptionId("ms-0")) is None
    assert doors.count("outbox") == 1
    assert ("subscribe", "outlook-0") in owed(doors)


@pytest.mark.parametrize("event", ["missed", "somethingNew"])
def test_what_was_missed_is_looked_for(doors: Doors, event: str) -> None:
    arrive(doors, lifecycle(event), path=DOORS_OF_MICROSOFT[1])
    assert doors.count("outbox") == 1
    assert ("pull", "outlook-0") in owed(doors)
