"""Push channels: what watch answers and refuses, what arrives, and how a channel ends."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.sandbox.crm_world import eventually
from tests.sandbox.google_world import OWNED, GoogleWorld, Receiver


def _expires(answer: Any) -> float:
    return int(answer["expiration"]) / 1000


def _now(google: GoogleWorld) -> float:
    moved: float = google.admin("clock", advance_s=0)["offset_s"]
    return datetime.now(UTC).timestamp() + moved


def test_a_watch_answers_and_says_sync(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    answer = ann.watch(receiver.url, token="secret-1").json
    assert answer["kind"] == "api#channel"
    assert answer["id"] == "ch-1"
    assert answer["token"] == "secret-1"
    assert answer["resourceUri"].startswith("https://www.googleapis.com/calendar/v3/calendars/ann%40example.com/events")
    assert abs(_expires(answer) - _now(google) - 604_800) < 10
    (sync,) = receiver.expect(1)
    assert sync["user-agent"].startswith("APIs-Google;")
    assert sync["x-goog-channel-id"] == "ch-1"
    assert sync["x-goog-channel-token"] == "secret-1"
    assert sync["x-goog-resource-id"] == answer["resourceId"]
    assert sync["x-goog-resource-uri"] == answer["resourceUri"]
    assert sync["x-goog-resource-state"] == "sync"
    assert sync["x-goog-message-number"] == "1"
    # An HTTP date in whole seconds, not milliseconds.
    assert parsedate_to_datetime(sync["x-goog-channel-expiration"]).timestamp() == int(_expires(answer))


def test_every_change_by_anyone_is_pushed(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    app = google.app("ann@example.com", OWNED)
    app.watch(receiver.url)
    event_id = app.insert({"summary": "one"}).json["id"]
    ann.patch(event_id, {"summary": "two"})
    ann.patch(event_id, {"summary": "two"})  # changes nothing
    app.patch(event_id, {"summary": "three"})
    ann.delete(event_id)
    pushes = receiver.expect(5)
    assert [push["x-goog-resource-state"] for push in pushes] == ["sync", *["exists"] * 4]
    numbers = [int(push["x-goog-message-number"]) for push in pushes]
    assert numbers == sorted(set(numbers))
    assert "x-goog-channel-token" not in pushes[0]
    eventually(lambda: [one["status"] for one in google.ledger() if one["direction"] == "out"] == [204] * 5)


def test_only_that_calendar_and_only_those_types(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    bob = google.person("bob@example.com")
    other = ann.call("POST", "calendars", {"summary": "Other"}).json["id"]
    wanted = {"id": "ch-1", "type": "web_hook", "address": receiver.url}
    ann.call("POST", "calendars/primary/events/watch", wanted, eventTypes="default")
    ann.insert({}, other)
    bob.insert()
    ann.insert({"eventType": "focusTime"})
    ann.insert({"summary": "this one"})
    ann.insert({"summary": "and this"})
    assert len(receiver.expect(3)) == 3


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"address": "http://example.com/push"}, 400, "push.webhookUrlNotHttps"),
        ({"address": "ftp://127.0.0.1/push"}, 400, "push.webhookUrlNotHttps"),
        ({"address": None}, 400, "push.webhookUrlNotHttps"),
        ({"address": "https://example.com/push"}, 401, "push.webhookUrlUnauthorized"),
        ({"id": None}, 400, "invalid"),
        ({"id": "x" * 65}, 400, "invalid"),
        ({"id": "a b"}, 400, "invalid"),
        ({"type": "email"}, 400, "invalid"),
        ({"token": "t" * 257}, 400, "invalid"),
        ({"params": {"ttl": "soon"}}, 400, "invalid"),
        ({"params": {"ttl": 60}}, 400, "badRequest"),
        ({"expiration": "1000"}, 400, "invalid"),
        ({"callback": "x"}, 400, "badRequest"),
    ],
)
def test_what_cannot_be_watched(google: GoogleWorld, change: dict[str, Any], status: int, reason: str) -> None:
    body = {"id": "ch-1", "type": "web_hook", "address": "http://127.0.0.1:9/push", **change}
    assert google.person().call("POST", "calendars/primary/events/watch", body).problem == (status, reason)


def test_a_channel_id_is_used_for_ever(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    answer = ann.watch(receiver.url).json
    assert ann.watch(receiver.url).problem == (400, "channelIdNotUnique")
    ann.call("POST", "channels/stop", {"id": "ch-1", "resourceId": answer["resourceId"]})
    assert ann.watch(receiver.url).problem == (400, "channelIdNotUnique")


def test_the_stricter_limit_of_life_wins(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    year = ann.watch(receiver.url, channel="ch-1", params={"ttl": str(365 * 86_400)}).json
    assert abs(_expires(year) - _now(google) - 30 * 86_400) < 10
    until = str(int((_now(google) + 600) * 1000))
    both = ann.watch(receiver.url, channel="ch-2", params={"ttl": "3600"}, expiration=until).json
    assert both["expiration"] == until
    hour = ann.watch(receiver.url, channel="ch-3", params={"ttl": "3600"}).json
    assert abs(_expires(hour) - _now(google) - 3600) < 10
    assert len({year["resourceId"], both["resourceId"], hour["resourceId"]}) == 1


def test_both_channels_deliver_until_one_is_stopped(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    first = ann.watch(receiver.url, channel="ch-1").json
    ann.watch(receiver.url, channel="ch-2")
    ann.insert()
    receiver.expect(4)
    stopped = ann.call("POST", "channels/stop", {"id": "ch-1", "resourceId": first["resourceId"]})
    assert (stopped.status, stopped.json) == (204, None)
    ann.insert()
    ann.insert()
    assert [push["x-goog-channel-id"] for push in receiver.expect(6)[4:]] == ["ch-2", "ch-2"]


def test_stopping_is_for_whoever_opened_it(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    app = google.app("ann@example.com", OWNED)
    bob = google.person("bob@example.com")
    answer = app.watch(receiver.url).json
    body = {"id": "ch-1", "resourceId": answer["resourceId"]}
    assert ann.call("POST", "channels/stop", body).problem == (404, "notFound")
    assert bob.call("POST", "channels/stop", body).problem == (404, "notFound")
    assert app.call("POST", "channels/stop", {**body, "resourceId": "wrong"}).problem == (404, "notFound")
    assert app.call("POST", "channels/stop", body).status == 204
    assert app.call("POST", "channels/stop", body).problem == (404, "notFound")


def test_an_expired_channel_is_silent(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    old = ann.watch(receiver.url, channel="ch-1", params={"ttl": "60"}).json
    receiver.expect(1)  # its sync; the order between two channels is nobody's promise
    google.advance(61)
    ann.insert()
    ann.watch(receiver.url, channel="ch-2")
    ann.insert()
    assert [push["x-goog-channel-id"] for push in receiver.expect(3)] == ["ch-1", "ch-2", "ch-2"]
    stop = ann.call("POST", "channels/stop", {"id": "ch-1", "resourceId": old["resourceId"]})
    assert stop.problem == (404, "notFound")


def test_only_four_codes_are_retried(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    receiver.answers.extend([503, 500, 502, 504, 204])
    ann.watch(receiver.url)
    for tried in range(1, 5):
        receiver.expect(tried)
        google.advance(60)
    pushes = receiver.expect(5)
    assert {push["x-goog-message-number"] for push in pushes} == {"1"}
    receiver.answers.extend([404, 429, 301, 204])
    for _ in range(4):
        ann.insert()
    receiver.expect(9)
    google.advance(86_400)
    ann.insert()
    assert len({push["x-goog-message-number"] for push in receiver.expect(10)[4:]}) == 6


def test_several_pushes_for_one_edit(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    google.admin("quirks", repeat_pushes=1)
    ann.watch(receiver.url)
    ann.insert()
    assert len({push["x-goog-message-number"] for push in receiver.expect(3)}) == 3
    assert "error" in google._http.post(f"{google.url}/_sandbox/quirks", json={"nonsense": 1}, timeout=10).json()


def test_a_lost_push_stays_lost(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    ann.watch(receiver.url)
    receiver.expect(1)
    google.admin("faults", match={"direction": "out", "person": "ann@example.com"}, do="drop")
    ann.insert()
    ann.insert()
    assert [push["x-goog-resource-state"] for push in receiver.expect(2)] == ["sync", "exists"]


def test_a_deleted_calendar_falls_silent(google: GoogleWorld, receiver: Receiver) -> None:
    ann = google.person()
    other = ann.call("POST", "calendars", {"summary": "Other"}).json["id"]
    ann.watch(receiver.url, other, "ch-1")
    assert ann.call("DELETE", f"calendars/{other}").status == 204
    assert ann.listing(other).problem == (404, "notFound")
    ann.watch(receiver.url, channel="ch-2")
    # Each channel's own first message, in whatever order the two get through; and no other.
    assert sorted(push["x-goog-channel-id"] for push in receiver.expect(2)) == ["ch-1", "ch-2"]
