"""Graph's failures, row by row, and what is done about them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.core.errors import (
    AlreadyExists,
    EventGone,
    Forbidden,
    Refused,
    StaleWrite,
    TargetGone,
    TryLater,
    Unauthorised,
)
from gateway.core.model import EventId, EventWrite
from gateway.providers.outlook.errors import HandshakeFailed, NoMailbox, failure
from tests.providers.outlook.conftest import EVENT, NOW, ONE, a_failure, a_resource

WRITE = EventWrite(5, title="Call Bob")


def said(status, code="", headers=None, message="Call Ada is wrong"):
    body = f'{{"error": {{"code": "{code}", "message": "{message}"}}}}'.encode()
    return failure(status, headers or {}, body, NOW)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "ErrorPropertyValidationFailure", Refused),
        (400, "ErrorInvalidIdMalformed", EventGone),
        (401, "InvalidAuthenticationToken", Unauthorised),
        (403, "ErrorAccessDenied", Forbidden),
        (404, "ErrorItemNotFound", EventGone),
        (404, "ErrorFolderNotFound", TargetGone),
        (404, "ResourceNotFound", EventGone),
        (404, "MailboxNotEnabledForRESTAPI", NoMailbox),
        (403, "MailboxNotSupportedForRESTAPI", NoMailbox),
        (409, "ErrorFolderExists", AlreadyExists),
        (409, "ErrorIrresolvableConflict", StaleWrite),
        (409, "", AlreadyExists),
        (410, "", EventGone),
        (412, "ErrorIrresolvableConflict", StaleWrite),
        (413, "", Refused),
        (429, "ApplicationThrottled", TryLater),
        (500, "ErrorInternalServerTransientError", TryLater),
        (501, "", Refused),
        (503, "ErrorServerBusy", TryLater),
        (507, "", TryLater),
        (302, "", TryLater),
    ],
)
def test_each_failure_has_its_next_move(status, code, kind):
    assert type(said(status, code)) is kind


def test_the_words_hold_codes_alone():
    error = said(400, "ErrorInvalidRequest", {"request-id": "5b2c-1"})
    assert str(error) == "Microsoft Graph answered 400 ErrorInvalidRequest (request-id 5b2c-1)"
    assert "Ada" not in str(said(400, "Call Ada!", {"request-id": "Call Ada"}))


@pytest.mark.parametrize(("status", "code"), [(429, ""), (429, "TooManyRequests"), (503, "ErrorServerBusy")])
def test_a_limit_is_the_whole_mailboxs(status, code):
    error = said(status, code, {"retry-after": "17"})
    assert isinstance(error, TryLater)
    assert (error.everyone, error.after) == (True, timedelta(seconds=17))


def test_full_storage_is_asked_again_in_an_hour():
    error = said(507)
    assert isinstance(error, TryLater)
    assert (error.everyone, error.after) == (True, timedelta(hours=1))


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_page_of_somebody_in_between_says_nothing(status):
    assert isinstance(failure(status, {"content-type": "text/html"}, b"<html>", NOW), TryLater)


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b'{"error": "x"}', b'{"error": {"code": 5}}'])
def test_a_body_without_error_is_read_by_its_status(body):
    assert isinstance(failure(404, {}, body, NOW), EventGone)


def test_a_handshake_that_failed_is_tried_again():
    text = "Subscription validation request failed. Notification endpoint must respond with 200 OK."
    error = said(400, "InvalidRequest", message=text)
    assert isinstance(error, HandshakeFailed)
    assert "PUBLIC_URL" in str(error)


# --- over the wire


def test_stale_is_an_answer_to_a_patch(net, calendar):
    net.patch(ONE, **a_failure(412, "ErrorIrresolvableConflict"))
    with pytest.raises(StaleWrite):
        calendar.patch(EventId(EVENT), WRITE, 'W/"1"')
    net.patch(ONE, **a_failure(409))
    with pytest.raises(StaleWrite):
        calendar.patch(EventId(EVENT), WRITE, 'W/"1"')


def test_a_conflict_without_a_condition_is_a_bad_moment(net, calendar):
    net.delete(ONE, **a_failure(409, "ErrorIrresolvableConflict"))
    with pytest.raises(TryLater):
        calendar.delete(EventId(EVENT))


@pytest.mark.parametrize("body", ["[]", "no json", '"x"'])
def test_an_answer_that_cannot_be_read_is_tried_again(net, calendar, body):
    net.patch(ONE, body=body)
    with pytest.raises(TryLater):
        calendar.patch(EventId(EVENT), WRITE, 'W/"1"')


def test_an_answer_without_the_event_is_tried_again(net, calendar):
    net.patch(ONE, json=a_resource(start=None))
    with pytest.raises(TryLater):
        calendar.patch(EventId(EVENT), WRITE, 'W/"1"')
