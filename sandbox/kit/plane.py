"""The admin plane that every stand-in carries under `/_sandbox`, and the gate that all other requests go through.

The gate adds latency, carries out faults and writes the ledger. Admin calls skip it: they are never slowed, never
meet a fault and are not in the ledger.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Blueprint, Flask, g, jsonify, request
from flask import Response as FlaskResponse
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Request, Response

from sandbox.kit.clock import Clock, iso
from sandbox.kit.faults import BadFault, Fault, Faults
from sandbox.kit.ledger import Ledger
from sandbox.kit.sender import Sender
from sandbox.kit.server import Answer, ConnectionDropped, run

PREFIX = "/_sandbox"
HOLD_LIMIT_S = 60.0
"""A held request goes on by itself after this long, so that a forgotten hold cannot hang a test run."""
_LEDGER_HEADERS = ("If-Match", "Idempotency-Key")


@dataclass(frozen=True)
class Caller:
    """Who is calling: `name` is `gateway` or `person:<email>`; `person` is the e-mail whose data it is about."""

    name: str = "gateway"
    person: str | None = None


@dataclass(frozen=True)
class Plane:
    """What `mount` needs: the shared parts, who is calling, and how to start again from a seed."""

    clock: Clock
    ledger: Ledger
    faults: Faults
    sender: Sender
    caller_of: Callable[[Request], Caller]
    on_reset: Callable[[int], None]
    seed: int = 1
    latency_s: float = 0.0


def mount(app: Flask, plane: Plane) -> None:
    """Put the admin plane and the gate on `app`.

    A handler says what it served by setting `flask.g.ids` (list of ids) and `flask.g.ours` (for each id: was it
    created with the gateway's token); see `served`. Other admin calls are registered by the stand-in under PREFIX.
    """
    app.register_blueprint(_blueprint(plane))
    app.after_request(_hand_over)
    app.wsgi_app = _Gate(app.wsgi_app, plane)  # type: ignore[method-assign]


def served(items: Iterable[tuple[str, bool]]) -> None:
    """Note in the ledger entry of the present request which ids it served and whether each is the gateway's own."""
    pairs = list(items)
    g.ids = [item_id for item_id, _ in pairs]
    g.ours = [ours for _, ours in pairs]


def _hand_over(response: FlaskResponse) -> FlaskResponse:
    request.environ["sandbox.served"] = (g.get("ids", []), g.get("ours", []))
    return response


class _Arrival(NamedTuple):
    at: datetime
    era: int


class _Gate:
    def __init__(self, inner: WSGIApplication, plane: Plane) -> None:
        self._inner = inner
        self._plane = plane

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(PREFIX):
            return self._inner(environ, start_response)
        asked, arrived = Request(environ), _Arrival(self._plane.clock.now(), self._plane.ledger.era)
        body = asked.get_data()
        if self._plane.latency_s:
            time.sleep(self._plane.latency_s)
        caller = self._plane.caller_of(asked)
        fault = self._plane.faults.match("in", asked.method, asked.path, caller.person, caller.name.partition(":")[0])
        if fault is not None and fault.do == "duplicate":
            first = self._run(environ, body)
            self._record(asked, body, arrived, caller, int(first[0][:3]))
        answer = self._answer(environ, body, fault)
        cut = answer is None or (fault is not None and fault.do == "cut_after_write")
        self._record(asked, body, arrived, caller, None if cut or answer is None else int(answer[0][:3]))
        if cut or answer is None:
            raise ConnectionDropped
        status, headers, content = answer
        start_response(status, headers)
        return [content]

    def _answer(self, environ: WSGIEnvironment, body: bytes, fault: Fault | None) -> Answer | None:
        if fault is not None:
            match fault.do:
                case "drop":
                    return None
                case "status":
                    return run(_scripted(fault), environ)
                case "delay":
                    time.sleep(fault.delay_s)
                case "hold":
                    self._wait_for_release()
        return self._run(environ, body)

    def _run(self, environ: WSGIEnvironment, body: bytes) -> Answer:
        environ["wsgi.input"] = io.BytesIO(body)
        return run(self._inner, environ)

    def _wait_for_release(self) -> None:
        released = threading.Event()
        self._plane.faults.hold(released.set)
        released.wait(HOLD_LIMIT_S)

    def _record(self, asked: Request, body: bytes, arrived: _Arrival, caller: Caller, status: int | None) -> None:
        ids, ours = asked.environ.get("sandbox.served", ([], []))
        self._plane.ledger.record(
            at=arrived.at,
            era=arrived.era,
            direction="in",
            caller=caller.name,
            method=asked.method,
            path=asked.path,
            query=_query(asked),
            headers={name: asked.headers[name] for name in _LEDGER_HEADERS if name in asked.headers},
            body=readable(body),
            status=status,
            ids=ids,
            ours=ours,
        )


def _scripted(fault: Fault) -> Response:
    if fault.body is None or isinstance(fault.body, str):
        content, kind = fault.body or "", "text/plain"
    else:
        content, kind = json.dumps(fault.body), "application/json"
    response = Response(content, status=fault.status, content_type=kind)
    response.headers.update(fault.headers)
    return response


def _query(asked: Request) -> dict[str, str | list[str]]:
    return {name: values[0] if len(values) == 1 else values for name, values in asked.args.lists()}


def readable(body: bytes) -> object:
    """A body as the ledger shows it: parsed when it is JSON, else its text; None when empty."""
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _blueprint(plane: Plane) -> Blueprint:
    admin = Blueprint("sandbox_plane", __name__, url_prefix=PREFIX)

    @admin.post("/reset")
    def reset() -> ResponseReturnValue:
        seed = body_of_admin_call().get("seed", plane.seed)
        plane.sender.forget()
        plane.faults.clear()
        plane.on_reset(int(seed))
        plane.ledger.clear()
        return jsonify(seed=int(seed))

    @admin.get("/ledger")
    def ledger() -> ResponseReturnValue:
        entries, following = plane.ledger.since(request.args.get("since", 0, type=int))
        return jsonify(entries=entries, next=following)

    @admin.post("/faults")
    def add_fault() -> ResponseReturnValue:
        try:
            return jsonify(id=plane.faults.add(body_of_admin_call()))
        except BadFault as error:
            return jsonify(error=str(error)), 400

    @admin.delete("/faults")
    def clear_faults() -> ResponseReturnValue:
        plane.faults.clear()
        return "", 204

    @admin.delete("/faults/<fault_id>")
    def lift_fault(fault_id: str) -> ResponseReturnValue:
        plane.faults.lift(fault_id)
        return "", 204

    @admin.post("/release")
    def release() -> ResponseReturnValue:
        return jsonify(released=plane.faults.release())

    @admin.post("/clock")
    def clock() -> ResponseReturnValue:
        plane.clock.advance(float(body_of_admin_call()["advance_s"]))
        return jsonify(now=iso(plane.clock.now()), offset_s=plane.clock.offset())

    return admin


def body_of_admin_call() -> dict[str, Any]:
    """The JSON object sent with an admin call; an empty body is an empty object."""
    found = request.get_json(force=True, silent=True) if request.get_data() else {}
    return found if isinstance(found, dict) else {}
