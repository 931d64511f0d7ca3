"""How an event looks in Outlook: its categories and its reminder, as the two texts that only this adapter reads.

An event has no colour of its own, it takes its categories': https://learn.microsoft.com/graph/api/resources/outlookcategory.
The person's own categories stay beside ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.core.model import EventWrite, Look, Paint, Priority, Remind

CATEGORIES: Mapping[Priority, str] = {
    Priority.URGENT: "Urgent priority",
    Priority.HIGH: "High priority",
    Priority.NORMAL: "Normal priority",
    Priority.LOW: "Low priority",
}
DONE = "Done"
PRESETS: Mapping[str, str] = {
    "Urgent priority": "preset0",  # red
    "High priority": "preset1",  # orange
    "Normal priority": "preset7",  # blue
    "Low priority": "preset12",  # gray
    DONE: "preset10",  # steel
}
"""The colours our categories get, where the person allows it."""

REMINDER_MINUTES = 15
"""What a new mailbox has; Graph tells nobody the person's own preference with this permission."""
_OFF = "off"
_LONGEST_NUMBER = 8


def read(resource: Mapping[str, Any]) -> Look:
    """The look of an event. ``colour``: its categories in their order, as JSON."""
    categories = resource.get("categories")
    names = [str(name) for name in categories] if isinstance(categories, list) else []
    minutes = resource.get("reminderMinutesBeforeStart")
    reminder = str(minutes) if resource.get("isReminderOn") and isinstance(minutes, int) else _OFF
    return Look(json.dumps(names, ensure_ascii=False), reminder)


def written(write: EventWrite) -> dict[str, Any]:
    """What a write changes of the look."""
    body: dict[str, Any] = {}
    if write.paint is not None:
        body["categories"] = _categories(write)
    if write.remind is not None:
        body |= _reminder(write)
    return body


def _categories(write: EventWrite) -> list[str]:
    kept = _names(write.kept.colour)
    if write.paint is Paint.KEPT:
        return kept
    name = DONE if write.paint is Paint.DONE else CATEGORIES.get(write.priority)
    return [one for one in kept if one not in PRESETS] + ([name] if name else [])


def _names(kept: str | None) -> list[str]:
    try:
        told = json.loads(kept or "[]")
    except ValueError:
        return []
    return [str(name) for name in told] if isinstance(told, list) else []


def _reminder(write: EventWrite) -> dict[str, Any]:
    kept = write.kept.reminders or ""
    if write.remind is Remind.NONE or (write.remind is Remind.KEPT and kept == _OFF):
        return {"isReminderOn": False}
    known = write.remind is Remind.KEPT and kept.isdecimal() and len(kept) <= _LONGEST_NUMBER
    return {"isReminderOn": True, "reminderMinutesBeforeStart": int(kept) if known else REMINDER_MINUTES}
