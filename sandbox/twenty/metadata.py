"""The stand-in Twenty's metadata API: objects, custom fields, webhooks. Only what an installer needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.kit.sender import require_loopback
from sandbox.twenty import auth
from sandbox.twenty.book import Book
from sandbox.twenty.problems import bad, not_found
from sandbox.twenty.webhooks import ACTIONS, Hook

_STANDARD = (("title", "TEXT"), ("bodyV2", "RICH_TEXT_V2"), ("dueAt", "DATE_TIME"), ("status", "SELECT"))


def blueprint(book: Book) -> Blueprint:
    """The routes under `/rest/metadata`."""
    api = Blueprint("twenty_metadata", __name__, url_prefix="/rest/metadata")
    _add_fields(api, book)
    _add_hooks(api, book)
    return api


def _add_fields(api: Blueprint, book: Book) -> None:
    @api.get("/objects")
    def objects() -> ResponseReturnValue:
        auth.actor(book)
        task_id = book.workspace.task_object_id
        standard = [
            {"id": f"standard-{name}", "name": name, "type": kind, "isCustom": False, "isActive": True}
            for name, kind in _STANDARD
        ]
        own = [field.shown(task_id) for field in book.custom().values()]
        task = {"id": task_id, "nameSingular": "task", "namePlural": "tasks", "fields": [*standard, *own]}
        note = {"id": "standard-note", "nameSingular": "note", "namePlural": "notes", "fields": []}
        return jsonify(data={"objects": [note, task]}, totalCount=2, pageInfo={"hasNextPage": False})

    @api.post("/fields")
    def add_field() -> ResponseReturnValue:
        auth.actor(book)
        asked = auth.sent()
        if asked.get("objectMetadataId") != book.workspace.task_object_id:
            raise bad("objectMetadataId is not known")
        made = book.add_field(asked).shown(book.workspace.task_object_id)
        return jsonify(data={"createOneField": made}), 201

    @api.patch("/fields/<field_id>")
    def change_field(field_id: str) -> ResponseReturnValue:
        auth.actor(book)
        changed = book.change_field(field_id, auth.sent()).shown(book.workspace.task_object_id)
        return jsonify(data={"updateOneField": changed})


def _add_hooks(api: Blueprint, book: Book) -> None:
    hooks = book.announcer.hooks

    @api.get("/webhooks")
    def all_hooks() -> ResponseReturnValue:
        auth.actor(book)
        return jsonify([hook.shown() for hook in hooks.values()])

    @api.post("/webhooks")
    def add_hook() -> ResponseReturnValue:
        auth.actor(book)
        asked = auth.sent()
        operations = _operations(asked.get("operations"))
        secret, about = str(asked.get("secret") or book.new_id()), str(asked.get("description") or "")
        return jsonify(book.add_hook(_target(asked.get("targetUrl")), operations, secret, about).shown()), 201

    @api.patch("/webhooks/<hook_id>")
    def change_hook(hook_id: str) -> ResponseReturnValue:
        auth.actor(book)
        asked, hook = auth.sent(), _hook(hook_id)
        hooks[hook_id] = replace(
            hook,
            target_url=_target(asked["targetUrl"]) if "targetUrl" in asked else hook.target_url,
            operations=_operations(asked["operations"]) if "operations" in asked else hook.operations,
            secret=str(asked.get("secret") or hook.secret),
        )
        return jsonify(hooks[hook_id].shown())

    @api.delete("/webhooks/<hook_id>")
    def drop_hook(hook_id: str) -> ResponseReturnValue:
        auth.actor(book)
        del hooks[_hook(hook_id).id]
        return jsonify(True)

    def _hook(hook_id: str) -> Hook:
        if hook_id not in hooks:
            raise not_found()
        return hooks[hook_id]


def _operations(asked: Any) -> tuple[str, ...]:
    known = {f"{what}.{action}" for what in ("task", "note", "*") for action in (*ACTIONS, "*")}
    if not isinstance(asked, list) or not asked or not set(asked) <= known:
        raise bad("operations must name objects and actions such as task.updated")
    return tuple(asked)


def _target(asked: Any) -> str:
    """Twenty's own guard refuses private addresses; this stand-in refuses all but those."""
    try:
        require_loopback(str(asked))
    except ValueError as error:
        raise bad(f"targetUrl: {error}") from error
    return str(asked)
