"""What the demo starts with: a handful of tasks, and each person's fifty private events, which are none of the
gateway's business.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.demo.calendars import CalendarApp, Span
from sandbox.demo.outside import CrmApp, Person

PRIVATE_EVENTS = 50
_PRIVATE = (
    ("Dentist", 9, 45),
    ("Run with Jonas", 7, 50),
    ("Parents' evening", 19, 90),
    ("Lunch with Ines", 12, 60),
    ("Piano lesson", 17, 45),
    ("Pick up the parcel", 18, 15),
    ("Physiotherapy", 8, 30),
    ("Call grandma", 20, 30),
    ("Choir", 19, 120),
    ("Haircut", 16, 45),
)


def seed_tasks(crm: CrmApp, now: datetime, second: Person | None = None) -> None:
    """Tasks in several moods, so that the first look shows what the switch does; the last two for ``second``."""
    here = now.astimezone(ZoneInfo(crm.person.time_zone))
    for task in (
        {
            "title": "Call Nova Logistics about the renewal",
            "description": "Their contract ends in January. Bring the new price list.",
            "priority": "high",
            "due": _at(here, 1, 10),
            "calendar_sync": True,
        },
        {
            "title": "Send the quote to Brightside",
            "description": "Two variants: with and without training.",
            "priority": "normal",
            "due": _at(here, 1, 15, 30),
        },
        {"title": "Renew the support contract", "priority": "urgent", "due": _at(here, 4, 9), "duration_minutes": 60},
        {"title": "Prepare the quarterly review", "priority": "normal", "due": _on(here, 3)},
        {"title": "Follow up with Lindqvist & Co", "priority": "low", "calendar_sync": True},
        {"title": "Thank Marta for the introduction", "status": "completed", "due": _on(here, -1)},
    ):
        crm.create(task)
    for task in (
        {"title": "Show Brightside the quote", "priority": "high", "due": _at(here, 2, 11), "calendar_sync": True},
        {"title": "Book the room for the workshop", "priority": "low", "due": _at(here, 3, 14)},
    ):
        if second is not None:
            crm.create({**task, "owner": {"id": second.user_id}})


def seed_private_events(calendar: CalendarApp, now: datetime) -> None:
    """Fifty events from a week ago to three weeks from now, the same ones every time."""
    here = now.astimezone(ZoneInfo(calendar.person.time_zone))
    for number in range(PRIVATE_EVENTS):
        title, hour, minutes = _PRIVATE[number % len(_PRIVATE)]
        start = (here + timedelta(days=number * 28 // PRIVATE_EVENTS - 7)).replace(
            hour=hour, minute=0, second=0, microsecond=0
        )
        calendar.create(title, Span(start, start + timedelta(minutes=minutes)))


def _at(here: datetime, days: int, hour: int, minute: int = 0) -> dict[str, Any]:
    moment = (here + timedelta(days=days)).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return {"date_time": moment.isoformat()}


def _on(here: datetime, days: int) -> dict[str, Any]:
    return {"date": (here + timedelta(days=days)).date().isoformat()}
