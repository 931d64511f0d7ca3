"""Serving one call of Graph, alone or as part of a batch.

Token, limits, the caller's mailbox, permission, query, preferences and body are checked here; the methods know only
their own rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sandbox.graph import errors, odata, routes
from sandbox.graph.call import Answer, Asked, Call
from sandbox.graph.model import Access, Person
from sandbox.graph.world import World

_BEARER: Final = re.compile(r"Bearer (\S+)", re.IGNORECASE)


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
            return self.refused(error, ids)

    def refused(self, error: errors.GraphError, ids: Mapping[str, str]) -> Answer:
        """The error as an answer."""
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


def bearer(authorization: str) -> str | None:
    """The bearer token in an ``Authorization`` header, if there is one."""
    found = _BEARER.fullmatch(authorization.strip())
    return found[1] if found else None


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
