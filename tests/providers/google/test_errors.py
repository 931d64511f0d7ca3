"""Each failure of Calendar v3, over the real client, in our words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
import responses

from gateway.core.errors import (
    AlreadyExists,
    CursorExpired,
    EventGone,
    Forbidden,
    GatewayError,
    OperatorFault,
    Refused,
    StaleWrite,
    TryLater,
    Unauthorised,
)
from gateway.core.model import EventWrite
from gateway.providers.google.errors import NoCalendarUser
from tests.providers.google.conftest import EVENTS, TOKEN, a_failure

ONE_HOUR = timedelta(hours=1)
URL = f"{EVENTS}/task1"


def failure_of(net, calendar, **answer) -> Any:
    """What a patch ends in when it is answered so."""
    net.patch(URL, **answer)
    with pytest.raises(GatewayError) as caught:
        calendar.patch("task1", EventWrite(2, title="Call Bob"), '"1"')
    return caught.value


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "invalid", Refused),
        (400, "required", Refused),
        (400, "pushNotSupportedForRequestedResource", Refused),
        (400, "channelIdNotUnique", TryLater),
        (400, "push.webhookUrlNotHttps", OperatorFault),
        (401, "authError", Unauthorised),
        (401, "push.webhookUrlUnauthorized", OperatorFault),
        (403, "push.webhookUrlUnauthorized", OperatorFault),
        (403, "insufficientPermissions", Forbidden),
        (403, "requiredAccessLevel", Forbidden),
        (403, "forbidden", Forbidden),
        (403, "forbiddenForNonOrganizer", Forbidden),
        (403, "notACalendarUser", NoCalendarUser),
        (404, "notFound", EventGone),
        (408, "", TryLater),
        (409, "duplicate", AlreadyExists),
        (409, "conflict", TryLater),
        (410, "deleted", EventGone),
        (410, "fullSyncRequired", CursorExpired),
        (410, "updatedMinTooLongAgo", CursorExpired),
        (412, "conditionNotMet", StaleWrite),
        (413, "uploadTooLarge", Refused),
        (500, "backendError", TryLater),
        (503, "backendError", TryLater),
        (302, "", TryLater),
    ],
)
def test_the_table(net, calendar, status, reason, kind):
    assert type(failure_of(net, calendar, **a_failure(status, reason))) is kind


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("reason", ["rateLimitExceeded", "userRateLimitExceeded"])
def test_a_rate_slows_the_whole_mailbox(net, calendar, status, reason):
    error = failure_of(net, calendar, **a_failure(status, reason), headers={"Retry-After": "7"})
    assert (type(error), error.everyone, error.after) == (TryLater, True, timedelta(seconds=7))


def test_429_without_a_word_is_a_rate(net, calendar):
    error = failure_of(net, calendar, status=429, body="<html>", content_type="text/html")
    assert (type(error), error.everyone, error.after) == (TryLater, True, None)


@pytest.mark.parametrize(("asked", "waits"), [(None, ONE_HOUR), ("5", ONE_HOUR), ("7200", 2 * ONE_HOUR)])
def test_a_spent_quota_pauses_for_an_hour_at_least(net, calendar, asked, waits):
    headers = {"Retry-After": asked} if asked else {}
    error = failure_of(net, calendar, **a_failure(403, "quotaExceeded"), headers=headers)
    assert (type(error), error.everyone, error.after) == (TryLater, True, waits)


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({}, None),
        ({"Retry-After": "120"}, timedelta(minutes=2)),
        ({"Retry-After": "nonsense"}, None),
        ({"Retry-After": "31536000"}, timedelta(days=1)),
        ({"Retry-After": "Fri, 20 Nov 2026 08:02:00 GMT"}, timedelta(minutes=2)),
        (
            # Their clock, not ours, says how long that is.
            {"Retry-After": "Fri, 20 Nov 2026 09:12:00 GMT", "Date": "Fri, 20 Nov 2026 09:10:00 GMT"},
            timedelta(minutes=2),
        ),
        ({"Retry-After": "Fri, 20 Nov 2026 08:02:00 GMT", "Date": "yesterday"}, timedelta(minutes=2)),
    ],
)
def test_the_wait_that_was_asked_for(net, calendar, headers, waits):
    error = failure_of(net, calendar, **a_failure(503, "backendError"), headers=headers)
    assert (type(error), error.everyone, error.after) == (TryLater, False, waits)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 412, 502])
def test_a_web_page_says_nothing_about_an_event(net, calendar, status):
    error = failure_of(
        net, calendar, status=status, body="<!DOCTYPE html><title>Error</title>", content_type="text/html"
    )
    assert type(error) is TryLater


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Unauthorised), (403, Forbidden), (404, EventGone), (410, EventGone), (412, StaleWrite)]
)
@pytest.mark.parametrize("body", ["", "[]", '{"error": "x"}', '{"error": {"errors": 3}}', "{"], ids=repr)
def test_without_a_reason_the_status_speaks(net, calendar, status, kind, body):
    assert type(failure_of(net, calendar, status=status, body=body, content_type="application/json")) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>hello</html>", "a JSON object"),
        (b'{"id": "task1", "summ', "a JSON object"),
        (b'["an", "array"]', "a JSON object"),
        (b'{"id": "task1"}', "the event"),
        (b"\xff\xfe\x00", "readable"),
        (b"[" * 100_000, "readable"),
    ],
    ids=["page", "cut", "array", "not-an-event", "charset", "nested"],
)
def test_an_answer_that_is_not_understood_is_asked_for_again(net, calendar, body, kind):
    error = failure_of(net, calendar, status=200, body=body, content_type="application/json; charset=UTF-8")
    assert type(error) is TryLater
    assert kind in str(error)


@pytest.mark.parametrize(
    "broken",
    [
        requests.ConnectionError(f"HTTPSConnectionPool: {URL}"),
        requests.ReadTimeout("read timed out"),
        ConnectionResetError("reset"),
        requests.exceptions.ChunkedEncodingError("cut"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_is_a_reason_to_try_later(net, calendar, broken):
    error = failure_of(net, calendar, body=broken)
    assert type(error) is TryLater
    assert error.__cause__ is None


@pytest.mark.parametrize(
    ("location", "reason", "fields"),
    [
        ("start.dateTime", "invalid", ("due",)),
        ("summary", "invalid", ("title",)),
        ("", "timeRangeEmpty", ("due",)),
        ("colorId", "invalid", ()),
    ],
)
def test_a_refusal_names_the_field_in_our_words(net, calendar, location, reason, fields):
    error = failure_of(net, calendar, **a_failure(400, reason, location=location))
    assert isinstance(error, Refused)
    assert error.fields == fields


def test_errors_hold_no_secret_and_no_text_of_a_person(net, calendar):
    error = failure_of(net, calendar, **a_failure(400, "invalid", message="Call Ada is wrong"))
    told = f"{error} {error!r} {error.__cause__!r}"
    assert not any(secret in told for secret in (TOKEN, "Ada", "team", "task1"))
    assert error.__context__ is None


def test_a_reason_that_is_no_word_is_not_repeated(net, calendar):
    assert str(failure_of(net, calendar, **a_failure(403, "Call Ada at 0664"))) == "Google answered 403"


def test_nothing_is_tried_twice_within_a_call(net, calendar):
    failure_of(net, calendar, **a_failure(503, "backendError"))
    assert len(net.calls) == 1


def test_a_redirect_is_not_followed(net, calendar):
    error = failure_of(net, calendar, status=302, headers={"Location": "https://evil.example/"})
    assert type(error) is TryLater
    assert isinstance(net.calls[0].response, requests.Response)
    assert [call.request.url.split("?")[0] for call in net.calls] == [URL]


def test_the_mock_sees_the_real_clients_requests(net, calendar):
    failure_of(net, calendar, **a_failure(401, "authError"))
    request = net.calls[0].request
    assert isinstance(net, responses.RequestsMock)
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["If-Match"] == '"1"'
