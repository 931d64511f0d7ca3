"""Signing in by MSAL: the consent, its failures each by its own name, the credential and its renewal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests

from gateway.core.errors import AccessRevoked, OperatorFault, SignInAgain, TryLater
from gateway.core.ports import ConsentFailed, ConsentFailure, Mode
from gateway.providers import outlook
from gateway.providers.outlook.credential import unpack
from gateway.providers.outlook.msal_http import Authority
from tests.contracts.outlook_bench import consent, outlook_config, sign_in
from tests.providers.outlook.conftest import LOGIN, NOW, a_configuration, part
from tests.sandbox.graph_world import CALLBACK

CONFIGURATION = f"{LOGIN}/v2.0/.well-known/openid-configuration"
TOKENS = f"{LOGIN}/oauth2/v2.0/token"
EMAIL = "ann@example.com"


@pytest.fixture
def net(net):
    net.get(CONFIGURATION, json=a_configuration())
    return net


def start(provider, **more):
    flow = provider.sign_in.start(redirect_uri="https://g.example/cb", state="st", mode=Mode.OWN, **more)
    return flow, dict(parse_qsl(urlsplit(flow.url).query))


def tokens(nonce, **more):
    claims = {"iss": "https://login.microsoftonline.com/t-1/v2.0", "aud": "client-1", "oid": "o-1", "tid": "t-1",
              "sub": "s-1", "preferred_username": EMAIL, "nonce": nonce, "exp": 4102444800, "iat": 1,
              **more.pop("claims", {})}  # fmt: skip
    answer = {
        "token_type": "Bearer",
        "access_token": "EwB-new",
        "refresh_token": "1.refresh",
        "expires_in": 3600,
        "scope": "Calendars.ReadWrite https://graph.microsoft.com/Calendars.Read profile openid email",
        "id_token": f"{part({'alg': 'none'})}.{part({k: v for k, v in claims.items() if v is not None})}.c2ln",
        "client_info": part({"uid": "o-1", "utid": "t-1"}),
        **more,
    }
    return {name: value for name, value in answer.items() if value is not None}


def finish(net, provider, answer=None, **more):
    flow, query = start(provider)
    if answer is None:
        net.post(TOKENS, json=tokens(query["nonce"], **more))
    return provider.sign_in.finish(flow.secret, answer or {"code": "1.code"}, "https://g.example/cb")


def failed(net, provider, *args, **more) -> ConsentFailed:
    with pytest.raises(ConsentFailed) as caught:
        finish(net, provider, *args, **more)
    return caught.value


# --- start


def test_the_consent_page_asks_for_calendars_and_comes_back_by_a_form(net, provider):
    flow, query = start(provider, login_hint=EMAIL)
    assert flow.url.startswith(f"{LOGIN}/oauth2/v2.0/authorize?")
    assert set(query["scope"].split()) == {
        "Calendars.ReadWrite", "Calendars.Read", "openid", "profile", "offline_access",
    }  # fmt: skip
    assert (query["response_mode"], query["prompt"], query["state"]) == ("form_post", "select_account", "st")
    assert (query["code_challenge_method"], query["login_hint"]) == ("S256", EMAIL)
    assert "verifier" not in flow.url
    assert "code_verifier" not in repr(flow)


def test_colours_are_asked_for_on_demand(net, provider):
    assert "MailboxSettings.ReadWrite" in start(provider, extras=True)[1]["scope"]
    assert len(net.calls) == 1
    start(provider)
    assert len(net.calls) == 1, "the authority's document is asked for once"


def test_an_authority_that_is_not_there_is_the_operators(net, provider):
    net.replace("GET", CONFIGURATION, status=404)
    with pytest.raises(OperatorFault):
        start(provider)


def test_an_authority_that_is_unwell_is_tried_again(net, provider):
    net.replace("GET", CONFIGURATION, status=503, headers={"Retry-After": "30"})
    with pytest.raises(TryLater) as caught:
        start(provider)
    assert caught.value.after == timedelta(seconds=30)


# --- finish


def test_a_grant(net, provider):
    grant = finish(net, provider)
    assert (grant.subject, grant.email, grant.mode) == ("o-1", EMAIL, Mode.OWN)
    assert grant.issuer == "https://login.microsoftonline.com/t-1/v2.0"
    assert provider.sign_in.access_token(grant.credential, NOW) == "EwB-new"
    assert "EwB" not in repr(grant)
    form = parse_qs(net.calls[-1].request.body)
    assert form["client_secret"] == ["8Q~secret"]
    assert form["code_verifier"]


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        ({"error": "access_denied", "error_description": "AADSTS65004: User declined"}, ConsentFailure.DENIED),
        ({"error": "access_denied", "error_description": "The user has denied access"}, ConsentFailure.DENIED),
        ({"error": "access_denied", "error_description": "AADSTS90094: admin"}, ConsentFailure.NEEDS_ADMIN),
        ({"error": "consent_required"}, ConsentFailure.NEEDS_ADMIN),
        ({"error": "access_denied", "error_subcode": "cancel"}, ConsentFailure.NEEDS_ADMIN),
        ({"error": "interaction_required", "error_description": "AADSTS50105: no"}, ConsentFailure.NEEDS_ADMIN),
        ({"error": "access_denied", "error_description": "AADSTS50020: User account"}, ConsentFailure.WRONG_TENANT),
        ({"error": "invalid_request", "error_description": "AADSTS50194: no"}, ConsentFailure.WRONG_TENANT),
        ({"error": "something_new"}, ConsentFailure.ERROR),
        ({"error": "<script>"}, ConsentFailure.ERROR),
        ({"state": "st"}, ConsentFailure.ERROR),
    ],
)  # fmt: skip
def test_a_consent_that_failed_says_how(net, provider, answer, how):
    error = failed(net, provider, answer)
    assert error.how is how
    assert "<" not in error.detail


def test_the_administrators_link(net, provider):
    link = urlsplit(failed(net, provider, {"error": "consent_required"}).detail)
    assert f"{link.scheme}://{link.netloc}{link.path}" == (
        "https://login.microsoftonline.com/organizations/v2.0/adminconsent"
    )
    query = dict(parse_qsl(link.query))
    assert (query["client_id"], query["redirect_uri"]) == ("client-1", "https://g.example/cb")
    assert "https://graph.microsoft.com/Calendars.ReadWrite" in query["scope"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"error": "server_error"}, TryLater),
        ({"error": "temporarily_unavailable"}, TryLater),
        ({"error": "unauthorized_client", "error_description": "AADSTS700016: Application"}, OperatorFault),
        ({"error": "invalid_request", "error_description": "AADSTS50011: redirect URI"}, OperatorFault),
    ],
)
def test_what_is_nobodys_fault_there(net, provider, answer, kind):
    with pytest.raises(kind):
        finish(net, provider, answer)


@pytest.mark.parametrize(
    ("more", "how"),
    [
        ({"scope": "Calendars.Read openid"}, ConsentFailure.SCOPE_MISSING),
        ({"refresh_token": None}, ConsentFailure.ERROR),
        ({"claims": {"aud": "another"}}, ConsentFailure.ERROR),
        ({"claims": {"oid": None}}, ConsentFailure.ERROR),
        ({"claims": {"nonce": "of another sign-in"}}, ConsentFailure.ERROR),
    ],
)
def test_a_grant_that_is_not_what_was_asked_for(net, provider, more, how):
    assert failed(net, provider, **more).how is how


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "invalid_client", "error_codes": [7000215]}, OperatorFault),
        (429, {}, TryLater),
        (503, {}, TryLater),
        (400, None, TryLater),
    ],
)
def test_an_exchange_that_failed(net, provider, status, body, kind):
    flow, _ = start(provider)
    net.post(TOKENS, status=status, **({"json": body} if body is not None else {"body": "<html>"}))
    with pytest.raises(kind):
        provider.sign_in.finish(flow.secret, {"code": "1.code"}, "https://g.example/cb")


def test_a_code_that_was_used_is_an_error_of_its_own(net, provider):
    flow, _ = start(provider)
    net.post(TOKENS, status=400, json={"error": "invalid_grant", "error_codes": [54005]})
    with pytest.raises(ConsentFailed) as caught:
        provider.sign_in.finish(flow.secret, {"code": "1.code"}, "https://g.example/cb")
    assert (caught.value.how, caught.value.detail) == (ConsentFailure.ERROR, "AADSTS54005")


# --- the credential


def test_a_token_is_given_while_it_has_some_minutes(net, provider):
    credential = finish(net, provider).credential
    for minutes, token in ((54, "EwB-new"), (56, None), (600, None)):
        assert provider.sign_in.access_token(credential, NOW + timedelta(minutes=minutes)) == token


@pytest.mark.parametrize("kept", [b"", b"{}", b"no json", b'{"cache": "no json", "expires_at": "x", "scopes": []}'])
def test_bytes_that_are_none_of_ours(provider, kept):
    with pytest.raises(SignInAgain):
        provider.sign_in.access_token(kept, NOW)
    with pytest.raises(SignInAgain):
        provider.sign_in.refresh(kept, NOW)


def test_a_refresh_brings_a_new_token_and_keeps_the_account(net, provider):
    credential = finish(net, provider).credential
    net.replace("POST", TOKENS, json=tokens("", access_token="EwB-second", refresh_token="1.second"))
    later = NOW + timedelta(hours=2)
    fresh = provider.sign_in.refresh(credential, later)
    assert provider.sign_in.access_token(fresh, later) == "EwB-second"
    assert parse_qs(net.calls[-1].request.body)["refresh_token"] == ["1.refresh"]
    assert "1.second" in unpack(fresh).cache
    assert len(unpack(fresh).open_cache().serialize()) > 10


def refusal(error, number=0, **more):
    return {"error": error, "error_codes": [number], "error_description": f"AADSTS{number}: words", **more}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, refusal("invalid_grant", 50173), AccessRevoked),
        (400, refusal("invalid_grant", 700082), AccessRevoked),
        (400, refusal("invalid_grant", 70008), AccessRevoked),
        (400, refusal("invalid_grant", 65001, suberror="consent_required"), AccessRevoked),
        (400, refusal("consent_required"), AccessRevoked),
        (400, refusal("invalid_grant", 50034), AccessRevoked),
        (400, refusal("invalid_grant", 50076, suberror="basic_action"), SignInAgain),
        (400, refusal("invalid_grant", 70043), SignInAgain),
        (400, refusal("invalid_grant", 53003, suberror="message_only"), SignInAgain),
        (400, refusal("interaction_required", 50079), SignInAgain),
        (401, refusal("invalid_client", 7000222), OperatorFault),
        (400, refusal("unauthorized_client", 700016), OperatorFault),
        (400, refusal("temporarily_unavailable"), TryLater),
        (400, refusal("something_new", 1), TryLater),
        (403, {}, TryLater),
        (500, refusal("invalid_grant", 50173), TryLater),
        (502, {}, TryLater),
    ],
)
def test_what_a_refused_refresh_means(net, provider, status, body, kind):
    credential = finish(net, provider).credential
    net.replace("POST", TOKENS, status=status, json=body)
    with pytest.raises(kind):
        provider.sign_in.refresh(credential, NOW)


def test_without_an_account_in_the_cache_the_person_is_asked(net, provider):
    kept = json.dumps({"cache": "{}", "expires_at": NOW.isoformat(), "scopes": ["Calendars.ReadWrite"]}).encode()
    assert provider.sign_in.access_token(kept, NOW - timedelta(hours=1)) is None
    with pytest.raises(SignInAgain):
        provider.sign_in.refresh(kept, NOW)


def test_nothing_is_asked_of_microsoft_when_a_person_leaves(provider):
    provider.sign_in.revoke(b"whatever")


# --- the authority on loopback


def test_an_authority_on_loopback_is_told_to_msal_under_https_and_found_again():
    own = Authority("http://127.0.0.1:5000/common")
    assert own.for_msal == "https://127.0.0.1:5000/common"
    assert own.real("https://127.0.0.1:5000/common/x?y=1") == "http://127.0.0.1:5000/common/x?y=1"
    assert own.real("https://elsewhere.example/x") == "https://elsewhere.example/x"
    assert own.for_tenant("organizations") == "http://127.0.0.1:5000/organizations"
    real = Authority(LOGIN)
    assert (real.for_msal, real.real(f"{LOGIN}/x")) == (LOGIN, f"{LOGIN}/x")


# --- over the stand-in


def test_a_whole_life(bench, outlook_server):
    grant = bench.grant
    assert (grant.email, grant.mode) == (EMAIL, Mode.EXISTING)
    outlook_server.clock.advance(3 * 3600)
    assert bench.provider.sign_in.access_token(grant.credential, bench.now()) is None
    fresh = bench.provider.sign_in.refresh(grant.credential, bench.now())
    token = bench.provider.sign_in.access_token(fresh, bench.now())
    assert token
    assert bench.provider.open_account(token).calendars()
    assert bench.provider.sign_in.refresh(grant.credential, bench.now()), "an older refresh token is as good"
    bench.world.admin("revoke", email=EMAIL, code=50173)
    with pytest.raises(AccessRevoked):
        bench.provider.sign_in.refresh(fresh, bench.now())


@pytest.mark.parametrize("account", ["work", "personal"])
def test_both_kinds_of_accounts(outlook_server, account):
    with outlook_server.world() as world:
        world.admin("persons", email="eve@example.com", account=account)
        provider = outlook.provider(outlook_config(world, outlook_server.clock))
        assert sign_in(world, provider, "eve@example.com").email == "eve@example.com"


@pytest.mark.parametrize("form", ["access_denied", "consent_required", "cancel"])
def test_every_form_of_needing_an_administrator(bench, form):
    secret, answer = consent(bench.world, bench.provider, EMAIL, decision="needs_admin", form=form)
    with pytest.raises(ConsentFailed) as caught:
        bench.provider.sign_in.finish(secret, answer, CALLBACK)
    assert caught.value.how is ConsentFailure.NEEDS_ADMIN


def test_a_sign_in_for_one_kind_of_account_shows_the_others_a_page(bench, outlook_server):
    personal = replace(bench.config, authority=f"{bench.world.url}/consumers")
    bench.world.admin("consent", email=EMAIL, decision="allow")
    flow = outlook.provider(personal).sign_in.start(redirect_uri=CALLBACK, state="s", mode=Mode.OWN)
    with requests.get(flow.url, allow_redirects=False, timeout=10) as page:
        assert "AADSTS50020" in page.text


def test_an_expired_secret_is_the_operators(bench):
    bench.world.admin("expire_secret", client_id=bench.config.client_id)
    with pytest.raises(OperatorFault):
        bench.provider.sign_in.refresh(bench.grant.credential, bench.now())
