"""What keeps strangers out: headers on every answer, cookies, the proof that a form is ours, the API's tokens.

Forms are proven three times: the cookie is ``SameSite=Lax``, the browser's own word on where the request comes from
(``Sec-Fetch-Site``, else ``Origin``), and a token keyed to the cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from flask import Flask, Request, Response, g, request

from gateway.core.errors import NotTrusted
from gateway.core.records import Installation
from gateway.services.context import Context
from gateway.settings import Settings
from gateway.web.door import gateway

FORM_TOKEN: Final = "form_token"  # noqa: S105 - the name of a field
BROWSER: Final = "browser"
SESSION: Final = "session"

_BROWSER_LASTS = timedelta(hours=1)
_FRAMED: Final = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action {targets}; base-uri 'none'; object-src 'none'; frame-ancestors {parents}"
)


class NotFromHere(Exception):
    """A form that did not come from our own page in this browser (403)."""


# --- headers --------------------------------------------------------------------------------------------------------


def add_headers(app: Flask) -> None:
    """Every answer of this application carries them."""

    @app.after_request
    def harden(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", _policy())
        if "parents" not in g:
            headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Cache-Control", "no-store")
        if gateway().settings.secure_cookies:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response


def _policy() -> str:
    return _POLICY.format(targets=g.get("form_targets", "'self'"), parents=g.get("parents", "'none'"))


def let_frame(origins: Sequence[str]) -> None:
    """This page may stand in a frame of these origins; with none, nowhere.

    The older ``X-Frame-Options`` knows no list: https://www.w3.org/TR/CSP3/#frame-ancestors-and-frame-options
    """
    if origins:
        g.parents = " ".join(origins)


def let_forms_leave() -> None:
    """This page's form ends at a provider: browsers hold ``form-action`` against every redirect that follows it.

    https://www.w3.org/TR/CSP3/#directive-form-action
    """
    g.form_targets = "'self' https:" if gateway().settings.secure_cookies else "'self' https: http:"


# --- cookies --------------------------------------------------------------------------------------------------------


def cookie_name(settings: Settings, name: str) -> str:
    """``__Host-``: set by this very host over https alone. Plain on a machine of one's own, where there is no https."""
    return f"__Host-{name}" if settings.secure_cookies else name


def cookie(name: str) -> str:
    """A cookie's value, or the empty text."""
    return request.cookies.get(cookie_name(gateway().settings, name), "")


def set_cookie(response: Response, name: str, value: str, lasts: timedelta) -> None:
    """``Lax``: the way back from a provider is a cross-site GET."""
    settings = gateway().settings
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=lasts,
        path="/",
        secure=settings.secure_cookies,
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(response: Response, name: str) -> None:
    """Have the browser forget it."""
    settings = gateway().settings
    response.delete_cookie(
        cookie_name(settings, name), path="/", secure=settings.secure_cookies, httponly=True, samesite="Lax"
    )


def know_browser() -> str:
    """The secret by which this browser will be known when it comes back; :func:`keep_browser` gives it to it."""
    known = cookie(BROWSER)
    g.browser = known if len(known) >= 32 else secrets.token_urlsafe(32)
    return str(g.browser)


def keep_browser(response: Response) -> Response:
    """Send the browser its secret."""
    set_cookie(response, BROWSER, g.browser, _BROWSER_LASTS)
    return response


# --- forms ----------------------------------------------------------------------------------------------------------


def form_token(secret: str) -> str:
    """What a form must send back, keyed to the cookie that goes with it."""
    key = gateway().settings.secret_key.encode()
    return hmac.new(key, f"calendar gateway: form\0{secret}".encode(), hashlib.sha256).hexdigest()


def check_form(secret: str, *, framed: bool = False) -> None:
    """Raises ``NotFromHere`` unless this POST comes from a page of ours in the browser that holds ``secret``.
    ``framed``: the page may stand in a frame."""
    own = gateway().settings.public_url
    if not secret or not _is_ours(request, own, framed=framed):
        raise NotFromHere
    sent = request.form.get(FORM_TOKEN, "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(sent, form_token(secret).encode()):
        raise NotFromHere


def _is_ours(asked: Request, own: str, *, framed: bool) -> bool:
    """Where the browser says the request comes from. Under ``no-referrer`` a browser names the origin of its own form
    ``null`` (https://fetch.spec.whatwg.org/#append-a-request-origin-header), so ``Sec-Fetch-Site`` counts first."""
    site, origin = asked.headers.get("Sec-Fetch-Site"), asked.headers.get("Origin")
    if not framed and asked.headers.get("Sec-Fetch-Dest") in _FRAMED:
        return False
    if site is not None:
        return site in ("same-origin", "none") and origin in (None, "null", own)
    return origin in (None, own)


# --- the API --------------------------------------------------------------------------------------------------------


def installation_of(ctx: Context, authorization: str) -> Installation:
    """Whose API token this is, found by its SHA-256. Raises ``NotTrusted``."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotTrusted("no bearer token")
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).digest()
    with ctx.store.begin() as uow:
        found = uow.installations.by_token(digest)
    if found is None:
        raise NotTrusted("an unknown API token")
    return found
