"""What Twenty needs to have: our fields on the task, and a webhook to the installation's door.

Made by its metadata API; a second run changes nothing. Fields are known by their names, the webhook by its address;
what an administrator added to them (another label, further options) stays.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from gateway.core.errors import NotReadable, Refused, TryLater
from gateway.core.installing import Door, Outcome, Step
from gateway.core.model import State
from gateway.core.reading import an_object
from gateway.crms.twenty.translate import NOTE, PRIORITY, STATE, TOGGLE

OPERATIONS: Final = ("task.created", "task.updated", "task.deleted", "task.restored", "task.destroyed")

_COLOURS: Final = {
    State.OFF: "gray",
    State.PENDING: "yellow",
    State.SYNCED: "green",
    State.CONFLICT: "orange",
    State.ERROR: "red",
}


def _options(colours: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"value": word.upper(), "label": word.capitalize(), "color": colour, "position": place}
        for place, (word, colour) in enumerate(colours.items())
    ]


FIELDS: Final[Sequence[Mapping[str, Any]]] = (
    {"type": "BOOLEAN", "name": TOGGLE, "label": "Sync to calendar", "defaultValue": False},
    {
        "type": "SELECT",
        "name": STATE,
        "label": "Calendar state",
        "options": _options({state.value: colour for state, colour in _COLOURS.items()}),
    },
    {"type": "TEXT", "name": NOTE, "label": "Calendar note"},
    {
        "type": "SELECT",
        "name": PRIORITY,
        "label": "Priority",
        "options": _options({"low": "gray", "normal": "blue", "high": "orange", "urgent": "red"}),
    },
)
"""Twenty's tasks have no priority of their own: a field of that name that is there already is taken as it is."""

_PRIVATE: Final = (
    "The gateway is at a private address: a self-hosted Twenty sends there only with "
    "OUTBOUND_HTTP_SAFE_MODE_ENABLED=false in its server's and worker's environment."
)


class Ask(Protocol):
    """One call to Twenty; raises the errors of the port."""

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer, as JSON."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What is there already."""

    object_id: str
    fields: Mapping[str, Mapping[str, Any]]
    hooks: Sequence[Mapping[str, Any]]


def install(ask: Ask, door: Door) -> Iterator[Step]:
    """Make what is missing and put right what differs. Raises the errors of the port."""
    found = _look(ask, door)
    for wanted in FIELDS:
        yield _make_field(ask, found, wanted)
    yield _make_hook(ask, found, door)
    yield from _by_hand(door)


def check(ask: Ask, door: Door) -> Iterator[Step]:
    """Say what is missing or differs."""
    found = _look(ask, door)
    yield Step("credentials", Outcome.ALREADY, "Twenty answers and accepts them.")
    for wanted in FIELDS:
        wrong = _wrong_field(found.fields.get(wanted["name"]), wanted)
        yield Step(_field(wanted), Outcome.BROKEN if wrong else Outcome.ALREADY, wrong)
    wrong = _wrong_hook(found.hooks, door)
    yield Step("webhook", Outcome.BROKEN if wrong else Outcome.ALREADY, wrong)
    yield from _by_hand(door)


# --- looking --------------------------------------------------------------------------------------------------------


def _look(ask: Ask, door: Door) -> _Found:
    try:
        task = _task_object(ask("GET", "/rest/metadata/objects?limit=200"))
        hooks = _hooks(ask("GET", "/rest/metadata/webhooks"))
        mine = [hook for hook in hooks if str(hook.get("targetUrl")) == door.url]
        return _Found(str(task.get("id")), {str(one.get("name")): one for one in _fields(task)}, mine)
    except NotReadable as error:
        raise TryLater(f"answer not understood: {error}") from error


def _task_object(body: Any) -> Mapping[str, Any]:
    objects = an_object(an_object(body, "answer").get("data"), "answer.data").get("objects")
    for one in objects if isinstance(objects, list) else ():
        if isinstance(one, dict) and one.get("nameSingular") == "task":
            return one
    raise NotReadable("data.objects", "there is no object called task")


def _fields(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The object's fields: a list, or in versions whose metadata API is a GraphQL one, edges."""
    found = task.get("fields")
    if isinstance(found, dict):
        found = [edge.get("node") for edge in found.get("edges", ()) if isinstance(edge, dict)]
    if not isinstance(found, list):
        raise NotReadable("data.objects.fields", "the fields are not listed")
    return [one for one in found if isinstance(one, dict)]


def _hooks(body: Any) -> list[Mapping[str, Any]]:
    """All webhooks: a bare list in 2.21, ``{"data": [...]}`` in later versions."""
    found = body.get("data") if isinstance(body, dict) else body
    if isinstance(found, dict):
        found = found.get("webhooks")
    if not isinstance(found, list):
        raise NotReadable("webhooks", "send a list")
    return [one for one in found if isinstance(one, dict)]


def _wrong_field(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> str:
    """What is wrong with a field; empty: nothing."""
    if found is None:
        return "missing: run `installations install`"
    if wanted["name"] != PRIORITY and found.get("type") != wanted["type"]:
        return f"is of the type {found.get('type')}, but must be {wanted['type']}: rename or delete it"
    if found.get("isActive") is False:
        return "is switched off: switch it on in Settings > Data model > Tasks"
    if wanted["name"] == STATE and _missing_options(found, wanted):
        return "lacks options: run `installations install`"
    return ""


def _missing_options(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    there = {option.get("value") for option in found.get("options") or () if isinstance(option, dict)}
    return [option for option in wanted["options"] if option["value"] not in there]


def _wrong_hook(hooks: Sequence[Mapping[str, Any]], door: Door) -> str:
    if not hooks:
        return "missing: run `installations install`"
    if len(hooks) > 1:
        return f"there are {len(hooks)} to the same address: run `installations install`"
    if not _covers(hooks[0]):
        return "does not tell all that happens to tasks: run `installations install`"
    # Where Twenty does not show the secret, nothing can be said of it; a wrong one shows as refused deliveries.
    if hooks[0].get("secret") and hooks[0]["secret"] not in door.secrets:
        return "is signed with another secret: run `installations install`"
    return ""


def _covers(hook: Mapping[str, Any]) -> bool:
    operations = set(hook.get("operations") or ())
    return bool(operations & {"*.*", "task.*"}) or operations >= set(OPERATIONS)


# --- making ---------------------------------------------------------------------------------------------------------


def _field(wanted: Mapping[str, Any]) -> str:
    return f"field {wanted['name']}"


def _make_field(ask: Ask, found: _Found, wanted: Mapping[str, Any]) -> Step:
    there = found.fields.get(wanted["name"])
    if there is None:
        try:
            ask("POST", "/rest/metadata/fields", {"objectMetadataId": found.object_id, **wanted})
        except Refused as refused:
            return Step(_field(wanted), Outcome.BROKEN, f"Twenty refused to make it ({refused})")
        return Step(_field(wanted), Outcome.DONE)
    missing = _missing_options(there, wanted) if wanted["name"] == STATE and there.get("type") == "SELECT" else []
    if missing:
        options = [*(there.get("options") or ()), *missing]
        ask("PATCH", f"/rest/metadata/fields/{there.get('id')}", {"options": options})
        return Step(_field(wanted), Outcome.DONE, "options added")
    wrong = _wrong_field(there, wanted)
    return Step(_field(wanted), Outcome.BROKEN if wrong else Outcome.ALREADY, wrong)


def _make_hook(ask: Ask, found: _Found, door: Door) -> Step:
    """One webhook to our door, signed with the newest secret."""
    wanted = {"targetUrl": door.url, "operations": list(OPERATIONS), "secret": door.secrets[0]}
    if not found.hooks:
        ask("POST", "/rest/metadata/webhooks", {**wanted, "description": "Calendar Gateway"})
        return Step("webhook", Outcome.DONE)
    first, others = found.hooks[0], found.hooks[1:]
    for other in others:
        ask("DELETE", f"/rest/metadata/webhooks/{other.get('id')}")
    signed = first.get("secret") in (None, "", door.secrets[0]) and not door.fresh
    if signed and _covers(first):
        return Step("webhook", Outcome.DONE if others else Outcome.ALREADY, "doubles removed" if others else "")
    ask("PATCH", f"/rest/metadata/webhooks/{first.get('id')}", wanted)
    return Step("webhook", Outcome.DONE, "put right")


def _by_hand(door: Door) -> Iterator[Step]:
    host = urlsplit(door.url).hostname or ""
    try:
        private = not ipaddress.ip_address(host).is_global
    except ValueError:
        private = host == "localhost" or "." not in host
    if private:
        yield Step("outgoing calls", Outcome.BY_HAND, _PRIVATE)
