"""Subscriptions: what is asked for, what stands in the way, and the stand-in's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.errors import Forbidden, Refused, TargetGone, TryLater, WatchGone
from tests.providers.outlook.conftest import CALENDAR, GRAPH, NOW, a_failure, sent

ADDRESS = "https://gateway.example/webhooks/calendar/outlook"
ALL = f"{GRAPH}/subscriptions"
ONE = f"{ALL}/sub-1"
MADE = {"id": "sub-1", "expirationDateTime": "2026-11-26T20:00:00.0000000Z"}
CHANNEL, SECRET = "channel-1", "s" * 43


def test_what_is_asked_for(net, calendar):
    net.post(ALL, json=MADE, status=201)
    watch = calendar.watch(CHANNEL, SECRET, ADDRESS)
    assert (watch.id, watch.resource) == (CHANNEL, "sub-1")
    assert watch.expires_at == datetime(2026, 11, 26, 20, tzinfo=UTC)
    assert sent(net) == {
        "changeType": "updated,deleted",
        "notificationUrl": ADDRESS,
        "lifecycleNotificationUrl": f"{ADDRESS}/lifecycle",
        "resource": f"me/calendars/{CALENDAR}/events",
        "expirationDateTime": "2026-11-27T04:00:00.0000000Z",
        "clientState": f"{CHANNEL}.{SECRET}",
    }
    assert len(f"{'c' * 36}.{SECRET}") <= 128
    assert 'IdType="ImmutableId"' in net.calls[0].request.headers["Prefer"]


def test_an_end_that_is_not_told_is_the_one_asked_for(net, calendar):
    net.post(ALL, json={"id": "sub-1"}, status=201)
    assert calendar.watch(CHANNEL, SECRET, ADDRESS).expires_at == NOW + timedelta(days=6, hours=20)
    net.post(ALL, json={}, status=201)
    with pytest.raises(TryLater):
        calendar.watch(CHANNEL, SECRET, ADDRESS)


def test_one_that_is_there_already_leaves_the_other_form(net, calendar):
    net.post(ALL, **a_failure(409, "ExtensionError"))
    net.post(ALL, json=MADE, status=201)
    calendar.watch(CHANNEL, SECRET, ADDRESS)
    assert sent(net)["changeType"] == "created,updated,deleted"


def test_left_overs_are_cleared_where_no_form_is_free(net, calendar):
    for _ in range(2):
        net.post(ALL, **a_failure(409, "ExtensionError"))
    resource = f"me/calendars/{CALENDAR}/events"
    strangers = [{"id": "sub-8", "notificationUrl": "https://other.example", "resource": resource},
                 {"id": "sub-9", "notificationUrl": ADDRESS, "resource": "me/events"}]  # fmt: skip
    net.get(ALL, json={"value": [*strangers, {"id": "sub-1", "notificationUrl": ADDRESS, "resource": f"/{resource}"}]})
    net.delete(ONE, status=204)
    net.post(ALL, json={**MADE, "id": "sub-2"}, status=201)
    assert calendar.watch(CHANNEL, SECRET, ADDRESS).resource == "sub-2"


def test_where_the_form_with_a_calendar_is_refused_the_default_one_is_named(net, calendar):
    net.post(ALL, **a_failure(400, "InvalidRequest"))
    net.get(f"{GRAPH}/me/calendars/AQMkADtasks%3D", json={"id": CALENDAR, "isDefaultCalendar": True})
    net.post(ALL, json=MADE, status=201)
    calendar.watch(CHANNEL, SECRET, ADDRESS)
    assert sent(net)["resource"] == "me/events"


def test_no_other_calendar_is_watched_in_its_place(net, calendar):
    net.post(ALL, **a_failure(400, "InvalidRequest"))
    net.get(f"{GRAPH}/me/calendars/AQMkADtasks%3D", json={"id": CALENDAR, "isDefaultCalendar": False})
    with pytest.raises(Refused):
        calendar.watch(CHANNEL, SECRET, ADDRESS)


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(404, "ErrorItemNotFound", TargetGone), (403, "ErrorAccessDenied", Forbidden)]
)
def test_what_cannot_be_watched(net, calendar, status, code, kind):
    net.post(ALL, **a_failure(status, code))
    with pytest.raises(kind):
        calendar.watch(CHANNEL, SECRET, ADDRESS)


def test_putting_the_end_off_changes_nothing_else(net, calendar):
    net.patch(ONE, json={**MADE, "expirationDateTime": "2026-11-27T04:00:00Z"})
    watch = calendar.extend(CHANNEL, "sub-1")
    assert watch is not None
    assert watch.expires_at == datetime(2026, 11, 27, 4, tzinfo=UTC)
    assert sent(net) == {"expirationDateTime": "2026-11-27T04:00:00.0000000Z"}


@pytest.mark.parametrize("code", ["ResourceNotFound", "ExtensionError", "ErrorFolderNotFound"])
def test_one_that_is_gone_cannot_be_extended_and_is_ended(net, calendar, code):
    net.patch(ONE, **a_failure(404, code))
    with pytest.raises(WatchGone):
        calendar.extend(CHANNEL, "sub-1")
    net.delete(ONE, **a_failure(404, code))
    calendar.unwatch(CHANNEL, "sub-1")


def test_a_permission_of_its_own_for_reading_is_there_where_it_is_wanted(outlook_server):
    with outlook_server.bench(needs_read_scope=True) as bench:
        assert bench.open().watch(CHANNEL, SECRET, bench.address).resource


def test_two_of_one_account_on_one_calendar_do_not_disturb_each_other(bench):
    first = bench.open().watch("channel-1", SECRET, bench.address)
    second = bench.open().watch("channel-2", SECRET, bench.address)
    assert first.resource != second.resource
    assert bench.open().extend("channel-1", first.resource) is not None
