"""Who is calling the stand-in EspoCRM: an API user or a person by `X-Api-Key`, the administrator by Basic.

(A real person signs in with a name and a password; that they have a key here is the stand-in's shortcut.)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from flask import request
from werkzeug.wrappers import Request

from sandbox.espocrm.book import Book, User
from sandbox.espocrm.problems import Problem
from sandbox.kit.plane import Caller


def caller_of(book: Book) -> Callable[[Request], Caller]:
    """For ledger and faults: the gateway (about the owner of the task in the path), a person, or the administrator."""

    def find(asked: Request) -> Caller:
        user = _user(book, asked)
        if user is None:
            return Caller("unknown")
        if user.kind == "regular":
            return Caller(f"person:{user.email}", user.email)
        return Caller("gateway" if user.kind == "api" else "admin", book.owner_email(asked.path.rpartition("/")[2]))

    return find


def caller(book: Book) -> User:
    """Who is calling. Raises the 401, and the 429 of what stands before EspoCRM, without `Retry-After`."""
    user = _user(book, request)
    if user is None:
        raise Problem(401, "")
    if user.kind == "api" and book.has.calls_left is not None:
        book.has.calls_left -= 1
        if book.has.calls_left < 0:
            raise Problem(429, "")
    return user


def administrator(book: Book) -> User:
    """The administrator; others get the 403."""
    user = caller(book)
    if user.kind != "admin":
        raise Problem(403, "")
    return user


def sent() -> dict[str, Any]:
    """The JSON object in the body. Raises the 400."""
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise Problem(400, "Bad body.")
    return found


def _user(book: Book, asked: Request) -> User | None:
    if key := asked.headers.get("X-Api-Key", ""):
        user = book.user_with(key)
        return user if user is not None and user.kind != "admin" else None
    kind, _, word = asked.headers.get("Authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(word).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    admin = book.admin
    return admin if kind == "Basic" and (name, password) == ("admin", admin.token) else None
