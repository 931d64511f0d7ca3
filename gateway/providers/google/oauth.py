"""Signing in with Google: the port ``SignIn``, as plain POSTs to the token endpoint.

https://developers.google.com/identity/protocols/oauth2/web-server. Written by hand, because what an answer of that
endpoint means must be decided by its own words: Google's library reports a revoked grant and a gateway's error page as
the same failure, and only the first may disable anybody.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from gateway.core.errors import AccessRevoked, GatewayError, OperatorFault, SignInAgain, TryLater
from gateway.core.ports import ConsentFailed, ConsentFailure, FlowStart, Grant, Mode
from gateway.core.schedule import asked_delay
from gateway.providers.google.config import GoogleConfig
from gateway.providers.google.credential import ISSUER, Credential, from_answer, identity, unpack
from gateway.providers.http import Answer, Outbound

_AUTH = "https://www.googleapis.com/auth/"
IDENTITY_SCOPES = ("openid", "email")
SCOPES: Mapping[Mode, tuple[str, ...]] = {
    Mode.OWN: (_AUTH + "calendar.app.created",),
    Mode.EXISTING: (_AUTH + "calendar.events.owned", _AUTH + "calendar.calendarlist.readonly"),
}
"""The least that each mode needs: https://developers.google.com/workspace/calendar/api/auth"""

MARGIN = timedelta(minutes=4)
"""An access token with less life than this left is renewed first: a job must not outlive its token."""

_REVOKED = frozenset({"invalid_grant", "admin_policy_enforced"})
_SIGN_IN_AGAIN = frozenset({"invalid_rapt", "rapt_required"})
_OPERATOR = frozenset(
    {
        "invalid_client",
        "deleted_client",
        "disabled_client",
        "unauthorized_client",
        "redirect_uri_mismatch",
        "invalid_scope",
        "unsupported_grant_type",
    }
)
_CONSENT = {
    "access_denied": ConsentFailure.DENIED,
    "admin_policy_enforced": ConsentFailure.NEEDS_ADMIN,
    "org_internal": ConsentFailure.WRONG_TENANT,
}


class GoogleSignIn:
    """See ``ports.SignIn`` for the promises."""

    def __init__(self, config: GoogleConfig, outbound: Outbound) -> None:
        self._config, self._outbound = config, outbound

    def start(
        self,
        *,
        redirect_uri: str,
        state: str,
        mode: Mode,
        login_hint: str | None = None,
        extras: bool = False,  # noqa: ARG002 - there are none here
    ) -> FlowStart:
        """Where to send the browser. Consent is always asked for: only a fresh one brings a refresh token.

        Earlier grants are included for a calendar of the person's, so that they are asked only for what is new; never
        for a calendar of our own, whose promise is that nothing else can be seen with its token.
        """
        verifier = secrets.token_urlsafe(64)
        query = {
            "client_id": self._config.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join((*IDENTITY_SCOPES, *SCOPES[mode])),
            "state": state,
            "access_type": "offline",
            "prompt": "consent",
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if mode is Mode.EXISTING:
            query["include_granted_scopes"] = "true"
        if login_hint:
            query["login_hint"] = login_hint
        joint = "&" if "?" in self._config.auth_uri else "?"
        secret = json.dumps({"verifier": verifier, "mode": mode.value}).encode()
        return FlowStart(f"{self._config.auth_uri}{joint}{urlencode(query)}", secret)

    def finish(self, secret: bytes, answer: Mapping[str, str], redirect_uri: str) -> Grant:
        """Exchange the code. ``answer``: the callback's query, its ``state`` checked already.

        Raises ``ConsentFailed`` (what is missing in ``detail``), ``TryLater``, ``OperatorFault``.
        """
        if "error" in answer:
            raise _consent_failed(answer["error"])
        if not answer.get("code"):
            raise ConsentFailed(ConsentFailure.ERROR, "the answer holds no code")
        flow = json.loads(secret)
        mode = Mode(flow["mode"])
        told = self._exchange(
            {
                "grant_type": "authorization_code",
                "code": answer["code"],
                "redirect_uri": redirect_uri,
                "code_verifier": flow["verifier"],
            }
        )
        credential = _complete(told, mode, self._config.now())
        try:
            person = identity(told.get("id_token"), self._config.client_id, self._config.now())
        except ValueError as error:
            raise ConsentFailed(ConsentFailure.ERROR, str(error)) from None
        return Grant(ISSUER, person.subject, person.email, mode, credential.pack())

    def access_token(self, credential: bytes, now: datetime) -> str | None:
        """The access token, if it is good for some minutes yet."""
        kept = unpack(credential)
        return kept.access_token if kept.access_token and kept.expires_at - now > MARGIN else None

    def refresh(self, credential: bytes, now: datetime) -> bytes:
        """A credential with a new access token.

        ``invalid_grant`` and ``admin_policy_enforced`` say that the grant is dead; with ``invalid_rapt`` (an
        organisation's session control) the person has only to sign in again. Nothing else touches the person.
        """
        kept = unpack(credential)
        answer = self._post(
            self._config.token_uri, {"grant_type": "refresh_token", "refresh_token": kept.refresh_token}
        )
        told = _told(answer)
        if answer.status == 200 and told.get("access_token"):
            return kept.refreshed(told, now).pack()
        raise _refresh_failed(answer, told, now)

    def revoke(self, credential: bytes) -> None:
        """Give the grant back, for this person and all of our client's tokens. A grant already dead is success."""
        token = unpack(credential).refresh_token
        answer = self._outbound.exchange(
            "POST", self._config.revoke_uri, headers=_FORM, body=urlencode({"token": token})
        )
        # A token that Google no longer knows is 400 invalid_token: it cannot be revoked any more than it is.
        if answer.status == 200 or (answer.status == 400 and _told(answer).get("error") == "invalid_token"):
            return
        raise _later(answer, _told(answer), self._config.now())

    def _exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        answer = self._post(self._config.token_uri, form)
        told = _told(answer)
        if answer.status == 200 and told.get("access_token"):
            return told
        code = _code(answer, told)
        if code in _OPERATOR:
            raise OperatorFault(_operator_words(code))
        if code:
            raise _consent_failed(code)
        raise _later(answer, told, self._config.now())

    def _post(self, url: str, form: Mapping[str, str]) -> Answer:
        client = {"client_id": self._config.client_id, "client_secret": self._config.client_secret}
        return self._outbound.exchange("POST", url, headers=_FORM, body=urlencode({**form, **client}))


_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


def _challenge(verifier: str) -> str:
    """PKCE's S256: https://www.rfc-editor.org/rfc/rfc7636#section-4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _complete(told: Mapping[str, Any], mode: Mode, now: datetime) -> Credential:
    """The credential, if it is all that the mode needs. The person may have unticked any scope.

    https://developers.google.com/identity/protocols/oauth2/resources/granular-permissions
    """
    credential = from_answer(told, now)
    missing = [scope.removeprefix(_AUTH) for scope in SCOPES[mode] if scope not in credential.scopes]
    if missing:
        raise ConsentFailed(ConsentFailure.SCOPE_MISSING, " ".join(missing))
    if not credential.refresh_token:
        raise ConsentFailed(
            ConsentFailure.ERROR,
            "Google gave no lasting access: remove this app at https://myaccount.google.com/connections and try again",
        )
    return credential


def _consent_failed(code: str) -> ConsentFailed:
    return ConsentFailed(_CONSENT.get(code, ConsentFailure.ERROR), _plain(code))


def _refresh_failed(answer: Answer, told: Mapping[str, Any], now: datetime) -> GatewayError:
    code = _code(answer, told)
    subtype = _plain(told.get("error_subtype"))
    if code in _SIGN_IN_AGAIN or (code == "invalid_grant" and subtype in _SIGN_IN_AGAIN):
        return SignInAgain(subtype or code)
    if code in _REVOKED:
        return AccessRevoked(code)
    if code in _OPERATOR:
        return OperatorFault(_operator_words(code))
    return _later(answer, told, now)


def _operator_words(code: str) -> str:
    settings = "GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and the redirect URI registered for them"
    return f"Google's token endpoint says {code}: check {settings}"


def _later(answer: Answer, told: Mapping[str, Any], now: datetime) -> TryLater:
    words = f"Google's sign-in answered {answer.status} {_plain(told.get('error'))}".rstrip()
    return TryLater(words, after=asked_delay(answer.headers.get("retry-after"), now), everyone=answer.status == 429)


def _told(answer: Answer) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _code(answer: Answer, told: Mapping[str, Any]) -> str:
    """The OAuth error code. Believed only with the statuses that OAuth gives it, never from a server in trouble."""
    return _plain(told.get("error")) if answer.status in (400, 401, 403) else ""


def _plain(code: object) -> str:
    """An error code as it may be shown and logged."""
    return code if isinstance(code, str) and len(code) <= 60 and code.replace("_", "").isalnum() else ""
