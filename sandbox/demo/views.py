"""Tasks and events as the desk shows them, and what is typed there as the two APIs want it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DEFAULT_MINUTES = 30
_STATES = {
    "off": ("quiet", "Not in the calendar"),
    "pending": ("wait", "Waiting"),
    "synced": ("good", "In step with the calendar"),
    "conflict": ("warn", "Changed on both sides"),
    "error": ("bad", "Needs a look"),
}
_REASONS = {
    "no_due_date": "waiting for a due date",
    "owner_not_connected": "waiting until its owner connects a calendar",
    "reauthorize": "waiting until its owner signs in again",
    "disconnected": "its owner disconnected the calendar",
    "revoked": "access was withdrawn at the provider",
    "event_deleted": "its event was deleted in the calendar",
    "moved_calendar": "its event was moved to another calendar",
    "calendar_gone": "the calendar is gone; choose another",
    "forbidden": "the CRM does not let the gateway change this task",
    "invalid_value": "a value that no calendar can hold",
    "refused": "the CRM refused the calendar's value, so the event was put back",
    "clipped": "the title was too long for the calendar and is cut there",
    "time_dropped": "the CRM keeps dates only, so the time was dropped",
    "paused": "paused",
    "held": "held until someone says yes to a large change",
}
_COLOURS = {"11": "#d50000", "6": "#f4511e", "9": "#3f51b5", "2": "#33b679", "8": "#616161"}


def task_view(task: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """One task with the state that the gateway last reported, in words."""
    reports = task.get("reports") or [{}]
    report = reports[-1]
    tone, words = _words(report, bool(task["calendar_sync"]))
    return {
        "id": task["id"],
        "title": task["title"],
        "description": task["description"],
        "status": task["status"],
        "priority": task["priority"],
        "on": task["calendar_sync"],
        "due": due_view(task["due"], zone),
        "tone": tone,
        "words": words,
        "conflict": _conflict_view(report.get("conflict"), zone),
    }


def event_view(event: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """One event; ``ours`` says that the gateway made it, which only its private mark tells."""
    start, end = event["start"], event["end"]
    all_day = "date" in start
    begins = date.fromisoformat(start["date"]) if all_day else _instant(start["dateTime"]).astimezone(zone)
    ends = date.fromisoformat(end["date"]) if all_day else _instant(end["dateTime"]).astimezone(zone)
    return {
        "id": event["id"],
        "title": event.get("summary", ""),
        "day": begins.strftime("%Y-%m-%d"),
        "day_label": _day(begins),
        "time": "" if all_day else begins.strftime("%H:%M"),
        "until": "" if all_day else ends.strftime("%H:%M"),
        "minutes": int((ends - begins).total_seconds() // 60),
        "ours": bool((event.get("extendedProperties") or {}).get("private")),
        "colour": _COLOURS.get(str(event.get("colorId", "")), ""),
        "description": event.get("description", ""),
    }


def due_view(due: Mapping[str, Any] | None, zone: ZoneInfo) -> dict[str, str] | None:
    """A due date as day, time (empty for all day) and a label."""
    if due is None:
        return None
    if due.get("date"):
        day = date.fromisoformat(due["date"])
        return {"day": day.isoformat(), "time": "", "label": _day(day)}
    moment = _instant(due["date_time"]).astimezone(zone)
    return {
        "day": moment.strftime("%Y-%m-%d"),
        "time": moment.strftime("%H:%M"),
        "label": f"{_day(moment)}, {moment:%H:%M}",
    }


def due_from(day: str, clock: str, zone: ZoneInfo) -> dict[str, str] | None:
    """What a task's form says, as the CRM's due. Raises ValueError when it is no date or time."""
    if not day:
        return None
    if not clock:
        return {"date": date.fromisoformat(day).isoformat()}
    return {"date_time": _local(day, clock, zone).isoformat()}


def span_from(day: str, clock: str, minutes: int, zone: ZoneInfo) -> dict[str, Any]:
    """What an event's form says, as Google's start and end; without a time it lasts all day.

    A patch must clear the kind that no longer holds: https://developers.google.com/workspace/calendar/api/guides/performance#patch
    """
    if not clock:
        first = date.fromisoformat(day)
        return {
            "start": {"date": first.isoformat(), "dateTime": None, "timeZone": None},
            "end": {"date": (first + timedelta(days=1)).isoformat(), "dateTime": None, "timeZone": None},
        }
    begins = _local(day, clock, zone)
    ends = (begins.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(zone)
    return {
        name: {"dateTime": moment.isoformat(), "timeZone": zone.key, "date": None}
        for name, moment in (("start", begins), ("end", ends))
    }


def hop_view(hop: Mapping[str, Any], zone: ZoneInfo) -> dict[str, str]:
    """One line of a task's timeline."""
    at = _instant(str(hop["at"])).astimezone(zone)
    return {"at": f"{at:%H:%M:%S}", "actor": str(hop.get("actor", "")), "reason": str(hop.get("reason", ""))}


def _words(report: Mapping[str, Any], is_on: bool) -> tuple[str, str]:
    state = report.get("state")
    if state not in _STATES or (is_on and state == "off"):
        return ("wait", "On its way to the calendar") if is_on else _STATES["off"]
    tone, words = _STATES[state]
    reason = _REASONS.get(str(report.get("reason") or ""))
    if reason and state == "pending":
        return tone, reason[0].upper() + reason[1:]
    return tone, f"{words}: {reason}" if reason else words


def _conflict_view(conflict: Mapping[str, Any] | None, zone: ZoneInfo) -> dict[str, Any] | None:
    if not conflict:
        return None
    fields = [
        {"name": one["name"], "kept": _value(one["kept"], zone), "calendar": _value(one["calendar"], zone)}
        for one in conflict["fields"]
    ]
    return {"id": conflict["id"], "fields": fields}


def _value(value: object, zone: ZoneInfo) -> str:
    if isinstance(value, Mapping):
        shown = due_view(value, zone)
        return shown["label"] if shown else "no due date"
    return str(value) if value else "(empty)"


def _local(day: str, clock: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), zone)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
