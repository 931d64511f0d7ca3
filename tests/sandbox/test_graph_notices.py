"""Subscriptions: the handshake, what is refused, renewal and end; notifications and lifecycle notifications."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.crm_world import eventually
from tests.sandbox.graph_world import IMMUTABLE, GraphWorld, Inbox

ANN = "ann@example.com"


def _in(graph: GraphWorld, **span: float) -> str:
    moved: float = graph.admin("clock", advance_s=0)["offset_s"]
    return (datetime.now(UTC) + timedelta(seconds=moved, **span)).isoformat()


def _ends(answer: Any) -> datetime:
    return datetime.fromisoformat(answer.json["expirationDateTime"])


def _subscribed(graph: GraphWorld, inbox: Inbox, email: str = ANN, **body: Any) -> tuple[Any, Any]:
    """An app signed in for the person, and its subscription."""
    app = graph.app(email)
    wanted = {"lifecycleNotificationUrl": inbox.lifecycle_url, "expirationDateTime": _in(graph, days=6), **body}
    made = app.subscribe(inbox.url, **wanted)
    assert made.status == 201, made.json
    return app, made.json


def test_both_addresses_are_asked_before_the_answer(graph: GraphWorld, inbox: Inbox) -> None:
    graph.person()
    _, made = _subscribed(graph, inbox)
    assert [path for path, _ in inbox.handshakes] == [
        "/webhooks/calendar/outlook",
        "/webhooks/calendar/outlook/lifecycle",
    ]
    assert all(token.startswith("Validation: Testing client application reachability") for _, token in inbox.handshakes)
    assert made["clientState"] == "state-1"
    assert made["applicationId"] == graph.client_id
    assert made["resource"] == "me/events"
    sent = [(one["direction"], one["path"], one["status"]) for one in graph.ledger()][-3:]
    assert sent[0] == ("out", "/webhooks/calendar/outlook", 200)
    assert sent[2] == ("in", "/v1.0/subscriptions", 201)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("handshake_status", 202),
        ("handshake_type", "application/json"),
        ("handshake_body", "Validation%3A"),
    ],
)
def test_a_handshake_that_fails(graph: GraphWorld, inbox: Inbox, attribute: str, value: Any) -> None:
    ann = graph.person()
    setattr(inbox, attribute, value)
    refused = ann.subscribe(inbox.url, expirationDateTime=_in(graph, days=1))
    assert refused.problem == (400, "InvalidRequest")
    assert "must respond with 200 OK to validation request" in refused.json["error"]["message"]
    assert ann.get("subscriptions").json["value"] == []


def test_nobody_there(graph: GraphWorld, inbox: Inbox) -> None:
    inbox.stop()
    refused = graph.person().subscribe(inbox.url, expirationDateTime=_in(graph, days=1))
    assert refused.problem == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"changeType": None}, 400, "InvalidRequest"),
        ({"expirationDateTime": None}, 400, "InvalidRequest"),
        ({"changeType": "renamed"}, 400, "InvalidRequest"),
        ({"clientState": "x" * 129}, 400, "InvalidRequest"),
        ({"notificationUrl": "http://example.com/push"}, 400, "InvalidRequest"),
        ({"notificationUrl": "https://example.com/push"}, 400, "InvalidRequest"),
        ({"lifecycleNotificationUrl": "ftp://127.0.0.1/push"}, 400, "InvalidRequest"),
        ({"resource": "me/messages"}, 400, "InvalidRequest"),
        ({"resource": "me/events/AAMkAD="}, 400, "InvalidRequest"),
        ({"resource": "users/bob@example.com/events"}, 403, "ErrorAccessDenied"),
        ({"resource": "me/calendars/none/events"}, 404, "ErrorFolderNotFound"),
        ({"expirationDateTime": "2020-01-01T00:00:00Z"}, 400, "InvalidRequest"),
        ({"expirationDateTime": "tomorrow"}, 400, "InvalidRequest"),
        ({"expirationDateTime": "2999-01-01T00:00:00Z"}, 400, "ExtensionError"),
        ({"secret": "x"}, 400, "RequestBodyRead"),
        ({"includeResourceData": True}, 501, "NotModelled"),
    ],
)
def test_what_is_refused(graph: GraphWorld, inbox: Inbox, change: Any, status: int, code: str) -> None:
    ann = graph.person()
    wanted = {"expirationDateTime": _in(graph, days=1), **change}
    assert ann.subscribe(wanted.pop("notificationUrl", inbox.url), **wanted).problem == (status, code)
    assert inbox.handshakes == []


def test_another_ones_calendar_and_a_missing_scope(graph: GraphWorld, inbox: Inbox) -> None:
    graph.person()
    shared = graph.admin("calendars", email=ANN, name="Bob's", owner="bob@example.com")["calendar_id"]
    app, until = graph.app(ANN), _in(graph, days=1)
    resource = f"me/calendars/{shared}/events"
    assert app.subscribe(inbox.url, resource=resource, expirationDateTime=until).problem == (403, "ErrorAccessDenied")
    graph.admin("quirks", needs_read_scope=True)
    assert app.subscribe(inbox.url, expirationDateTime=until).problem == (403, "ErrorAccessDenied")
    both = graph.app(ANN, "Calendars.Read", "Calendars.ReadWrite")
    assert both.subscribe(inbox.url, expirationDateTime=until).status == 201


def test_how_long_it_lives(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    short = ann.subscribe(inbox.url, expirationDateTime=_in(graph, minutes=1))
    assert timedelta(minutes=44) < _ends(short) - datetime.now(UTC) - _moved(graph) <= timedelta(minutes=45)
    path = f"subscriptions/{short.json['id']}"
    longer = ann.call("PATCH", path, {"expirationDateTime": _in(graph, minutes=10_080)})
    assert _ends(longer) - datetime.now(UTC) - _moved(graph) > timedelta(minutes=10_079)
    assert ann.call("PATCH", path, {"expirationDateTime": _in(graph, minutes=10_090)}).status == 400
    assert ann.get(path).json["expirationDateTime"] == longer.json["expirationDateTime"]
    graph.advance(days=6, hours=23)
    assert ann.get(path).status == 200
    graph.advance(hours=2)
    assert ann.get(path).problem == (404, "ResourceNotFound")
    assert ann.call("PATCH", path, {"expirationDateTime": _in(graph, days=1)}).status == 404
    assert ann.get("subscriptions").json["value"] == []


def _moved(graph: GraphWorld) -> timedelta:
    return timedelta(seconds=graph.admin("clock", advance_s=0)["offset_s"])


def test_what_a_renewal_may_change(graph: GraphWorld, inbox: Inbox) -> None:
    graph.person()
    app, made = _subscribed(graph, inbox)
    path = f"subscriptions/{made['id']}"
    for body in ({"lifecycleNotificationUrl": inbox.url}, {"clientState": "x"}, {}, {"colour": "red"}):
        assert app.call("PATCH", path, body).status == 400
    assert len(inbox.handshakes) == 2
    assert app.call("PATCH", path, {"notificationUrl": f"{inbox.url}?v=2"}).json["notificationUrl"].endswith("?v=2")
    assert len(inbox.handshakes) == 3
    assert app.call("POST", f"{path}/reauthorize").status == 204
    assert graph.person("bob@example.com").get(path).status == 404
    assert app.call("DELETE", path).status == 204
    assert app.call("DELETE", path).problem == (404, "ResourceNotFound")


def test_the_same_again_is_a_conflict(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    _, made = _subscribed(graph, inbox)
    app, until = graph.app(ANN), _in(graph, days=1)
    again = app.subscribe(inbox.url, expirationDateTime=until, resource=f"users/{ANN}/events")
    assert again.problem == (409, "ExtensionError")
    assert made["id"] in again.json["error"]["message"]
    assert app.subscribe(inbox.url, expirationDateTime=until, changeType="deleted").status == 201
    assert ann.subscribe(inbox.url, expirationDateTime=until).status == 201
    graph.admin("quirks", duplicates_accepted=True)
    assert app.subscribe(inbox.url, expirationDateTime=until).status == 201
    assert len(app.get("subscriptions").json["value"]) == 3


def test_what_a_notification_says(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    _, made = _subscribed(graph, inbox, changeType="updated")
    event = ann.add({"subject": "Dentist"}, None, IMMUTABLE).json
    (item,) = inbox.expect(1)
    assert item["changeType"] == "updated"
    assert (item["subscriptionId"], item["clientState"]) == (made["id"], "state-1")
    me = graph.admin("persons", email=ANN)
    assert item["tenantId"] == me["tenant_id"]
    assert item["resource"] == f"Users/{me['user_id']}/Events/{event['id']}"
    data = item["resourceData"]
    assert (data["@odata.type"], data["id"]) == ("#Microsoft.Graph.Event", event["id"])
    assert ann.get(data["@odata.id"], IMMUTABLE).json["subject"] == "Dentist"
    # The etag is another one than the event's, and longer.
    assert data["@odata.etag"] != event["@odata.etag"]
    expires = item["subscriptionExpirationDateTime"]
    assert datetime.fromisoformat(expires) == datetime.fromisoformat(made["expirationDateTime"])
    assert expires[26] in "0123456789"
    assert expires[27:] in ("-07:00", "+00:00", "+05:30")
    assert "Dentist" not in str(inbox.posts)
    eventually(lambda: [one["ours"] for one in graph.ledger() if one["direction"] == "out"][2:] == [[False]])
    assert "state-1" not in str([one for one in graph.ledger() if one["direction"] == "out"])


def test_how_often_a_change_is_told(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    _subscribed(graph, inbox)
    event_id = ann.add().json["id"]
    assert [one["changeType"] for one in inbox.expect(2)] == ["created", "updated"]
    told = []
    for number in range(12):
        before = len(inbox.items)
        ann.patch(event_id, {"subject": str(number)})
        inbox.expect(before + 2)
        eventually(lambda: not graph.stand_in.sender.busy)
        told.append(len(inbox.items) - before)
    assert set(told) == {2, 3, 4}
    before = len(inbox.items)
    ann.delete(event_id)
    assert [one["changeType"] for one in inbox.expect(before + 1)[before:]] == ["deleted"]
    sizes = {len(items) for _, items in inbox.posts}
    assert 1 in sizes
    assert max(sizes) > 1


def test_each_calendar_for_itself_and_ids_as_asked_for(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    there = ann.call("POST", "me/calendars", {"name": "Tasks"}).json["id"]
    app, until = graph.app(ANN), _in(graph, days=1)
    default = app.subscribe(f"{inbox.url}?of=default", {"Prefer": ""}, expirationDateTime=until, changeType="created")
    resource = f"me/calendars/{there}/events"
    other = app.subscribe(f"{inbox.url}?of=other", resource=resource, expirationDateTime=until, changeType="created")
    at_home = ann.add().json["id"]
    (first,) = inbox.expect(1)
    assert (first["subscriptionId"], first["resourceData"]["id"]) == (default.json["id"], at_home)
    away = ann.add({}, there, IMMUTABLE).json["id"]
    second = inbox.expect(2)[1]
    assert (second["subscriptionId"], second["resourceData"]["id"]) == (other.json["id"], away)


def test_a_move_is_a_deletion_here_and_a_creation_there(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    there = ann.call("POST", "me/calendars", {"name": "Tasks"}).json["id"]
    _subscribed(graph, inbox, changeType="deleted")
    resource = f"me/calendars/{there}/events"
    _subscribed(graph, inbox, changeType="created", resource=resource)
    event_id = ann.add({}, None, IMMUTABLE).json["id"]
    graph.admin("move", email=ANN, event_id=event_id, calendar_id=there)
    items = inbox.expect(2)
    assert {(one["changeType"], one["resourceData"]["id"]) for one in items} == {
        ("deleted", event_id),
        ("created", event_id),
    }


def test_no_answer_no_end_and_what_is_retried(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    _subscribed(graph, inbox, changeType="deleted")
    inbox.answers.extend([503, 404])
    ann.delete(ann.add().json["id"])
    for attempt in range(1, 4):
        inbox.expect(attempt)
        eventually(lambda: not graph.stand_in.sender.busy)
        graph.advance(seconds=41)
    assert len(inbox.items) == 3
    assert inbox.items[0] == inbox.items[2]


def test_nothing_is_told_after_the_end(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    app, made = _subscribed(graph, inbox)
    app.call("DELETE", f"subscriptions/{made['id']}")
    _subscribed(graph, inbox, changeType="deleted", clientState="second")
    event_id = ann.add().json["id"]
    graph.advance(days=8)
    ann.patch(event_id, {"subject": "two"})
    _subscribed(graph, inbox, changeType="deleted", clientState="third")
    ann.delete(event_id)
    assert [one["clientState"] for one in inbox.expect(1)] == ["third"]


def test_shuffled_doubled_and_mixed(graph: GraphWorld, inbox: Inbox) -> None:
    ann, bob = graph.person(), graph.person("bob@example.com")
    _subscribed(graph, inbox, changeType="updated")
    _subscribed(graph, inbox, "bob@example.com", changeType="updated", clientState="state-2")
    graph.admin("quirks", gather=True, notices=[3, 3])
    ids = [person.add({}, None, IMMUTABLE).json["id"] for person in (ann, bob) for _ in range(5)]
    for number, event_id in enumerate(ids):
        (ann if number < 5 else bob).patch(event_id, {"subject": "two"})
    assert graph.admin("deliver", shuffle=True, copies=2, per_post=20) == {"sent": 80}
    items = inbox.expect(80)
    assert Counter(one["resourceData"]["id"] for one in items) == dict.fromkeys(ids, 8)
    assert [one["resourceData"]["id"] for one in items] != sorted(ids, key=ids.index)
    assert any({one["clientState"] for one in posted} == {"state-1", "state-2"} for _, posted in inbox.posts)
    assert graph.admin("deliver") == {"sent": 0}


def test_faults_on_the_way_out(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    _subscribed(graph, inbox, changeType="deleted")
    graph.admin("faults", match={"direction": "out", "person": ANN}, do="hold")
    graph.admin("faults", match={"direction": "out"}, do="duplicate")
    first, second = (ann.add({}, None, IMMUTABLE).json["id"] for _ in range(2))
    ann.delete(first)
    eventually(lambda: not graph.stand_in.sender.busy)
    ann.delete(second)
    assert [one["resourceData"]["id"] for one in inbox.expect(2)] == [second, second]
    graph.admin("release")
    assert inbox.expect(3)[2]["resourceData"]["id"] == first


@pytest.mark.parametrize("form", ["documented", "real"])
def test_lifecycle_notifications_in_both_forms(graph: GraphWorld, inbox: Inbox, form: str) -> None:
    graph.person()
    app, made = _subscribed(graph, inbox)
    tenant = graph.admin("persons", email=ANN)["tenant_id"]
    for event in ("reauthorizationRequired", "missed", "subscriptionRemoved"):
        assert graph.admin("lifecycle", email=ANN, event=event, form=form) == {"sent": 1}
    items = inbox.expect(3)
    assert {path for path, _ in inbox.posts} == {"/webhooks/calendar/outlook/lifecycle"}
    assert [one["lifecycleEvent"] for one in items] == ["reauthorizationRequired", "missed", "subscriptionRemoved"]
    for one in items:
        assert (one["subscriptionId"], one["clientState"]) == (made["id"], "state-1")
        assert "changeType" not in one
        if form == "documented":
            assert one["tenantId"] == tenant
        else:
            assert (one["organizationId"], one["resource"]) == (tenant, f"Subscriptions/{made['id']}")
            assert one["resourceData"] == {"@odata.type": "#microsoft.graph.subscription", "id": made["id"]}
            assert one["resourceChangeType"] is one["encryptedContent"] is None
    assert app.get(f"subscriptions/{made['id']}").status == 404


@pytest.mark.parametrize("way", ["renew", "reauthorize"])
def test_deliveries_wait_for_the_reauthorization(graph: GraphWorld, inbox: Inbox, way: str) -> None:
    ann = graph.person()
    app, made = _subscribed(graph, inbox, changeType="deleted")
    late, soon = ann.add().json["id"], ann.add({}, None, IMMUTABLE).json["id"]
    graph.admin("lifecycle", email=ANN, event="reauthorizationRequired", block=True)
    inbox.expect(1)
    ann.delete(late)
    graph.advance(hours=5)
    ann.delete(soon)
    eventually(lambda: not graph.stand_in.sender.busy)
    assert len(inbox.items) == 1
    path = f"subscriptions/{made['id']}"
    fresh = graph.app(ANN)
    if way == "renew":
        assert fresh.call("PATCH", path, {"expirationDateTime": _in(graph, days=2)}).status == 200
    else:
        assert fresh.call("POST", f"{path}/reauthorize").status == 204
    assert inbox.expect(2)[1]["resourceData"]["id"] == soon
    assert app.get(path).status == 401


@pytest.mark.parametrize(("how", "left", "told"), [("kept", 1, 0), ("silent", 0, 0), ("told", 0, 1)])
def test_what_a_revocation_does_to_subscriptions(
    graph: GraphWorld, inbox: Inbox, how: str, left: int, told: int
) -> None:
    graph.person()
    app, _ = _subscribed(graph, inbox)
    graph.admin("revoke", email=ANN, subscriptions=how)
    assert len(app.get("subscriptions").json["value"]) == left
    assert [one["lifecycleEvent"] for one in inbox.expect(told)] == ["subscriptionRemoved"] * told


def test_subscriptions_vanish(graph: GraphWorld, inbox: Inbox) -> None:
    ann = graph.person()
    app, made = _subscribed(graph, inbox)
    assert graph.admin("drop_subscriptions", email=ANN) == {"dropped": 1}
    assert app.call("PATCH", f"subscriptions/{made['id']}", {"expirationDateTime": _in(graph, days=1)}).status == 404
    calendar = ann.call("POST", "me/calendars", {"name": "Tasks"}).json["id"]
    _, second = _subscribed(graph, inbox, resource=f"me/calendars/{calendar}/events")
    ann.call("DELETE", f"me/calendars/{calendar}")
    assert app.get(f"subscriptions/{second['id']}").status == 404
    assert inbox.items == []
