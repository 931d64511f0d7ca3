"""The stand-in EspoCRM's API for setting it up: metadata, fields, lock, layout, jobs, webhooks.

Source: https://github.com/espocrm/espocrm, `Resources/routes.json` and the controllers behind it.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.espocrm import auth
from sandbox.espocrm.book import Book, User
from sandbox.espocrm.problems import Problem, invalid, not_found
from sandbox.espocrm.queue import Hook
from sandbox.kit.sender import require_loopback

_TYPES = ("bool", "enum", "text", "varchar")
_MOST_HOOKS = 50


def blueprint(book: Book) -> Blueprint:
    """The routes under `/api/v1` beside tasks."""
    api = Blueprint("espocrm_setup", __name__, url_prefix="/api/v1")
    _add_looking(api, book)
    _add_administration(api, book)
    _add_webhooks(api, book)
    return api


def _add_looking(api: Blueprint, book: Book) -> None:
    @api.get("/App/user")
    def whoami() -> ResponseReturnValue:
        user = auth.caller(book)
        scope = {"read": "all", "edit": "all"} if book.has.role_is_right else {"read": "own", "edit": "own"}
        table = {"Task": scope, "Webhook": True}
        return jsonify(user={"id": user.id, "type": user.kind, "name": user.name}, acl={"table": table})

    @api.get("/Metadata")
    def metadata() -> ResponseReturnValue:
        auth.caller(book)
        match request.args.get("key"):
            case "entityDefs.Task.fields":
                return jsonify({"name": {"type": "varchar"}, **book.has.custom})
            case "entityDefs.Task.optimisticConcurrencyControl":
                return jsonify(True if book.has.lock_is_on else None)
        return jsonify(None)

    @api.get("/Task/layout/detail")
    def layout() -> ResponseReturnValue:
        auth.caller(book)
        return jsonify([{"label": "", "rows": [[{"name": name}] for name in book.has.layout]}])


def _add_administration(api: Blueprint, book: Book) -> None:
    @api.post("/Admin/fieldManager/Task")
    def add_field() -> ResponseReturnValue:
        auth.administrator(book)
        asked = auth.sent()
        name = "c" + str(asked.get("name", ""))[:1].upper() + str(asked.get("name", ""))[1:]
        if asked.get("type") not in _TYPES or not name.isalnum():
            raise Problem(400, "No type.")
        if name in book.has.custom:
            raise Problem(409, f"Field '{name}' already exists in 'Task'.")
        book.has.custom[name] = {**asked, "isCustom": True}
        return jsonify(book.has.custom[name])

    @api.post("/EntityManager/action/updateEntity")
    def update_entity() -> ResponseReturnValue:
        auth.administrator(book)
        asked = auth.sent()
        if asked.get("name") != "Task":
            raise Problem(400, "")
        book.has.lock_is_on = bool(asked.get("optimisticConcurrencyControl", book.has.lock_is_on))
        return jsonify(True)

    @api.post("/Admin/rebuild")
    def rebuild() -> ResponseReturnValue:
        auth.administrator(book)
        return jsonify(True)

    @api.get("/ScheduledJob")
    def jobs() -> ResponseReturnValue:
        auth.administrator(book)
        return jsonify(total=1, list=[{"id": "job", "scheduling": book.has.schedule, "status": "Active"}])


def _add_webhooks(api: Blueprint, book: Book) -> None:
    hooks = book.queue.hooks

    @api.get("/Webhook")
    def list_hooks() -> ResponseReturnValue:
        user = auth.caller(book)
        mine = [hook for hook in hooks.values() if hook.user_id == user.id]
        return jsonify(total=len(mine), list=[_shown(book, hook, whole=False) for hook in mine])

    @api.get("/Webhook/<hook_id>")
    def read_hook(hook_id: str) -> ResponseReturnValue:
        return jsonify(_shown(book, _own(book, hook_id, auth.caller(book)), whole=True))

    @api.post("/Webhook")
    def add_hook() -> ResponseReturnValue:
        user, asked = auth.caller(book), auth.sent()
        if user.kind != "api":
            raise Problem(403, "User must be an API User.")
        try:
            require_loopback(str(asked.get("url")))
        except ValueError:
            raise invalid("url", "notInternal") from None
        if len([hook for hook in hooks.values() if hook.user_id == user.id]) >= _MOST_HOOKS:
            raise Problem(403, "Webhook number per user exceeded the limit.")
        made = book.add_hook(str(asked.get("event")), str(asked["url"]), user, skip_own=bool(asked.get("skipOwn")))
        return jsonify(_shown(book, made, whole=True))

    @api.put("/Webhook/<hook_id>")
    def change_hook(hook_id: str) -> ResponseReturnValue:
        hook, asked = _own(book, hook_id, auth.caller(book)), auth.sent()
        hook.active = bool(asked.get("isActive", hook.active))
        hook.skip_own = bool(asked.get("skipOwn", hook.skip_own))
        return jsonify(_shown(book, hook, whole=True))

    @api.delete("/Webhook/<hook_id>")
    def drop_hook(hook_id: str) -> ResponseReturnValue:
        hooks.pop(_own(book, hook_id, auth.caller(book)).id)
        return jsonify(True)


def _own(book: Book, hook_id: str, user: User) -> Hook:
    found = book.queue.hooks.get(hook_id)
    if found is None:
        raise not_found()
    if found.user_id != user.id:
        raise Problem(403, "")
    return found


def _shown(book: Book, hook: Hook, *, whole: bool) -> dict[str, Any]:
    """A list leaves the secret out."""
    about: dict[str, Any] = {"id": hook.id, "event": hook.event, "url": hook.url, "isActive": hook.active}
    if not book.queue.behaviour.is_old:
        about["skipOwn"] = hook.skip_own
    return about | ({"secretKey": hook.secret, "userId": hook.user_id} if whole else {})
