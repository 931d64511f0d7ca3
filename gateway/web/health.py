"""Whether the process lives, and whether it can do its work; what robots may look at."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from gateway.web.door import gateway

health = Blueprint("health", __name__)

_ROBOTS = "User-agent: *\nAllow: /webhooks/\nDisallow: /\n"


@health.get("/healthz")
def live() -> ResponseReturnValue:
    """The process answers. Asks nobody else, so that an outage elsewhere never restarts it."""
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> ResponseReturnValue:
    """Each part with ``ok``, or why it is not."""
    found = {name: probe() for name, probe in gateway().probes.items()}
    well = all(why is None for why in found.values())
    parts = {name: why or "ok" for name, why in found.items()}
    return jsonify(status="ready" if well else "not ready", **parts), 200 if well else 503


@health.get("/robots.txt")
def robots() -> Response:
    """Nothing here is for a search engine; the webhooks' doors are open to everybody's programs."""
    return Response(_ROBOTS, mimetype="text/plain", headers={"Cache-Control": "public, max-age=86400"})
