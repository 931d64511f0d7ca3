"""The stand-in CRM's own admin calls, beside the ones that every stand-in has: see sandbox/README.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from sandbox.crm import checks
from sandbox.crm.book import Book
from sandbox.crm.model import Person, Task
from sandbox.crm.problems import refuse
from sandbox.crm.webhooks import PAYLOADS, Behaviour, Installation
from sandbox.kit.plane import PREFIX, body_of_admin_call
from sandbox.kit.sender import require_loopback

_TASK_URL = "https://crm.example/tasks/{id}"


def blueprint(book: Book) -> Blueprint:
    """The routes under `/_sandbox` that only a CRM has."""
    admin = Blueprint("crm_admin", __name__, url_prefix=PREFIX)
    _add_people(admin, book)
    _add_tasks(admin, book)
    _add_webhooks(admin, book)
    return admin


def _add_people(admin: Blueprint, book: Book) -> None:
    @admin.post("/persons")
    def add_person() -> ResponseReturnValue:
        asked = _body("email", "time_zone")
        email = checks.text(asked.get("email"), "email", 255)
        if "@" not in email:
            raise refuse(422, "email", "not_an_address")
        person = book.add_person(email, checks.zone(asked.get("time_zone"), "time_zone"))
        return jsonify(token=person.token, user_id=person.id)

    @admin.get("/users")
    def all_users() -> ResponseReturnValue:
        return jsonify(users=[_user(book, person) for person in book.persons()])

    @admin.get("/users/<user_id>")
    def one_user(user_id: str) -> ResponseReturnValue:
        return jsonify(_user(book, book.person(user_id)))

    @admin.post("/deactivate")
    def deactivate() -> ResponseReturnValue:
        user_id = checks.text(_body("user_id").get("user_id"), "user_id", 255)
        return jsonify(_user(book, book.deactivate(user_id)))


def _add_tasks(admin: Blueprint, book: Book) -> None:
    @admin.get("/tasks")
    def all_tasks() -> ResponseReturnValue:
        return jsonify(tasks=[_task(book, task) for task in book.tasks()])

    @admin.get("/tasks/<task_id>")
    def one_task(task_id: str) -> ResponseReturnValue:
        return jsonify(_task(book, book.any_task(task_id)))

    @admin.post("/tasks/<task_id>")
    def lock_fields(task_id: str) -> ResponseReturnValue:
        asked = _body("refuse", "code")
        names, code = asked.get("refuse"), asked.get("code", "read_only")
        if not isinstance(names, list) or not all(name in ("title", "due", "calendar_sync") for name in names):
            raise refuse(422, "refuse", "list_of_title_due_calendar_sync")
        task = book.lock_fields(task_id, frozenset(names), checks.text(code, "code", 255))
        return jsonify(_task(book, task))

    @admin.post("/backup")
    def back_up() -> ResponseReturnValue:
        return jsonify(tasks=book.back_up())

    @admin.post("/restore-backup")
    def restore_backup() -> ResponseReturnValue:
        return jsonify(tasks=book.restore_backup())


def _add_webhooks(admin: Blueprint, book: Book) -> None:
    announcer = book.announcer

    @admin.post("/installation")
    def install() -> ResponseReturnValue:
        asked = _body("webhook_url", "webhook_secret", "gateway_url", "gateway_token", "task_url", "rotate_token")
        announcer.installation = _installation(asked)
        announcer.stopped_by_410 = False
        return jsonify(api_token=book.api_token(anew=asked.get("rotate_token") is True))

    @admin.get("/installation")
    def installed() -> ResponseReturnValue:
        found = announcer.installation
        return jsonify(
            webhook_url=found.webhook_url if found else None,
            gateway_url=found.gateway_url if found else None,
            stopped_by_410=announcer.stopped_by_410,
        )

    @admin.post("/behaviour")
    def behave() -> ResponseReturnValue:
        asked = _body("payload", "actor", "write_ms")
        if "payload" in asked:
            checks.one_of(asked["payload"], "payload", PAYLOADS)
        if "actor" in asked:
            checks.flag(asked["actor"], "actor")
        if not isinstance(asked.get("write_ms", 0), int | float):
            raise refuse(422, "write_ms", "must_be_number")
        announcer.behaviour = replace(announcer.behaviour, **asked)
        return jsonify(_behaviour(announcer.behaviour))

    @admin.post("/ping")
    def ping() -> ResponseReturnValue:
        announcer.ping()
        return "", 204

    @admin.post("/send")
    def send() -> ResponseReturnValue:
        asked = _body("body", "id", "timestamp", "secret", "headers")
        if announcer.installation is None:
            raise refuse(409, "webhook_url", "no_installation")
        sent = announcer.raw(
            asked.get("body"), asked.get("id"), asked.get("timestamp"), asked.get("secret"), asked.get("headers")
        )
        return jsonify(id=sent)


def _installation(asked: dict[str, Any]) -> Installation:
    url = checks.address(asked.get("webhook_url"), "webhook_url")
    if url is None:
        raise refuse(422, "webhook_url", "required")
    try:
        require_loopback(url)
    except ValueError as error:
        raise refuse(422, "webhook_url", "must_be_on_loopback") from error
    secrets = asked.get("webhook_secret")
    try:
        signers = tuple(Webhook(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets or ()))
    except (ValueError, TypeError, RuntimeError, EmptyWebhookSecretError) as error:
        raise refuse(422, "webhook_secret", "not_whsec_base64") from error
    if not signers:
        raise refuse(422, "webhook_secret", "required")
    return Installation(
        url, signers, asked.get("gateway_url"), asked.get("gateway_token"), asked.get("task_url") or _TASK_URL
    )


def _body(*names: str) -> dict[str, Any]:
    asked = body_of_admin_call()
    checks.known(asked, set(names))
    return asked


def _user(book: Book, person: Person) -> dict[str, Any]:
    about = {"id": person.id, "email": person.email, "time_zone": person.time_zone, "active": person.active}
    return about | {"reports": book.user_reports(person.id)}


def _task(book: Book, task: Task) -> dict[str, Any]:
    about = {"deleted": task.gone, "refuse": sorted(task.locked)}
    return book.show(task) | about | {"reports": book.task_reports(task.id)}


def _behaviour(behaviour: Behaviour) -> dict[str, Any]:
    return {"payload": behaviour.payload, "actor": behaviour.actor, "write_ms": behaviour.write_ms}
