"""Signing in with Microsoft, by MSAL: the port ``SignIn``.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow and
https://msal-python.readthedocs.io/. An app object is made for each call, because MSAL binds one token cache to it; the
authority's document and remembered refusals are kept in ``http_cache``, as MSAL means it; one for each thread, because
MSAL guards it with a lock that each app has for itself.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from msal import ConfidentialClientApplication, SerializableTokenCache
from msal.exceptions import MsalServiceError

from gateway.core.errors import OperatorFault, SignInAgain, TryLater
from gateway.core.ports import ConsentFailed, ConsentFailure, FlowStart, Grant, Mode
from gateway.providers.http import Outbound
from gateway.providers.outlook.config import OutlookConfig
from gateway.providers.outlook.credential import from_answer, granted, unpack
from gateway.providers.outlook.msal_http import Authority, MsalHttp
from gateway.providers.outlook.oauth_errors import Told, consent_failure, refresh_failure, told

NEEDED = "Calendars.ReadWrite"
SCOPES = (NEEDED, "Calendars.Read")
"""The least for what we do. Reading is part of writing, but subscriptions may want the read permission by its name:
https://learn.microsoft.com/graph/api/subscription-post-subscriptions#permissions (which tenants do is not known)"""
COLOURS = "MailboxSettings.ReadWrite"
"""Only to give categories their colours: https://learn.microsoft.com/graph/api/outlookuser-post-mastercategories"""

MARGIN = timedelta(minutes=5)
"""An access token with less life than this left is renewed first; MSAL goes by the same 300 s."""

_T = TypeVar("_T")


class _Kept(threading.local):
    """What a thread keeps of Microsoft's answers."""

    def __init__(self) -> None:
        self.http_cache: dict[str, Any] = {}


class OutlookSignIn:
    """See ``ports.SignIn`` for the promises."""

    def __init__(self, config: OutlookConfig, outbound: Outbound) -> None:
        self._config = config
        self._authority = Authority(config.authority)
        self._http = MsalHttp(outbound, self._authority, config.now)
        self._kept = _Kept()

    def start(
        self, *, redirect_uri: str, state: str, mode: Mode, login_hint: str | None = None, extras: bool = False
    ) -> FlowStart:
        """Where to send the browser. The answer comes back as a form, so that no code is ever in a URL."""
        scopes = [*SCOPES, COLOURS] if extras else list(SCOPES)
        flow = self._guarded(
            lambda: self._app(SerializableTokenCache()).initiate_auth_code_flow(
                scopes,
                redirect_uri=redirect_uri,
                state=state,
                prompt="select_account",
                login_hint=login_hint,
                response_mode="form_post",
            )
        )
        secret = json.dumps({"flow": flow, "mode": mode.value}).encode()
        return FlowStart(self._authority.real(flow["auth_uri"]), secret)

    def finish(self, secret: bytes, answer: Mapping[str, str], redirect_uri: str) -> Grant:
        """Exchange the code. ``answer``: the callback's form, its ``state`` checked already.

        Raises ``ConsentFailed`` (for ``NEEDS_ADMIN`` with the link for the administrator in ``detail``), ``TryLater``,
        ``OperatorFault``.
        """
        kept = json.loads(secret)
        flow, mode = kept["flow"], Mode(kept["mode"])
        if "error" in answer:
            raise self._consent_failed(told(answer), redirect_uri)
        if not answer.get("code"):
            raise ConsentFailed(ConsentFailure.ERROR, "the answer holds no code")
        cache = SerializableTokenCache()
        result = self._guarded(lambda: self._exchanged(cache, flow, {**answer, "state": flow["state"]}))
        if "error" in result:
            raise self._consent_failed(told(result), redirect_uri)
        if NEEDED not in granted(result):
            raise ConsentFailed(ConsentFailure.SCOPE_MISSING, NEEDED)
        if not result.get("refresh_token"):
            raise ConsentFailed(ConsentFailure.ERROR, "Microsoft gave no lasting access")
        return self._grant(cache, result, mode)

    def access_token(self, credential: bytes, now: datetime) -> str | None:
        """The access token, if it is good for some minutes yet."""
        kept = unpack(credential)
        return kept.access_token or None if kept.expires_at - now > MARGIN else None

    def refresh(self, credential: bytes, now: datetime) -> bytes:
        """A credential with a new access token: see ``oauth_errors`` for what a refusal means."""
        kept = unpack(credential)
        cache = kept.open_cache()
        result = self._guarded(lambda: self._refreshed(cache, list(kept.scopes)))
        if "error" in result:
            raise refresh_failure(told(result))
        if not result.get("access_token"):
            raise TryLater("Microsoft's sign-in answered without a token and without saying why")
        return from_answer(cache, {"scope": " ".join(kept.scopes), **result}, now).pack()

    def revoke(self, credential: bytes) -> None:
        """Nothing to ask for: Microsoft lets an app give nothing back but all of a person's sign-ins everywhere.

        Our tokens are erased, so the grant is of no use to anybody; the person can take it away at
        https://myapps.microsoft.com or https://account.live.com/consent/Manage.
        """

    def _app(self, cache: SerializableTokenCache) -> ConfidentialClientApplication:
        return ConfidentialClientApplication(
            self._config.client_id,
            client_credential=self._config.client_secret,
            authority=self._authority.for_msal,
            token_cache=cache,
            http_client=self._http,
            http_cache=self._kept.http_cache,
            instance_discovery=False,
        )

    def _exchanged(
        self, cache: SerializableTokenCache, flow: dict[str, Any], answer: Mapping[str, str]
    ) -> dict[str, Any]:
        result = self._app(cache).acquire_token_by_auth_code_flow(flow, dict(answer))
        return dict(result)

    def _refreshed(self, cache: SerializableTokenCache, scopes: list[str]) -> dict[str, Any]:
        app = self._app(cache)
        accounts = app.get_accounts()
        if not accounts or not list(cache.search(cache.CredentialType.REFRESH_TOKEN)):
            raise SignInAgain("no_refresh_token")
        wanted = [name for name in scopes if name in (*SCOPES, COLOURS)]
        result = app.acquire_token_silent_with_error(wanted, account=accounts[0], force_refresh=True)
        return dict(result or {})

    def _guarded(self, act: Callable[[], _T]) -> _T:
        """MSAL's own exceptions in our words. ``TryLater`` of the HTTP below it passes."""
        try:
            return act()
        except MsalServiceError:
            raise TryLater("Microsoft's sign-in is not well") from None
        except json.JSONDecodeError:
            raise TryLater("Microsoft's sign-in answered with something that is no JSON") from None
        except RuntimeError:
            # The nonce of another sign-in. The tokens are in the cache by now, which is thrown away.
            raise ConsentFailed(ConsentFailure.ERROR, "the answer belongs to another sign-in") from None
        except ValueError:
            raise OperatorFault("Microsoft's sign-in is not found: check MICROSOFT_AUTHORITY") from None

    def _grant(self, cache: SerializableTokenCache, result: dict[str, Any], mode: Mode) -> Grant:
        """Whose account it is: ``oid`` within ``tid`` never changes, the name may.

        https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
        """
        claims = result.get("id_token_claims") or {}
        subject, tenant = claims.get("oid"), claims.get("tid")
        if not (isinstance(subject, str) and subject and isinstance(tenant, str) and tenant):
            raise ConsentFailed(ConsentFailure.ERROR, "the id token names nobody")
        if claims.get("aud") != self._config.client_id:
            raise ConsentFailed(ConsentFailure.ERROR, "the id token is for another app")
        credential = from_answer(cache, result, self._config.now())
        email = str(claims.get("email") or claims.get("preferred_username") or "")
        return Grant(f"https://login.microsoftonline.com/{tenant}/v2.0", subject, email, mode, credential.pack())

    def _consent_failed(self, error: Told, redirect_uri: str) -> ConsentFailed:
        how = consent_failure(error)
        detail = self._for_the_administrator(redirect_uri) if how is ConsentFailure.NEEDS_ADMIN else error.words
        return ConsentFailed(how, detail)

    def _for_the_administrator(self, redirect_uri: str) -> str:
        """Where an administrator approves the app for everybody of the organisation.

        https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
        """
        query = {
            "client_id": self._config.client_id,
            "scope": " ".join(f"https://graph.microsoft.com/{name}" for name in SCOPES),
            "redirect_uri": redirect_uri,
        }
        return f"{self._authority.for_tenant('organizations')}/v2.0/adminconsent?{urlencode(query)}"
