"""Microsoft's sign-in: the page, both ways back, the token endpoint, how grants end; and what MSAL makes of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import msal
import pytest
import requests

from tests.sandbox.graph_world import CALLBACK, LOGIN, GraphWorld, OntoLoopback, answer_of, form_of

ANN = "ann@example.com"
CALENDARS = ["Calendars.ReadWrite"]


def _claims(tokens: Any) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    return found


def _unpacked(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@pytest.fixture
def ann(graph: GraphWorld) -> dict[str, str]:
    found: dict[str, str] = graph.admin("persons", email=ANN)
    return found


def test_the_page_shows_what_is_asked_and_the_form_brings_the_answer(graph: GraphWorld, ann: Any) -> None:
    page = graph.authorize(response_mode="form_post", client_info="1")
    assert page.status_code == 200
    for part in (ANN, "Calendars.ReadWrite", 'value="allow"', 'value="deny"', 'value="needs_admin"'):
        assert part in page.text
    sent = requests.post(page.url, data={"email": ANN, "decision": "allow"}, allow_redirects=False, timeout=10)
    action, fields = form_of(sent.text)
    assert "document.forms[0].submit()" in sent.text
    assert action == CALLBACK
    assert fields["state"] == "state-1"
    assert _unpacked(fields["client_info"]) == {"uid": ann["user_id"], "utid": ann["tenant_id"]}
    assert graph.exchange(fields["code"]).status_code == 200


def test_what_the_token_endpoint_hands_out(graph: GraphWorld, ann: Any) -> None:
    answer = graph.answer(ANN, nonce="n-1")
    tokens = graph.exchange(answer["code"], client_info="1").json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"].split() == ["openid", "profile", "Calendars.ReadWrite"]
    assert 3600 <= tokens["expires_in"] <= 5400
    assert _unpacked(tokens["client_info"]) == {"uid": ann["user_id"], "utid": ann["tenant_id"]}
    claims = _claims(tokens)
    assert (claims["oid"], claims["tid"], claims["nonce"]) == (ann["user_id"], ann["tenant_id"], "n-1")
    assert (claims["preferred_username"], claims["aud"]) == (ANN, graph.client_id)
    assert claims["iss"] == f"https://login.microsoftonline.com/{ann['tenant_id']}/v2.0"
    assert graph.api(tokens["access_token"]).get("me/calendars").status == 200


def test_refresh_tokens_rotate_and_old_ones_live_on(graph: GraphWorld, ann: Any) -> None:
    first = graph.sign_in(ANN)["refresh_token"]
    second = graph.refresh(first).json()["refresh_token"]
    assert second != first
    assert graph.refresh(first).status_code == graph.refresh(second).status_code == 200
    graph.advance(days=91)
    dead = graph.refresh(second)
    assert (dead.status_code, dead.json()["error_codes"]) == (400, [700082])


@pytest.mark.parametrize(
    ("change", "error", "number"),
    [
        ({"code_verifier": "w" * 64}, "invalid_grant", 501481),
        ({"code_verifier": ""}, "invalid_grant", 501481),
        ({"redirect_uri": "http://127.0.0.1:9/other"}, "invalid_grant", 500112),
        ({"client_secret": "wrong"}, "invalid_client", 7000215),
        ({"client_secret": ""}, "invalid_client", 7000218),
        ({"client_id": "nobody"}, "unauthorized_client", 700016),
        ({"grant_type": "password"}, "unsupported_grant_type", 70003),
        ({"code": "guessed"}, "invalid_grant", 9002313),
    ],
)
def test_what_a_code_is_refused_for(graph: GraphWorld, ann: Any, change: Any, error: str, number: int) -> None:
    code = graph.answer(ANN)["code"]
    refused = graph.exchange(**{"code": code, **change})
    assert refused.json()["error"] == error
    assert refused.json()["error_codes"] == [number]
    assert refused.json()["error_description"].startswith(f"AADSTS{number}: ")
    assert {"timestamp", "trace_id", "correlation_id", "error_uri"} <= set(refused.json())


def test_a_code_works_once_and_for_ten_minutes(graph: GraphWorld, ann: Any) -> None:
    code, late = graph.answer(ANN)["code"], graph.answer(ANN)["code"]
    assert graph.exchange(code).status_code == 200
    assert graph.exchange(code).json()["error_codes"] == [54005]
    graph.advance(minutes=11)
    assert graph.exchange(late).json()["error_codes"] == [70008]


def test_an_expired_secret(graph: GraphWorld, ann: Any) -> None:
    refresh = graph.sign_in(ANN)["refresh_token"]
    graph.admin("expire_secret", client_id=graph.client_id)
    refused = graph.refresh(refresh)
    assert (refused.status_code, refused.json()["error_codes"]) == (401, [7000222])


@pytest.mark.parametrize(
    ("body", "error", "number"),
    [
        ({}, "invalid_grant", 50173),
        ({"code": 65001}, "invalid_grant", 65001),
        ({"code": 50076, "error": "interaction_required"}, "interaction_required", 50076),
    ],
)
def test_a_revoked_grant_is_noticed_at_the_refresh(
    graph: GraphWorld, ann: Any, body: Any, error: str, number: int
) -> None:
    tokens = graph.sign_in(ANN)
    assert graph.admin("revoke", email=ANN, **body) == {"revoked": 1}
    dead = graph.refresh(tokens["refresh_token"]).json()
    assert (dead["error"], dead["error_codes"]) == (error, [number])
    assert dead.get("suberror") == {65001: "consent_required", 50076: "basic_action"}.get(number)
    assert graph.api(tokens["access_token"]).get("me/calendars").status == 200
    assert graph.refresh(graph.sign_in(ANN)["refresh_token"]).status_code == 200


def test_access_tokens_end_with_time_or_when_told(graph: GraphWorld, ann: Any) -> None:
    first = graph.app(ANN)
    graph.advance(minutes=91)
    assert first.get("me/calendars").problem == (401, "InvalidAuthenticationToken")
    second = graph.app(ANN)
    graph.admin("revoke", email=ANN, access_tokens=True)
    assert second.get("me/calendars").problem == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ({"decision": "deny"}, {"error": "access_denied", "error_subcode": "cancel"}),
        ({"decision": "needs_admin"}, {"error": "access_denied"}),
        ({"decision": "needs_admin", "form": "consent_required"}, {"error": "consent_required"}),
        ({"decision": "needs_admin", "form": "cancel"}, {"error": "access_denied", "error_subcode": "cancel"}),
    ],
)
def test_a_refused_consent(graph: GraphWorld, ann: Any, decision: Any, expected: Any) -> None:
    answer = graph.answer(ANN, **decision)
    text = answer.pop("error_description", "")
    assert answer == {**expected, "state": "state-1"}
    assert decision.get("form") == "cancel" or ("AADSTS90094" in text) == (decision["decision"] == "needs_admin")


def test_an_administrator_approves_for_all(graph: GraphWorld, ann: Any) -> None:
    query = {"client_id": graph.client_id, "scope": "Calendars.ReadWrite", "redirect_uri": CALLBACK, "state": "s-9"}
    address = f"{graph.url}/organizations/v2.0/adminconsent"
    page = requests.get(address, params=query, timeout=10)
    assert ANN in page.text
    back = requests.post(page.url, data={"email": ANN, "decision": "allow"}, allow_redirects=False, timeout=10)
    answer = answer_of(back.headers["Location"])
    assert (answer["admin_consent"], answer["tenant"], answer["state"]) == ("True", ann["tenant_id"], "s-9")
    assert "code" in graph.answer(ANN, "needs_admin")
    graph.admin("consent", email=ANN, decision="deny")
    refused = requests.get(address, params=query, allow_redirects=False, timeout=10)
    assert answer_of(refused.headers["Location"])["error"] == "permission_denied"


def test_work_and_personal_accounts_and_the_tenants_that_let_them_in(graph: GraphWorld, ann: Any) -> None:
    zoe = graph.admin("persons", email="zoe@outlook.com", account="personal")
    assert zoe["tenant_id"] == "9188040d-6c67-4c5b-b112-36a304b66dad"
    assert _claims(graph.sign_in("zoe@outlook.com"))["tid"] == zoe["tenant_id"]
    for email, tenant, admitted in (
        (ANN, "organizations", True),
        (ANN, "consumers", False),
        (ANN, ann["tenant_id"], True),
        (ANN, "example.com", True),
        (ANN, "other.example", False),
        ("zoe@outlook.com", "consumers", True),
        ("zoe@outlook.com", "organizations", False),
    ):
        graph.admin("consent", email=email)
        answer = graph.authorize(tenant=tenant)
        assert ("Location" in answer.headers) == admitted, (email, tenant)
        assert admitted or "AADSTS50020" in answer.text
    assert "no administrator" in graph.refused_admin("consent", email="zoe@outlook.com", decision="needs_admin")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"client_id": "nobody"}, "AADSTS700016"),
        ({"redirect_uri": "javascript:alert(1)"}, "AADSTS50011"),
        ({"scope": "Calendars.Everything"}, "AADSTS70011"),
        ({"scope": " "}, "AADSTS900144"),
        ({"response_type": "token"}, "AADSTS90014"),
        ({"code_challenge": "short"}, "AADSTS501481"),
    ],
)
def test_a_request_that_is_not_sound_is_told_on_a_page(graph: GraphWorld, ann: Any, change: Any, code: str) -> None:
    page = graph.authorize(**change)
    assert page.status_code == 200
    assert code in page.text


def test_registered_addresses_only(graph: GraphWorld, ann: Any) -> None:
    strict = graph.admin("clients", redirect_uris=["https://gateway.example/cb"])
    assert "AADSTS50011" in graph.authorize(client_id=strict["client_id"]).text


def test_prompt_none_and_a_fragment(graph: GraphWorld, ann: Any) -> None:
    nobody = requests.get(f"{graph.url}/elsewhere.example/oauth2/v2.0/authorize", graph.query(), timeout=10)
    assert "There is no account" in nobody.text
    unclear = requests.post(graph.authorize().url, data={"email": ANN, "decision": "perhaps"}, timeout=10)
    assert "Choose an account" in unclear.text
    assert answer_of(graph.authorize(prompt="none").headers["Location"])["error"] == "login_required"
    graph.admin("consent", email=ANN)
    assert "#code=" in graph.authorize(response_mode="fragment").headers["Location"]


def test_a_narrower_grant_cannot_be_widened_by_a_refresh(graph: GraphWorld, ann: Any) -> None:
    scopes = ("Calendars.ReadWrite", "MailboxSettings.ReadWrite")
    tokens = graph.sign_in(ANN, *scopes, untick=["MailboxSettings.ReadWrite"])
    assert "MailboxSettings" not in tokens["scope"]
    wider = graph.refresh(tokens["refresh_token"], scope="MailboxSettings.ReadWrite")
    assert (wider.json()["error_codes"], wider.json()["suberror"]) == ([65001], "consent_required")
    graph.sign_in(ANN, *scopes)
    assert graph.refresh(tokens["refresh_token"], scope="MailboxSettings.ReadWrite").status_code == 200


# --- MSAL -----------------------------------------------------------------------------------------------------------

MakeApp = Callable[..., msal.ConfidentialClientApplication]


@pytest.fixture
def make_app(graph: GraphWorld) -> Iterator[MakeApp]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", OntoLoopback(graph.url))

        def make(authority: str = f"https://{LOGIN}/common", **more: Any) -> msal.ConfidentialClientApplication:
            return msal.ConfidentialClientApplication(
                graph.client_id, graph.client_secret, authority=authority, http_client=session, **more
            )

        yield make


def _signed_in(graph: GraphWorld, app: msal.ConfidentialClientApplication, decision: str = "allow") -> dict[str, Any]:
    flow = app.initiate_auth_code_flow(
        CALENDARS, redirect_uri=CALLBACK, prompt="select_account", response_mode="form_post"
    )
    graph.admin("consent", email=ANN, decision=decision)
    page = requests.get(flow["auth_uri"], timeout=10)
    found: dict[str, Any] = app.acquire_token_by_auth_code_flow(flow, form_of(page.text)[1])
    return found


@pytest.mark.parametrize(
    ("authority", "more"),
    [
        (f"https://{LOGIN}/common", {}),
        (f"https://{LOGIN}/common", {"instance_discovery": False}),
        ("https://login.sandbox.test/organizations", {}),
        ("https://login.sandbox.test/common", {"instance_discovery": False}),
    ],
)
def test_msal_signs_in_and_refreshes(graph: GraphWorld, ann: Any, make_app: MakeApp, authority: str, more: Any) -> None:
    cache = msal.SerializableTokenCache()
    app = make_app(authority, token_cache=cache, **more)
    result = _signed_in(graph, app)
    assert result["token_source"] == "identity_provider"
    assert result["id_token_claims"]["oid"] == ann["user_id"]
    assert "Calendars.ReadWrite" in result["scope"]
    (account,) = app.get_accounts()
    assert account["home_account_id"] == f"{ann['user_id']}.{ann['tenant_id']}"
    cached = app.acquire_token_silent_with_error(CALENDARS, account)
    assert cached["access_token"] == result["access_token"]
    stored, again = cache.serialize(), msal.SerializableTokenCache()
    again.deserialize(stored)
    later = make_app(authority, token_cache=again, **more)
    fresh = later.acquire_token_silent_with_error(CALENDARS, later.get_accounts()[0], force_refresh=True)
    assert fresh["access_token"] != result["access_token"]
    assert graph.api(fresh["access_token"]).get("me/calendars").status == 200
    assert again.serialize() != stored


def test_msal_is_told_of_a_revocation(graph: GraphWorld, ann: Any, make_app: MakeApp) -> None:
    app = make_app()
    _signed_in(graph, app)
    graph.admin("revoke", email=ANN)
    error = app.acquire_token_silent_with_error(CALENDARS, app.get_accounts()[0], force_refresh=True)
    assert error["error"] == "invalid_grant"
    assert error["error_codes"] == [50173]


def test_msal_is_told_of_a_refusal(graph: GraphWorld, ann: Any, make_app: MakeApp) -> None:
    assert _signed_in(graph, make_app(), "deny")["error"] == "access_denied"
    needs_admin = _signed_in(graph, make_app(), "needs_admin")
    assert "AADSTS90094" in needs_admin["error_description"]


def test_the_ledger_knows_who_asked_for_tokens(graph: GraphWorld, ann: Any) -> None:
    graph.sign_in(ANN, login_hint=ANN)
    found = [(one["path"], one["caller"]) for one in graph.ledger()]
    assert found == [
        ("/common/oauth2/v2.0/authorize", f"person:{ANN}"),
        ("/common/oauth2/v2.0/token", "gateway"),
    ]
    assert requests.get(f"{graph.url}/common/discovery/v2.0/keys", timeout=5).json() == {"keys": []}
