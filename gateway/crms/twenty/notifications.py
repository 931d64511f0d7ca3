"""Twenty's webhooks: one event, the full record, signed with its time. Pure.

The signature is hex HMAC-SHA256 over ``<timestamp>:<body>``; the nonce is not covered by it, so it only tells repeats.
What is sent differs from the published page; the captures under ``tests/crms/twenty/`` are what this reads.
Source: https://github.com/twentyhq/twenty, ``engine/metadata-modules/webhook``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.core.errors import NotTrusted
from gateway.core.model import Task, TaskGone, TaskOff
from gateway.core.ports import Knock
from gateway.core.reading import a_text, an_instant, an_object, read_object, shown
from gateway.core.signals import CrmDelivery, Ignored, Kind, Signal, TaskSignal
from gateway.crms.twenty.translate import Workspace, is_on, read_id, read_known, read_version

WINDOW_MS: Final = 300_000
"""How far from now, either way, a delivery may have been signed."""

_NOBODY: Final = ("nobody knows what is compared here",)
_MILLISECONDS = re.compile(r"[0-9]{1,14}")
_NONCE = re.compile(r"[\x21-\x7e]{1,255}")
_KINDS: Final = {
    "task.created": Kind.CHANGED,
    "task.updated": Kind.CHANGED,
    "task.restored": Kind.RESTORED,
    "task.deleted": Kind.DELETED,
    "task.destroyed": Kind.DELETED,
}


def read(knock: Knock) -> CrmDelivery:
    """What one delivery means. Raises ``NotTrusted`` (with the same words whatever was wrong) and ``NotReadable``."""
    _verify(knock)
    nonce = knock.headers.get("x-twenty-webhook-nonce", "")
    signal = _signal(read_object(knock.raw), Workspace.of(knock.base_url, knock.settings))
    return CrmDelivery(signals=(signal,), dedupe_id=nonce if _NONCE.fullmatch(nonce) else None)


def _verify(knock: Knock) -> None:
    stamp = knock.headers.get("x-twenty-webhook-timestamp", "")
    if not _MILLISECONDS.fullmatch(stamp) or abs(int(stamp) - knock.now.timestamp() * 1000) > WINDOW_MS:
        raise NotTrusted("the delivery is not trusted")
    presented = knock.headers.get("x-twenty-webhook-signature", "").encode("utf-8", "replace")
    signed, trusted = stamp.encode() + b":" + knock.raw, False
    for secret in knock.secrets or _NOBODY:
        # No way out of the loop before the end: the time taken says nothing about which one fitted.
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
        trusted |= hmac.compare_digest(presented, expected)
    if not trusted or not knock.secrets:
        raise NotTrusted("the delivery is not trusted")


def _signal(body: Mapping[str, Any], workspace: Workspace) -> Signal:
    said = a_text(body.get("eventName"), "eventName")
    kind = _KINDS.get(said)
    if kind is None:
        return Ignored(f"event not known: {shown(said)}")
    record = an_object(body.get("record"), "record")
    happened = body.get("eventDate")
    gone = kind is Kind.DELETED
    return TaskSignal(
        task_id=read_id(record, "record"),
        kind=kind,
        said=TaskGone() if gone else _known(record, workspace),
        version=read_version(record, "record"),
        sync_on=None if gone else is_on(record),
        at=None if happened is None else an_instant(happened, "eventDate"),
        actor="user" if body.get("workspaceMemberId") else "api",
    )


def _known(record: Mapping[str, Any], workspace: Workspace) -> Task | TaskOff | None:
    """What the record tells. Of an edit of a task in the bin nothing is believed: it is read, and found gone."""
    return read_known(record, "record", workspace) if record.get("deletedAt") is None else None
