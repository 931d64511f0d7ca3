"""Graph over HTTP: every request under ``/v1.0/`` comes in here, is served by the door, and leaves as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from flask import Blueprint, Response, request

from sandbox.graph import batch
from sandbox.graph.call import Answer, Asked
from sandbox.graph.door import Door
from sandbox.graph.throttle import CROWDED
from sandbox.graph.world import World
from sandbox.kit.plane import served

VERSION: Final = "v1.0"
_JSON: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


def blueprint(door: Door) -> Blueprint:
    """The routes under ``/v1.0/``."""
    rooms = Blueprint("graph", __name__, url_prefix=f"/{VERSION}")

    @rooms.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def call(path: str) -> Response:
        ids = request_ids(door.world, request.headers.get("client-request-id"))
        asked = Asked(
            verb=request.method,
            path=path,
            query=request.args.to_dict(),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.get_data(),
            root=f"{request.host_url}{VERSION}",
            crowded=bool(request.environ.get(CROWDED)),
        )
        is_batch = (asked.verb, path) == ("POST", "$batch")
        answer = batch.serve(door, asked, ids) if is_batch else door.serve(asked, ids)
        served((event.key, event.ours) for event in answer.events)
        return _response(answer, ids)

    return rooms


def request_ids(world: World, given: str | None) -> dict[str, str]:
    """The ids of one request: the service's own and the client's, which is the same if the client gave none."""
    with world.lock:
        own = world.guid()
    return {"request-id": own, "client-request-id": given or own}


def _response(answer: Answer, ids: Mapping[str, str]) -> Response:
    text = "" if answer.body is None else json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"))
    response = Response(text, status=answer.status, headers={**ids, **answer.headers, "Cache-Control": "private"})
    if answer.body is None:
        response.headers.pop("Content-Type", None)
    else:
        response.content_type = _JSON
    return response
