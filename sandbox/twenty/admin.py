"""The stand-in Twenty's own admin calls, beside the ones that every stand-in has: see sandbox/README.md."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.kit.plane import PREFIX, body_of_admin_call
from sandbox.twenty import api
from sandbox.twenty.book import Book
from sandbox.twenty.fields import instant
from sandbox.twenty.model import Record
from sandbox.twenty.problems import bad


def blueprint(book: Book) -> Blueprint:
    """The routes under `/_sandbox` that only Twenty has."""
    admin = Blueprint("twenty_admin", __name__, url_prefix=PREFIX)
    _add_looking(admin, book)
    _add_breaking(admin, book)
    return admin


def _add_looking(admin: Blueprint, book: Book) -> None:
    @admin.post("/persons")
    def add_person() -> ResponseReturnValue:
        asked = body_of_admin_call()
        if "@" not in str(asked.get("email", "")):
            raise bad("email must be an address")
        member = book.add_member(str(asked["email"]), asked.get("time_zone"))
        return jsonify(token=member.token, user_id=member.id)

    @admin.post("/installation")
    def api_key() -> ResponseReturnValue:
        return jsonify(api_token=book.api_key(anew=body_of_admin_call().get("rotate_token") is True))

    @admin.get("/tasks")
    def all_tasks() -> ResponseReturnValue:
        return jsonify(tasks=[_shown(record) for record in book.records()])

    @admin.get("/tasks/<record_id>")
    def one_task(record_id: str) -> ResponseReturnValue:
        return jsonify(_shown(book.any_record(record_id)))

    @admin.get("/webhooks")
    def hooks() -> ResponseReturnValue:
        return jsonify(webhooks=[hook.shown() for hook in book.announcer.hooks.values()])


def _add_breaking(admin: Blueprint, book: Book) -> None:
    @admin.post("/revoke")
    def revoke() -> ResponseReturnValue:
        book.revoke()
        return "", 204

    @admin.post("/behaviour")
    def behave() -> ResponseReturnValue:
        asked = body_of_admin_call()
        if "silent" in asked:
            book.announcer.silent = bool(asked["silent"])
        if "limit_per_minute" in asked:
            book.bucket.change(asked["limit_per_minute"])
        return jsonify(silent=book.announcer.silent, limit_per_minute=book.bucket.limit)

    @admin.post("/tasks/<record_id>")
    def lock_fields(record_id: str) -> ResponseReturnValue:
        book.lock_fields(record_id, frozenset(body_of_admin_call().get("refuse", ())))
        return jsonify(_shown(book.any_record(record_id)))

    @admin.delete("/fields/<name>")
    def drop_field(name: str) -> ResponseReturnValue:
        book.drop_field(name)
        return "", 204

    @admin.post("/send")
    def send() -> ResponseReturnValue:
        """Any bytes, signed as asked: another `secret`, the time `at`, a `nonce`, further `headers`."""
        asked = body_of_admin_call()
        raw = str(asked.pop("body", "")).encode()
        if asked.get("at"):
            asked["at"] = instant("at", asked["at"])
        for hook in book.announcer.hooks.values():
            book.announcer.send(hook, raw, "sent", **asked)
        return "", 204


def _shown(record: Record) -> dict[str, Any]:
    return api.shown(record) | {"deleted": record.deleted_at is not None}
