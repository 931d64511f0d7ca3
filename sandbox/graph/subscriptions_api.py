"""Subscriptions over HTTP: create, read, renew, reauthorize, delete.

https://learn.microsoft.com/graph/api/subscription-post-subscriptions and /subscription-update. These methods do not
hold the world's lock while they wait for a handshake: the receiver may call Graph meanwhile.
"""

from __future__ import annotations

import re
from typing import Any, Final

from sandbox.graph import errors, listing, schema, subscriptions
from sandbox.graph.call import Answer, Call
from sandbox.graph.mailbox import Calendar
from sandbox.graph.subscriptions import Subscription, refused

_RESOURCE: Final = re.compile(r"/?(me|users/([^/]+))/(?:calendars/([^/]+)/)?events", re.IGNORECASE)
"""Documented are ``me/events`` and ``users/{id}/events``; the form with a calendar works as well:
https://github.com/microsoftgraph/microsoft-graph-docs/issues/21978. A single event is refused:
https://github.com/microsoftgraph/microsoft-graph-docs/issues/13548"""
_REQUIRED: Final = ("changeType", "notificationUrl", "resource", "expirationDateTime")


def create(call: Call) -> Answer:
    """201 once both addresses have answered the handshake."""
    with call.world.lock:
        wanted = _wanted(call)
    for url in (wanted.url, wanted.lifecycle_url):
        if url is not None:
            subscriptions.shake_hands(url, wanted.id, call.world.clock, call.world.ledger)
    with call.world.lock:
        _check_room(call, wanted)
        call.world.notices.subscriptions[wanted.id] = wanted
        return _entity(call, wanted, 201)


def list_all(call: Call) -> Answer:
    """This app's subscriptions for this person."""
    with call.world.lock:
        mine = [one.shown() for one in call.world.notices.live(call.now) if _is_mine(call, one)]
        return listing.collection(call, "subscriptions", mine)


def get(call: Call) -> Answer:
    """One subscription."""
    with call.world.lock:
        return _entity(call, _found(call), 200)


def renew(call: Call) -> Answer:
    """Another end, or another address; nothing else can change. It reauthorizes as well."""
    schema.check(schema.SUBSCRIPTION, call.body)
    url = call.body.get("notificationUrl")
    with call.world.lock:
        subscription = _found(call)
        strange = set(call.body) - {"expirationDateTime", "notificationUrl"}
        if strange or not call.body:
            raise refused(f"Only expirationDateTime and notificationUrl can be updated: {', '.join(sorted(strange))}")
        expires_at = subscription.expires_at
        if "expirationDateTime" in call.body:
            expires_at = subscriptions.expiry(call.body["expirationDateTime"] or "", call.now)
        if url is not None:
            subscriptions.check_address(url)
    if url is not None:
        subscriptions.shake_hands(url, subscription.id, call.world.clock, call.world.ledger)
    with call.world.lock:
        subscription.expires_at, subscription.url = expires_at, url or subscription.url
        call.world.notices.authorised(subscription, call.now)
        return _entity(call, subscription, 200)


def reauthorize(call: Call) -> Answer:
    """204: deliveries go on; the end stays what it was."""
    with call.world.lock:
        call.world.notices.authorised(_found(call), call.now)
        return Answer(None, 204)


def delete(call: Call) -> Answer:
    """204."""
    with call.world.lock:
        del call.world.notices.subscriptions[_found(call).id]
        return Answer(None, 204)


def _wanted(call: Call) -> Subscription:
    body = call.body
    schema.check(schema.SUBSCRIPTION, body)
    for name in _REQUIRED:
        if not body.get(name):
            # https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/7399
            raise refused(f"{name} is a required property for subscription creation")
    if body.get("includeResourceData"):
        raise errors.not_modelled("notifications with resource data")
    changes = frozenset(one.strip() for one in body["changeType"].split(","))
    if not changes <= subscriptions.CHANGES:
        raise refused("changeType: want created, updated and deleted, separated by commas.")
    if len(body.get("clientState") or "") > subscriptions.MAX_CLIENT_STATE:
        raise refused("clientState may be 128 characters at most.")
    for url in (body["notificationUrl"], body.get("lifecycleNotificationUrl")):
        if url is not None:
            subscriptions.check_address(url)
    wanted = Subscription(
        id=call.world.guid(),
        client_id=call.access.client_id,
        creator=call.person.oid,
        email=call.person.email,
        calendar_id=_folder(call, body["resource"]).id,
        resource=body["resource"],
        changes=changes,
        change_type=body["changeType"],
        url=body["notificationUrl"],
        lifecycle_url=body.get("lifecycleNotificationUrl"),
        client_state=body.get("clientState"),
        immutable=call.prefer.immutable,
        expires_at=subscriptions.expiry(body["expirationDateTime"], call.now),
    )
    _check_room(call, wanted)
    return wanted


def _folder(call: Call, resource: str) -> Calendar:
    """The calendar that a resource names: only the person's own, and the default one where none is named.

    https://learn.microsoft.com/graph/api/subscription-update (own mailbox); for ``me/events``
    https://github.com/microsoftgraph/microsoft-graph-docs/issues/6595
    """
    if call.world.quirks.needs_read_scope and "Calendars.Read" not in call.access.scopes:
        raise errors.access_denied()
    found = _RESOURCE.fullmatch(resource)
    if found is None:
        raise refused(f"Resource '{resource}' is not supported.")
    if found[2] is not None and found[2].lower() not in (call.person.oid, call.person.email.lower()):
        raise errors.access_denied()
    calendar = call.mailbox.default if found[3] is None else call.mailbox.calendar(found[3])
    if calendar.owner != call.person.email:
        raise errors.access_denied()
    return calendar


def _check_room(call: Call, wanted: Subscription) -> None:
    """Raises 409 for a second one like it, 403 for too many in the mailbox.

    https://learn.microsoft.com/graph/change-notifications-overview (1,000 active ones over all apps)
    """
    live = [one for one in call.world.notices.live(call.now) if one.email == wanted.email]
    if len(live) >= subscriptions.MAX_PER_MAILBOX:
        raise errors.GraphError(403, "ExtensionError", "The limit of 1000 subscriptions per mailbox is reached.")
    for one in live:
        same = (one.client_id, one.calendar_id, one.changes) == (wanted.client_id, wanted.calendar_id, wanted.changes)
        if same and not call.world.quirks.duplicates_accepted:
            text = f"Subscription Id {one.id} already exists for the requested combination"
            raise errors.GraphError(409, "ExtensionError", text)


def _is_mine(call: Call, subscription: Subscription) -> bool:
    return (subscription.client_id, subscription.email) == (call.access.client_id, call.person.email)


def _found(call: Call) -> Subscription:
    call.world.notices.live(call.now)
    found = call.world.notices.subscriptions.get(call.path["subscription_id"])
    if found is None or not _is_mine(call, found):
        raise errors.subscription_not_found()
    return found


def _entity(call: Call, subscription: Subscription, status: int) -> Answer:
    body: dict[str, Any] = {"@odata.context": f"{call.asked.root}/$metadata#subscriptions/$entity"}
    return Answer({**body, **subscription.shown()}, status)
