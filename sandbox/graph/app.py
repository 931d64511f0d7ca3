"""The stand-in put together: one Flask application with the sign-in, Graph and the admin plane, and its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from wsgiref.types import WSGIEnvironment

from flask import Flask
from werkzeug.wrappers import Request

from sandbox.graph import admin, api, login
from sandbox.graph.door import Door, bearer
from sandbox.graph.recorder import Recorder
from sandbox.graph.throttle import AtOnce, Who
from sandbox.graph.world import World
from sandbox.kit.clock import Clock
from sandbox.kit.faults import Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.plane import Caller, Plane, mount
from sandbox.kit.sender import Sender
from sandbox.kit.server import serve
from sandbox.kit.standin import StandIn


@dataclass(frozen=True)
class GraphStandIn(StandIn):
    """The running Microsoft stand-in; ``recorder`` holds the traffic when it was started with ``record=True``."""

    recorder: Recorder = field(repr=False)

    @property
    def endpoint(self) -> str:
        """Graph's root, with the version and without a slash at its end."""
        return f"{self.url}/{api.VERSION}"


def start(
    port: int = 0,
    clock: Clock | None = None,
    seed: int = 1,
    notify_delay_ms: float = 0,
    latency_ms: float = 0,
    quota_per_minute: int | None = None,
    record: bool = False,
) -> GraphStandIn:
    """Serve the stand-in on 127.0.0.1; port 0 takes any free one.

    ``notify_delay_ms`` is added before each notification, ``latency_ms`` before each answer; ``quota_per_minute`` are
    requests per app and mailbox, in place of the real 10,000 in ten minutes. With ``record`` all traffic of Graph is
    kept for ``conformance.check``.
    """
    clock = clock or Clock(None)
    ledger, faults = Ledger(), Faults()
    sender = Sender(clock, ledger, faults, notify_delay_ms)
    world = World(clock, sender, ledger, faults, quota_per_minute, seed)
    recorder = Recorder(on=record)
    app = Flask(__name__)
    app.register_blueprint(api.blueprint(Door(world)))
    app.register_blueprint(login.blueprint(world))
    app.register_blueprint(admin.blueprint(world))
    app.after_request(recorder.note)
    plane = Plane(
        clock=clock,
        ledger=ledger,
        faults=faults,
        sender=sender,
        caller_of=lambda asked: _caller(world, asked),
        on_reset=world.reset,
        seed=seed,
        latency_s=latency_ms / 1000,
    )
    mount(app, plane)
    app.wsgi_app = AtOnce(app.wsgi_app, lambda environ: _mailbox(world, environ))  # type: ignore[method-assign]
    return GraphStandIn("graph", serve(app, port), sender, recorder)


def _mailbox(world: World, environ: WSGIEnvironment) -> Who | None:
    """Whose mailbox a request of the gateway's is about; subscriptions are none of the mailbox's business."""
    path = environ["PATH_INFO"]
    token = bearer(environ.get("HTTP_AUTHORIZATION", ""))
    if token is None or not path.startswith(f"/{api.VERSION}/") or path.startswith(f"/{api.VERSION}/subscriptions"):
        return None
    with world.lock:
        access = world.grants.access(token)
    return (access.client_id, access.email) if access is not None and access.caller == "gateway" else None


def _caller(world: World, asked: Request) -> Caller:
    """Who calls: known by the token in the header or form, also a dead one; the authorize page is the person's."""
    token = bearer(asked.headers.get("Authorization", ""))
    with world.lock:
        access = world.grants.access(token) if token is not None else None
        if access is not None:
            return Caller(access.caller, access.email)
        if asked.path.endswith(("/authorize", "/adminconsent")):
            visitor = asked.form.get("email") or asked.args.get("login_hint") or ""
            return Caller(f"person:{visitor}", visitor or None)
        named = (asked.form.get(name, "") for name in ("refresh_token", "code"))
        owners = (world.grants.owner(one) for one in named)
        return Caller("gateway", next((email for email in owners if email is not None), None))
