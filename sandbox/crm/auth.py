"""Who is calling the stand-in CRM, and what every request must look like before its handler sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request
from werkzeug.wrappers import Request

from sandbox.crm.book import Book
from sandbox.crm.model import Person
from sandbox.crm.problems import FieldError, Problem, refuse
from sandbox.kit.plane import Caller

MERGE_PATCH = "application/merge-patch+json"
"""https://www.rfc-editor.org/rfc/rfc7396"""
JSON = "application/json"


def caller_of(book: Book) -> Callable[[Request], Caller]:
    """For ledger and faults: the gateway (about the owner of the task or the user in the path) or a person."""

    def find(asked: Request) -> Caller:
        token = _bearer(asked)
        person = book.person_with(token) if token else None
        if person is not None:
            return Caller(f"person:{person.email}", person.email)
        if token is None or not book.is_gateway(token):
            return Caller("unknown")
        return Caller("gateway", _about(book, asked.path))

    return find


def person_or_gateway(book: Book) -> Person | None:
    """The person calling, or None for the gateway; anyone else is a 401 problem."""
    token = _bearer(request)
    if token and book.is_gateway(token):
        return None
    person = book.person_with(token) if token else None
    if person is None:
        raise Problem(
            401,
            "not_authenticated",
            [FieldError("Authorization", "bearer_token")],
            headers={"WWW-Authenticate": "Bearer"},
        )
    return person


def only_person(book: Book) -> Person:
    """The person calling; the gateway gets a 403 problem, since its contract has no such call."""
    person = person_or_gateway(book)
    if person is None:
        raise refuse(403, "Authorization", "only_for_persons")
    return person


def only_gateway(book: Book) -> None:
    """Raise a 403 problem unless the gateway is calling."""
    if person_or_gateway(book) is not None:
        raise refuse(403, "Authorization", "only_for_the_gateway")


def only_query(*names: str) -> None:
    """Raise a 400 problem for query parameters outside `names`, and for any given twice."""
    errors = [FieldError(name, "unknown_parameter") for name in request.args if name not in names]
    errors += [FieldError(name, "given_twice") for name, values in request.args.lists() if len(values) > 1]
    if errors:
        raise Problem(400, "bad_query", errors)


def object_sent(*kinds: str) -> dict[str, Any]:
    """The JSON object in the body; 415 for another content type than `kinds`, 400 for anything but an object."""
    if request.mimetype not in kinds:
        raise refuse(415, "Content-Type", "must_be_" + "_or_".join(kinds))
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise refuse(400, "body", "must_be_json_object")
    return found


def _bearer(asked: Request) -> str | None:
    kind, _, token = asked.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def _about(book: Book, path: str) -> str | None:
    kind, _, rest = path.strip("/").partition("/")
    item_id = rest.partition("/")[0]
    if not item_id or kind not in ("tasks", "users"):
        return None
    try:
        user_id = book.any_task(item_id).owner_id if kind == "tasks" else item_id
        return book.person(user_id).email
    except Problem:
        # About nobody we know: such a request still runs, and gets its 404 from the handler.
        return None
