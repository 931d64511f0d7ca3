"""The stand-in HubSpot's own admin calls, beside the ones that every stand-in has: see sandbox/README.md."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.hubspot import auth
from sandbox.hubspot.book import Book, By, Portal
from sandbox.hubspot.model import Task
from sandbox.hubspot.problems import Problem, not_found
from sandbox.kit.plane import PREFIX, body_of_admin_call


def blueprint(book: Book) -> Blueprint:
    """The routes under `/_sandbox` that only HubSpot has. `portal` names an account; without it the first is meant."""
    admin = Blueprint("hubspot_admin", __name__, url_prefix=PREFIX)
    _add_accounts(admin, book)
    _add_tasks(admin, book)
    _add_app(admin, book)
    return admin


def _add_accounts(admin: Blueprint, book: Book) -> None:
    @admin.post("/portals")
    def add_portal() -> ResponseReturnValue:
        return jsonify(portal_id=book.add_portal().id)

    @admin.post("/persons")
    def add_person() -> ResponseReturnValue:
        asked = body_of_admin_call()
        owner = book.add_owner(book.portal(asked.get("portal")), str(asked["email"]))
        return jsonify(token=owner.token, user_id=owner.id)

    @admin.post("/installation")
    def credentials() -> ResponseReturnValue:
        """What an operator holds: the app's client and the account's grant, and the developer's own key."""
        portal, app = book.portal(body_of_admin_call().get("portal")), book.app
        if not portal.installed:
            book.uninstall(portal, anew=True)
        client = {"client_id": app.client_id, "client_secret": app.client_secret}
        grant = json.dumps(client | {"refresh_token": portal.refresh_token})
        developer = json.dumps({"app_id": app.id, "token": app.developer_token})
        return jsonify(api_token=grant, admin=developer, portal_id=portal.id)

    @admin.post("/revoke")
    def revoke() -> ResponseReturnValue:
        book.uninstall(book.portal(body_of_admin_call().get("portal")))
        return "", 204


def _add_tasks(admin: Blueprint, book: Book) -> None:
    @admin.get("/tasks")
    def all_tasks() -> ResponseReturnValue:
        return jsonify(tasks=[_shown(book, task) for portal in book.portals() for task in book.tasks(portal)])

    @admin.get("/tasks/<task_id>")
    def one_task(task_id: str) -> ResponseReturnValue:
        return jsonify(_shown(book, book.any_task(_home(book, task_id), task_id)))

    @admin.post("/tasks/<task_id>")
    def lock_fields(task_id: str) -> ResponseReturnValue:
        book.lock_fields(_home(book, task_id), task_id, frozenset(body_of_admin_call().get("refuse", ())))
        return "", 204

    @admin.post("/tasks/<task_id>/restore")
    def restore(task_id: str) -> ResponseReturnValue:
        """As an owner does in the user interface: no API can."""
        portal = _home(book, task_id)
        owner = next(iter(portal.owners.values()), None)
        by = auth.of_owner(owner) if owner else By("CRM_UI", "userId:0")
        return jsonify(_shown(book, book.archive(portal, task_id, by, archived=False)))

    @admin.delete("/properties/<name>")
    def drop_property(name: str) -> ResponseReturnValue:
        book.portal().properties.pop(name, None)
        return "", 204


def _add_app(admin: Blueprint, book: Book) -> None:
    @admin.get("/app")
    def app() -> ResponseReturnValue:
        return jsonify(
            target_url=book.app.target_url, subscriptions=[one.shown() for one in book.app.subscriptions.values()]
        )

    @admin.post("/behaviour")
    def behave() -> ResponseReturnValue:
        asked = body_of_admin_call()
        if "silent" in asked:
            book.announcer.silent = bool(asked["silent"])
        if "limit_per_10s" in asked:
            for portal in book.portals():
                portal.window.limit = asked["limit_per_10s"]
        if "tells_properties_of_new_tasks" in asked:
            book.tells_properties_of_new_tasks = bool(asked["tells_properties_of_new_tasks"])
        return "", 204

    @admin.post("/send")
    def send() -> ResponseReturnValue:
        """Any body, signed as asked: another `secret`, other `headers`."""
        asked = body_of_admin_call()
        said = asked.pop("body", "")
        raw = said if isinstance(said, str) else json.dumps(said)
        if book.app.target_url is None:
            raise Problem(409, "NO_TARGET", "the app has no target address")
        book.announcer.raw(book.app, raw.encode(), **asked)
        return "", 204


def _home(book: Book, task_id: str) -> Portal:
    for portal in book.portals():
        if any(task.id == task_id for task in book.tasks(portal)):
            return portal
    raise not_found()


def _shown(book: Book, task: Task) -> dict[str, Any]:
    return task.shown(task.values, book.pages) | {"portal": task.portal_id}
