"""Signing in: each answer of the token endpoint by its own words, and the whole flow against the stand-in."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests

from gateway.core.errors import AccessRevoked, OperatorFault, SignInAgain, TryLater
from gateway.core.ports import ConsentFailed, ConsentFailure, FlowStart, Mode
from gateway.providers import google
from gateway.providers.google.credential import Credential, unpack
from tests.contracts.calendar_benches import consent, google_config, sign_in
from tests.providers.google.conftest import CONFIG, NOW
from tests.sandbox.google_world import CALLBACK

TOKEN_URI = "https://oauth2.googleapis.com/token"
REVOKE_URI = "https://oauth2.googleapis.com/revoke"
AUTH = "https://www.googleapis.com/auth/"
OWN_SCOPES = f"openid {AUTH}userinfo.email {AUTH}calendar.app.created"
KEPT = Credential("1//refresh", "ya29.old", NOW + timedelta(hours=1), ("openid",), None)
EMAIL = "ann@example.com"


def an_id_token(**more):
    claims = {
        "iss": "https://accounts.google.com",
        "aud": "client-1",
        "sub": "1180",
        "email": EMAIL,
        "exp": NOW.timestamp() + 3600,
        **more,
    }
    told = json.dumps({name: value for name, value in claims.items() if value is not None})
    return f"e30.{base64.urlsafe_b64encode(told.encode()).decode().rstrip('=')}.c2ln"


def tokens(**more):
    answer = {
        "access_token": "ya29.new",
        "refresh_token": "1//refresh",
        "expires_in": 3599,
        "scope": OWN_SCOPES,
        "token_type": "Bearer",
        "id_token": an_id_token(),
        **more,
    }
    return {name: value for name, value in answer.items() if value is not None}


def start(provider, mode=Mode.OWN, **more) -> tuple[FlowStart, dict[str, str]]:
    flow = provider.sign_in.start(redirect_uri="https://g.example/cb", state="st", mode=mode, **more)
    return flow, dict(parse_qsl(urlsplit(flow.url).query))


def finish(provider, answer=None, mode=Mode.OWN):
    flow, _ = start(provider, mode)
    return provider.sign_in.finish(flow.secret, answer or {"code": "4/0code"}, "https://g.example/cb")


def failed(provider, *args, **kwargs) -> ConsentFailed:
    with pytest.raises(ConsentFailed) as caught:
        finish(provider, *args, **kwargs)
    return caught.value


def form(net, index=-1) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(net.calls[index].request.body).items()}


# --- start


def test_the_consent_page_for_a_calendar_of_our_own(provider):
    flow, query = start(provider)
    challenge = query.pop("code_challenge")
    assert flow.url.startswith("https://accounts.google.com/o/oauth2/v2/auth?")
    assert query == {
        "client_id": "client-1",
        "redirect_uri": "https://g.example/cb",
        "response_type": "code",
        "scope": f"openid email {AUTH}calendar.app.created",
        "state": "st",
        "access_type": "offline",
        "prompt": "consent",
        "code_challenge_method": "S256",
    }
    verifier = json.loads(flow.secret)["verifier"]
    assert 43 <= len(verifier) <= 128
    assert base64.urlsafe_b64decode(challenge + "=") == hashlib.sha256(verifier.encode()).digest()


def test_the_consent_page_for_a_calendar_of_theirs(provider):
    _, query = start(provider, Mode.EXISTING, login_hint=EMAIL)
    assert query["scope"] == f"openid email {AUTH}calendar.events.owned {AUTH}calendar.calendarlist.readonly"
    assert (query["include_granted_scopes"], query["login_hint"]) == ("true", EMAIL)


def test_each_flow_has_a_secret_of_its_own_that_is_not_shown(provider):
    (one, _), (other, _) = start(provider), start(provider)
    assert one.secret != other.secret
    assert json.loads(one.secret)["verifier"] not in f"{one!r} {one.url}"


# --- finish


def test_the_code_is_exchanged(net, provider):
    net.post(TOKEN_URI, json=tokens())
    flow, _ = start(provider)
    grant = provider.sign_in.finish(flow.secret, {"code": "4/0code"}, "https://g.example/cb")
    assert (grant.issuer, grant.subject, grant.email) == ("https://accounts.google.com", "1180", EMAIL)
    assert grant.mode is Mode.OWN
    kept = unpack(grant.credential)
    assert (kept.refresh_token, kept.access_token) == ("1//refresh", "ya29.new")
    assert kept.expires_at == NOW + timedelta(seconds=3599)
    assert f"{AUTH}calendar.app.created" in kept.scopes
    assert form(net) == {
        "grant_type": "authorization_code",
        "code": "4/0code",
        "redirect_uri": "https://g.example/cb",
        "code_verifier": json.loads(flow.secret)["verifier"],
        "client_id": "client-1",
        "client_secret": "GOCSPX-secret",
    }
    assert "ya29" not in repr(grant)


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("access_denied", ConsentFailure.DENIED),
        ("admin_policy_enforced", ConsentFailure.NEEDS_ADMIN),
        ("org_internal", ConsentFailure.WRONG_TENANT),
        ("server_error", ConsentFailure.ERROR),
        ("<script>", ConsentFailure.ERROR),
        ("", ConsentFailure.ERROR),
    ],
)
def test_a_consent_not_given(provider, code, how):
    error = failed(provider, {"error": code})
    assert error.how is how
    assert "<" not in error.detail


def test_an_answer_without_a_code(provider):
    assert failed(provider, {"state": "st"}).how is ConsentFailure.ERROR


@pytest.mark.parametrize(
    ("mode", "scope", "missing"),
    [
        (Mode.OWN, "openid", "calendar.app.created"),
        (Mode.OWN, None, "calendar.app.created"),
        (Mode.EXISTING, f"openid {AUTH}calendar.events.owned", "calendar.calendarlist.readonly"),
        (Mode.EXISTING, "openid", "calendar.events.owned calendar.calendarlist.readonly"),
    ],
)
def test_an_unticked_scope_is_named(net, provider, mode, scope, missing):
    net.post(TOKEN_URI, json=tokens(scope=scope))
    error = failed(provider, mode=mode)
    assert (error.how, error.detail) == (ConsentFailure.SCOPE_MISSING, missing)


def test_more_scopes_than_asked_for_are_welcome(net, provider):
    net.post(TOKEN_URI, json=tokens(scope=f"{OWN_SCOPES} {AUTH}calendar.events.owned"))
    assert finish(provider).subject == "1180"


def test_no_refresh_token_is_explained(net, provider):
    net.post(TOKEN_URI, json=tokens(refresh_token=None))
    error = failed(provider)
    assert error.how is ConsentFailure.ERROR
    assert "myaccount.google.com" in error.detail


@pytest.mark.parametrize(
    "id_token",
    [
        None,
        "",
        "a.b",
        "a.!!!.c",
        "a.W10.c",
        7,
        an_id_token(iss="https://evil.example"),
        an_id_token(aud="client-2"),
        an_id_token(exp=NOW.timestamp() - 301),
        an_id_token(exp="never"),
        an_id_token(sub=None),
        an_id_token(sub=7),
    ],
)
def test_an_identity_that_does_not_hold(net, provider, id_token):
    net.post(TOKEN_URI, json=tokens(id_token=id_token))
    assert failed(provider).how is ConsentFailure.ERROR


@pytest.mark.parametrize(
    ("more", "email"),
    [({"iss": "accounts.google.com"}, EMAIL), ({"email": None}, ""), ({"exp": NOW.timestamp()}, EMAIL)],
)
def test_an_identity_that_does(net, provider, more, email):
    net.post(TOKEN_URI, json=tokens(id_token=an_id_token(**more)))
    grant = finish(provider)
    assert (grant.issuer, grant.email) == ("https://accounts.google.com", email)


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (400, {"error": "invalid_grant"}, ConsentFailed),
        (400, {"error": "admin_policy_enforced"}, ConsentFailed),
        (400, {"error": "redirect_uri_mismatch"}, OperatorFault),
        (401, {"error": "invalid_client"}, OperatorFault),
        (503, {"error": "invalid_grant"}, TryLater),
        (429, {"error": "rate_limit_exceeded"}, TryLater),
        (200, {}, TryLater),
        (200, [], TryLater),
    ],
)
def test_an_exchange_that_fails(net, provider, status, answer, kind):
    net.post(TOKEN_URI, status=status, json=answer)
    with pytest.raises(kind):
        finish(provider)


def test_an_exchange_answered_with_a_page(net, provider):
    net.post(TOKEN_URI, status=502, body="<html>Bad Gateway</html>")
    with pytest.raises(TryLater):
        finish(provider)


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


# --- the whole flow against the stand-in


@pytest.mark.parametrize("mode", Mode)
def test_sign_in_refresh_revoke(google_world, google_clock, mode):
    google_world.person(EMAIL)
    provider = google.provider(google_config(google_world, google_clock))
    grant = sign_in(google_world, provider, EMAIL, mode)
    assert (grant.email, grant.issuer, grant.mode) == (EMAIL, "https://accounts.google.com", mode)
    first = provider.sign_in.access_token(grant.credential, google_clock.now())
    later = google_clock.now() + timedelta(hours=1)
    assert provider.sign_in.access_token(grant.credential, later) is None
    renewed = provider.sign_in.refresh(grant.credential, google_clock.now())
    second = provider.sign_in.access_token(renewed, google_clock.now())
    assert second not in (None, first)
    provider.sign_in.revoke(renewed)
    provider.sign_in.revoke(renewed)
    with pytest.raises(AccessRevoked):
        provider.sign_in.refresh(renewed, google_clock.now())


@pytest.mark.parametrize(
    ("choice", "how"),
    [
        ({"decision": "deny"}, ConsentFailure.DENIED),
        ({"decision": "needs_admin"}, ConsentFailure.NEEDS_ADMIN),
        ({"untick": ["calendar.calendarlist.readonly"]}, ConsentFailure.SCOPE_MISSING),
    ],
)
def test_what_a_person_can_answer(google_world, google_clock, choice, how):
    google_world.person(EMAIL)
    provider = google.provider(google_config(google_world, google_clock))
    with pytest.raises(ConsentFailed) as caught:
        sign_in(google_world, provider, EMAIL, Mode.EXISTING, **choice)
    assert caught.value.how is how


def test_a_code_serves_once_and_only_with_its_verifier(google_world, google_clock):
    google_world.person(EMAIL)
    provider = google.provider(google_config(google_world, google_clock))
    secret, answer = consent(google_world, provider, EMAIL, Mode.OWN)
    provider.sign_in.finish(secret, answer, CALLBACK)
    with pytest.raises(ConsentFailed):
        provider.sign_in.finish(secret, answer, CALLBACK)
    _, other = consent(google_world, provider, EMAIL, Mode.OWN)
    with pytest.raises(ConsentFailed):
        provider.sign_in.finish(secret, other, CALLBACK)


def test_a_wrong_client_secret_is_the_operators(google_world, google_clock):
    google_world.person(EMAIL)
    config = replace(google_config(google_world, google_clock), client_secret="wrong")
    with pytest.raises(OperatorFault):
        sign_in(google_world, google.provider(config), EMAIL, Mode.OWN)


def test_an_account_without_a_calendar(google_world, google_clock):
    google_world.person("none@example.com", calendar=False)
    provider = google.provider(google_config(google_world, google_clock))
    grant = sign_in(google_world, provider, "none@example.com", Mode.EXISTING)
    token = provider.sign_in.access_token(grant.credential, google_clock.now())
    assert token
    with pytest.raises(ConsentFailed) as caught:
        provider.open_account(token).calendars()
    assert caught.value.how is ConsentFailure.NO_CALENDAR
