"""What all of ``/v1`` has in common: the token, ids in paths, bodies, times."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

from flask import Blueprint, g, request
from marshmallow import Schema
from werkzeug.exceptions import UnsupportedMediaType

from gateway.core.errors import NotReadable
from gateway.core.reading import an_id
from gateway.web import security
from gateway.web.door import context
from gateway.web.fields import read_body
from gateway.web.pace import Pace

PACE = Pace(per_second=100, burst=1000)
"""How fast one installation may call, in each process of the web server."""

LARGEST_BODY: Final = 64 * 1024
USER: Final = "/users/<path:uid>"
TASK: Final = "/tasks/<path:tid>"
"""Ids are opaque and may hold slashes, which arrive decoded."""


def blueprint(name: str) -> Blueprint:
    """A part of the API. Whatever is asked there, the token is looked at first."""
    part = Blueprint(name, __name__, url_prefix="/v1")
    part.before_request(_begin)
    return part


def _begin() -> None:
    request.max_content_length = LARGEST_BODY
    g.installation = security.installation_of(context(), request.headers.get("Authorization", ""))
    PACE.take(g.installation.id, time.monotonic())
    for name, value in (request.view_args or {}).items():
        an_id(value, name)


def body(schema: type[Schema]) -> dict[str, Any]:
    """The request's body as the schema reads it. Raises ``NotReadable``, ``ValidationError``."""
    raw = request.get_data(cache=False)
    if raw and not request.is_json:
        raise UnsupportedMediaType
    return read_body(schema(), raw)


def one_of(name: str, words: tuple[str, ...]) -> str | None:
    """A word of the query, ``None`` where it is left out."""
    value = request.args.get(name)
    if value is not None and value not in words:
        raise NotReadable(name, "send one of " + ", ".join(words) + ", or leave it out")
    return value


def told_time(at: datetime | None) -> str | None:
    """A time in UTC with a ``Z``."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
