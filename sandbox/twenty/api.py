"""The stand-in Twenty's data API: `/rest/tasks` and `/rest/workspaceMembers`, for API keys and members alike."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.kit.plane import served
from sandbox.twenty import auth, filters
from sandbox.twenty.book import Book
from sandbox.twenty.model import Record


def blueprint(book: Book) -> Blueprint:
    """The routes under `/rest`."""
    api = Blueprint("twenty_api", __name__, url_prefix="/rest")
    _add_reading(api, book)
    _add_writing(api, book)
    return api


def _add_reading(api: Blueprint, book: Book) -> None:
    @api.get("/tasks")
    def list_tasks() -> ResponseReturnValue:
        auth.actor(book)
        fits = filters.wanted(request.args.get("filter", ""))
        filters.require_order(request.args.get("order_by"))
        limit = filters.limit_of(request.args.get("limit"))
        found = [record for record in book.records() if record.deleted_at is None and fits(record)]
        rest = filters.after(found, request.args.get("starting_after"))
        page = rest[:limit]
        served((record.id, False) for record in page)
        info = {
            "hasNextPage": len(rest) > limit,
            "hasPreviousPage": len(rest) < len(found),
            "startCursor": filters.cursor_of(page[0]) if page else None,
            "endCursor": filters.cursor_of(page[-1]) if page else None,
        }
        return jsonify(data={"tasks": [shown(record) for record in page]}, totalCount=len(found), pageInfo=info)

    @api.get("/tasks/<record_id>")
    def get_task(record_id: str) -> ResponseReturnValue:
        auth.actor(book)
        return _answer("task", book.record(record_id))

    @api.get("/workspaceMembers")
    def members() -> ResponseReturnValue:
        auth.actor(book)
        return jsonify(data={"workspaceMembers": [_member(one.id, book) for one in book.members()]})


def _add_writing(api: Blueprint, book: Book) -> None:
    @api.post("/tasks")
    def create_task() -> ResponseReturnValue:
        by = auth.actor(book)
        return _answer("createTask", book.create(auth.sent(), by), 201)

    @api.patch("/tasks/<record_id>")
    def patch_task(record_id: str) -> ResponseReturnValue:
        by = auth.actor(book)
        return _answer("updateTask", book.edit(record_id, auth.sent(), by))

    @api.delete("/tasks/<record_id>")
    def delete_task(record_id: str) -> ResponseReturnValue:
        by = auth.actor(book)
        soft = request.args.get("soft_delete") == "true"
        record = book.soft_delete(record_id, by) if soft else book.destroy(record_id, by)
        return jsonify(data={"deleteTask": {"id": record.id}})

    @api.patch("/restore/tasks/<record_id>")
    def restore_task(record_id: str) -> ResponseReturnValue:
        by = auth.actor(book)
        return _answer("restoreTask", book.restore(record_id, by))


def shown(record: Record) -> dict[str, Any]:
    """A task as the API answers it: without the search vector."""
    return {name: value for name, value in record.shown().items() if name != "searchVector"}


def _answer(name: str, record: Record, status: int = 200) -> ResponseReturnValue:
    served([(record.id, False)])
    return jsonify(data={name: shown(record)}), status


def _member(member_id: str, book: Book) -> dict[str, Any]:
    member = book.member(member_id)
    return {
        "id": member.id,
        "name": {"firstName": member.name, "lastName": ""},
        "userEmail": member.email,
        "userId": member.user_id,
        "timeZone": member.time_zone or "system",
    }
