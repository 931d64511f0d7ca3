"""HubSpot's batches: the v3 signature over the public address, what events mean, a bad element among good ones."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.model import TaskGone
from gateway.core.ports import Knock
from gateway.core.signals import CrmDelivery, Ignored, Kind, TaskSignal
from gateway.crms.hubspot import notifications
from sandbox.hubspot import events

# The construction was computed for this project and passes the check of the vendor's own SDK.
URL = "https://gw.example/webhooks/crm/k1"
SECRET = "hs-client-secret"
SIGNATURE = "0PeATv8MEthmsgrqdWWkXfPcbtMU6oXxrf4bdUGNneA="
STAMP = 1764581400123
RAW = (
    b'[{"eventId":1,"subscriptionId":2,"portalId":3,"appId":4,"occurredAt":1764581400000,'
    b'"subscriptionType":"object.propertyChange","attemptNumber":0,"objectId":5,"objectTypeId":"0-27",'
    b'"propertyName":"hs_timestamp","propertyValue":"1764581400000","changeSource":"CRM_UI","sourceId":"userId:9"}]'
)
HEADERS = {"x-hubspot-request-timestamp": str(STAMP), "x-hubspot-signature-v3": SIGNATURE}
NOW = datetime.fromtimestamp(STAMP / 1000, UTC)
KNOCK = Knock(HEADERS, RAW, (SECRET,), NOW, URL)
EVENT: dict[str, Any] = json.loads(RAW)[0]


def signed(raw: bytes) -> Knock:
    """These bytes, signed as they should be."""
    made = events.headers(SECRET, URL, raw, NOW)
    return replace(KNOCK, raw=raw, headers={name.lower(): value for name, value in made.items()})


def told(*changes: dict[str, Any]) -> CrmDelivery:
    """What a batch of such events means; ``None`` takes a member away."""
    batch = [{name: value for name, value in {**EVENT, **one}.items() if value is not ...} for one in changes]
    return notifications.read(signed(json.dumps(batch).encode()))


def only(delivery: CrmDelivery) -> TaskSignal:
    (signal,) = delivery.signals
    assert isinstance(signal, TaskSignal)
    return signal


SWITCH = {"propertyName": "calendar_sync", "propertyValue": "true"}


# --- trust ----------------------------------------------------------------------------------------------------------


def test_the_vector_is_trusted_and_the_stand_in_sends_the_same_bytes() -> None:
    signal = only(notifications.read(KNOCK))
    assert (signal.task_id, signal.account, signal.kind) == ("5", "3", Kind.CHANGED)
    app = events.App(4, "", SECRET, "", URL)
    subscription = events.Subscription(2, "object.propertyChange", "0-27", "hs_timestamp")
    happened = datetime.fromtimestamp(1764581400, UTC)
    change = events.Change(
        3, "5", "object.propertyChange", happened, "CRM_UI", "userId:9", "hs_timestamp", "1764581400000"
    )
    assert events.body([events.event(app, subscription, change, 1)]) == RAW
    made = events.headers(SECRET, URL, RAW, NOW)
    assert made["X-HubSpot-Signature-v3"] == SIGNATURE
    assert made["X-HubSpot-Request-Timestamp"] == str(STAMP)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secrets": ()},
        {"secrets": ("another",)},
        {"url": "http://gw.example/webhooks/crm/k1"},
        {"url": "https://gw.example/webhooks/crm/k2"},
        {"url": URL + "?v=1"},
        {"raw": RAW + b" "},
        {"now": NOW + timedelta(minutes=5, seconds=1)},
        {"now": NOW - timedelta(minutes=5, seconds=1)},
        {"headers": {}},
        {"headers": {**HEADERS, "x-hubspot-request-timestamp": "1764581400124"}},
        {"headers": {**HEADERS, "x-hubspot-request-timestamp": "now"}},
        {"headers": {**HEADERS, "x-hubspot-request-timestamp": "9" * 30}},
        {"headers": {**HEADERS, "x-hubspot-signature-v3": ""}},
        {"headers": {**HEADERS, "x-hubspot-signature-v3": "ü"}},
        {"headers": {"x-hubspot-request-timestamp": str(STAMP), "x-hubspot-signature": SIGNATURE}},
    ],
)
def test_what_is_not_signed_right_and_lately_is_not_trusted(wrong: dict[str, Any]) -> None:
    with pytest.raises(NotTrusted) as caught:
        notifications.read(replace(KNOCK, **wrong))
    assert str(caught.value) == "the delivery is not trusted"


def test_a_rotated_client_secret_is_trusted_beside_the_new_one() -> None:
    assert notifications.read(replace(KNOCK, secrets=("newer", SECRET))).signals


# --- meaning --------------------------------------------------------------------------------------------------------


def test_b1_an_edit_tells_nothing_of_the_switch_nor_a_value() -> None:
    signal = only(told({"propertyName": "hs_task_subject", "propertyValue": "secret matter"}))
    assert (signal.said, signal.sync_on, signal.switch_stands, signal.version) == (None, None, True, None)
    assert "secret matter" not in repr(signal)


@pytest.mark.parametrize(("value", "on"), [("true", True), ("false", False), ("", False), (None, False)])
def test_the_switch_is_told_by_its_property(value: str | None, on: bool) -> None:
    signal = only(told({**SWITCH, "propertyValue": value}))
    assert (signal.sync_on, signal.switch_stands, signal.said) == (on, False, None)


@pytest.mark.parametrize(
    ("word", "kind", "said"),
    [
        ("object.creation", Kind.CHANGED, None),
        ("object.restore", Kind.RESTORED, None),
        ("object.deletion", Kind.DELETED, TaskGone()),
    ],
)
def test_a_new_and_a_restored_task_are_looked_at(word: str, kind: Kind, said: TaskGone | None) -> None:
    signal = only(told({"subscriptionType": word, "propertyName": ..., "propertyValue": ...}))
    assert (signal.kind, signal.said, signal.switch_stands) == (kind, said, False)


@pytest.mark.parametrize(("source", "actor"), [("CRM_UI", "user"), ("INTEGRATION", "api"), (None, "api")])
def test_who_it_was_is_a_hint(source: str | None, actor: str) -> None:
    assert only(told({"changeSource": source})).actor == actor


def test_three_properties_of_one_edit_are_one_signal() -> None:
    names = ("hs_timestamp", "hs_task_subject", "hs_task_priority")
    signal = only(told(*({"propertyName": name} for name in names)))
    assert (signal.task_id, signal.switch_stands) == ("5", True)


def test_the_latest_word_on_the_switch_counts_however_a_batch_is_ordered() -> None:
    on, off = {**SWITCH, "occurredAt": 2}, {**SWITCH, "propertyValue": "false", "occurredAt": 1}
    edit = {"occurredAt": 3}
    assert only(told(on, off, edit)).sync_on is True
    assert only(told(off, edit, on)).sync_on is True
    assert only(told({**on, "occurredAt": 1}, {**off, "occurredAt": 2})).sync_on is False


def test_a_deletion_stands_beside_an_edit_and_in_its_order() -> None:
    deletion = {"subscriptionType": "object.deletion", "propertyName": ..., "occurredAt": 5}
    kinds = [signal.kind for signal in told({"occurredAt": 9}, deletion).signals if isinstance(signal, TaskSignal)]
    assert kinds == [Kind.DELETED, Kind.CHANGED]


def test_tasks_and_accounts_are_kept_apart() -> None:
    delivery = told({}, {"objectId": 6}, {"portalId": 7})
    about = {(s.account, s.task_id) for s in delivery.signals if isinstance(s, TaskSignal)}
    assert about == {("3", "5"), ("3", "6"), ("7", "5")}


def test_other_objects_and_events_are_understood_and_ignored() -> None:
    delivery = told({"objectTypeId": "0-1"}, {"subscriptionType": "object.merge"})
    assert all(isinstance(signal, Ignored) for signal in delivery.signals)
    assert len(delivery.signals) == 2


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"objectId": "5"}, "[1].objectId"),
        ({"objectId": ...}, "[1].objectId"),
        ({"portalId": None}, "[1].portalId"),
        ({"subscriptionType": 7}, "[1].subscriptionType"),
        ({"occurredAt": "yesterday"}, "[1].occurredAt"),
        ({"occurredAt": 10**18}, "[1].occurredAt"),
        ({"propertyName": None}, "[1].propertyName"),
    ],
)
def test_one_bad_element_is_named_and_the_others_count(bad: dict[str, Any], named: str) -> None:
    delivery = told({"objectId": 1}, bad, {"objectId": 2})
    assert [s.task_id for s in delivery.signals if isinstance(s, TaskSignal)] == ["1", "2"]
    (fault,) = delivery.faults
    assert fault.startswith(named)


def test_ten_thousand_bad_elements_are_named_in_part() -> None:
    delivery = notifications.read(signed(b"[" + b",".join([b"7"] * 10_000) + b"]"))
    assert (len(delivery.faults), delivery.faults[-1]) == (101, "and 9900 more")


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"[", b'"x"', b"[NaN]", b"\xff\xfe[\x00]\x00"])
def test_what_is_no_list_is_not_readable(raw: bytes) -> None:
    with pytest.raises(NotReadable):
        notifications.read(signed(raw))
