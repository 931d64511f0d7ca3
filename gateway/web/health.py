"""Whether the process lives, and whether it can do its work; what robots may look at."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from gateway.web.door import gateway

health = Blueprint("health", __name__)

_CAN_WAIT = frozenset({"queue"})
_ROBOTS = "User-agent: *\nAllow: /webhooks/\nDisallow: /\n"


@health.get("/healthz")
def live() -> ResponseReturnValue:
    """The process answers. Asks nobody else, so that an outage elsewhere never restarts it."""
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> ResponseReturnValue:
    """Each part with ``ok``, or why it is not. Without Redis the doors still record and answer 202, so a router must
    not take this process away: ``degraded``, with 200."""
    found = {name: probe() for name, probe in gateway().probes.items()}
    missing = {name for name, why in found.items() if why is not None}
    status = "ready" if not missing else "degraded" if missing <= _CAN_WAIT else "not ready"
    parts = {name: why or "ok" for name, why in found.items()}
    return jsonify(status=status, **parts), 503 if missing - _CAN_WAIT else 200


@health.get("/robots.txt")
def robots() -> Response:
    """Nothing here is for a search engine; the webhooks' doors are open to everybody's programs."""
    return Response(_ROBOTS, mimetype="text/plain", headers={"Cache-Control": "public, max-age=86400"})
