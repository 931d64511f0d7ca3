"""The stand-in EspoCRM's API for tasks: https://docs.espocrm.com/development/api/crud."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from sandbox.espocrm import auth
from sandbox.espocrm.book import Book
from sandbox.espocrm.problems import Problem
from sandbox.espocrm.queue import encoded
from sandbox.kit.plane import served

MOST_LISTED = 200
_WHERE = re.compile(r"where\[([0-9]+)\]\[([a-z]+)\](?:\[([0-9]*)\])?")


def blueprint(book: Book) -> Blueprint:
    """The routes `/api/v1/Task`."""
    api = Blueprint("espocrm_records", __name__, url_prefix="/api/v1/Task")

    @api.get("")
    def list_tasks() -> ResponseReturnValue:
        auth.caller(book)
        found, size = _matching(book, _conditions(request.args.lists())), request.args.get("maxSize", MOST_LISTED, int)
        if size > MOST_LISTED:
            raise Problem(403, f"Max size should not exceed {MOST_LISTED}. Use offset and limit.")
        if order := request.args.get("orderBy"):
            found.sort(key=lambda task: (str(task.get(order)), task["id"]), reverse=request.args.get("order") == "desc")
        start = request.args.get("offset", 0, int)
        shown = found[start : start + size]
        select = [name for name in request.args.get("select", "").split(",") if name]
        served([(task["id"], False) for task in shown])
        listed = [_shown(book, task, select) for task in shown]
        return _json({"total": len(found), "list": listed})

    @api.post("")
    def create() -> ResponseReturnValue:
        return _one(book, book.create(auth.sent(), auth.caller(book)))

    @api.get("/<task_id>")
    def read(task_id: str) -> ResponseReturnValue:
        auth.caller(book)
        return _one(book, book.task(task_id))

    @api.route("/<task_id>", methods=["PUT", "PATCH"])
    def write(task_id: str) -> ResponseReturnValue:
        by, version = auth.caller(book), request.headers.get("X-Version-Number")
        return _one(book, book.edit(task_id, auth.sent(), by, int(version) if version else None))

    @api.delete("/<task_id>")
    def delete(task_id: str) -> ResponseReturnValue:
        book.remove(task_id, auth.caller(book))
        return _json(True)

    return api


def _conditions(given: Any) -> list[dict[str, Any]]:
    """The items of `where`, in the form of PHP's query strings. Raises the 400."""
    items: dict[int, dict[str, Any]] = {}
    for name, values in given:
        if (found := _WHERE.fullmatch(name)) is None:
            continue
        item = items.setdefault(int(found[1]), {})
        if found[3] is None:
            item[found[2]] = values[-1]
        else:
            item.setdefault(found[2], []).extend(values)
    return [items[number] for number in sorted(items)]


def _matching(book: Book, where: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tasks = [task for task in book.has.tasks.values() if not task["deleted"] and task["id"] not in book.has.hidden]
    for item in where:
        name, value = item.get("attribute", ""), item.get("value")
        match item.get("type"):
            case "after":
                tasks = [task for task in tasks if str(task.get(name) or "") > str(value)]
            case "isTrue":
                tasks = [task for task in tasks if task.get(name) is True]
            case "in" if isinstance(value, list):
                tasks = [task for task in tasks if task.get(name) in value]
            case "equals":
                tasks = [task for task in tasks if task.get(name) == value]
            case other:
                raise Problem(400, f"Where: {other} is not served by this stand-in.")
    return tasks


def _one(book: Book, task: Mapping[str, Any]) -> Response:
    served([(task["id"], False)])
    return _json(_shown(book, task, []))


def _shown(book: Book, task: Mapping[str, Any], select: list[str]) -> dict[str, Any]:
    """A record; custom fields show in all of them, `versionNumber` only under the lock."""
    whole = {**dict.fromkeys(book.has.custom), **task}
    if book.has.lock_is_on:
        whole = {"versionNumber": None, **whole}
    else:
        whole.pop("versionNumber", None)
    return {name: value for name, value in whole.items() if not select or name in select or name == "id"}


def _json(value: Any) -> Response:
    return Response(encoded(value), content_type="application/json")
