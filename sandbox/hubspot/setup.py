"""What an installer speaks with at the stand-in HubSpot: sign-in, account, properties, and the app's webhooks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.hubspot import auth
from sandbox.hubspot.book import ACCESS_LASTS, Book, Portal
from sandbox.hubspot.events import Subscription
from sandbox.hubspot.model import TASK_TYPE, Property
from sandbox.hubspot.problems import Problem, not_found
from sandbox.kit.sender import require_loopback

_KINDS = ("object.creation", "object.deletion", "object.restore", "object.propertyChange")


def blueprint(book: Book) -> Blueprint:
    """The routes beside those of the objects."""
    api = Blueprint("hubspot_setup", __name__)
    _add_sign_in(api, book)
    _add_properties(api, book)
    _add_target(api, book)
    _add_subscriptions(api, book)
    return api


def _add_sign_in(api: Blueprint, book: Book) -> None:
    @api.post("/oauth/v1/token")
    def token() -> ResponseReturnValue:
        # https://developers.hubspot.com/docs/api/oauth/tokens
        said, app = request.form, book.app
        if said.get("grant_type") != "refresh_token" or said.get("client_id") != app.client_id:
            raise Problem(400, "BAD_CLIENT_ID", "missing or unknown client id")
        if said.get("client_secret") != app.client_secret:
            raise Problem(400, "BAD_CLIENT_SECRET", "missing or invalid client secret")
        grant = said.get("refresh_token", "")
        lasts = int(ACCESS_LASTS.total_seconds())
        return jsonify(access_token=book.grant(grant), refresh_token=grant, expires_in=lasts, token_type="bearer")  # noqa: S106

    @api.get("/account-info/v3/details")
    def details() -> ResponseReturnValue:
        portal, _ = auth.who(book)
        return jsonify(portalId=portal.id, accountType="STANDARD", timeZone="Europe/Berlin", uiDomain="app.hubspot.com")


def _add_properties(api: Blueprint, book: Book) -> None:
    @api.get("/crm/v3/properties/tasks")
    def properties() -> ResponseReturnValue:
        portal, _ = auth.who(book)
        return jsonify(results=[one.shown() for one in portal.properties.values() if not one.archived])

    @api.post("/crm/v3/properties/tasks")
    def add_property() -> ResponseReturnValue:
        portal, _ = auth.who(book)
        made = _property(portal, auth.sent())
        portal.properties[made.name] = made
        return jsonify(made.shown()), 201

    @api.patch("/crm/v3/properties/tasks/<name>")
    def change_property(name: str) -> ResponseReturnValue:
        portal, _ = auth.who(book)
        if name not in portal.properties:
            raise not_found()
        options = tuple(auth.sent().get("options", portal.properties[name].options))
        portal.properties[name] = replace(portal.properties[name], options=options)
        return jsonify(portal.properties[name].shown())

    @api.get("/crm/v3/properties/tasks/groups")
    def groups() -> ResponseReturnValue:
        portal, _ = auth.who(book)
        return jsonify(results=[{"name": name, "label": label} for name, label in portal.groups.items()])

    @api.post("/crm/v3/properties/tasks/groups")
    def add_group() -> ResponseReturnValue:
        portal, _ = auth.who(book)
        asked = auth.sent()
        if asked.get("name") in portal.groups:
            raise Problem(409, "OBJECT_ALREADY_EXISTS", "there is a group of that name")
        portal.groups[str(asked["name"])] = str(asked.get("label", ""))
        return jsonify(name=asked["name"], label=asked.get("label")), 201


def _property(portal: Portal, asked: dict[str, Any]) -> Property:
    name = str(asked.get("name", ""))
    if name in portal.properties and not portal.properties[name].archived:
        raise Problem(409, "OBJECT_ALREADY_EXISTS", "there is a property of that name")
    if not name.isidentifier() or name != name.lower() or asked.get("groupName") not in portal.groups:
        raise Problem(400, "VALIDATION_ERROR", "name or groupName is not known")
    if asked.get("type") not in ("bool", "enumeration", "string") or not asked.get("fieldType"):
        raise Problem(400, "VALIDATION_ERROR", "type and fieldType do not fit")
    options = tuple(asked.get("options") or ())
    if asked["type"] != "string" and not options:
        raise Problem(400, "VALIDATION_ERROR", "options are required")
    kind, dress = str(asked["type"]), str(asked["fieldType"])
    return Property(name, kind, dress, str(asked.get("label", "")), str(asked["groupName"]), options)


# The app's webhooks: https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/subscriptions


def _add_target(api: Blueprint, book: Book) -> None:
    @api.get("/webhooks/v3/<int:app_id>/settings")
    def settings(app_id: int) -> ResponseReturnValue:
        _require_app(book, app_id)
        if book.app.target_url is None:
            raise not_found()
        return jsonify(targetUrl=book.app.target_url, throttling={"period": "SECONDLY", "maxConcurrentRequests": 10})

    @api.put("/webhooks/v3/<int:app_id>/settings")
    def change_settings(app_id: int) -> ResponseReturnValue:
        _require_app(book, app_id)
        target = str(auth.sent().get("targetUrl", ""))
        try:
            require_loopback(target)
        except ValueError as error:
            raise Problem(400, "VALIDATION_ERROR", f"targetUrl: {error}") from error
        book.change_app(replace(book.app, target_url=target))
        return jsonify(targetUrl=target)


def _add_subscriptions(api: Blueprint, book: Book) -> None:
    @api.get("/webhooks/v3/<int:app_id>/subscriptions")
    def subscriptions(app_id: int) -> ResponseReturnValue:
        _require_app(book, app_id)
        return jsonify(results=[one.shown() for one in book.app.subscriptions.values()])

    @api.post("/webhooks/v3/<int:app_id>/subscriptions")
    def subscribe(app_id: int) -> ResponseReturnValue:
        _require_app(book, app_id)
        asked = auth.sent()
        kind, name = str(asked.get("eventType")), asked.get("propertyName")
        if kind not in _KINDS or asked.get("objectTypeId") != TASK_TYPE or (kind == _KINDS[3]) != bool(name):
            raise Problem(400, "VALIDATION_ERROR", "eventType, objectTypeId and propertyName do not fit")
        made = Subscription(book.next_id(), kind, TASK_TYPE, name, bool(asked.get("active", False)))
        if any((one.event_type, one.property_name) == (kind, name) for one in book.app.subscriptions.values()):
            raise Problem(409, "OBJECT_ALREADY_EXISTS", "there is such a subscription")
        book.change_app(replace(book.app, subscriptions={**book.app.subscriptions, made.id: made}))
        return jsonify(made.shown()), 201

    @api.patch("/webhooks/v3/<int:app_id>/subscriptions/<int:number>")
    def switch(app_id: int, number: int) -> ResponseReturnValue:
        _require_app(book, app_id)
        if number not in book.app.subscriptions:
            raise not_found()
        changed = replace(book.app.subscriptions[number], active=bool(auth.sent().get("active")))
        book.change_app(replace(book.app, subscriptions={**book.app.subscriptions, number: changed}))
        return jsonify(changed.shown())


def _require_app(book: Book, app_id: int) -> None:
    auth.developer(book)
    if app_id != book.app.id:
        raise not_found()
