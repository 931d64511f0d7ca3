"""Google's pushes: from headers to meaning, without any network; and one that the stand-in really sent."""

from __future__ import annotations

import pytest

from gateway.core.errors import NotReadable
from gateway.core.signals import Push, Pushes
from gateway.providers.google.notifications import read

HEADERS = {
    "user-agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
    "content-length": "0",
    "x-goog-channel-id": "ch-1",
    "x-goog-channel-token": "a-secret",
    "x-goog-channel-expiration": "Tue, 01 Dec 2026 08:00:00 GMT",
    "x-goog-resource-id": "r-1",
    "x-goog-resource-uri": "https://www.googleapis.com/calendar/v3/calendars/primary/events?alt=json",
    "x-goog-resource-state": "exists",
    "x-goog-message-number": "12",
}


def test_a_push():
    assert read(HEADERS, b"", "") == Pushes((Push("ch-1", "a-secret", "changed", "r-1", None, 12),))


@pytest.mark.parametrize(
    ("told", "state"),
    [("sync", "verified"), ("exists", "changed"), ("not_exists", "gone"), ("EXISTS", "changed"), ("add", "unknown")],
)
def test_its_state_in_our_words(told, state):
    assert read({**HEADERS, "x-goog-resource-state": told}, b"", "").items[0].state == state


@pytest.mark.parametrize("name", ["x-goog-channel-id", "x-goog-channel-token", "x-goog-resource-state"])
@pytest.mark.parametrize("value", [None, "", "x" * 2000], ids=["absent", "empty", "huge"])
def test_what_is_missing_is_named(name, value):
    headers = {**HEADERS, name: value} if value is not None else {k: v for k, v in HEADERS.items() if k != name}
    with pytest.raises(NotReadable) as caught:
        read(headers, b"", "")
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("told", "number"), [("1", 1), ("", None), ("-3", None), ("x", None), ("²", None), ("9" * 5000, None)]
)
def test_its_number_is_a_number_or_nothing(told, number):
    assert read({**HEADERS, "x-goog-message-number": told}, b"", "").items[0].number == number


def test_the_rest_may_be_missing():
    needed = {name: HEADERS[name] for name in ("x-goog-channel-id", "x-goog-channel-token", "x-goog-resource-state")}
    assert read(needed, b"ignored", "ignored") == Pushes((Push("ch-1", "a-secret", "changed"),))


def test_a_push_of_the_stand_in(google_bench, receiver):
    calendar = google_bench.open()
    watch = calendar.watch("ch-1", "a-secret", receiver.url)
    first = read(receiver.expect(1)[0], b"", "").items[0]
    assert first == Push("ch-1", "a-secret", "verified", watch.resource, None, 1)
    google_bench.person.insert(calendar=google_bench.calendar_id)
    later = read(receiver.expect(2)[1], b"", "").items[0]
    assert (later.state, later.channel_id, later.resource) == ("changed", "ch-1", watch.resource)
    calendar.unwatch(watch.id, watch.resource)
