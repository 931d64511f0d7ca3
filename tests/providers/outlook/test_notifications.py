"""Handshakes and notifications, documented and as they really come."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import NotReadable
from gateway.core.signals import Handshake, Push, Pushes
from gateway.providers.outlook import notifications

STATE = "channel-1.secret-1"
CHANGED = {
    "subscriptionId": "sub-1",
    "subscriptionExpirationDateTime": "2026-12-01T01:53:53.1886542-07:00",
    "changeType": "updated",
    "resource": "Users/oid/Events/AAkALg=",
    "resourceData": {
        "@odata.type": "#Microsoft.Graph.Event",
        "@odata.id": "Users/oid/Events/AAkALg=",
        "@odata.etag": 'W/"DwAAABYAAAABZRePI"',
        "id": "AAkALg=",
    },
    "clientState": STATE,
    "tenantId": "tenant-1",
}
LIFECYCLE = {
    "subscriptionId": "sub-1",
    "clientState": STATE,
    "lifecycleEvent": "reauthorizationRequired",
    "tenantId": "tenant-1",
}
REAL = {
    **LIFECYCLE,
    "organizationId": "tenant-1",
    "resource": "Subscriptions/sub-1",
    "resourceData": {"@odata.type": "#microsoft.graph.subscription", "id": "sub-1"},
    "resourceChangeType": None,
    "encryptedContent": None,
}


def read(*items, query=""):
    found = notifications.read({}, json.dumps({"value": list(items), "validationTokens": []}).encode(), query)
    assert isinstance(found, Pushes)
    return found.items


def test_a_change_names_its_event():
    (push,) = read(CHANGED)
    assert push == Push("channel-1", "secret-1", "changed", "sub-1", "AAkALg=", None, 'W/"DwAAABYAAAABZRePI"')


@pytest.mark.parametrize(("told", "state"), [("created", "changed"), ("Deleted", "deleted"), ("renamed", "unknown")])
def test_what_happened(told, state):
    assert read({**CHANGED, "changeType": told})[0].state == state


@pytest.mark.parametrize("form", [LIFECYCLE, REAL])
@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("reauthorizationRequired", "expiring"),
        ("subscriptionRemoved", "ended"),
        ("missed", "missed"),
        ("somethingNew", "unknown"),
    ],
)
def test_the_subscriptions_own_fate_names_no_event(form, told, state):
    (push,) = read({**form, "lifecycleEvent": told})
    assert (push.channel_id, push.state, push.event_id, push.resource) == ("channel-1", state, None, "sub-1")


def test_items_of_several_people_come_in_one_array():
    found = read(CHANGED, {**CHANGED, "clientState": "channel-2.secret-2"}, REAL)
    assert [one.channel_id for one in found] == ["channel-1", "channel-2", "channel-1"]


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, {"clientState": 5}, {"clientState": "x"}, {"clientState": ".y"}])
def test_an_item_without_its_state_is_a_strangers(odd):
    assert read(odd, CHANGED)[0] == Push("", "", "unknown")


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"value": 1}', b"[" * 100_000])
def test_an_arrival_that_is_none_is_named(body):
    with pytest.raises(NotReadable):
        notifications.read({}, body, "")


@given(st.binary(max_size=200), st.text(max_size=60))
def test_nothing_else_ever_goes_wrong(body, query):
    try:
        notifications.read({}, body, query)
    except NotReadable:
        return


# --- the handshake


@pytest.mark.parametrize("token", ["Validation: Testing client application Request-Id: 1", "a+b&c=d", "<b>ü</b>"])
def test_a_token_is_decoded_once(token):
    assert notifications.read({}, b"", f"validationToken={quote(token, safe='')}") == Handshake(token)


def test_a_token_that_looks_encoded_stays_so():
    assert notifications.read({}, b"", "validationToken=a%2520b") == Handshake("a%20b")
    assert notifications.read({}, b"", "validationToken=a+b") == Handshake("a b")


@pytest.mark.parametrize("query", ["validationToken=", "validationToken=a%0Ab", f"validationToken={'a' * 3000}"])
def test_a_token_that_is_none_is_refused(query):
    with pytest.raises(NotReadable):
        notifications.read({}, b"", query)


# --- versions


def test_a_notifications_etag_is_longer_than_the_events():
    key = "ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ=="  # 22 bytes
    longer = "DwAAABYAAABmWdbhEgBXTophjCWt81m9AAAt9l5F"  # the same 22 after a header of 8
    assert notifications.same_version(f'W/"{longer}"', f'W/"{key}"')
    assert not notifications.same_version(f'W/"{longer}"', 'W/"ZlnW4RIAV06KYYwlrfNZvQAALfZeRg=="')


@pytest.mark.parametrize("odd", ["", 'W/"short"', "W/", 'W/"AAAA"', "ü"])
def test_etags_that_say_nothing_are_never_the_same(odd):
    assert not notifications.same_version(odd, odd)
