"""The stand-in put together: one Flask application with OAuth, Calendar v3 and the admin plane, and its start."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Flask
from werkzeug.wrappers import Request

from sandbox.google import admin, api, oauth, quota
from sandbox.google.recorder import Recorder
from sandbox.google.world import World
from sandbox.kit.clock import Clock
from sandbox.kit.faults import Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.plane import Caller, Plane, mount
from sandbox.kit.sender import Sender
from sandbox.kit.server import serve
from sandbox.kit.standin import StandIn


@dataclass(frozen=True)
class GoogleStandIn(StandIn):
    """The running Google stand-in; ``recorder`` holds the traffic when it was started with ``record=True``."""

    recorder: Recorder = field(repr=False)

    @property
    def endpoint(self) -> str:
        """The Calendar API's root, for ``api_endpoint``."""
        return f"{self.url}/calendar/v3/"


def start(
    port: int = 0,
    clock: Clock | None = None,
    seed: int = 1,
    notify_delay_ms: float = 0,
    latency_ms: float = 0,
    quota_per_minute: int | None = None,
    record: bool = False,
) -> GoogleStandIn:
    """Serve the stand-in on 127.0.0.1; port 0 takes any free one.

    ``notify_delay_ms`` is added before each push, ``latency_ms`` before each answer; ``quota_per_minute`` is in units
    per person and client. With ``record`` all traffic of the Calendar API is kept for ``conformance.check``.
    """
    clock = clock or Clock(None)
    ledger, faults = Ledger(), Faults()
    sender = Sender(clock, ledger, faults, notify_delay_ms)
    world = World(clock, sender, quota_per_minute or quota.PER_MINUTE, seed)
    recorder = Recorder(on=record)
    app = Flask(__name__)
    app.register_blueprint(oauth.blueprint(world))
    app.register_blueprint(api.blueprint(world))
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
    return GoogleStandIn("google", serve(app, port), sender, recorder)


def _caller(world: World, asked: Request) -> Caller:
    """Who calls: known by the token in the header or form, also a dead one; the authorize page is the person's."""
    token = api.bearer(asked)
    with world.lock:
        access = world.grants.caller(token) if token is not None else None
        if access is not None:
            return Caller(access.caller, access.email)
        if asked.path.startswith("/o/oauth2/"):
            visitor = asked.form.get("email") or asked.args.get("login_hint") or ""
            return Caller(f"person:{visitor}", visitor or None)
        named = (asked.form.get(name, "") for name in ("refresh_token", "code", "token"))
        owners = (world.grants.owner(one) for one in named)
        return Caller("gateway", next((email for email in owners if email is not None), None))
