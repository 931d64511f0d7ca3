"""The sign-in: what the authorize page, the token endpoint and revocation answer."""

from __future__ import annotations

import jwt
import pytest

from tests.sandbox.google_world import APP_CREATED, CALLBACK, LIST_READONLY, OWNED, GoogleWorld, answer_of

EMAIL_SCOPE = "https://www.googleapis.com/auth/userinfo.email"


def test_a_whole_sign_in_gives_tokens_and_says_who(google: GoogleWorld) -> None:
    ann = google.admin("persons", email="ann@example.com")
    tokens = google.sign_in("ann@example.com", [APP_CREATED])
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"].split() == ["openid", EMAIL_SCOPE, APP_CREATED]
    assert tokens["refresh_token"]
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert claims["iss"] == "https://accounts.google.com"
    assert claims["sub"] == ann["user_id"]
    assert claims["aud"] == google.client_id
    assert claims["email"] == "ann@example.com"


def test_without_a_prepared_consent_there_is_a_page_to_fill_in(google: GoogleWorld) -> None:
    google.admin("persons", email="ann@example.com")
    page = google.authorize("openid", OWNED, LIST_READONLY, login_hint="ann@example.com")
    assert page.status_code == 200
    assert page.text.count('type="checkbox"') == 2
    assert 'value="ann@example.com" selected' in page.text
    query = page.url.partition("?")[2]
    form = {"email": "ann@example.com", "decision": "allow", "scope": LIST_READONLY}
    sent = google.post(f"/o/oauth2/v2/auth?{query}", **form)
    assert sent.status_code == 302
    tokens = google.exchange(answer_of(sent.headers["Location"])["code"]).json()
    assert tokens["scope"].split() == ["openid", LIST_READONLY]
    sent = google.post(f"/o/oauth2/v2/auth?{query}", email="ann@example.com", decision="deny")
    assert answer_of(sent.headers["Location"]) == {"state": "state-1", "error": "access_denied"}


@pytest.mark.parametrize(("decision", "error"), [("deny", "access_denied"), ("needs_admin", "admin_policy_enforced")])
def test_a_refusal_comes_back_to_the_app(google: GoogleWorld, decision: str, error: str) -> None:
    google.admin("persons", email="ann@example.com")
    google.admin("consent", email="ann@example.com", decision=decision)
    location = google.authorize("openid", APP_CREATED).headers["Location"]
    assert location.startswith(CALLBACK)
    assert answer_of(location) == {"state": "state-1", "error": error}


def test_an_unticked_scope_is_not_granted(google: GoogleWorld) -> None:
    google.admin("persons", email="ann@example.com")
    tokens = google.sign_in("ann@example.com", [OWNED, LIST_READONLY], untick=["calendar.calendarlist.readonly"])
    assert tokens["scope"].split() == ["openid", EMAIL_SCOPE, OWNED]


def test_prepared_consents_go_to_the_hinted_account(google: GoogleWorld) -> None:
    for email in ("ann@example.com", "bob@example.com"):
        google.admin("persons", email=email)
        google.admin("consent", email=email, decision="allow" if email.startswith("bob") else "deny")
    assert "code" in answer_of(google.authorize("openid", login_hint="bob@example.com").headers["Location"])
    assert "error" in answer_of(google.authorize("openid").headers["Location"])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"redirect_uri": "ftp://127.0.0.1/"}, "redirect_uri_mismatch"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "https://www.googleapis.com/auth/calendar.nonsense"}, "invalid_scope"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"access_type": "forever"}, "invalid_request"),
    ],
)
def test_an_unsound_request_is_shown_and_never_redirected(
    google: GoogleWorld, change: dict[str, str], error: str
) -> None:
    page = google.authorize("openid", **change)
    assert page.status_code == 400
    assert error in page.text


def test_only_registered_redirect_uris(google: GoogleWorld) -> None:
    client = google.admin("clients", redirect_uris=["http://127.0.0.1:1/here"])
    assert google.authorize("openid", client_id=client["client_id"]).status_code == 400
    fine = google.authorize("openid", client_id=client["client_id"], redirect_uri="http://127.0.0.1:1/here")
    assert fine.status_code == 200


def _code(google: GoogleWorld, **more: str) -> str:
    google.admin("persons", email="ann@example.com")
    google.admin("consent", email="ann@example.com", decision="allow")
    return answer_of(google.authorize("openid", APP_CREATED, **more).headers["Location"])["code"]


def test_a_code_works_once(google: GoogleWorld) -> None:
    code = _code(google)
    assert google.exchange(code).status_code == 200
    again = google.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_code_is_short_lived(google: GoogleWorld) -> None:
    code = _code(google)
    google.advance(601)
    assert google.exchange(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"code_verifier": "w" * 64}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": CALLBACK + "/"}, 400, "redirect_uri_mismatch"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_what_the_token_endpoint_refuses(google: GoogleWorld, change: dict[str, str], status: int, error: str) -> None:
    answer = google.exchange(_code(google), **change)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_refresh_token_comes_with_the_first_consent_or_a_forced_one(google: GoogleWorld) -> None:
    google.admin("persons", email="ann@example.com")
    assert "refresh_token" not in google.sign_in("ann@example.com", [OWNED], access_type="online")
    google.admin("revoke", email="ann@example.com")
    assert "refresh_token" in google.sign_in("ann@example.com", [OWNED])
    assert "refresh_token" not in google.sign_in("ann@example.com", [OWNED])
    assert "refresh_token" in google.sign_in("ann@example.com", [OWNED], prompt="consent")


def test_earlier_grants_are_included_when_asked_for(google: GoogleWorld) -> None:
    google.admin("persons", email="ann@example.com")
    google.sign_in("ann@example.com", [APP_CREATED])
    assert APP_CREATED not in google.sign_in("ann@example.com", [OWNED])["scope"]
    assert APP_CREATED in google.sign_in("ann@example.com", [OWNED], include_granted_scopes="true")["scope"].split()


def test_access_tokens_live_an_hour_and_are_refreshed(google: GoogleWorld) -> None:
    google.admin("persons", email="ann@example.com")
    tokens = google.sign_in("ann@example.com", [OWNED])
    api = google.api(tokens["access_token"])
    assert api.listing().status == 200
    google.advance(3600)
    assert api.listing().problem == (401, "authError")
    assert api.listing().json["error"]["status"] == "UNAUTHENTICATED"
    fresh = google.refresh(tokens["refresh_token"]).json()
    assert "refresh_token" not in fresh
    assert fresh["scope"] == tokens["scope"]
    assert google.api(fresh["access_token"]).listing().status == 200


def test_a_refresh_may_narrow_but_not_widen(google: GoogleWorld) -> None:
    google.admin("persons", email="ann@example.com")
    token = google.sign_in("ann@example.com", [OWNED])["refresh_token"]
    assert google.refresh(token, scope=OWNED).json()["scope"] == OWNED
    wide = google.refresh(token, scope=f"{OWNED} {APP_CREATED}")
    assert (wide.status_code, wide.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoking_either_token_ends_the_whole_grant(google: GoogleWorld, which: str) -> None:
    google.admin("persons", email="ann@example.com")
    tokens = google.sign_in("ann@example.com", [OWNED])
    assert google.post("/revoke", token=tokens[which]).status_code == 200
    assert google.api(tokens["access_token"]).listing().status == 401
    dead = google.refresh(tokens["refresh_token"])
    assert dead.status_code == 400
    assert dead.json() == {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    again = google.post("/revoke", token=tokens[which])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_token")


def test_revoking_in_the_account_settings(google: GoogleWorld) -> None:
    ann = google.person()
    tokens = google.sign_in("ann@example.com", [OWNED])
    assert google.admin("revoke", email="ann@example.com") == {"revoked": 1}
    assert google.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert ann.listing().status == 200  # the person's own app goes on
    assert "refresh_token" in google.sign_in("ann@example.com", [OWNED])


def test_the_101st_refresh_token_ends_the_oldest(google: GoogleWorld) -> None:
    google.admin("persons", email="ann@example.com")
    tokens = [google.sign_in("ann@example.com", [OWNED], prompt="consent")["refresh_token"] for _ in range(101)]
    assert google.refresh(tokens[0]).json()["error"] == "invalid_grant"
    assert google.refresh(tokens[1]).status_code == 200
    assert google.refresh(tokens[100]).status_code == 200


def test_a_refresh_token_dies_when_unused_for_six_months(google: GoogleWorld) -> None:
    google.admin("persons", email="ann@example.com")
    token = google.sign_in("ann@example.com", [OWNED])["refresh_token"]
    google.advance(100 * 86_400)
    assert google.refresh(token).status_code == 200
    google.advance(100 * 86_400)
    assert google.refresh(token).status_code == 200
    google.advance(184 * 86_400)
    assert google.refresh(token).json()["error"] == "invalid_grant"


def test_the_ledger_tells_the_gateway_from_the_person(google: GoogleWorld) -> None:
    ann = google.person()
    app = google.app("ann@example.com", OWNED)
    theirs = ann.insert({"summary": "dentist"}).json["id"]
    own = app.insert({"summary": "call Bob"}).json["id"]
    app.listing()
    app.listing(fields="nextPageToken")
    app.delete(theirs)
    mine = [entry for entry in google.ledger() if entry["path"].startswith("/calendar/v3/")]
    assert [entry["caller"] for entry in mine] == ["person:ann@example.com", *["gateway"] * 4]
    assert (mine[0]["ids"], mine[0]["ours"]) == ([theirs], [False])
    assert (mine[1]["ids"], mine[1]["ours"]) == ([own], [True])
    assert dict(zip(mine[2]["ids"], mine[2]["ours"], strict=True)) == {theirs: False, own: True}
    assert mine[3]["ids"] == []
    assert (mine[4]["ids"], mine[4]["status"]) == ([theirs], 204)
    tokens = [entry for entry in google.ledger() if entry["path"] == "/token"]
    assert [entry["caller"] for entry in tokens] == ["gateway"]
