"""A thin client of Calendar Gateway's ``/v1`` for a CRM's server: one file, needs only ``requests``.

    gateway = CalendarGateway("https://gateway.example", token)
    link = gateway.create_connect_link("u-7", provider="google")["url"]

Answers are the decoded JSON, as ``/openapi.json`` describes them. A refusal raises :class:`Problem`.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

import requests

Json = dict[str, Any]
Keep = Literal["crm", "calendar"]
Provider = Literal["google", "outlook"]


class Problem(Exception):
    """The gateway said no. ``code`` is for programs, ``errors`` names the fields at fault, ``retry_after`` is in
    seconds where the gateway asks to come again."""

    def __init__(self, status: int, body: Json, retry_after: int | None) -> None:
        super().__init__(f"{status} {body.get('code', '')}: {body.get('title', '')}")
        self.status = status
        self.code = str(body.get("code", ""))
        self.errors: list[Json] = list(body.get("errors", []))
        self.retry_after = retry_after


class CalendarGateway:
    """One installation. ``timeout``: seconds to connect and to read. Connection failures are those of ``requests``."""

    def __init__(
        self,
        url: str,
        token: str,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = (3.0, 10.0),
    ) -> None:
        self._url = url.rstrip("/")
        self._session = session or requests.Session()
        self._headers = {"Authorization": f"Bearer {token}"}
        self._timeout = timeout

    # --- connecting

    def create_connect_link(self, user_id: str, provider: Provider, return_url: str | None = None) -> Json:
        """A one-use link that lets one user connect a calendar."""
        return self._call(
            "POST", "users", user_id, "connect-links", body={"provider": provider, "return_url": return_url}
        )

    def connection(self, user_id: str) -> Json:
        """How the user's connection is."""
        return self._call("GET", "users", user_id, "connection")

    def calendars(self, user_id: str) -> Json:
        """Those that can be chosen."""
        return self._call("GET", "users", user_id, "calendars")

    def choose_calendar(self, user_id: str, calendar_id: str) -> Json:
        """``new``: a calendar of its own."""
        return self._call("PUT", "users", user_id, "calendar", body={"calendar_id": calendar_id})

    def disconnect(self, user_id: str) -> Json:
        """Events stay as copies."""
        return self._call("DELETE", "users", user_id, "connection")

    def create_embed_token(self, user_id: str, task_id: str | None = None, ttl: int = 300) -> Json:
        """Opens a panel or the settings for ``ttl`` seconds."""
        return self._call("POST", "embed-tokens", body={"user_id": user_id, "task_id": task_id, "ttl": ttl})

    def privacy_ledger(self, user_id: str) -> Json:
        """What was read and written."""
        return self._call("GET", "users", user_id, "privacy-ledger")

    # --- tasks

    def sync(self, task_id: str) -> Json:
        """A task's state."""
        return self._call("GET", "tasks", task_id, "sync")

    def switch_sync(self, task_id: str, *, enabled: bool) -> Json:
        """For CRMs without a field for the switch."""
        return self._call("PUT", "tasks", task_id, "sync", body={"enabled": enabled})

    def timeline(self, task_id: str) -> Json:
        """What happened, and why."""
        return self._call("GET", "tasks", task_id, "timeline")

    def resync_task(self, task_id: str) -> Json:
        """Look at both sides again."""
        return self._call("POST", "tasks", task_id, "resync")

    def conflicts(self, user_id: str | None = None, state: str | None = None, cursor: str | None = None) -> Json:
        """One page of them."""
        wanted = {"user_id": user_id, "state": state, "cursor": cursor}
        return self._call("GET", "conflicts", query={name: one for name, one in wanted.items() if one is not None})

    def resolve_conflict(self, conflict_id: str, keep: Keep) -> Json:
        """Close it."""
        return self._call("POST", "conflicts", conflict_id, "resolve", body={"keep": keep})

    # --- one user, everything

    def pause(self, user_id: str | None = None) -> Json:
        """One user, or the installation."""
        return self._call("POST", *(("users", user_id) if user_id else ()), "pause")

    def resume(self, user_id: str | None = None) -> Json:
        """Go on with what waited."""
        return self._call("POST", *(("users", user_id) if user_id else ()), "resume")

    def resync_user(self, user_id: str, *, dry_run: bool = False) -> Json:
        """Compare everything of a user afresh."""
        return self._call("POST", "users", user_id, "resync", body={"dry_run": dry_run})

    def preview(self, user_id: str, *, calendar_id: str | None = None, settings: Json | None = None) -> Json:
        """What another calendar, or other settings, would change. Exactly one of them."""
        wanted = {"calendar_id": calendar_id, "settings": settings}
        return self._call("POST", "users", user_id, "preview", body={k: v for k, v in wanted.items() if v is not None})

    def adopt(self, user_id: str) -> Json:
        """Take the old events up again."""
        return self._call("POST", "users", user_id, "adopt")

    def export_user(self, user_id: str) -> Json:
        """Everything held about a user."""
        return self._call("GET", "users", user_id, "export")

    def erase_user(self, user_id: str) -> Json:
        """Tokens first, then everything."""
        return self._call("DELETE", "users", user_id)

    # --- operating

    def rotate_webhook_secret(self) -> Json:
        """The one before stays valid for 24 hours."""
        return self._call("POST", "webhook-secret")

    def held(self) -> Json:
        """Mass changes that wait for a yes."""
        return self._call("GET", "held")

    def approve_held(self, held_id: str) -> Json:
        """Let it through."""
        return self._call("POST", "held", held_id, "approve")

    def drop_held(self, held_id: str) -> Json:
        """Undo it."""
        return self._call("POST", "held", held_id, "drop")

    def parked(self) -> Json:
        """Work that kept failing."""
        return self._call("GET", "parked")

    def replay(self, **which: str) -> Json:
        """``task``, ``user``, ``reason``, or ``since`` and ``until`` (as 2026-03-01T12:00:00Z)."""
        names = {"since": "from", "until": "to"}
        return self._call("POST", "parked", "replay", body={names.get(name, name): one for name, one in which.items()})

    def _call(self, method: str, *path: str, body: Json | None = None, query: Json | None = None) -> Json:
        url = "/".join([self._url, "v1", *(quote(part, safe="") for part in path)])
        answer = self._session.request(
            method, url, json=body, params=query, headers=self._headers, timeout=self._timeout, allow_redirects=False
        )
        if answer.ok:
            return dict(answer.json()) if answer.content else {}
        told = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        after = answer.headers.get("Retry-After", "")
        raise Problem(answer.status_code, told, int(after) if after.isdecimal() else None)
