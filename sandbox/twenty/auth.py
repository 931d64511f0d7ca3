"""Who is calling the stand-in Twenty: the gateway with its API key, or a member with their own token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request
from werkzeug.wrappers import Request

from sandbox.kit.plane import Caller
from sandbox.twenty.book import KEY_NAME, Book
from sandbox.twenty.model import Actor, Member
from sandbox.twenty.problems import Problem, bad


def caller_of(book: Book) -> Callable[[Request], Caller]:
    """For ledger and faults: the gateway (about the assignee of the task in the path) or a member."""

    def find(asked: Request) -> Caller:
        token = _bearer(asked)
        member = book.member_with(token)
        if member is not None:
            return Caller(f"person:{member.email}", member.email)
        return Caller("gateway", _about(book, asked.path)) if token.startswith("key_") else Caller("unknown")

    return find


def actor(book: Book) -> Actor:
    """Who is calling; an API key draws from the workspace's bucket. Raises Problem: 401, 403, 429."""
    member = book.member_with(_bearer(request))
    if member is not None:
        return of_member(member)
    if not book.is_key(_bearer(request)):
        raise Problem(401, "UnauthorizedException", "Token invalid.")
    book.bucket.draw(book.clock.now())
    return Actor("API", KEY_NAME)


def of_member(member: Member) -> Actor:
    """A change by hand."""
    return Actor("MANUAL", member.name, member)


def sent() -> dict[str, Any]:
    """The JSON object in the body. Raises Problem."""
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise bad("The body must be a JSON object")
    return found


def _bearer(asked: Request) -> str:
    kind, _, token = asked.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _about(book: Book, path: str) -> str | None:
    record_id = path.rpartition("/")[2]
    record = next((one for one in book.records() if one.id == record_id), None)
    member = next((one for one in book.members() if record and one.id == record.assignee_id), None)
    return member.email if member else None
