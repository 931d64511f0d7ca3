"""The door of Calendar v3: from an HTTP request to a handler and back, rules in the order of the real service.

Token, quota, scope, parameters, body, then the method's own rules. https://developers.google.com/workspace/calendar/api/v3/reference
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from flask import Blueprint, Request, Response, request

from sandbox.google import calendars_api, channels_api, errors, events_api, fields, listing, quota, validation
from sandbox.google.call import Answer, Call
from sandbox.google.discovery import Method, document
from sandbox.google.model import Access, Person
from sandbox.google.world import World
from sandbox.kit.plane import served

HANDLERS: Final[Mapping[str, Callable[[Call], Answer]]] = {
    "acl.delete": calendars_api.delete_rule,
    "acl.insert": calendars_api.insert_rule,
    "acl.list": calendars_api.list_rules,
    "calendarList.get": calendars_api.get_entry,
    "calendarList.list": calendars_api.list_entries,
    "calendarList.patch": calendars_api.patch_entry,
    "calendars.clear": events_api.clear,
    "calendars.delete": calendars_api.delete_calendar,
    "calendars.get": calendars_api.get_calendar,
    "calendars.insert": calendars_api.insert_calendar,
    "calendars.patch": calendars_api.patch_calendar,
    "calendars.update": calendars_api.update_calendar,
    "channels.stop": channels_api.stop,
    "colors.get": calendars_api.get_colors,
    "events.delete": events_api.delete,
    "events.get": events_api.get,
    "events.insert": events_api.insert,
    "events.instances": listing.list_instances,
    "events.list": listing.list_events,
    "events.move": events_api.move,
    "events.patch": events_api.patch,
    "events.update": events_api.update,
    "events.watch": channels_api.watch,
}
"""The methods this stand-in models, by id; any other method of the document answers 501."""
_BEARER: Final = re.compile(r"Bearer (\S+)", re.IGNORECASE)


def blueprint(world: World) -> Blueprint:
    """The routes under ``/calendar/v3/``."""
    door = Blueprint("calendar", __name__, url_prefix="/calendar/v3")

    @door.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def call(path: str) -> Response:
        try:
            return _serve(world, path)
        except errors.ApiError as error:
            return _json(error.body(), error.code)

    return door


def bearer(asked: Any) -> str | None:
    """The bearer token of a request, if it has one."""
    found = _BEARER.fullmatch(asked.headers.get("Authorization", ""))
    return found[1] if found else None


def verb_and_query(asked: Request) -> tuple[str, list[tuple[str, str]]]:
    """The verb and query, also of a long GET that came as a POST: google-api-python-client sends those so."""
    override = asked.headers.get("X-HTTP-Method-Override", "").upper()
    if asked.method == "POST" and override == "GET":
        return "GET", parse_qsl(asked.get_data(as_text=True), keep_blank_values=True)
    return asked.method, list(asked.args.items(multi=True))


def _serve(world: World, path: str) -> Response:
    verb, query = verb_and_query(request)
    found = document().find(verb, path)
    if found is None:
        raise errors.not_found()
    method, path_values = found
    with world.lock:
        now = world.now()
        access, person = _who(world)
        if access.caller == "gateway":
            units = quota.PATCH_UNITS if verb == "PATCH" else 1
            world.quota.spend((access.client_id, access.email), units, now)
        if not access.scopes & method.scopes:
            raise errors.insufficient_scope()
        params = validation.read_query(method, query)
        mask = _mask(method, params)
        if method.id not in HANDLERS:
            raise errors.ApiError(501, "notImplemented", f"This stand-in does not model {method.id}.")
        body = _body(method)
        if_match = request.headers.get("If-Match")
        answer = HANDLERS[method.id](Call(world, method, path_values, params, body, if_match, access, person, now))
        return _rendered(verb, answer, mask)


def _rendered(verb: str, answer: Answer, mask: fields.Mask) -> Response:
    if answer.body is None:
        served((event.id, event.ours) for event in answer.events)
        return Response(status=204)
    etag = answer.body.get("etag")
    if verb == "GET" and etag is not None and request.headers.get("If-None-Match") == etag:
        # https://developers.google.com/workspace/calendar/api/guides/version-resources
        return Response(status=304, headers={"ETag": etag})
    shown = fields.keep(answer.body, mask)
    if shown.get("items", "items" not in answer.body and shown):
        served((event.id, event.ours) for event in answer.events)
    return _json(shown, 200)


def _who(world: World) -> tuple[Access, Person]:
    token = bearer(request)
    access = world.grants.access(token, world.now()) if token is not None else None
    person = world.people.get(access.email) if access is not None else None
    if access is None or person is None:
        raise errors.unauthenticated()
    if not person.has_calendar:
        raise errors.not_a_calendar_user()
    return access, person


def _mask(method: Method, params: Mapping[str, validation.Value]) -> fields.Mask:
    text = params.get("fields")
    if not isinstance(text, str) or method.response is None:
        return fields.ALL
    return fields.parse(method.response, text)


def _body(method: Method) -> Mapping[str, Any]:
    if method.request is None:
        return {}
    try:
        body = json.loads(request.get_data() or b"{}")
    except ValueError as error:
        raise errors.ApiError(400, "parseError", "Parse Error") from error
    if not isinstance(body, dict):
        raise errors.bad_body("Invalid JSON payload received. Want an object.")
    validation.check_body(method.request, body)
    return body


def _json(body: Any, status: int) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    headers = {"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate", "Vary": "Origin"}
    if isinstance(body, Mapping) and "etag" in body:
        headers["ETag"] = body["etag"]
    return Response(text, status=status, headers=headers, content_type="application/json; charset=UTF-8")
