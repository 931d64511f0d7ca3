"""What a CRM would send: bodies, and the headers that sign them, by the library of the signature's authors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

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
