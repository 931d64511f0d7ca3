"""The stand-in EspoCRM: tasks, custom fields and webhooks as versions 8.4 to 10.0 showed them on the wire or in source.

Deltas in batches, two signature schemes, a queue that is picky about answers, an optimistic lock, soft deletion.
"""

from __future__ import annotations

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from sandbox.espocrm import admin, auth, records_api, setup_api
from sandbox.espocrm.book import Book
from sandbox.espocrm.problems import Problem
from sandbox.espocrm.queue import Queue
from sandbox.kit.clock import Clock
from sandbox.kit.faults import Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.plane import Plane, mount
from sandbox.kit.sender import Sender
from sandbox.kit.server import serve
from sandbox.kit.standin import StandIn

PASS_S = 0.05
TIMEOUT_S = (4.0, 10.0)


class _Sender(Sender):
    """The pool, and the queue before it."""

    queue: Queue | None = None

    def stop(self) -> None:
        """Send nothing more."""
        if self.queue is not None:
            self.queue.stop()
        super().stop()

    def forget(self) -> None:
        """Drop what is queued, here and there."""
        if self.queue is not None:
            self.queue.forget()
        super().forget()

    @property
    def busy(self) -> bool:
        """Also while something waits for the next pass."""
        return (self.queue is not None and self.queue.busy) or super().busy


def start(
    port: int = 0,
    clock: Clock | None = None,
    seed: int = 1,
    notify_delay_ms: float = 0,
    latency_ms: float = 0,
    pass_s: float = PASS_S,
    timeout_s: tuple[float, float] = TIMEOUT_S,
) -> StandIn:
    """Serve an EspoCRM on 127.0.0.1 (port 0: any free one) until `stop()`.

    `pass_s`: how often its daemon passes and sends webhooks, in real seconds. Raises OSError if the port is taken.
    """
    clock = clock or Clock()
    ledger, faults = Ledger(), Faults()
    sender = _Sender(clock, ledger, faults, notify_delay_ms, timeout_s=timeout_s)
    sender.queue = Queue(clock, sender, pass_s)
    book = Book(clock, sender.queue, seed)
    app = Flask("sandbox.espocrm")
    for blueprint in (records_api.blueprint(book), setup_api.blueprint(book), admin.blueprint(book)):
        app.register_blueprint(blueprint)
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(HTTPException, _as_problem)
    mount(app, Plane(clock, ledger, faults, sender, auth.caller_of(book), book.reset, seed, latency_ms / 1000))
    return StandIn("espocrm", serve(app, port), sender)


def _as_problem(error: HTTPException) -> Response:
    """Unknown routes and methods; 500 is the stand-in's own fault and names nothing."""
    return Problem(error.code or 500, error.name).response()
