"""The doors as Flask routes: what HTTP has to say before anybody is asked about trust (method, size, type)."""

from __future__ import annotations

from flask import Blueprint, Request, Response, request

from gateway.services.context import Context
from webhooks.answers import NOT_FOUND, TOO_LARGE, WRONG_TYPE, Answer, problem
from webhooks.calendar_door import push_limit, receive_calendar
from webhooks.crm_door import LIMIT as CRM_LIMIT
from webhooks.crm_door import CrmDoor

_CHUNK = 64 * 1024
_BROKEN_OFF = problem(400, "not_readable", "the body broke off", "body")


def blueprint(ctx: Context) -> Blueprint:
    """The routes ``POST /webhooks/crm/<key>`` and ``POST /webhooks/calendar/<provider>``."""
    doors = Blueprint("webhooks", __name__, url_prefix="/webhooks")
    crm_door = CrmDoor(ctx)

    def from_crm(key: str) -> Response:
        if not (_is_plain(request) and _is_json(request)):
            return _response(WRONG_TYPE)
        raw = _body(request, CRM_LIMIT)
        if isinstance(raw, Answer):
            return _response(raw)
        query = request.query_string.decode("latin-1")
        return _response(crm_door.receive(key, _headers(request), raw, query))

    def from_calendar(provider: str) -> Response:
        if not _is_plain(request):
            return _response(WRONG_TYPE)
        limit = push_limit(ctx, provider)
        raw = NOT_FOUND if limit is None else _body(request, limit)
        if isinstance(raw, Answer):
            return _response(raw)
        query = request.query_string.decode("latin-1")
        return _response(receive_calendar(ctx, provider, _headers(request), raw, query))

    for rule, view in (
        ("/crm/<key>", from_crm),
        ("/calendar/<provider>", from_calendar),
        ("/calendar/<provider>/lifecycle", from_calendar),
    ):
        # No answer to OPTIONS: nobody sends here from a browser.
        doors.add_url_rule(rule, view_func=view, methods=["POST"], provide_automatic_options=False, endpoint=rule[1:])
    return doors


def _body(asked: Request, limit: int) -> bytes | Answer:
    """The raw body, or why not. Read by ourselves to one byte beyond the limit: Flask's own limit cuts a chunked body
    off there without a word, and what is announced as too large is not read at all."""
    if asked.content_length is not None and asked.content_length > limit:
        return TOO_LARGE
    asked.max_content_length = None
    parts, size = [], 0
    try:
        while size <= limit and (part := asked.stream.read(min(_CHUNK, limit + 1 - size))):
            parts.append(part)
            size += len(part)
    except Exception:  # noqa: BLE001 - each server has its own errors for a sender that breaks off or frames wrongly
        return _BROKEN_OFF
    if asked.content_length is not None and size < asked.content_length:
        return _BROKEN_OFF
    return TOO_LARGE if size > limit else b"".join(parts)


def _headers(asked: Request) -> dict[str, str]:
    """Names in lower case. A header sent twice has come joined by a comma, which no signature survives."""
    return {name.lower(): value for name, value in asked.headers.items()}


def _is_plain(asked: Request) -> bool:
    return asked.headers.get("Content-Encoding", "identity").strip().lower() in ("", "identity")


def _is_json(asked: Request) -> bool:
    """JSON by name, in any of its dresses; a sender that names no type is taken at its body."""
    return asked.is_json or not asked.headers.get("Content-Type", "").strip()


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, content_type=answer.content_type)
    response.headers.update(answer.headers)
    response.headers["Cache-Control"] = "no-store"
    return response
