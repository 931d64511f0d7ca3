"""EspoCRM's deliveries: an array of tasks' changes, signed with the hook's own secret. Pure.

``Signature`` (9.0 on) is base64 of ``id:`` and the hex of an HMAC-SHA256 over the body; ``X-Signature`` (older, and
still sent until 11) of ``id:`` and its raw bytes: https://docs.espocrm.com/administration/webhooks. There is no time in
it, so a delivery can be repeated by anybody who saw it; it only ever makes us read the task.

A delta is never applied: after a failure EspoCRM sends older changes after newer ones.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.core.errors import NotReadable, NotTrusted
from gateway.core.model import TaskGone, TaskId
from gateway.core.ports import Knock
from gateway.core.reading import a_flag, an_id, an_object, read_json
from gateway.core.signals import CrmDelivery, Ignored, Kind, Signal, TaskSignal
from gateway.crms.espocrm.names import MIRRORED, TOGGLE
from gateway.crms.espocrm.secrets import Hook, read_all

_NOBODY: Final = Hook("", "", "nobody knows what is compared here")
_SCHEMES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "signature": lambda digest: digest.hex().encode(),
    "x-signature": lambda digest: digest,
}
"""Header to how the digest is written in it."""


def read(knock: Knock) -> CrmDelivery:
    """What one delivery means. An element that cannot be read is named in ``faults``, the others count.

    Raises ``NotTrusted`` (with the same words whatever was wrong) and ``NotReadable``.
    """
    hook = _verified(knock)
    elements = read_json(knock.raw)
    if not isinstance(elements, list):
        raise NotReadable("body", "send a JSON array")
    signals: list[Signal] = []
    faults: list[str] = []
    for number, element in enumerate(elements):
        try:
            signals.append(_MEANING[hook.event](an_object(element, f"[{number}]"), f"[{number}]"))
        except NotReadable as error:
            faults.append(str(error))
    return CrmDelivery(tuple(signals), faults=tuple(faults))


# --- trust ----------------------------------------------------------------------------------------------------------


def _verified(knock: Knock) -> Hook:
    """The hook that signed it. Where both schemes are there, both must fit, in the name of the same hook."""
    hooks = read_all(knock.secrets)
    names = [name for name in _SCHEMES if name in knock.headers] or ["signature"]
    signers = {_signer(hooks, knock.raw, _SCHEMES[name], knock.headers.get(name, "")) for name in names}
    signer = signers.pop()
    if signer is None or signers:
        raise NotTrusted("the delivery is not trusted")
    return signer


def _signer(hooks: Mapping[str, Hook], raw: bytes, write: Callable[[bytes], bytes], text: str) -> Hook | None:
    """The hook in whose name a signature is right. An unknown id costs the same work."""
    try:
        hook_id, _, said = base64.b64decode(text, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        hook_id, said = b"", b""
    hook = hooks.get(hook_id.decode("latin-1"), _NOBODY)
    expected = write(hmac.digest(hook.secret.encode(), raw, hashlib.sha256))
    return hook if hmac.compare_digest(expected, said) and hook is not _NOBODY else None


# --- meaning --------------------------------------------------------------------------------------------------------


def _created(task: Mapping[str, Any], path: str) -> Signal:
    """All attributes; one whose switch was never touched may leave it out."""
    return TaskSignal(_id(task, path), Kind.CHANGED, None, sync_on=_switch(task, path) or False)


def _updated(task: Mapping[str, Any], path: str) -> Signal:
    """What changed, and the id. Our own state reports, where EspoCRM does not skip them, change nothing mirrored."""
    task_id = _id(task, path)
    if not MIRRORED.intersection(task):
        return Ignored("nothing changed that a calendar shows")
    switch = _switch(task, path)
    return TaskSignal(task_id, Kind.CHANGED, None, sync_on=switch, switch_stands=switch is None)


def _deleted(task: Mapping[str, Any], path: str) -> Signal:
    return TaskSignal(_id(task, path), Kind.DELETED, TaskGone())


def _id(task: Mapping[str, Any], path: str) -> TaskId:
    return TaskId(an_id(task.get("id"), f"{path}.id"))


def _switch(task: Mapping[str, Any], path: str) -> bool | None:
    """The switch where it is told. EspoCRM stores ``null`` for one that was never touched."""
    if TOGGLE not in task:
        return None
    return False if task[TOGGLE] is None else a_flag(task[TOGGLE], f"{path}.{TOGGLE}")


_MEANING: Final[Mapping[str, Callable[[Mapping[str, Any], str], Signal]]] = {
    "create": _created,
    "update": _updated,
    "delete": _deleted,
}
