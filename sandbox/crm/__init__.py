"""The stand-in CRM: the generic contract (tasks, signed webhooks, state reports) as a careful vendor would build it."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from sandbox.crm import admin, api, auth, page
from sandbox.crm.book import Book
from sandbox.crm.checks import Invalid
from sandbox.crm.problems import FieldError, Problem
from sandbox.crm.webhooks import RETRIES_S, Announcer
from sandbox.kit.clock import Clock
from sandbox.kit.faults import Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.plane import Plane, mount
from sandbox.kit.sender import TIMEOUT_S, Sender
from sandbox.kit.server import serve
from sandbox.kit.standin import StandIn


def start(
    port: int = 0,
    clock: Clock | None = None,
    seed: int = 1,
    notify_delay_ms: float = 0,
    latency_ms: float = 0,
    retries_s: Sequence[float] = RETRIES_S,
    timeout_s: tuple[float, float] = TIMEOUT_S,
) -> StandIn:
    """Serve a CRM on 127.0.0.1 (port 0: any free one) until `stop()`.

    `notify_delay_ms` passes between a change and its webhook, `latency_ms` before each answer; `retries_s` are the
    waits before a failed webhook is sent again, by `clock`. Raises OSError if the port is taken.
    """
    clock = clock or Clock()
    ledger, faults = Ledger(), Faults()
    sender = Sender(clock, ledger, faults, notify_delay_ms, timeout_s=timeout_s)
    book = Book(clock, Announcer(clock, sender, tuple(retries_s)), seed)
    app = _app(book)
    mount(app, Plane(clock, ledger, faults, sender, auth.caller_of(book), book.reset, seed, latency_ms / 1000))
    return StandIn("crm", serve(app, port), sender)


def _app(book: Book) -> Flask:
    app = Flask("sandbox.crm")
    for blueprint in (api.blueprint(book), admin.blueprint(book), page.blueprint(book)):
        app.register_blueprint(blueprint)
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(Invalid, lambda error: Problem(422, "invalid", error.errors).response())
    app.register_error_handler(HTTPException, _as_problem)
    return app


def _as_problem(error: HTTPException) -> Response:
    """Unknown routes and methods as problem documents; 500 is the stand-in's own fault and names nothing."""
    status = error.code or 500
    errors = [FieldError("request", "not_in_the_contract")] if status < HTTPStatus.INTERNAL_SERVER_ERROR else []
    return Problem(status, error.name.lower().replace(" ", "_"), errors).response()
