"""What the token endpoint hands out: tokens, the id_token, ``client_info``, and its refusals.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow and
https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import jwt

from sandbox.graph import grants, scopes
from sandbox.graph.model import Client, Person
from sandbox.graph.world import World

ISSUER: Final = "https://login.microsoftonline.com"
_TEXTS: Final[Mapping[int, str]] = {
    50034: "The user account does not exist in the directory.",
    50057: "The user account is disabled.",
    50076: "Due to a configuration change made by your administrator you must use multi-factor authentication.",
    50079: "The user is required to use multi-factor authentication.",
    50173: "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
    53003: "Access has been blocked by Conditional Access policies.",
    65001: "The user or administrator has not consented to use the application.",
    70008: "The provided authorization code or refresh token has expired due to inactivity.",
    70043: "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access.",
    700082: "The refresh token has expired due to inactivity.",
    9002313: "Invalid request. Request is malformed or invalid.",
}
"""By number: https://learn.microsoft.com/entra/identity-platform/reference-error-codes"""
DEATHS: Final = frozenset(_TEXTS) - {9002313}
"""The numbers under which a refresh token can be dead."""
_SUBERRORS: Final = {65001: "consent_required", 50076: "basic_action", 50079: "basic_action", 53003: "message_only"}


class Refusal(Exception):
    """An error of the token endpoint."""

    def __init__(self, status: int, error: str, number: int, why: str | None = None) -> None:
        self.why = why or _TEXTS[number]
        super().__init__(f"{status} {error}: AADSTS{number}: {self.why}")
        self.status, self.error, self.number = status, error, number

    def body(self, trace_id: str, correlation_id: str, now: datetime) -> dict[str, Any]:
        """The JSON body as the endpoint sends it."""
        stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
        ids = f"Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {stamp}"
        body = {
            "error": self.error,
            "error_description": f"AADSTS{self.number}: {self.why} {ids}",
            "error_codes": [self.number],
            "timestamp": stamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"{ISSUER}/error?code={self.number}",
        }
        suberror = _SUBERRORS.get(self.number)
        return body if suberror is None else {**body, "suberror": suberror}


def exchange(world: World, form: Mapping[str, str], basic: tuple[str, str] | None) -> dict[str, Any]:
    """The answer to one request at the token endpoint. Raises Refusal."""
    client = _client(world, form, basic)
    match form.get("grant_type"):
        case "authorization_code":
            return _from_code(world, client, form)
        case "refresh_token":
            return _from_refresh(world, client, form)
    raise Refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")


def client_info(person: Person) -> str:
    """Who signed in, as MSAL keys its accounts: base64url of ``uid`` and ``utid``."""
    text = json.dumps({"uid": person.oid, "utid": person.tenant}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _client(world: World, form: Mapping[str, str], basic: tuple[str, str] | None) -> Client:
    client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
    client = world.clients.get(client_id)
    if client is None:
        text = f"Application with identifier '{client_id}' was not found in the directory."
        raise Refusal(400, "unauthorized_client", 700016, text)
    if not secret:
        text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise Refusal(401, "invalid_client", 7000218, text)
    if secret != client.secret:
        raise Refusal(401, "invalid_client", 7000215, "Invalid client secret provided.")
    if client.secret_expired:
        raise Refusal(401, "invalid_client", 7000222, "The provided client secret keys are expired.")
    return client


def _from_code(world: World, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    text = form.get("code", "")
    if world.grants.was_redeemed(text):
        raise Refusal(400, "invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.")
    code = world.grants.take_code(text)
    if code is None or code.client_id != client.id:
        raise Refusal(400, "invalid_grant", 9002313)
    if world.now() >= code.expires_at:
        raise Refusal(400, "invalid_grant", 70008)
    if form.get("redirect_uri") != code.redirect_uri:
        raise Refusal(400, "invalid_grant", 500112, "The reply address does not match the one of the code.")
    _check_verifier(code, form.get("code_verifier"))
    wanted = scopes.short(form.get("scope", "")) or code.scopes
    allowed = tuple(one for one in wanted if one in code.scopes or one in scopes.SIGN_IN)
    if not set(allowed) & scopes.GRAPH and set(wanted) & scopes.GRAPH:
        raise Refusal(400, "invalid_grant", 65001)
    person, with_refresh = world.people[code.email], "offline_access" in code.scopes
    return _tokens(world, client, person, allowed, nonce=code.nonce, with_refresh=with_refresh, form=form)


def _check_verifier(code: grants.Code, verifier: str | None) -> None:
    if code.challenge is None:
        return
    if not verifier:
        raise Refusal(400, "invalid_grant", 501481, "The Code_Verifier is missing.")
    digest = hashlib.sha256(verifier.encode()).digest()
    hashed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if code.challenge != (hashed if code.challenge_method == "S256" else verifier):
        text = "The Code_Verifier does not match the code_challenge supplied in the authorization request."
        raise Refusal(400, "invalid_grant", 501481, text)


def _from_refresh(world: World, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    found = world.grants.use_refresh(form.get("refresh_token", ""), client.id, world.now())
    if found is None:
        raise Refusal(400, "invalid_grant", 9002313)
    if isinstance(found, grants.Death):
        raise Refusal(400, found.error, found.number)
    granted = world.grants.granted(client.id, found.email)
    wanted = scopes.short(form.get("scope", "")) or granted
    if not set(wanted) - scopes.SIGN_IN <= set(granted):
        raise Refusal(400, "invalid_grant", 65001)
    return _tokens(world, client, world.people[found.email], wanted, nonce=None, with_refresh=True, form=form)


def _tokens(
    world: World,
    client: Client,
    person: Person,
    wanted: tuple[str, ...],
    *,
    nonce: str | None,
    with_refresh: bool,
    form: Mapping[str, str],
) -> dict[str, Any]:
    now = world.now()
    access, seconds = world.grants.add_access(client.id, person.email, set(wanted) & scopes.GRAPH, now)
    answer: dict[str, Any] = {
        "token_type": "Bearer",
        "scope": " ".join(one for one in wanted if one != "offline_access"),
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": access,
    }
    if with_refresh:
        answer["refresh_token"] = world.grants.add_refresh(client.id, person.email, now)
    if "openid" in wanted:
        answer["id_token"] = _id_token(client, person, nonce, int(now.timestamp()))
    if form.get("client_info") == "1":
        answer["client_info"] = client_info(person)
    return answer


def _id_token(client: Client, person: Person, nonce: str | None, now: int) -> str:
    """Who signed in. It comes straight from the token endpoint, so nobody needs a public key to trust it."""
    claims: dict[str, Any] = {
        "aud": client.id,
        "iss": f"{ISSUER}/{person.tenant}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "name": person.name,
        "oid": person.oid,
        "preferred_username": person.email,
        "sub": hashlib.sha256(f"{client.id}|{person.oid}".encode()).hexdigest()[:43],
        "tid": person.tenant,
        "ver": "2.0",
    }
    if nonce is not None:
        claims["nonce"] = nonce
    return jwt.encode(claims, client.secret, algorithm="HS256", headers={"kid": "stand-in"})
