"""The authorize endpoint's decisions: is the request sound, and what is sent back after the person chose.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sandbox.graph import grants, scopes
from sandbox.graph.model import PERSONAL_TENANT, Client, Person
from sandbox.graph.tokens import client_info
from sandbox.graph.world import Consent, World

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_PROMPTS: Final = frozenset({"", "login", "none", "consent", "select_account", "create"})
_MODES: Final = frozenset({"query", "form_post", "fragment"})
NEEDS_ADMIN: Final[Mapping[str, Mapping[str, str]]] = {
    "access_denied": {
        "error": "access_denied",
        "error_description": "AADSTS90094: The grant requires admin permission.",
    },
    "consent_required": {
        "error": "consent_required",
        "error_description": "AADSTS90094: The grant requires admin permission. Needs admin approval.",
    },
    # Seen where the person is shown "Need admin approval" and goes back to the app from there.
    "cancel": {"error": "access_denied", "error_subcode": "cancel"},
}
"""The forms in which clients report that an administrator has to approve; the code is of
https://learn.microsoft.com/entra/identity/enterprise-apps/application-sign-in-unexpected-user-consent-error"""
_DECLINED: Final = {
    "error": "access_denied",
    "error_subcode": "cancel",
    "error_description": "AADSTS65004: User declined to consent to access the app.",
}
"""https://learn.microsoft.com/entra/identity-platform/reference-error-codes"""


class PageError(Exception):
    """An error that is shown to the person, because the address to send it to cannot be trusted or must not be."""


@dataclass(frozen=True, slots=True)
class Request:
    """A sound request to the authorize endpoint."""

    tenant: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    mode: str
    challenge: str | None
    challenge_method: str
    login_hint: str | None
    nonce: str | None
    wants_client_info: bool


def read(world: World, tenant: str, query: Mapping[str, str]) -> Request:
    """The request behind the query. Raises PageError when it is not sound."""
    client = world.clients.get(query.get("client_id", ""))
    if client is None:
        raise PageError("AADSTS700016: Application was not found in the directory.")
    redirect_uri = _redirect_uri(client, query)
    mode = query.get("response_mode") or "query"
    if query.get("response_type") != "code" or mode not in _MODES or query.get("prompt", "") not in _PROMPTS:
        raise PageError("AADSTS90014: response_type, response_mode or prompt is missing or not supported.")
    wanted = scopes.short(query.get("scope", ""))
    if not wanted:
        raise PageError("AADSTS900144: The request body must contain the following parameter: 'scope'.")
    if (strange := scopes.unknown(wanted)) is not None:
        raise PageError(f"AADSTS70011: The provided value for the input parameter 'scope' isn't valid: {strange}")
    challenge, method = query.get("code_challenge"), query.get("code_challenge_method", "plain")
    if challenge is not None and (method not in ("S256", "plain") or not _CHALLENGE.fullmatch(challenge)):
        raise PageError("AADSTS501481: The code challenge is not usable.")
    return Request(
        tenant=tenant,
        client_id=client.id,
        redirect_uri=redirect_uri,
        scopes=wanted,
        state=query.get("state"),
        mode=mode,
        challenge=challenge,
        challenge_method=method,
        login_hint=query.get("login_hint"),
        nonce=query.get("nonce"),
        wants_client_info=query.get("client_info") == "1",
    )


def read_admin(world: World, query: Mapping[str, str]) -> tuple[Client, str, tuple[str, ...]]:
    """The client, address and scopes of a request for the administrator's consent. Raises PageError."""
    client = world.clients.get(query.get("client_id", ""))
    if client is None:
        raise PageError("AADSTS700016: Application was not found in the directory.")
    return client, _redirect_uri(client, query), scopes.short(query.get("scope", ""))


def take_prepared(world: World, login_hint: str | None) -> Consent | None:
    """What was said beforehand about this sign-in, used up: for the hinted account first, else the oldest."""
    hinted = [one for one in world.consents if one.email == login_hint]
    found = next(iter(hinted or world.consents), None)
    if found is not None:
        world.consents.remove(found)
    return found


def decide(world: World, asked: Request, choice: Consent) -> dict[str, str]:
    """Carry out the person's choice and return what the app is sent. Raises PageError for an account of elsewhere."""
    person = world.people[choice.email]
    if not admits(asked.tenant, person):
        text = f"AADSTS50020: User account '{person.email}' does not exist in tenant '{asked.tenant}'"
        raise PageError(f"{text} and cannot access the application. Sign in with a different account.")
    state = {} if asked.state is None else {"state": asked.state}
    if choice.decision == "deny":
        return {**_DECLINED, **state}
    approved = (asked.client_id, person.tenant) in world.approved_tenants
    # Personal accounts have no administrator: https://learn.microsoft.com/entra/identity/enterprise-apps/configure-user-consent
    if choice.decision == "needs_admin" and person.account == "work" and not approved:
        return {**NEEDS_ADMIN[choice.form], **state}
    code = grants.Code(
        client_id=asked.client_id,
        email=person.email,
        scopes=tuple(one for one in asked.scopes if one not in choice.untick),
        redirect_uri=asked.redirect_uri,
        challenge=asked.challenge,
        challenge_method=asked.challenge_method,
        nonce=asked.nonce,
        expires_at=world.now() + grants.CODE_LIVES,
    )
    answer = {"code": world.grants.add_code(code), **state, "session_state": world.guid()}
    return {**answer, "client_info": client_info(person)} if asked.wants_client_info else answer


def admits(tenant: str, person: Person) -> bool:
    """Whether that part of the authority's path lets this account in.

    https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints
    """
    match tenant.lower():
        case "common":
            return True
        case "organizations":
            return person.account == "work"
        case "consumers":
            return person.account == "personal"
    domain = person.email.partition("@")[2]
    return tenant.lower() in (person.tenant, domain if person.account == "work" else PERSONAL_TENANT)


def _redirect_uri(client: Client, query: Mapping[str, str]) -> str:
    found = query.get("redirect_uri", "")
    if not found.startswith(("http://", "https://")) or (client.redirect_uris and found not in client.redirect_uris):
        raise PageError("AADSTS50011: The redirect URI in the request does not match those of the application.")
    return found
