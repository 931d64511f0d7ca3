"""The operator's door, which every page under ``/ops`` passes: a password, a session, a brake on guessing."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from datetime import timedelta
from typing import Final

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash

from gateway.services import operator
from gateway.web import security
from gateway.web.door import context, gateway

ops = Blueprint("ops", __name__, url_prefix="/ops")

COOKIE: Final = "operator"
KNOWN: Final = "known_operator"
_KNOWN_LASTS: Final = timedelta(days=180)
_LARGEST_FORM: Final = 16 * 1024
_OPEN_TO_ALL: Final = frozenset({"ops.sign_in", "ops.enter"})
_LONGEST_PASSWORD: Final = 1024


@ops.before_request
def guard() -> ResponseReturnValue | None:
    """Nobody gets further without a session; every form must be a page's own."""
    request.max_content_length = _LARGEST_FORM
    if not gateway().settings.admin_password_hash:
        return _page("ops/closed.html", 404)
    if request.endpoint in _OPEN_TO_ALL:
        return None
    g.operator = security.cookie(COOKIE)
    if not operator.is_open(context(), g.operator, _stamp()):
        return _to_sign_in()
    if request.method not in ("GET", "HEAD"):
        security.check_form(g.operator)
    return None


@ops.context_processor
def given() -> dict[str, object]:
    """What every page of the operator's has: the proof that its forms are ours."""
    known = getattr(g, "operator", "")
    return {"form_token": security.form_token(known) if known else ""}


def _to_sign_in() -> ResponseReturnValue:
    if request.headers.get("HX-Request"):  # a part of a page: the whole page is to be loaded anew
        return Response(status=401, headers={"HX-Refresh": "true"})
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("ops.sign_in", back=back), 303)


def _stamp() -> str:
    return hashlib.sha256(gateway().settings.admin_password_hash.encode()).hexdigest()[:32]


def _page(template: str, status: int = 200, **values: object) -> Response:
    return Response(render_template(template, **values), status, mimetype="text/html")


# --- signing in -----------------------------------------------------------------------------------------------------


@ops.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The password, please."""
    return _ask(200)


@ops.post("/sign-in")
def enter() -> ResponseReturnValue:
    """Right: in. Wrong: again, and after some tries more and more slowly."""
    security.check_form(security.know_browser())
    ctx, known = context(), _known_browser()
    name = operator.who(ctx, known or _address())
    left = operator.wait(ctx, name, known=bool(known))
    if left > timedelta(0):
        answer = _ask(429, wrong=f"Too many tries. Wait {_in_words(left)}, then try again.")
        answer.headers["Retry-After"] = str(math.ceil(left.total_seconds()))
        return answer
    given_password = request.form.get("password", "")
    if len(given_password) > _LONGEST_PASSWORD or not check_password_hash(
        gateway().settings.admin_password_hash, given_password
    ):
        operator.failed(ctx, name)
        return _ask(401, wrong="That is not the password.")
    answer = Response(status=303, headers={"Location": _back() or url_for("ops.home")})
    security.set_cookie(answer, COOKIE, operator.begin(ctx, name, _stamp()), operator.SESSION_LASTS)
    security.set_cookie(answer, KNOWN, known or _new_known(), _KNOWN_LASTS)
    return answer


@ops.post("/sign-out")
def leave() -> ResponseReturnValue:
    """The session ends here and everywhere."""
    operator.end(context(), g.operator)
    answer = Response(status=303, headers={"Location": url_for("ops.sign_in")})
    security.drop_cookie(answer, COOKIE)
    return answer


def _ask(status: int, wrong: str = "") -> Response:
    secret = security.know_browser()
    page = _page("ops/sign_in.html", status, form_token=security.form_token(secret), back=_back(), wrong=wrong)
    return security.keep_browser(page)


def _back() -> str | None:
    """Where the operator was going: a page of the operator's on this very host, or nowhere."""
    back = request.values.get("back", "")
    plain = back.isascii() and back.isprintable() and not {"\\", " "} & set(back) and len(back) < 1000
    own = url_for("ops.home")
    return back if plain and (back == own or back.startswith((f"{own}/", f"{own}?"))) else None


def _in_words(left: timedelta) -> str:
    seconds = math.ceil(left.total_seconds())
    return f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"


def _address() -> str:
    """Where from; of an IPv6 address its network, since one host has as many as it likes."""
    address = request.remote_addr or ""
    return ":".join(address.split(":")[:4]) if ":" in address else address


# --- browsers that have signed in before ------------------------------------------------------------------------------


def _new_known() -> str:
    name = secrets.token_urlsafe(16)
    return f"{name}.{_signed(name)}"


def _known_browser() -> str:
    """The token by which this browser is known, if it is."""
    token = security.cookie(KNOWN)
    name, _, signature = token.partition(".")
    good = token.isascii() and hmac.compare_digest(signature, _signed(name))
    return token if good else ""


def _signed(name: str) -> str:
    return security.form_token(f"known operator\0{name}")
