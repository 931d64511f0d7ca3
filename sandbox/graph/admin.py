"""Microsoft's own part of the admin plane: people, apps, prepared consents, revocation, what happens inside Outlook.

| call | what |
|---|---|
| ``POST persons {email, account?, name?, time_zone?, mailbox?, licence?}`` | -> ``{token, user_id, tenant_id, calendar_id}``. ``account``: ``work`` or ``personal``; ``mailbox: false``: none in the cloud; ``licence: false``: 403 for all of it; of a known person these two are changed |
| ``POST clients {redirect_uris?}`` | an app -> ``{client_id, client_secret}`` |
| ``POST expire_secret {client_id}`` | the app's secret is too old from now on |
| ``POST consent {email, decision, untick?, form?}`` | the next authorize request is answered without a page; ``needs_admin`` in the ``form`` ``access_denied``, ``consent_required`` or ``cancel`` |
| ``POST revoke {email, code?, error?, access_tokens?, subscriptions?}`` | refresh tokens die with that AADSTS number (50173); ``subscriptions``: ``kept``, ``silent`` (gone) or ``told`` (gone, with ``subscriptionRemoved``) |
| ``POST quirks {...}`` | see ``sandbox.graph.world.Quirks`` |
| ``POST deliver {shuffle?, copies?, per_post?}`` | send what ``gather`` kept -> ``{sent}`` |
| ``POST lifecycle {email, event, form?, block?}`` | a lifecycle notification for each of the person's subscriptions, in the form ``documented`` or ``real``; ``block``: nothing more is delivered until reauthorized |
| ``POST drop_subscriptions {email}`` | they are gone without a word -> ``{dropped}`` |
| ``POST calendars {email, name, can_edit?, owner?}`` | a calendar that the person sees, perhaps another's -> ``{calendar_id}`` |
| ``POST move {email, event_id, calendar_id}`` | drag it to another calendar -> ``{event_id}``, the new ordinary id |
| ``POST restore {email, event_id}`` | out of Deleted Items, by its immutable id |
| ``POST touch {email}`` | every event gets another etag and time of change, and nothing else: https://github.com/microsoftgraph/microsoft-graph-docs/issues/14632 |
| ``POST reissue_calendar {email, calendar_id}`` | the calendar gets another id: https://github.com/microsoftgraph/microsoft-graph-docs/issues/11296 |
"""  # noqa: E501 - a table has long lines

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sandbox.graph import consent, errors, notices, times, tokens
from sandbox.graph.grants import Death
from sandbox.graph.world import Consent, World, quirks_from
from sandbox.kit.plane import PREFIX, body_of_admin_call

DECISIONS = ("allow", "deny", "needs_admin")
_Body = dict[str, Any]


class _Unusable(ValueError):
    """An admin call that cannot be carried out; the text names the key."""


def blueprint(world: World) -> Blueprint:
    """The routes under ``/_sandbox`` that only this stand-in has."""
    admin = Blueprint("graph_admin", __name__, url_prefix=PREFIX)
    for name, action in _ACTIONS.items():
        admin.add_url_rule(f"/{name}", name, partial(_run, world, action), methods=["POST"])
    return admin


def _run(world: World, action: Callable[[World, _Body], _Body]) -> ResponseReturnValue:
    try:
        with world.lock:
            return jsonify(action(world, body_of_admin_call()))
    except (_Unusable, errors.GraphError) as error:
        return jsonify(error=str(error)), 400


def _persons(world: World, body: _Body) -> _Body:
    account, zone_name = body.get("account", "work"), body.get("time_zone", "UTC")
    _want(account in ("work", "personal"), "account: want work or personal")
    _want(times.zone_named(zone_name) is not None, "time_zone: no such Windows zone")
    email = _text(body, "email")
    world.add_person(email, account, body.get("name"), zone_name)
    flags = {name: bool(body[name]) for name in ("mailbox", "licence") if name in body}
    person = world.change_person(email, **flags)
    default = world.mailboxes[email].default.id
    return {"token": person.token, "user_id": person.oid, "tenant_id": person.tenant, "calendar_id": default}


def _clients(world: World, body: _Body) -> _Body:
    client = world.add_client(tuple(str(uri) for uri in body.get("redirect_uris") or ()))
    return {"client_id": client.id, "client_secret": client.secret}


def _expire_secret(world: World, body: _Body) -> _Body:
    client = world.clients.get(_text(body, "client_id"))
    if client is None:
        raise _Unusable("client_id: no such app")
    world.clients[client.id] = replace(client, secret_expired=True)
    return {}


def _consent(world: World, body: _Body) -> _Body:
    decision, form = body.get("decision", "allow"), body.get("form", "access_denied")
    _want(decision in DECISIONS, f"decision: want one of {', '.join(DECISIONS)}")
    _want(form in consent.NEEDS_ADMIN, f"form: want one of {', '.join(consent.NEEDS_ADMIN)}")
    email = _known(world, body)
    personal = world.people[email].account == "personal"
    _want(not (personal and decision == "needs_admin"), "decision: a personal account has no administrator")
    world.consents.append(Consent(email, decision, tuple(str(one) for one in body.get("untick") or ()), form))
    return {}


def _revoke(world: World, body: _Body) -> _Body:
    email, number = _known(world, body), body.get("code", 50173)
    _want(number in tokens.DEATHS, f"code: want one of {', '.join(str(one) for one in sorted(tokens.DEATHS))}")
    after = body.get("subscriptions", "kept")
    _want(after in ("kept", "silent", "told"), "subscriptions: want kept, silent or told")
    death = Death(number, str(body.get("error", "invalid_grant")))
    ended = world.grants.end(email, death, access_too=bool(body.get("access_tokens", False)))
    for one in [one for one in world.notices.live(world.now()) if one.email == email and after != "kept"]:
        if after == "told":
            world.notices.lifecycle(one, world.people[email], "subscriptionRemoved", "documented")
        world.notices.subscriptions.pop(one.id, None)
    return {"revoked": ended}


def _quirks(world: World, body: _Body) -> _Body:
    try:
        world.quirks = quirks_from(body)
    except (ValueError, TypeError) as error:
        raise _Unusable(str(error)) from error
    return asdict(world.quirks)


def _deliver(world: World, body: _Body) -> _Body:
    copies, per_post = int(body.get("copies", 1)), int(body.get("per_post", 1))
    _want(copies > 0 and per_post > 0, "copies, per_post: want a number above 0")
    return {"sent": world.notices.deliver(shuffle=bool(body.get("shuffle", False)), copies=copies, per_post=per_post)}


def _lifecycle(world: World, body: _Body) -> _Body:
    email, event, form = _known(world, body), _text(body, "event"), body.get("form", "documented")
    _want(event in notices.LIFECYCLE, f"event: want one of {', '.join(notices.LIFECYCLE)}")
    _want(form in ("documented", "real"), "form: want documented or real")
    sent = 0
    for one in [one for one in world.notices.live(world.now()) if one.email == email]:
        sent += world.notices.lifecycle(one, world.people[email], event, form)
        one.blocked = one.blocked or bool(body.get("block", False))
    return {"sent": sent}


def _drop_subscriptions(world: World, body: _Body) -> _Body:
    email = _known(world, body)
    gone = [one.id for one in world.notices.live(world.now()) if one.email == email]
    for one in gone:
        del world.notices.subscriptions[one]
    return {"dropped": len(gone)}


def _calendars(world: World, body: _Body) -> _Body:
    made = world.add_calendar(
        _known(world, body), _text(body, "name"), can_edit=bool(body.get("can_edit", True)), owner=body.get("owner")
    )
    return {"calendar_id": made.id}


def _move(world: World, body: _Body) -> _Body:
    """The ordinary id changes, the immutable one stays: https://learn.microsoft.com/graph/outlook-immutable-id."""
    email = _known(world, body)
    person, mailbox = world.people[email], world.mailboxes[email]
    event, there = mailbox.find(_text(body, "event_id")), mailbox.calendar(_text(body, "calendar_id"))
    moved = replace(world.touched(event), item_id=world.item_id("AAMkAD"), calendar_id=there.id)
    quirks = world.quirks
    world.notices.changed(person, event, "deleted", world.now(), quirks.notices, quirks.together, quirks.gather)
    return {"event_id": world.store(person, moved, "created").item_id}


def _restore(world: World, body: _Body) -> _Body:
    email = _known(world, body)
    event = world.mailboxes[email].find(_text(body, "event_id"), deleted_too=True)
    _want(event.deleted, "event_id: not deleted")
    back = replace(world.touched(event), deleted=False)
    return {"event_id": world.store(world.people[email], back, "created").item_id}


def _touch(world: World, body: _Body) -> _Body:
    mailbox = world.mailboxes[_known(world, body)]
    events = mailbox.all_events()
    for event in events:
        mailbox.put(world.touched(event))
    return {"touched": len(events)}


def _reissue_calendar(world: World, body: _Body) -> _Body:
    mailbox = world.mailboxes[_known(world, body)]
    old = mailbox.calendar(_text(body, "calendar_id"))
    new = replace(old, id=world.item_id("AQMkAD"))
    events = list(mailbox.events_in(old.id))
    mailbox.calendars = {new.id if key == old.id else key: one for key, one in mailbox.calendars.items()}
    mailbox.calendars[new.id] = new
    for event in events:
        mailbox.put(replace(event, calendar_id=new.id))
    return {"calendar_id": new.id}


_ACTIONS: Final[Mapping[str, Callable[[World, _Body], _Body]]] = {
    "persons": _persons,
    "clients": _clients,
    "expire_secret": _expire_secret,
    "consent": _consent,
    "revoke": _revoke,
    "quirks": _quirks,
    "deliver": _deliver,
    "lifecycle": _lifecycle,
    "drop_subscriptions": _drop_subscriptions,
    "calendars": _calendars,
    "move": _move,
    "restore": _restore,
    "touch": _touch,
    "reissue_calendar": _reissue_calendar,
}


def _text(body: _Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise _Unusable(f"{name}: want a text")
    return value


def _known(world: World, body: _Body) -> str:
    email = _text(body, "email")
    _want(email in world.people, "email: no such person")
    return email


def _want(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _Unusable(otherwise)
