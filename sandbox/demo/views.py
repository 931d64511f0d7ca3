"""Tasks and events as the desk shows them, and what is typed there as the apps want it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.demo.calendars import Event, Span, days
from sandbox.demo.outside import Person

DEFAULT_MINUTES = 30
_CALENDARS = {"google": "Google Calendar", "outlook": "Outlook"}
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
        "owner": task["owner"]["id"],
        "due": due_view(task["due"], zone),
        "tone": tone,
        "words": words,
        "conflict": _conflict_view(report.get("conflict"), zone),
    }


def person_view(person: Person) -> dict[str, str]:
    """Somebody, without tokens."""
    return {
        "id": person.user_id,
        "name": person.name,
        "email": person.email,
        "provider": person.provider,
        "calendar": _CALENDARS[person.provider],
    }


def event_view(event: Event, zone: ZoneInfo) -> dict[str, Any]:
    """One event; times and days are the zone's, an all-day event has none but its first day."""
    begins, ends = (_here(bound, zone) for bound in (event.span.start, event.span.end))
    return {
        "id": event.id,
        "title": event.title,
        "day": begins.strftime("%Y-%m-%d"),
        "day_label": _day(begins),
        "time": "" if event.span.all_day else begins.strftime("%H:%M"),
        "until": "" if event.span.all_day else ends.strftime("%H:%M"),
        "minutes": int((ends - begins).total_seconds() // 60),
        "start": _naive(begins),
        "end": _naive(ends),
        "ours": event.ours,
        "colour": event.colour,
        "description": event.description,
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


def span_from(day: str, clock: str, minutes: int, zone: ZoneInfo) -> Span:
    """What an event's form says; without a time it lasts all day. Raises ValueError when it is no date or time."""
    if not clock:
        return days(date.fromisoformat(day))
    begins = _local(day, clock, zone)
    return Span(begins, (begins.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(zone))


def hop_view(hop: Mapping[str, Any], zone: ZoneInfo) -> dict[str, str]:
    """One line of a task's timeline."""
    at = _instant(str(hop["at"])).astimezone(zone)
    return {"at": f"{at:%H:%M:%S}", "actor": str(hop.get("actor", "")), "reason": str(hop.get("text", ""))}


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


def _here(bound: datetime | date, zone: ZoneInfo) -> datetime | date:
    return bound.astimezone(zone) if isinstance(bound, datetime) else bound


def _naive(bound: datetime | date) -> str:
    """As the page's calendar takes it: the zone's own day and hour, without an offset."""
    return bound.strftime("%Y-%m-%dT%H:%M:%S") if isinstance(bound, datetime) else bound.isoformat()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
