"""Tokens kept, refreshed and given back: each answer of the token endpoint by its own words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
import requests

from gateway.core.errors import AccessRevoked, OperatorFault, SignInAgain, TryLater
from gateway.providers.google.credential import Credential, unpack
from tests.providers.google.conftest import CONFIG, NOW

TOKEN_URI = "https://oauth2.googleapis.com/token"
REVOKE_URI = "https://oauth2.googleapis.com/revoke"
KEPT = Credential("1//refresh", "ya29.old", NOW + timedelta(hours=1), ("openid",), None)


def form(net, index=-1) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(net.calls[index].request.body).items()}


# --- the access token


@pytest.mark.parametrize(
    ("left", "good"), [(timedelta(hours=1), True), (timedelta(minutes=4), False), (-timedelta(1), False)]
)
def test_an_access_token_is_given_only_while_it_lasts(provider, left, good):
    kept = replace(KEPT, expires_at=NOW + left).pack()
    assert provider.sign_in.access_token(kept, NOW) == ("ya29.old" if good else None)


@pytest.mark.parametrize("kept", [b"", b"{}", b"[]", b"\xff", b'{"refresh_token": 1}'])
def test_a_credential_that_is_not_ours_needs_a_new_sign_in(provider, kept):
    with pytest.raises(SignInAgain):
        provider.sign_in.access_token(kept, NOW)


# --- refresh


def test_a_refresh(net, provider):
    net.post(TOKEN_URI, json={"access_token": "ya29.new", "expires_in": 3599, "token_type": "Bearer"})
    now = NOW + timedelta(days=3)
    kept = unpack(provider.sign_in.refresh(KEPT.pack(), now))
    assert kept == replace(KEPT, access_token="ya29.new", expires_at=now + timedelta(seconds=3599))
    assert form(net) == {
        "grant_type": "refresh_token",
        "refresh_token": "1//refresh",
        "client_id": "client-1",
        "client_secret": "GOCSPX-secret",
    }


def test_what_a_refresh_brings_is_kept(net, provider):
    more = {"refresh_token": "1//next", "scope": "openid x", "refresh_token_expires_in": 86400}
    net.post(TOKEN_URI, json={"access_token": "ya29.new", **more})
    kept = unpack(provider.sign_in.refresh(KEPT.pack(), NOW))
    assert (kept.refresh_token, kept.scopes) == ("1//next", ("openid", "x"))
    assert (kept.expires_at, kept.refresh_expires_at) == (NOW + timedelta(hours=1), NOW + timedelta(days=1))
    assert unpack(kept.pack()) == kept


REFUSALS = [
    (400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, AccessRevoked),
    (400, {"error": "admin_policy_enforced"}, AccessRevoked),
    (400, {"error": "invalid_grant", "error_subtype": "invalid_rapt"}, SignInAgain),
    (400, {"error": "invalid_grant", "error_subtype": "rapt_required"}, SignInAgain),
    (400, {"error": "invalid_rapt"}, SignInAgain),
    (400, {"error": "invalid_grant", "error_subtype": "something_new"}, AccessRevoked),
    (401, {"error": "invalid_client"}, OperatorFault),
    (401, {"error": "deleted_client"}, OperatorFault),
    (401, {"error": "unauthorized_client"}, OperatorFault),
    (400, {"error": "invalid_scope"}, OperatorFault),
    (400, {"error": "something_new"}, TryLater),
    (400, {"error": {"nested": "invalid_grant"}}, TryLater),
    (400, {}, TryLater),
    (429, {"error": "rate_limit_exceeded"}, TryLater),
    (500, {"error": "internal_failure"}, TryLater),
    (502, {"error": "invalid_grant"}, TryLater),
    (503, {"error": "invalid_grant"}, TryLater),
    (200, {"error": "invalid_grant"}, TryLater),
    (200, {"expires_in": 3599}, TryLater),
    (302, {}, TryLater),
]


@pytest.mark.parametrize(("status", "answer", "kind"), REFUSALS)
def test_a_refresh_that_is_refused(net, provider, status, answer, kind):
    net.post(TOKEN_URI, status=status, json=answer)
    with pytest.raises(kind) as caught:
        provider.sign_in.refresh(KEPT.pack(), NOW)
    assert not any(secret in str(caught.value) for secret in ("1//refresh", "GOCSPX", "ya29"))


@pytest.mark.parametrize("status", [200, 400, 502])
@pytest.mark.parametrize(
    "body", ["<html>invalid_grant</html>", '{"error": "inval', "", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_page_never_disables_anybody(net, provider, status, body):
    net.post(TOKEN_URI, status=status, body=body)
    with pytest.raises(TryLater):
        provider.sign_in.refresh(KEPT.pack(), NOW)


@pytest.mark.parametrize("broken", [requests.ConnectionError("x"), requests.ConnectTimeout("x"), OSError("x")])
def test_no_answer_never_disables_anybody(net, provider, broken):
    net.post(TOKEN_URI, body=broken)
    with pytest.raises(TryLater):
        provider.sign_in.refresh(KEPT.pack(), NOW)


def test_a_slow_token_endpoint_is_heeded(net, provider):
    net.post(TOKEN_URI, status=429, headers={"Retry-After": "30"}, json={})
    with pytest.raises(TryLater) as caught:
        provider.sign_in.refresh(KEPT.pack(), NOW)
    assert (caught.value.after, caught.value.everyone) == (timedelta(seconds=30), True)


# --- revoke


@pytest.mark.parametrize(("status", "answer"), [(200, {}), (400, {"error": "invalid_token"})])
def test_a_grant_is_given_back(net, provider, status, answer):
    net.post(REVOKE_URI, status=status, json=answer)
    provider.sign_in.revoke(KEPT.pack())
    assert form(net) == {"token": "1//refresh"}
    assert "1//refresh" not in net.calls[0].request.url


@pytest.mark.parametrize(
    ("status", "answer"), [(503, {}), (400, {"error": "invalid_request"}), (500, {"error": "invalid_token"})]
)
def test_a_grant_not_given_back_is_owed(net, provider, status, answer):
    net.post(REVOKE_URI, status=status, json=answer)
    with pytest.raises(TryLater):
        provider.sign_in.revoke(KEPT.pack())


def test_no_record_shows_a_secret():
    shown = f"{CONFIG!r} {KEPT!r}"
    assert not any(secret in shown for secret in ("GOCSPX", "1//refresh", "ya29"))
