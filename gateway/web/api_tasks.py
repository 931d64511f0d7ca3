"""The API's half about tasks: state, switch, story, a fresh look. Task ids are the CRM's."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from gateway.core.model import TaskId
from gateway.core.ports import StateReport
from gateway.core.stories import sentence
from gateway.services import tasks as use
from gateway.web import schemas
from gateway.web.api import TASK, blueprint, body, told_time
from gateway.web.door import context, installation

tasks = blueprint("tasks")


@tasks.get(f"{TASK}/sync")
def get_sync(tid: str) -> ResponseReturnValue:
    """A task's state, as its banner shows it."""
    return jsonify(shown(use.state(context(), installation(), TaskId(tid)).report))


@tasks.put(f"{TASK}/sync")
def switch_sync(tid: str) -> ResponseReturnValue:
    """Switch a task's sync off, where the CRM keeps the switch."""
    enabled = body(schemas.SyncSwitch)["enabled"]
    use.switch(context(), installation(), TaskId(tid), enabled=enabled)
    return get_sync(tid)


@tasks.get(f"{TASK}/timeline")
def get_timeline(tid: str) -> ResponseReturnValue:
    """What happened, newest first."""
    entries = [
        {
            "at": told_time(entry.at),
            "actor": entry.actor,
            "code": entry.code,
            "text": sentence(entry.code, entry.detail),
        }
        for entry in use.timeline(context(), installation(), TaskId(tid))
    ]
    return jsonify(entries=entries)


@tasks.post(f"{TASK}/resync")
def resync_task(tid: str) -> ResponseReturnValue:
    """Read both sides for real."""
    use.resync(context(), installation(), TaskId(tid))
    return "", 202


def shown(report: StateReport) -> dict[str, Any]:
    """A state report as the API tells it: as the CRM is told it."""
    told = {
        "state": report.state.value,
        "reason": report.reason,
        "event_url": report.event_url,
        "provider": report.provider,
        "synced_at": told_time(report.synced_at),
        "conflict": report.conflict,
    }
    return told | ({"field": ",".join(report.fields)} if report.fields else {})
