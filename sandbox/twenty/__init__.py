"""The stand-in Twenty: tasks, custom fields and signed webhooks as version 2.21 showed them on the wire.

Full records, one event a POST, one attempt; soft and hard deletion; 100 calls a minute for all API keys together.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from sandbox.kit.clock import Clock
from sandbox.kit.faults import Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.plane import Plane, mount
from sandbox.kit.sender import Sender
from sandbox.kit.server import serve
from sandbox.kit.standin import StandIn
from sandbox.twenty import admin, api, auth, metadata
from sandbox.twenty.book import Book
from sandbox.twenty.problems import Problem
from sandbox.twenty.webhooks import Announcer

LIMIT_PER_MINUTE = 100
TIMEOUT_S = (5.0, 5.0)


def start(
    port: int = 0,
    clock: Clock | None = None,
    seed: int = 1,
    notify_delay_ms: float = 0,
    latency_ms: float = 0,
    limit_per_minute: int | None = LIMIT_PER_MINUTE,
    timeout_s: tuple[float, float] = TIMEOUT_S,
) -> StandIn:
    """Serve a Twenty workspace on 127.0.0.1 (port 0: any free one) until `stop()`.

    `limit_per_minute`: calls with API keys, `None` for no limit. Raises OSError if the port is taken.
    """
    clock = clock or Clock()
    ledger, faults = Ledger(), Faults()
    sender = Sender(clock, ledger, faults, notify_delay_ms, timeout_s=timeout_s)
    book = Book(clock, Announcer(clock, sender), seed, limit_per_minute)
    app = Flask("sandbox.twenty")
    for blueprint in (api.blueprint(book), metadata.blueprint(book), admin.blueprint(book)):
        app.register_blueprint(blueprint)
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(HTTPException, _as_problem)
    mount(app, Plane(clock, ledger, faults, sender, auth.caller_of(book), book.reset, seed, latency_ms / 1000))
    return StandIn("twenty", serve(app, port), sender)


def _as_problem(error: HTTPException) -> Response:
    """Unknown routes and methods; 500 is the stand-in's own fault and names nothing."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    return Problem(status, error.name.title().replace(" ", "") + "Exception", error.name).response()
