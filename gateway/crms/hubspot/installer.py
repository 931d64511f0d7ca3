"""What HubSpot needs to have: our properties on the task, and the app's subscriptions to the app's door.

Properties are made in each account with its own token. Subscriptions belong to the app: with a developer's key
(``admin``: ``{"app_id", "token"}``) they are made, too; without one a person puts them into the app's settings, and is
told which. A second run changes nothing. An app has one address for all accounts, so an address that is another door's
is never overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from gateway.core.errors import Forbidden, NotReadable, OperatorFault, Refused, TryLater, Unauthorised
from gateway.core.installing import Door, Installed, Outcome, Step
from gateway.core.model import State
from gateway.core.reading import a_whole, an_object
from gateway.crms.hubspot.tokens import Credentials
from gateway.crms.hubspot.translate import MIRRORED, NOTE, STATE, TASK_TYPE, TOGGLE

GROUP: Final = "calendar_gateway"
PROPERTIES: Final[Sequence[Mapping[str, Any]]] = (
    {
        "name": TOGGLE,
        "label": "Sync to calendar",
        "type": "bool",
        "fieldType": "booleancheckbox",
        "options": [{"label": "Yes", "value": "true"}, {"label": "No", "value": "false"}],
    },
    {
        "name": STATE,
        "label": "Calendar state",
        "type": "enumeration",
        "fieldType": "select",
        "options": [{"label": state.value.capitalize(), "value": state.value} for state in State],
    },
    {"name": NOTE, "label": "Calendar note", "type": "string", "fieldType": "textarea"},
)
WANTED: Final = (
    ("object.creation", None),
    ("object.deletion", None),
    ("object.restore", None),
    *(("object.propertyChange", name) for name in MIRRORED),
)
"""What the app subscribes to, all for tasks: kinds of event, and of which property."""

_BY_HAND: Final = (
    "Let the app send its webhooks to {url} and subscribe, for the object type task ("
    + TASK_TYPE
    + "), to object.creation, object.deletion, object.restore, and object.propertyChange of "
    + ", ".join(MIRRORED)
    + ": HubSpot keeps them with the app, not with the account. Without them nothing reaches a calendar before the next"
    " catch-up."
)
_MISSING: Final = "missing: run `installations install`"


class Speaker(Protocol):
    """What an installer speaks through; raises the errors of the port."""

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str | None = None) -> Any:
        """One call that has to succeed; the answer as JSON."""


def install(speaker: Speaker, credentials: Credentials, door: Door) -> Installed:
    """Make what is missing. Raises the errors of the port."""
    account, settings = _account(speaker)
    steps = [Step("credentials", Outcome.ALREADY, f"HubSpot accepts them for the account {account}.")]
    steps += _make_properties(speaker)
    secret = credentials.client_secret or None
    steps.append(_signed(secret))
    steps.append(_subscribed(speaker, door))
    kept = secret if secret is not None and secret not in door.secrets else None
    return Installed(tuple(steps), kept, account, settings)


def check(speaker: Speaker, credentials: Credentials, door: Door, known: str | None) -> Iterator[Step]:
    """Say what is missing or differs. ``known``: the account that deliveries are routed by."""
    account, _ = _account(speaker)
    if account == known:
        yield Step("credentials", Outcome.ALREADY, f"HubSpot accepts them for the account {account}.")
    else:
        yield Step("credentials", Outcome.BROKEN, f"they are for the account {account}: run `installations install`")
    there = _properties(speaker)
    for wanted in PROPERTIES:
        wrong = _wrong(there.get(wanted["name"]), wanted)
        yield Step(_named(wanted), Outcome.BROKEN if wrong else Outcome.ALREADY, wrong)
    signed = credentials.client_secret in door.secrets
    yield Step("client secret", Outcome.ALREADY if signed else Outcome.BROKEN, "" if signed else _MISSING)
    yield Step("webhooks", Outcome.BY_HAND, _BY_HAND.format(url=door.url))


# --- the account ----------------------------------------------------------------------------------------------------


def _account(speaker: Speaker) -> tuple[str, dict[str, Any]]:
    """The account's id, and where its pages are: they differ by data centre."""
    try:
        said = an_object(speaker.ask("GET", "/account-info/v3/details"), "details")
        account = str(a_whole(said.get("portalId"), "portalId"))
    except NotReadable as error:
        raise TryLater(f"answer not understood: {error}") from error
    domain = said.get("uiDomain")
    fine = isinstance(domain, str) and domain.isascii() and domain.replace(".", "").replace("-", "").isalnum()
    return account, {"pages_url": f"https://{domain}"} if fine else {}


def _signed(secret: str | None) -> Step:
    if secret is None:
        says = "add client_secret to the credentials: it signs the app's webhooks, without it none is trusted"
        return Step("client secret", Outcome.BROKEN, says)
    return Step("client secret", Outcome.ALREADY)


# --- properties -----------------------------------------------------------------------------------------------------


def _named(wanted: Mapping[str, Any]) -> str:
    return f"property {wanted['name']}"


def _properties(speaker: Speaker) -> dict[str, Mapping[str, Any]]:
    return {str(one.get("name")): one for one in _results(speaker.ask("GET", "/crm/v3/properties/tasks"))}


def _make_properties(speaker: Speaker) -> Iterator[Step]:
    there = _properties(speaker)
    if any(wanted["name"] not in there for wanted in PROPERTIES):
        groups = {one.get("name") for one in _results(speaker.ask("GET", "/crm/v3/properties/tasks/groups"))}
        if GROUP not in groups:
            speaker.ask("POST", "/crm/v3/properties/tasks/groups", {"name": GROUP, "label": "Calendar"})
    for wanted in PROPERTIES:
        yield _make_property(speaker, there.get(wanted["name"]), wanted)


def _make_property(speaker: Speaker, there: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> Step:
    if there is None:
        try:
            speaker.ask("POST", "/crm/v3/properties/tasks", {**wanted, "groupName": GROUP})
        except (Forbidden, Refused) as refused:
            # Whether every tier lets an app make properties of tasks is not documented.
            by_hand = f"HubSpot refused to make it ({refused}): make a task property {wanted['name']} in the settings"
            return Step(_named(wanted), Outcome.BROKEN, by_hand)
        return Step(_named(wanted), Outcome.DONE)
    missing = _missing(there, wanted)
    if there.get("type") == wanted["type"] and missing:
        options = [*there.get("options", ()), *missing]
        speaker.ask("PATCH", f"/crm/v3/properties/tasks/{wanted['name']}", {"options": options})
        return Step(_named(wanted), Outcome.DONE, "options added")
    wrong = _wrong(there, wanted)
    return Step(_named(wanted), Outcome.BROKEN if wrong else Outcome.ALREADY, wrong)


def _wrong(there: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> str:
    """What is wrong with a property; empty: nothing."""
    if there is None:
        return _MISSING
    if there.get("type") != wanted["type"]:
        return f"is of the type {there.get('type')}, but must be {wanted['type']}: rename or archive it"
    return "lacks options: run `installations install`" if _missing(there, wanted) else ""


def _missing(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    known = {option.get("value") for option in there.get("options") or () if isinstance(option, dict)}
    return [option for option in wanted.get("options", ()) if option["value"] not in known]


# --- the app's webhooks ---------------------------------------------------------------------------------------------


def _subscribed(speaker: Speaker, door: Door) -> Step:
    """Make the subscriptions where a developer's key was given and works, else say what to enter."""
    by_hand = Step("webhooks", Outcome.BY_HAND, _BY_HAND.format(url=door.url))
    if not door.admin:
        return by_hand
    app, token = _developer(door.admin)
    try:
        if wrong := _aim(speaker, app, token, door.url):
            return Step("webhooks", Outcome.BROKEN, wrong)
        made = _subscribe(speaker, app, token)
    except (Forbidden, Refused, Unauthorised) as refused:
        says = f"HubSpot refused the developer's key ({refused}). {by_hand.says}"
        return Step("webhooks", Outcome.BY_HAND, says)
    return Step("webhooks", Outcome.DONE if made else Outcome.ALREADY)


def _developer(admin: str) -> tuple[str, str]:
    try:
        said = json.loads(admin)
        app, token = str(int(said["app_id"])), str(said["token"])
    except (ValueError, KeyError, TypeError):
        raise OperatorFault('the administrator\'s credentials must be JSON: {"app_id", "token"}') from None
    return app, token


def _aim(speaker: Speaker, app: str, token: str, url: str) -> str:
    """Point the app's webhooks at our door, if they point nowhere. What is wrong; empty: nothing."""
    path = f"/webhooks/v3/{app}/settings"
    there = _target(speaker, path, token)
    if there is None:
        throttle = {"period": "SECONDLY", "maxConcurrentRequests": 10}
        speaker.ask("PUT", path, {"targetUrl": url, "throttling": throttle}, token=token)
        return ""
    if there == url:
        return ""
    return f"the app sends to {there}: join that door with `installations add --door`, or change the app's settings"


def _target(speaker: Speaker, path: str, token: str) -> str | None:
    try:
        return str(an_object(speaker.ask("GET", path, token=token), "settings").get("targetUrl") or "") or None
    except Refused:  # 404: it has none yet
        return None


def _subscribe(speaker: Speaker, app: str, token: str) -> bool:
    """Make or switch on what is missing; whether there was anything."""
    path = f"/webhooks/v3/{app}/subscriptions"
    there = {
        (one.get("eventType"), one.get("propertyName")): one
        for one in _results(speaker.ask("GET", path, token=token))
        if one.get("objectTypeId") == TASK_TYPE
    }
    changed = False
    for kind, name in WANTED:
        one = there.get((kind, name))
        if one is None:
            asked = {"eventType": kind, "objectTypeId": TASK_TYPE, "active": True}
            speaker.ask("POST", path, asked | ({"propertyName": name} if name else {}), token=token)
        elif not one.get("active"):
            speaker.ask("PATCH", f"{path}/{one.get('id')}", {"active": True}, token=token)
        changed |= one is None or not one.get("active")
    return changed


def _results(body: Any) -> list[Mapping[str, Any]]:
    found = body.get("results") if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise TryLater("answer not understood: results")
    return [one for one in found if isinstance(one, dict)]
