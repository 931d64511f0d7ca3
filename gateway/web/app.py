"""The web door put together: blueprints, the one error handler, request ids, headers."""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Blueprint, Flask, Response, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from gateway.core.errors import NotTrusted, OperatorFault
from gateway.deployment import Gateway
from gateway.web import assets, cli, docs, openapi, words
from gateway.web.api_conflicts import conflicts
from gateway.web.api_held import held
from gateway.web.api_operating import operating
from gateway.web.api_people import people
from gateway.web.api_tasks import tasks
from gateway.web.api_users import users
from gateway.web.connect import connect
from gateway.web.door import gateway as the_gateway
from gateway.web.door import hang_up
from gateway.web.embed import embed
from gateway.web.failures import Failure, failure_of, unexpected
from gateway.web.fields import problem
from gateway.web.health import health
from gateway.web.metrics import metrics
from gateway.web.ops_acts import ops
from gateway.web.personal import personal
from gateway.web.security import add_headers
from gateway.web.visitor import FRAMED
from webhooks import views as webhooks

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_FOR_PROGRAMS = ("/v1/", "/webhooks/", "/openapi.json", "/healthz", "/readyz", "/metrics")
_DOCUMENT_KEPT = "public, max-age=300"

site = Blueprint("site", __name__)


def create_app(gateway: Gateway) -> Flask:
    """The application of one built gateway. Calls nobody; safe before a fork."""
    app = Flask("gateway.web", static_folder=None)
    app.url_map.merge_slashes = False
    app.jinja_env.lstrip_blocks = True
    app.json.sort_keys = False  # type: ignore[attr-defined]
    hang_up(app, gateway)
    if gateway.settings.secure_cookies:  # https ends at a proxy in front of us: exactly one hop is believed
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    app.before_request(_begin)
    app.after_request(_end)
    add_headers(app)
    app.register_error_handler(Exception, _failed)
    app.register_blueprint(webhooks.blueprint(gateway.ctx))
    app.add_template_global(assets.address, "asset")
    assets.missing()
    words.speak(app)
    api = (users, people, tasks, conflicts, held, operating)
    pages = (connect, personal, embed, ops)
    doors = (assets.assets, *api, *pages, health, metrics, site)
    for blueprint in doors:
        app.register_blueprint(blueprint)
    app.register_blueprint(personal, url_prefix="/embed", name=FRAMED)
    for group in cli.GROUPS:
        app.cli.add_command(group)
    return app


# --- every request --------------------------------------------------------------------------------------------------


def _begin() -> None:
    """A request's id is the platform's where it gives one, else our own."""
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    g.began = time.monotonic()


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    rule = request.url_rule.rule if request.url_rule else "no such route"
    told = {
        "request": g.request_id,
        "method": request.method,
        "path": rule,  # the rule, not the path: one-use tokens and people's ids stay out of the log
        "status": response.status_code,
        "ms": round((time.monotonic() - g.began) * 1000),
    }
    log.info("answered", extra=told)
    return response


def _failed(error: Exception) -> ResponseReturnValue:
    """The one place where a failure becomes an answer: a problem document for programs, a plain page for people."""
    failure = failure_of(error)
    if failure is None:
        log.error("a request failed unexpectedly", extra={"request": g.request_id}, exc_info=error)
        failure = unexpected(g.request_id)
    elif isinstance(error, OperatorFault):
        log.critical("the deployment is set up wrongly: %s", error, extra={"request": g.request_id})
    answer = _as_page(failure) if _is_for_people() else _as_problem(failure)
    answer.headers.update(failure.retry_after)
    if isinstance(error, NotTrusted):
        answer.headers["WWW-Authenticate"] = 'Bearer realm="calendar gateway"'
    if isinstance(error, HTTPException):
        kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Location")}
        answer.headers.update(kept)
    return answer


def _is_for_people() -> bool:
    path = request.path
    if path == "/v1" or path.startswith(_FOR_PROGRAMS):
        return False
    return request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html") == "text/html"


def _as_problem(failure: Failure) -> Response:
    body = problem(failure.status, failure.code, failure.title, failure.faults, failure.says)
    answer = jsonify(body)
    answer.status_code = failure.status
    answer.mimetype = "application/problem+json"
    return answer


def _as_page(failure: Failure) -> Response:
    page = render_template("failure.html", failure=failure, again=None, back=None)
    return Response(page, failure.status, mimetype="text/html")


# --- the site's own pages -------------------------------------------------------------------------------------------


@site.get("/")
def start() -> str:
    """What this is, for somebody who came by."""
    return render_template("start.html")


@site.get("/openapi.json")
def openapi_document() -> Response:
    """The interface for programs."""
    answer = jsonify(openapi.document(the_gateway().settings.public_url))
    answer.headers["Cache-Control"] = _DOCUMENT_KEPT
    return answer


@site.get("/docs")
def docs_page() -> Response:
    """The interface for readers."""
    page = docs.page(openapi.document(the_gateway().settings.public_url), assets.address("docs.css"))
    return Response(page, mimetype="text/html", headers={"Cache-Control": _DOCUMENT_KEPT})
