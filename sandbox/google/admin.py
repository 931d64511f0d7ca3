"""Google's own part of the admin plane: people, clients, prepared consents, revocation, and rare behaviour.

| call | what |
|---|---|
| ``POST persons {email, time_zone?, calendar?}`` | -> ``{token, user_id}``; ``calendar: false``: an account without |
| ``POST clients {redirect_uris?}`` | an OAuth client -> ``{client_id, client_secret}`` |
| ``POST consent {email, decision, untick?}`` | the next authorize request answers by redirect, without a page |
| ``POST revoke {email}`` | as the person would in their account's settings -> ``{revoked}`` |
| ``POST expire_sync_tokens {}`` | every sync token given out so far is dead |
| ``POST quirks {repeat_pushes?, index_lag_s?, short_pages?}`` | see ``sandbox.google.world.Quirks`` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from functools import partial
from typing import Any, Final

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.google import times
from sandbox.google.world import Consent, Quirks, World
from sandbox.kit.plane import PREFIX, body_of_admin_call

DECISIONS = ("allow", "deny", "needs_admin")


class _Unusable(ValueError):
    """An admin call that cannot be carried out; the text names the key."""


def blueprint(world: World) -> Blueprint:
    """The routes under ``/_sandbox`` that only this stand-in has."""
    admin = Blueprint("google_admin", __name__, url_prefix=PREFIX)
    for name, action in _ACTIONS.items():
        admin.add_url_rule(f"/{name}", name, partial(_run, world, action), methods=["POST"])
    return admin


def _run(world: World, action: Callable[[World, dict[str, Any]], dict[str, Any]]) -> ResponseReturnValue:
    try:
        with world.lock:
            return jsonify(action(world, body_of_admin_call()))
    except _Unusable as error:
        return jsonify(error=str(error)), 400


def _persons(world: World, body: dict[str, Any]) -> dict[str, Any]:
    zone = body.get("time_zone", "UTC")
    if times.zone_named(zone) is None:
        raise _Unusable("time_zone: no such IANA zone")
    person = world.add_person(_text(body, "email"), zone, bool(body.get("calendar", True)))
    return {"token": person.token, "user_id": person.sub}


def _clients(world: World, body: dict[str, Any]) -> dict[str, Any]:
    client = world.add_client(tuple(str(uri) for uri in body.get("redirect_uris") or ()))
    return {"client_id": client.id, "client_secret": client.secret}


def _consent(world: World, body: dict[str, Any]) -> dict[str, Any]:
    decision, untick = body.get("decision", "allow"), body.get("untick") or ()
    if decision not in DECISIONS:
        raise _Unusable(f"decision: want one of {', '.join(DECISIONS)}")
    world.consents.append(Consent(_known(world, body), decision, tuple(str(one) for one in untick)))
    return {}


def _revoke(world: World, body: dict[str, Any]) -> dict[str, Any]:
    return {"revoked": world.grants.revoke_person(_known(world, body))}


def _expire_sync_tokens(world: World, _: dict[str, Any]) -> dict[str, Any]:
    world.list_epoch += 1
    for calendar in world.calendars.values():
        calendar.epoch += 1
    return {}


def _quirks(world: World, body: dict[str, Any]) -> dict[str, Any]:
    unknown = set(body) - {field.name for field in fields(Quirks)}
    if unknown:
        raise _Unusable(f"{min(unknown)}: unknown key")
    world.quirks = Quirks(**body)
    return asdict(world.quirks)


_ACTIONS: Final[Mapping[str, Callable[[World, dict[str, Any]], dict[str, Any]]]] = {
    "persons": _persons,
    "clients": _clients,
    "consent": _consent,
    "revoke": _revoke,
    "expire_sync_tokens": _expire_sync_tokens,
    "quirks": _quirks,
}


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise _Unusable(f"{name}: want a text")
    return value


def _known(world: World, body: dict[str, Any]) -> str:
    email = _text(body, "email")
    if email not in world.people:
        raise _Unusable("email: no such person")
    return email
