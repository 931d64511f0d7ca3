"""What a CRM would send: bodies, and the headers that sign them, by the library of the signature's authors."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from gateway.core.errors import NotReadable
from gateway.core.model import Task
from gateway.core.signals import CrmDelivery, Signal, TaskSignal
from gateway.crms.generic.notifications import read

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
SECRET = "whsec_Y2FsZW5kYXItZ2F0ZXdheS12ZWN0b3ItMDAwMQ=="
OTHER_SECRET = "whsec_YW5vdGhlci1zZWNyZXQtb2YtYW5vdGhlci1hY2NvdW50"


def task(**values: Any) -> dict[str, Any]:
    """A whole task as the contract shows it."""
    whole: dict[str, Any] = {
        "id": "t-1",
        "version": 7,
        "title": "Call Ada",
        "description": "Bring the quote",
        "status": "open",
        "completed_at": None,
        "priority": "high",
        "due": {"date_time": "2026-12-02T08:00:00Z"},
        "owner": {"id": "u-7", "time_zone": "Europe/Berlin"},
        "url": "https://crm.example/tasks/t-1",
        "calendar_sync": True,
        "updated_at": "2026-12-01T09:30:00Z",
    }
    return whole | values


def event(about: Any = None, kind: str = "task.updated", **data: Any) -> dict[str, Any]:
    """A message about a task."""
    told = {"task": task() if about is None else about, "actor": {"kind": "user", "id": "u-7"}}
    return {"type": kind, "timestamp": "2026-12-01T09:30:00.120Z", "data": told | data}


def raw(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def headers(body: bytes, *, secret: str = SECRET, at: datetime = NOW, message_id: str = "msg_01") -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body.decode()),
    }


def said(body: Any) -> Signal:
    return delivered(raw(body)).signals[0]


def delivered(body: bytes) -> CrmDelivery:
    found = headers(body) if body.isascii() or _is_text(body) else _signed_bytes(body)
    return read(found, body, (SECRET,), NOW)


def fault(body: Any) -> NotReadable:
    with pytest.raises(NotReadable) as caught:
        delivered(raw(body))
    assert caught.value.hint
    return caught.value


def told(about: dict[str, Any], kind: str = "task.updated", **data: Any) -> TaskSignal:
    found = said(event(about, kind, **data))
    assert isinstance(found, TaskSignal)
    return found


def whole(**values: Any) -> Task:
    found = told(task(**values)).said
    assert isinstance(found, Task)
    return found


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _signed_bytes(body: bytes) -> dict[str, str]:
    """The library signs text only; other bytes can be signed all the same."""
    signed = b"msg_01.%d." % NOW.timestamp() + body
    signature = base64.b64encode(hmac.digest(base64.b64decode(SECRET[6:]), signed, "sha256")).decode()
    return headers(b"") | {"webhook-signature": f"v1,{signature}"}
