"""Signing in: the consent page, the exchange of the code, and the whole flow against the stand-in."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from gateway.core.errors import AccessRevoked, OperatorFault, TryLater
from gateway.core.ports import ConsentFailed, ConsentFailure, FlowStart, Mode
from gateway.providers import google
from gateway.providers.google.credential import unpack
from tests.contracts.calendar_benches import consent, google_config, sign_in
from tests.providers.google.conftest import NOW
from tests.sandbox.google_world import CALLBACK

TOKEN_URI = "https://oauth2.googleapis.com/token"
AUTH = "https://www.googleapis.com/auth/"
OWN_SCOPES = f"openid {AUTH}userinfo.email {AUTH}calendar.app.created"
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
