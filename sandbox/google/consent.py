"""The authorize endpoint's decisions: is the request sound, and where does the browser go after the person chose.

https://developers.google.com/identity/protocols/oauth2/web-server
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from sandbox.google import grants
from sandbox.google.discovery import SCOPE_PREFIX, document
from sandbox.google.world import SIGN_IN_SCOPES, Consent, World

# The token endpoint names these scopes in full: https://github.com/googleapis/google-api-python-client/pull/1088
_ALIASES: Final = {"email": f"{SCOPE_PREFIX}userinfo.email", "profile": f"{SCOPE_PREFIX}userinfo.profile"}
_SIGN_IN: Final = frozenset({*SIGN_IN_SCOPES, *_ALIASES.values()})
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


class PageError(Exception):
    """An error that is shown to the person, because the address to send it to cannot be trusted."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"Error 400: {code}. {why}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """A sound request to the authorize endpoint."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    challenge: str | None
    challenge_method: str
    offline: bool
    force_consent: bool
    include_granted: bool
    login_hint: str | None
    nonce: str | None

    @property
    def askable(self) -> tuple[str, ...]:
        """The scopes that the person may leave out: all but those for signing in.

        https://developers.google.com/identity/protocols/oauth2/resources/granular-permissions
        """
        return tuple(scope for scope in self.scopes if scope not in _SIGN_IN)


def read(world: World, query: Mapping[str, str]) -> Request:
    """The request behind the query. Raises PageError when it is not sound."""
    client = world.clients.get(query.get("client_id", ""))
    if client is None:
        raise PageError("invalid_client", "The OAuth client was not found.")
    redirect_uri = query.get("redirect_uri", "")
    if not redirect_uri.startswith(("http://", "https://")) or (
        client.redirect_uris and redirect_uri not in client.redirect_uris
    ):
        raise PageError("redirect_uri_mismatch", "The redirect URI in the request is not registered for the client.")
    if query.get("response_type") != "code":
        raise PageError("unsupported_response_type", "Want response_type=code.")
    challenge, method = query.get("code_challenge"), query.get("code_challenge_method", "plain")
    if challenge is not None and (method not in ("S256", "plain") or not _CHALLENGE.fullmatch(challenge)):
        raise PageError("invalid_request", "The code challenge is not usable.")
    if query.get("access_type", "online") not in ("online", "offline"):
        raise PageError("invalid_request", "Invalid parameter value for access_type.")
    return Request(
        client_id=client.id,
        redirect_uri=redirect_uri,
        scopes=_scopes(query.get("scope", "")),
        state=query.get("state"),
        challenge=challenge,
        challenge_method=method,
        offline=query.get("access_type") == "offline",
        force_consent="consent" in query.get("prompt", "").split(),
        include_granted=query.get("include_granted_scopes") == "true",
        login_hint=query.get("login_hint"),
        nonce=query.get("nonce"),
    )


def take_prepared(world: World, asked: Request) -> Consent | None:
    """What was said beforehand about this sign-in, used up: for the hinted account first, else the oldest."""
    hinted = [one for one in world.consents if asked.login_hint in (one.email, world.people[one.email].sub)]
    found = next(iter(hinted or world.consents), None)
    if found is not None:
        world.consents.remove(found)
    return found


def decide(world: World, asked: Request, choice: Consent) -> str:
    """Carry out the person's choice and return the address that the browser is sent to."""
    if choice.decision == "deny":
        return _back(asked, {"error": "access_denied"})
    if choice.decision == "needs_admin":
        # The Workspace administrator restricts a scope that was asked for.
        return _back(asked, {"error": "admin_policy_enforced"})
    unticked = {_full(name) for name in choice.untick}
    chosen = tuple(scope for scope in asked.scopes if scope not in unticked or scope in _SIGN_IN)
    if not chosen:
        return _back(asked, {"error": "access_denied"})
    before = world.grants.granted(asked.client_id, choice.email)
    scopes = grants.joined(chosen, before or ()) if asked.include_granted else chosen
    code = grants.Code(
        client_id=asked.client_id,
        email=choice.email,
        scopes=scopes,
        redirect_uri=asked.redirect_uri,
        challenge=asked.challenge,
        challenge_method=asked.challenge_method,
        nonce=asked.nonce,
        # Only with the first consent, unless the consent page was asked for.
        with_refresh_token=asked.offline and (before is None or asked.force_consent),
        expires_at=world.now() + grants.CODE_LIVES,
    )
    return _back(asked, {"code": world.grants.add_code(code), "scope": " ".join(scopes), "authuser": "0"})


def _back(asked: Request, answer: Mapping[str, str]) -> str:
    state = {} if asked.state is None else {"state": asked.state}
    joint = "&" if "?" in asked.redirect_uri else "?"
    return f"{asked.redirect_uri}{joint}{urlencode({**state, **answer})}"


def _scopes(text: str) -> tuple[str, ...]:
    asked = grants.joined((), (_ALIASES.get(name, name) for name in text.split()))
    known = {f"{SCOPE_PREFIX}{name}" for name in document().scopes} | _SIGN_IN
    if not asked or not set(asked) <= known:
        raise PageError("invalid_scope", "Some requested scopes were invalid.")
    return asked


def _full(name: str) -> str:
    full = _ALIASES.get(name, name)
    return full if full == "openid" or full.startswith("https://") else f"{SCOPE_PREFIX}{full}"


def short(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes by the short names that the API's rules use."""
    return tuple(scope.removeprefix(SCOPE_PREFIX) for scope in scopes)
