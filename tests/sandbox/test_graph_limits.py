"""Limits: requests in a window, four at once; faults on the way in; the admin plane; start and seed."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

import sandbox.graph
from sandbox.graph import conformance
from tests.sandbox.crm_world import eventually
from tests.sandbox.graph_world import GraphWorld

ANN = "ann@example.com"


def test_more_requests_than_the_window_allows() -> None:
    stand_in = sandbox.graph.start(quota_per_minute=5)
    try:
        graph = GraphWorld(stand_in)
        ann = graph.person()
        app = graph.app(ANN)
        assert [app.get("me/calendars").status for _ in range(6)] == [200] * 5 + [429]
        refused = app.get("me/calendars")
        assert refused.problem == (429, "TooManyRequests")
        wait_s = int(refused.headers["Retry-After"])
        assert 50 < wait_s <= 60
        assert ann.get("me/calendars").status == 200
        graph.advance(seconds=wait_s + 1)
        assert app.get("me/calendars").status == 200
        graph.close()
    finally:
        stand_in.stop()


def test_four_at_once_for_one_app_and_mailbox(graph: GraphWorld) -> None:
    ann, bob = graph.person(), graph.person("bob@example.com")
    assert bob.get("me").status == 200
    apps = [graph.app(ANN) for _ in range(4)]
    graph.admin("faults", match={"path": "me/calendars", "person": ANN}, do="hold", times=4)
    found: list[int] = []
    threads = [threading.Thread(target=lambda app=app: found.append(app.get("me/calendars").status)) for app in apps]
    for thread in threads:
        thread.start()
    # A fifth shows that the four are under way: from then on it is one too many.
    fifth = graph.app(ANN)
    eventually(lambda: fifth.get("me/calendar").status == 429)
    refused = fifth.get("me/calendar")
    assert refused.problem == (429, "ApplicationThrottled")
    assert "MailboxConcurrency" in refused.json["error"]["message"]
    assert refused.headers["Retry-After"] == "1"
    assert fifth.batch({"id": "1", "method": "GET", "url": "/me/calendars"}).status == 429
    assert fifth.get("subscriptions").status == 200
    assert ann.get("me/calendar").status == 200
    assert graph.app("bob@example.com").get("me/calendar").status == 200
    graph.admin("release")
    for thread in threads:
        thread.join(10)
    assert found == [200] * 4
    assert fifth.get("me/calendar").status == 200


def test_a_write_whose_answer_is_lost(graph: GraphWorld) -> None:
    graph.person()
    app = graph.app(ANN)
    graph.admin("faults", match={"method": "POST", "path": "me/events"}, do="cut_after_write")
    with pytest.raises(requests.ConnectionError):
        app.add({"transactionId": "t-1"})
    again = app.add({"transactionId": "t-1"})
    assert again.status == 201
    assert len(app.get("me/events").json["value"]) == 1


@pytest.mark.parametrize(
    ("call", "body", "word"),
    [
        ("persons", {}, "email"),
        ("persons", {"email": ANN, "account": "school"}, "account"),
        ("persons", {"email": ANN, "time_zone": "Europe/Madrid"}, "time_zone"),
        ("consent", {"email": "nobody@example.com"}, "email"),
        ("consent", {"email": ANN, "decision": "perhaps"}, "decision"),
        ("consent", {"email": ANN, "form": "loud"}, "form"),
        ("expire_secret", {"client_id": "nobody"}, "client_id"),
        ("revoke", {"email": ANN, "code": 1}, "code"),
        ("revoke", {"email": ANN, "subscriptions": "some"}, "subscriptions"),
        ("quirks", {"notice": [1, 1]}, "notice"),
        ("quirks", {"notices": [3, 1]}, "notices"),
        ("quirks", {"etags": "none"}, "etags"),
        ("deliver", {"copies": 0}, "copies"),
        ("lifecycle", {"email": ANN, "event": "gone"}, "event"),
        ("lifecycle", {"email": ANN, "event": "missed", "form": "new"}, "form"),
        ("move", {"email": ANN, "event_id": "x", "calendar_id": "y"}, "ErrorItemNotFound"),
    ],
)
def test_an_admin_call_names_what_it_cannot_use(graph: GraphWorld, call: str, body: Any, word: str) -> None:
    graph.person()
    assert word in graph.refused_admin(call, **body)


def test_the_same_seed_gives_the_same_ids(graph: GraphWorld) -> None:
    def once(seed: int) -> tuple[str, ...]:
        graph.admin("reset", seed=seed)
        ann = graph.person()
        return ann.token, str(ann.add().json["id"]), str(graph.admin("clients")["client_id"])

    first = once(7)
    assert once(7) == first
    assert once(8) != first


def test_a_lifecycle_address_is_optional(graph: GraphWorld) -> None:
    graph.person()
    assert graph.admin("lifecycle", email=ANN, event="missed") == {"sent": 0}


def test_conformance_finds_what_the_types_do_not_know() -> None:
    asked = {"direction": "in", "method": "POST", "path": "/v1.0/me/events", "query": {}, "body": {"nope": 1}}
    wrong = conformance.check({**asked, "status": 201, "answer": {"id": 1}})
    for part in (
        "sent: The property 'nope'",
        "without @odata.context",
        "property 'id'",
        "without allowNew",
        "@odata.etag",
    ):
        assert any(part in text for text in wrong), part
    assert conformance.check({**asked, "status": 500, "answer": "oops"}) == [
        "/v1.0/me/events: an error without Graph's error body"
    ]
    (half,) = conformance.check({**asked, "status": 400, "answer": {"error": {"code": "x"}}})
    assert half.endswith("an error without code, message or innerError")
    assert conformance.check({**asked, "status": 400}) == []
    assert conformance.check({**asked, "direction": "out", "status": 202}) == []
