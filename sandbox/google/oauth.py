"""Google's OAuth endpoints over HTTP: the authorize page, the token endpoint, revocation.

https://developers.google.com/identity/protocols/oauth2/web-server and
https://developers.google.com/identity/openid-connect/openid-connect
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import jwt
from flask import Blueprint, Response, jsonify, redirect, render_template_string, request
from flask.typing import ResponseReturnValue

from sandbox.google import consent, grants
from sandbox.google.discovery import SCOPE_PREFIX
from sandbox.google.model import Client
from sandbox.google.world import Consent, World

ISSUER: Final = "https://accounts.google.com"
_DEAD_GRANT: Final = "Token has been expired or revoked."
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in - Google (stand-in)</title></head><body>
<h1>{{ heading }}</h1>
{% if asked %}<form method="post">
<p><label>Account <select name="email">{% for email in people %}
<option value="{{ email }}"{% if email == hinted %} selected{% endif %}>{{ email }}</option>{% endfor %}
</select></label></p>
<fieldset><legend>The app wants access to</legend>{% for scope in asked.askable %}
<p><label><input type="checkbox" name="scope" value="{{ scope }}" checked> {{ scope }}</label></p>{% endfor %}
</fieldset>
<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></p>
</form>{% else %}<p>{{ text }}</p>{% endif %}
</body></html>
"""


class Refusal(Exception):
    """An error of the token endpoint: ``{"error", "error_description"}``."""

    def __init__(self, status: int, code: str, why: str) -> None:
        super().__init__(f"{status} {code}: {why}")
        self.status, self.code, self.why = status, code, why


def blueprint(world: World) -> Blueprint:
    """``/o/oauth2/v2/auth``, ``/token`` and ``/revoke``."""
    door = Blueprint("oauth", __name__)

    @door.route("/o/oauth2/v2/auth", methods=["GET", "POST"])
    def authorize() -> ResponseReturnValue:
        with world.lock:
            try:
                asked = consent.read(world, request.args)
            except consent.PageError as error:
                return _page("Access blocked", text=str(error)), 400
            return _chosen(world, asked) if request.method == "POST" else _asked(world, asked)

    @door.post("/token")
    def token() -> ResponseReturnValue:
        with world.lock:
            try:
                return _no_store(jsonify(_exchange(world, request.form)))
            except Refusal as refusal:
                return jsonify(error=refusal.code, error_description=refusal.why), refusal.status

    @door.post("/revoke")
    def revoke() -> ResponseReturnValue:
        with world.lock:
            if world.grants.revoke_token(request.values.get("token", "")):
                return jsonify({})
        return jsonify(error="invalid_token", error_description="Token expired or revoked"), 400

    return door


def _asked(world: World, asked: consent.Request) -> ResponseReturnValue:
    prepared = consent.take_prepared(world, asked)
    if prepared is not None:
        return redirect(consent.decide(world, asked, prepared))
    hinted = next((one.email for one in world.people.values() if asked.login_hint in (one.email, one.sub)), None)
    return _page("Choose what the app can access", asked=asked, people=sorted(world.people), hinted=hinted)


def _chosen(world: World, asked: consent.Request) -> ResponseReturnValue:
    email, decision = request.form.get("email", ""), request.form.get("decision", "")
    if email not in world.people or decision not in ("allow", "deny"):
        return _page("Access blocked", text="Choose an account, and Allow or Deny."), 400
    ticked = request.form.getlist("scope")
    untick = tuple(scope for scope in asked.askable if scope not in ticked)
    return redirect(consent.decide(world, asked, Consent(email, decision, untick)))


def _page(heading: str, **values: Any) -> str:
    return render_template_string(_PAGE, heading=heading, **values)


def _no_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _exchange(world: World, form: Mapping[str, str]) -> dict[str, Any]:
    client = _client(world, form)
    match form.get("grant_type"):
        case "authorization_code":
            return _from_code(world, client, form)
        case "refresh_token":
            return _from_refresh(world, client, form)
    raise Refusal(400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")


def _client(world: World, form: Mapping[str, str]) -> Client:
    basic = request.authorization
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    if basic is not None and basic.type == "basic":
        client_id, secret = basic.username or "", basic.password or ""
    client = world.clients.get(client_id)
    if client is None:
        raise Refusal(401, "invalid_client", "The OAuth client was not found.")
    if secret != client.secret:
        raise Refusal(401, "invalid_client", "Unauthorized")
    return client


def _from_code(world: World, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    code = world.grants.take_code(form.get("code", ""), world.now())
    if code is None or code.client_id != client.id:
        raise Refusal(400, "invalid_grant", "Bad Request")
    if form.get("redirect_uri") != code.redirect_uri:
        raise Refusal(400, "redirect_uri_mismatch", "Bad Request")
    _check_verifier(code, form.get("code_verifier"))
    answer = _tokens(world, client, code.email, code.scopes, code.nonce)
    if code.with_refresh_token:
        answer["refresh_token"] = world.grants.add_refresh(client.id, code.email, code.scopes, world.now())
    return answer


def _check_verifier(code: grants.Code, verifier: str | None) -> None:
    if code.challenge is None:
        return
    if not verifier:
        raise Refusal(400, "invalid_grant", "Missing code verifier.")
    digest = hashlib.sha256(verifier.encode()).digest()
    hashed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if code.challenge != (hashed if code.challenge_method == "S256" else verifier):
        raise Refusal(400, "invalid_grant", "Invalid code verifier.")


def _from_refresh(world: World, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    found = world.grants.use_refresh(form.get("refresh_token", ""), client.id, world.now())
    if found is None:
        raise Refusal(400, "invalid_grant", _DEAD_GRANT)
    scopes = tuple(form.get("scope", "").split()) or found.scopes
    if not set(scopes) <= set(found.scopes):
        raise Refusal(400, "invalid_scope", "Some requested scopes were not granted.")
    return _tokens(world, client, found.email, scopes, None)


def _tokens(world: World, client: Client, email: str, scopes: tuple[str, ...], nonce: str | None) -> dict[str, Any]:
    access = world.grants.add_access(client.id, email, consent.short(scopes), world.now())
    answer: dict[str, Any] = {
        "access_token": access,
        "expires_in": int(grants.ACCESS_LIVES.total_seconds()),
        "scope": " ".join(scopes),
        "token_type": "Bearer",
    }
    if "openid" in scopes:
        answer["id_token"] = _id_token(world, client, email, scopes, nonce)
    return answer


def _id_token(world: World, client: Client, email: str, scopes: tuple[str, ...], nonce: str | None) -> str:
    """Who signed in. It comes straight from the token endpoint, so nobody needs a public key to trust it."""
    now = int(world.now().timestamp())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "azp": client.id,
        "aud": client.id,
        "sub": world.people[email].sub,
        "iat": now,
        "exp": now + int(grants.ACCESS_LIVES.total_seconds()),
    }
    if f"{SCOPE_PREFIX}userinfo.email" in scopes:
        claims |= {"email": email, "email_verified": True}
    if nonce is not None:
        claims["nonce"] = nonce
    return jwt.encode(claims, client.secret, algorithm="HS256")
