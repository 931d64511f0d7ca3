"""Checks of what the gateway reports: states at a task, a connection at its user."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

from sandbox.conformance.bench import Bench, Check, NotTried, expect, must

_NOTHING: dict[str, Any] = {
    "reason": None,
    "event_url": None,
    "provider": None,
    "synced_at": None,
    "conflict": None,
}
_THERE = {"event_url": "https://calendar.example/e/1", "provider": "google", "synced_at": "2030-03-05T09:00:00Z"}
_CONFLICT = {
    "id": "conformance-1",
    "fields": [{"name": "title", "calendar": "From the calendar", "kept": "From the CRM"}],
    "detected_at": "2030-03-05T09:00:00Z",
}
_REPORTS = (
    {"state": "pending", "reason": "no_due_date"},
    {"state": "conflict", "conflict": _CONFLICT, **_THERE},
    {"state": "error", "reason": "refused", "field": "title"},
    {"state": "synced", **_THERE},
)


def takes_state_reports(bench: Bench) -> None:
    """Every state, twice the same, without a change of the version."""
    before = bench.writable()
    path = f"{bench.path()}/calendar-sync"
    for report in _REPORTS:
        for what in (f"the report {report['state']}", f"the report {report['state']} again"):
            expect(bench.call("PUT", path, {**_NOTHING, **report}), 200, 201, 202, 204, what=what)
    now = bench.read()
    must(now["version"] == before["version"], f"reports moved the version from {before['version']} to {now['version']}")


def takes_reports_of_the_gone(bench: Bench) -> None:
    """A task that is gone needs none: 404 or 410, or success."""
    path = f"{bench.path(f'never-was-{uuid.uuid4().hex}')}/calendar-sync"
    expect(bench.call("PUT", path, {**_NOTHING, "state": "off"}), 200, 204, 404, 410, what="a report of no task")


def takes_connection_reports(bench: Bench) -> None:
    """At the owner of the task."""
    owner = bench.writable().get("owner")
    if owner is None:
        raise NotTried("the task has no owner")
    path = f"/users/{quote(owner['id'], safe='')}/calendar-connection"
    for status, reason in (("revoked", "revoked"), ("connected", None)):
        body = {"status": status, "provider": "google", "account_email": "ada@example.com", "reason": reason}
        expect(
            bench.call("PUT", path, {**body, "reconnect_url": None}), 200, 201, 202, 204, what=f"the report {status}"
        )


CHECKS = (
    Check(
        "state",
        "PUT /tasks/{id}/calendar-sync takes every state and leaves the version",
        "each report would look like an edit, and each of the gateway's writes would meet an older version",
        takes_state_reports,
    ),
    Check(
        "state-gone",
        "a state report of a task that is gone does no harm",
        "work would be parked",
        takes_reports_of_the_gone,
    ),
    Check(
        "connection",
        "PUT /users/{id}/calendar-connection takes a connection's state",
        "nobody would be told to reconnect",
        takes_connection_reports,
    ),
)
