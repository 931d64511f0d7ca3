"""The stand-in HubSpot's tasks: read, patch, archive, search, and in batches.

Source: https://developers.hubspot.com/docs/api/crm/tasks
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.hubspot import auth
from sandbox.hubspot.book import Book
from sandbox.hubspot.events import milliseconds
from sandbox.hubspot.model import Task
from sandbox.hubspot.problems import Problem
from sandbox.kit.plane import served

MOST = 100
SEARCH_MOST = 200
SEARCH_DEPTH = 10_000
"""A search is paged no further than this: https://developers.hubspot.com/docs/api/crm/search"""


def blueprint(book: Book) -> Blueprint:
    """The routes under `/crm/v3/objects/tasks`."""
    api = Blueprint("hubspot_objects", __name__, url_prefix="/crm/v3/objects/tasks")
    _add_one(api, book)
    _add_many(api, book)
    return api


def _add_one(api: Blueprint, book: Book) -> None:
    @api.post("")
    def create() -> ResponseReturnValue:
        portal, by = auth.who(book)
        task = book.create(portal, _properties(auth.sent()), by)
        return _one(book, task, task.values), 201

    @api.get("/<task_id>")
    def read(task_id: str) -> ResponseReturnValue:
        portal, _ = auth.who(book)
        task = book.task(portal, task_id, archived=request.args.get("archived") == "true")
        return _one(book, task, request.args.get("properties", "").split(","))

    @api.patch("/<task_id>")
    def patch(task_id: str) -> ResponseReturnValue:
        """The answer holds the properties that were sent, and no others."""
        portal, by = auth.who(book)
        asked = _properties(auth.sent())
        return _one(book, book.edit(portal, task_id, asked, by), asked)

    @api.delete("/<task_id>")
    def archive(task_id: str) -> ResponseReturnValue:
        """One that is archived already is no error."""
        portal, by = auth.who(book)
        if not book.any_task(portal, task_id).archived:
            book.archive(portal, task_id, by)
        return "", 204


def _add_many(api: Blueprint, book: Book) -> None:
    @api.post("/batch/read")
    def read_many() -> ResponseReturnValue:
        portal, _ = auth.who(book)
        asked = auth.sent()
        ids = [str(one["id"]) for one in _inputs(asked)]
        live = {task.id: task for task in book.tasks(portal) if not task.archived}
        found = [live[one] for one in dict.fromkeys(ids) if one in live]
        served((task.id, False) for task in found)
        missing = [one for one in ids if one not in live]
        body: dict[str, Any] = {"status": "COMPLETE", "results": _shown(book, found, asked.get("properties", ()))}
        if missing:
            error = {"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": missing}}
            body |= {"numErrors": 1, "errors": [error]}
        return jsonify(body), 207 if missing else 200

    @api.post("/batch/update")
    def update_many() -> ResponseReturnValue:
        portal, by = auth.who(book)
        values = {str(one["id"]): _properties(one) for one in _inputs(auth.sent())}
        done = book.edit_many(portal, values, by)
        return jsonify(status="COMPLETE", results=_shown(book, done, ()))

    @api.post("/search")
    def search() -> ResponseReturnValue:
        portal, _ = auth.who(book)
        asked = auth.sent()
        limit, after = int(asked.get("limit", 10)), int(asked.get("after") or 0)
        if not 1 <= limit <= SEARCH_MOST or after + limit > SEARCH_DEPTH:
            raise Problem(400, "VALIDATION_ERROR", "paging goes beyond what a search gives")
        fits = _filter(asked.get("filterGroups") or [])
        found = [task for task in book.tasks(portal) if not task.archived and fits(task)]
        page = found[after : after + limit]
        served((task.id, False) for task in page)
        body: dict[str, Any] = {"total": len(found), "results": _shown(book, page, asked.get("properties", ()))}
        if after + limit < len(found):
            body["paging"] = {"next": {"after": str(after + limit)}}
        return jsonify(body)


def _filter(groups: Sequence[Any]) -> Callable[[Task], bool]:
    """The one filter that a sweep needs; anything else is refused, lest it be taken for served."""
    filters = [one for group in groups for one in group.get("filters", ())]
    if not filters:
        return lambda _task: True
    one = filters[0]
    if len(filters) > 1 or one.get("propertyName") != "hs_lastmodifieddate" or one.get("operator") != "GTE":
        raise Problem(400, "VALIDATION_ERROR", "this stand-in searches by hs_lastmodifieddate GTE only")
    since = int(one["value"])
    return lambda task: milliseconds(task.updated_at) >= since


def _inputs(asked: dict[str, Any]) -> list[dict[str, Any]]:
    inputs = asked.get("inputs")
    if not isinstance(inputs, list) or len(inputs) > MOST or not all(isinstance(o, dict) and "id" in o for o in inputs):
        raise Problem(400, "VALIDATION_ERROR", f"inputs must be a list of at most {MOST}")
    return inputs


def _properties(asked: dict[str, Any]) -> dict[str, Any]:
    found = asked.get("properties")
    if not isinstance(found, dict):
        raise Problem(400, "VALIDATION_ERROR", "properties are required")
    return found


def _one(book: Book, task: Task, wanted: Any) -> Response:
    served([(task.id, False)])
    return jsonify(task.shown([name for name in wanted if name], book.pages))


def _shown(book: Book, tasks: Sequence[Task], wanted: Any) -> list[dict[str, Any]]:
    return [task.shown(wanted, book.pages) for task in tasks]
