"""Who is calling the stand-in HubSpot: the app in an account, a user of one, or the app's developer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request
from werkzeug.wrappers import Request

from sandbox.hubspot.book import Book, By, Portal
from sandbox.hubspot.model import Owner
from sandbox.hubspot.problems import Problem
from sandbox.kit.plane import Caller


def caller_of(book: Book) -> Callable[[Request], Caller]:
    """For ledger and faults: the gateway (about the owner of the task in the path) or a person."""

    def find(asked: Request) -> Caller:
        known = book.owner_with(_bearer(asked))
        if known is not None:
            return Caller(f"person:{known[1].email}", known[1].email)
        return Caller("gateway", _about(book, asked.path))

    return find


def who(book: Book) -> tuple[Portal, By]:
    """The account and who is calling; the app's calls are counted. Raises Problem: 401, 429."""
    known = book.owner_with(_bearer(request))
    if known is not None:
        return known[0], of_owner(known[1])
    portal = book.portal_with(_bearer(request))
    portal.window.draw(book.clock.now())
    return portal, By("INTEGRATION", str(book.app.id))


def of_owner(owner: Owner) -> By:
    """A change in the user interface."""
    return By("CRM_UI", f"userId:{owner.user_id}", owner)


def developer(book: Book) -> None:
    """Raise a 401 unless the app's developer is calling."""
    if _bearer(request) != book.app.developer_token:
        raise Problem(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")


def sent() -> dict[str, Any]:
    """The JSON object in the body. Raises Problem."""
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise Problem(400, "VALIDATION_ERROR", "Invalid input JSON")
    return found


def _bearer(asked: Request) -> str:
    kind, _, token = asked.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _about(book: Book, path: str) -> str | None:
    task_id = path.rpartition("/")[2]
    for portal in book.portals():
        for task in book.tasks(portal):
            if task.id == task_id:
                owner = portal.owners.get(task.values.get("hubspot_owner_id", ""))
                return owner.email if owner else None
    return None
