"""Checks of what the CRM tells: its webhooks about the changes that this kit made; and switching off, at the end."""

from __future__ import annotations

from typing import Any

from sandbox.conformance.bench import Bench, Check, NotTried, an_instant, an_object, expect, must
from sandbox.conformance.listener import Listener

TELLS_WITHIN_S = 10.0
STAYS_QUIET_S = 2.0


def tells_of_a_change(bench: Bench) -> None:
    """One signed webhook with an id, about the task and its version."""
    listener, before = _listener(bench), bench.writable()
    start = listener.count()
    changed = bench.patch({"title": "Conformance: told"}, before["version"])
    expect(changed, 200, what="a PATCH at the current version")
    try:
        told = listener.since(start, str(bench.task_id), TELLS_WITHIN_S)
        must(bool(told), f"no webhook came within {TELLS_WITHIN_S:.0f} s of a change")
        one = told[0]
        must(not one.wrong, one.wrong)
        must(0 < len(one.id) <= 255, f"webhook-id is {one.id!r}, not 1 to 255 characters")
        must(one.body.get("type") == "task.updated", f"type is {one.body.get('type')!r} instead of task.updated")
        an_instant(one.body.get("timestamp"), "timestamp")
        task: dict[str, Any] = one.body["data"]["task"]
        must(isinstance(task.get("version"), int), f"version is {task.get('version')!r}, not a whole number")
        must(task.get("calendar_sync") is True, f"calendar_sync is {task.get('calendar_sync')!r} instead of true")
    finally:
        bench.patch({"title": before["title"]}, bench.read()["version"])


def is_silent_about_reports(bench: Bench) -> None:
    """A state report is no change."""
    listener = _listener(bench)
    bench.writable()
    settled = listener.count()
    while listener.since(settled, str(bench.task_id), STAYS_QUIET_S):
        settled = listener.count()  # what the check before caused may still be on its way
    report = {"state": "pending", "reason": "paused", "event_url": None, "provider": None, "synced_at": None}
    expect(bench.call("PUT", f"{bench.path()}/calendar-sync", {**report, "conflict": None}), 200, 201, 202, 204)
    told = listener.since(settled, str(bench.task_id), STAYS_QUIET_S)
    must(not told, f"a state report was told as {told[0].body.get('type') if told else ''}")


def is_switched_off(bench: Bench) -> None:
    """Only where it was allowed: the switch stays off."""
    if not bench.switches_off:
        raise NotTried("allow it with --switch-off: the task then stays off")
    before = bench.writable()
    answer = bench.patch({"calendar_sync": False}, before["version"])
    expect(answer, 200, what="switching off")
    must(an_object(answer).get("calendar_sync") is False, "the answer shows the switch still on")
    now = bench.read()
    must(now.get("calendar_sync") is False, "a read shows the switch still on")
    refused = bench.patch({"calendar_sync": True}, now["version"])
    must(refused.status != 200, "the gateway was let to switch it on again: that is only for people")


def _listener(bench: Bench) -> Listener:
    if bench.listener is None:
        raise NotTried("needs --listen PORT and --webhook-secret, and the CRM's webhooks sent there")
    if bench.task is None:
        raise NotTried("no task that is on could be read")
    return bench.listener


CHECKS = (
    Check(
        "webhook",
        "a change is told within seconds, signed by Standard Webhooks",
        "the calendar would follow only with the next catch-up, hours later",
        tells_of_a_change,
    ),
    Check(
        "webhook-silent",
        "a state report is not told as a change",
        "each report would be looked at as if somebody had edited the task",
        is_silent_about_reports,
    ),
    Check(
        "switch-off",
        "the gateway can switch a task off, and not on",
        "an event deleted in the calendar would come back; a task could be opted in by nobody",
        is_switched_off,
    ),
)
