"""The door of Graph: every call under ``/v1.0/`` comes through here.

Token, limits, the caller's mailbox, permission, query, preferences and body are checked here; the methods know only
their own rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import Blueprint, Response, request

from sandbox.graph import batch, errors, odata, routes
from sandbox.graph.call import Answer, Asked, Call
from sandbox.graph.model import Access, Person
from sandbox.graph.throttle import CROWDED
from sandbox.graph.world import World
from sandbox.kit.plane import served

VERSION: Final = "v1.0"
_BEARER: Final = re.compile(r"Bearer (\S+)", re.IGNORECASE)
_JSON: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Door:
    """Serves calls, alone or as parts of a batch."""

    world: World

    def serve(self, asked: Asked, ids: Mapping[str, str]) -> Answer:
        """The answer to one call, errors included; ``ids`` are the request's, for an error's body."""
        try:
            with self.world.lock:
                call, route = self._prepare(asked)
                if not route.locks_itself:
                    return _with_preferences(call, route.handler(call))
            return _with_preferences(call, route.handler(call))
        except errors.GraphError as error:
            date = self.world.now().strftime("%Y-%m-%dT%H:%M:%S")
            return Answer(error.body({"date": date, **ids}), error.status, headers=error.headers)

    def identify(self, headers: Mapping[str, str]) -> tuple[Access, Person]:
        """Whose call it is. Raises 401."""
        token = bearer(headers.get("authorization", ""))
        if token is None:
            raise errors.unauthenticated("Access token is empty.")
        access = self.world.grants.access(token)
        if access is None:
            raise errors.unauthenticated("CompactToken validation failed with reason code: 80049228.")
        if access.expires_at is not None and self.world.now() >= access.expires_at:
            raise errors.unauthenticated("Lifetime validation failed, the token is expired.")
        return access, self.world.people[access.email]

    def _prepare(self, asked: Asked) -> tuple[Call, routes.Route]:
        access, person = self.identify(asked.headers)
        if access.caller == "gateway":
            self.world.throttle.spend((access.client_id, access.email), self.world.now())
        if asked.crowded:
            raise errors.mailbox_concurrency()
        found = routes.find(asked.verb, _parts(asked.path, person))
        if found is None:
            raise errors.not_modelled(f"{asked.verb} {asked.path}")
        route, values = found
        if route.mailbox and not person.mailbox:
            raise errors.no_mailbox()
        if not access.scopes & route.scopes or (route.mailbox and not person.licence):
            raise errors.access_denied()
        odata.check_options(asked.query)
        prefer = odata.preferences(asked.headers.get("prefer", ""))
        return Call(self.world, asked, values, prefer, _body(asked), access, person, self.world.now()), route


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


def bearer(authorization: str) -> str | None:
    """The bearer token in an ``Authorization`` header, if there is one."""
    found = _BEARER.fullmatch(authorization.strip())
    return found[1] if found else None


def request_ids(world: World, given: str | None) -> dict[str, str]:
    """The ids of one request: the service's own and the client's, which is the same if the client gave none."""
    with world.lock:
        own = world.guid()
    return {"request-id": own, "client-request-id": given or own}


def _parts(path: str, person: Person) -> tuple[str, ...]:
    """The path in parts, with ``users/{own id}`` turned into ``me``. Raises 403 for anybody else's."""
    parts = tuple(path.split("/"))
    if parts[0].lower() != "users" or len(parts) < 2:
        return parts
    if parts[1].lower() not in (person.oid, person.email.lower()):
        raise errors.access_denied()
    return ("me", *parts[2:])


def _body(asked: Asked) -> Mapping[str, Any]:
    if asked.verb not in ("POST", "PATCH") or not asked.body:
        return {}
    kind = asked.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/json":
        raise errors.bad_request("Write requests must contain the Content-Type header application/json.")
    try:
        body = json.loads(asked.body)
    except ValueError as error:
        raise errors.bad_request("Unable to read JSON request payload.") from error
    if not isinstance(body, dict):
        raise errors.bad_request("Unable to read JSON request payload. Want an object.")
    return body


def _with_preferences(call: Call, answer: Answer) -> Answer:
    if not call.prefer.applied:
        return answer
    return replace(answer, headers={**answer.headers, "Preference-Applied": call.prefer.applied})


def _response(answer: Answer, ids: Mapping[str, str]) -> Response:
    text = "" if answer.body is None else json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"))
    response = Response(text, status=answer.status, headers={**ids, **answer.headers, "Cache-Control": "private"})
    if answer.body is None:
        response.headers.pop("Content-Type", None)
    else:
        response.content_type = _JSON
    return response
