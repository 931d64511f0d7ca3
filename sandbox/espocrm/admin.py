"""The stand-in EspoCRM's own admin calls, beside the ones that every stand-in has: see sandbox/README.md."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.espocrm.book import Book
from sandbox.espocrm.problems import Problem
from sandbox.kit.plane import PREFIX, body_of_admin_call

_SWITCHES = ("lock_is_on", "role_is_right", "schedule", "calls_left", "next_id", "layout")


def blueprint(book: Book) -> Blueprint:
    """The routes under `/_sandbox` that only EspoCRM has."""
    admin = Blueprint("espocrm_admin", __name__, url_prefix=PREFIX)
    _add_looking(admin, book)
    _add_setting(admin, book)
    _add_breaking(admin, book)
    _add_sending(admin, book)
    return admin


def _add_looking(admin: Blueprint, book: Book) -> None:
    @admin.post("/persons")
    def add_person() -> ResponseReturnValue:
        asked = body_of_admin_call()
        email = str(asked.get("email", ""))
        if "@" not in email:
            raise Problem(400, "email must be an address")
        person = book.add_user(str(asked.get("name") or email.partition("@")[0].title()), "regular", email)
        return jsonify(token=person.token, user_id=person.id)

    @admin.post("/installation")
    def installation() -> ResponseReturnValue:
        user = book.api_user(anew=body_of_admin_call().get("rotate_token") is True)
        return jsonify(api_token=user.token, user_id=user.id, admin=f"admin:{book.admin.token}")

    @admin.get("/tasks")
    def all_tasks() -> ResponseReturnValue:
        return jsonify(tasks=list(book.has.tasks.values()))

    @admin.get("/tasks/<task_id>")
    def one_task(task_id: str) -> ResponseReturnValue:
        if task_id not in book.has.tasks:
            raise Problem(404, "")
        return jsonify(book.has.tasks[task_id])

    @admin.get("/webhooks")
    def hooks() -> ResponseReturnValue:
        found = [{"id": h.id, "event": h.event, "url": h.url, "active": h.active} for h in book.queue.hooks.values()]
        return jsonify(webhooks=found, waiting=book.queue.waiting)


def _add_setting(admin: Blueprint, book: Book) -> None:
    @admin.post("/behaviour")
    def behave() -> ResponseReturnValue:
        """`version`, `silent`; the lock, the role, the job's schedule, calls left before a 429, the next record's id
        and the time that records carry (`at`)."""
        asked = body_of_admin_call()
        for name in ("version", "silent"):
            setattr(book.queue.behaviour, name, asked.get(name, getattr(book.queue.behaviour, name)))
        for name in _SWITCHES:
            setattr(book.has, name, asked.get(name, getattr(book.has, name)))
        if "at" in asked:
            book.has.at = datetime.fromisoformat(asked["at"]).replace(tzinfo=UTC) if asked["at"] else None
        return jsonify(version=book.queue.behaviour.version)

    @admin.post("/tasks/<task_id>")
    def change(task_id: str) -> ResponseReturnValue:
        """`refuse`: attributes that it no longer takes; `hidden`: out of the role's reach."""
        asked = body_of_admin_call()
        if "refuse" in asked:
            book.has.locked[task_id] = frozenset(asked["refuse"])
        if "hidden" in asked:
            (book.has.hidden.add if asked["hidden"] else book.has.hidden.discard)(task_id)
        return jsonify(book.has.tasks[task_id])

    @admin.post("/tasks/<task_id>/restore")
    def restore(task_id: str) -> ResponseReturnValue:
        book.restore(task_id)
        return "", 204


def _add_breaking(admin: Blueprint, book: Book) -> None:
    @admin.post("/revoke")
    def revoke() -> ResponseReturnValue:
        book.api_user().token = ""
        return "", 204

    @admin.delete("/fields/<name>")
    def drop_field(name: str) -> ResponseReturnValue:
        book.has.custom.pop(name, None)
        for task in book.has.tasks.values():
            task.pop(name, None)
        return "", 204

    @admin.patch("/webhooks/<hook_id>")
    def change_hook(hook_id: str) -> ResponseReturnValue:
        """Another `id`, `secret`, `active` or `skip_own`."""
        asked = body_of_admin_call()
        hook = book.queue.hooks.pop(hook_id)
        for name in ("id", "secret", "active", "skip_own", "url"):
            setattr(hook, name, asked.get(name, getattr(hook, name)))
        book.queue.hooks[hook.id] = hook
        return "", 204


def _add_sending(admin: Blueprint, book: Book) -> None:
    @admin.post("/send")
    def send() -> ResponseReturnValue:
        """Any bytes as an event's, signed by its hook, or with another `secret`, with further `headers`."""
        asked: dict[str, Any] = body_of_admin_call()
        for hook in list(book.queue.hooks.values()):
            if hook.event == asked.get("event"):
                book.queue.send_raw(
                    hook, str(asked.get("body", "")).encode(), asked.get("headers"), asked.get("secret", "")
                )
        return "", 204
