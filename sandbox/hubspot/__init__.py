"""The stand-in HubSpot: tasks as its public pages describe them, one app's webhooks for all accounts.

Instants only, every value a string, bodies in HTML; batches of single-property events with v3 signatures, sent again
with stale values; 110 calls in ten seconds for an account. What no page tells is marked in docs/crms.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from sandbox.hubspot import admin, auth, objects, setup
from sandbox.hubspot.book import Book
from sandbox.hubspot.events import RETRIES_S, Announcer
from sandbox.hubspot.problems import Problem
from sandbox.kit.clock import Clock
from sandbox.kit.faults import Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.plane import Plane, mount
from sandbox.kit.sender import Sender
from sandbox.kit.server import serve
from sandbox.kit.standin import StandIn

LIMIT_PER_10S = 110
TIMEOUT_S = (5.0, 5.0)


def start(
    port: int = 0,
    clock: Clock | None = None,
    seed: int = 1,
    notify_delay_ms: float = 0,
    latency_ms: float = 0,
    limit_per_10s: int | None = LIMIT_PER_10S,
    retries_s: Sequence[float] = RETRIES_S,
    timeout_s: tuple[float, float] = TIMEOUT_S,
) -> StandIn:
    """Serve HubSpot's API on 127.0.0.1 (port 0: any free one) until `stop()`: one app, one account to begin with.

    `limit_per_10s`: calls of the app in one account, `None` for no limit; `retries_s`: the waits before a webhook is
    sent again, by `clock`. Raises OSError if the port is taken.
    """
    clock = clock or Clock()
    ledger, faults = Ledger(), Faults()
    sender = Sender(clock, ledger, faults, notify_delay_ms, timeout_s=timeout_s)
    book = Book(clock, Announcer(sender, retries_s), seed, limit_per_10s)
    app = Flask("sandbox.hubspot")
    for blueprint in (objects.blueprint(book), setup.blueprint(book), admin.blueprint(book)):
        app.register_blueprint(blueprint)
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(HTTPException, _as_problem)
    mount(app, Plane(clock, ledger, faults, sender, auth.caller_of(book), book.reset, seed, latency_ms / 1000))
    return StandIn("hubspot", serve(app, port), sender)


def _as_problem(error: HTTPException) -> Response:
    """Unknown routes and methods; 500 is the stand-in's own fault and names nothing."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    return Problem(status, error.name.upper().replace(" ", "_"), error.name).response()
