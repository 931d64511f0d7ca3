"""The codes of the timeline: every hop, above all the decisions to do nothing, in plain words.

An entry holds a code, an actor and details without any text of a task; the sentence is made when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Actor(StrEnum):
    """Who did it."""

    CRM = "person in CRM"
    CALENDAR = "person in calendar"
    GATEWAY = "gateway"


class Story(StrEnum):
    """What happened."""

    TASK_CHANGED = "task_changed"
    TASK_OLD = "task_old"
    TASK_REPEATED = "task_repeated"
    TASK_ECHO = "task_echo"
    TASK_SAME = "task_same"
    TASK_DELETED = "task_deleted"
    SWITCHED_ON = "switched_on"
    SWITCHED_OFF = "switched_off"
    PUSH_CAME = "push_came"
    PUSH_FOUND_CHANGE = "push_found_change"
    PUSH_FOUND_ABSENCE = "push_found_absence"
    EVENT_ECHO = "event_echo"
    EVENT_CREATED = "event_created"
    EVENT_UPDATED = "event_updated"
    EVENT_PUT_BACK = "event_put_back"
    EVENT_DELETED = "event_deleted"
    EVENT_KEPT = "event_kept"
    EVENT_MOVED = "event_moved"
    EVENT_TAKEN_UP = "event_taken_up"
    TASK_UPDATED = "task_updated"
    TASK_REFUSED = "task_refused"
    SWITCH_TURNED_OFF = "switch_turned_off"
    CONFLICT = "conflict"
    CONFLICT_CLOSED = "conflict_closed"
    NOTHING_TO_DO = "nothing_to_do"
    WAITING = "waiting"
    RETRY = "retry"
    PARKED = "parked"
    REPLAYED = "replayed"
    REPORTED = "reported"
    DISCONNECTED = "disconnected"
    BODY_DIFFERS = "body_differs"
    HELD = "held"
    HELD_APPROVED = "held_approved"
    HELD_DROPPED = "held_dropped"


_SENTENCES: Mapping[Story, str] = {
    Story.TASK_CHANGED: "The task changed in the CRM",
    Story.TASK_OLD: "An older story about the task arrived late; it was recorded and not applied",
    Story.TASK_REPEATED: "The same delivery arrived again; nothing was done twice",
    Story.TASK_ECHO: "Echo of our own write to the task; nothing to send",
    Story.TASK_SAME: "The task has another version in the CRM, but nothing in it that a calendar shows changed",
    Story.TASK_DELETED: "The task was deleted in the CRM",
    Story.SWITCHED_ON: "Sync to calendar was switched on",
    Story.SWITCHED_OFF: "Sync to calendar was switched off",
    Story.PUSH_CAME: "The calendar says that the event may have changed; it will be looked at",
    Story.PUSH_FOUND_CHANGE: "The event changed in the calendar",
    Story.PUSH_FOUND_ABSENCE: "The event is missing in the calendar; it will be looked for directly",
    Story.EVENT_ECHO: "Echo of our own write to the event; nothing to send",
    Story.EVENT_CREATED: "The event was created in the calendar",
    Story.EVENT_UPDATED: "The event was updated",
    Story.EVENT_PUT_BACK: "The event was put back to the task's value",
    Story.EVENT_DELETED: "The event was deleted from the calendar",
    Story.EVENT_KEPT: "The event stays in the calendar as history",
    Story.EVENT_MOVED: "The event moved to the other calendar",
    Story.EVENT_TAKEN_UP: "The event left from before was taken up again",
    Story.TASK_UPDATED: "The task followed the event",
    Story.TASK_REFUSED: "The CRM refused the calendar's value",
    Story.SWITCH_TURNED_OFF: "The event is gone, so the task's switch was turned off",
    Story.CONFLICT: "Both sides changed the same field; the CRM's value was kept",
    Story.CONFLICT_CLOSED: "The conflict was closed",
    Story.NOTHING_TO_DO: "Looked at both sides; nothing to do",
    Story.WAITING: "The change waits",
    Story.RETRY: "It did not work this time; it will be tried again",
    Story.PARKED: "Set aside after many tries; it can be replayed",
    Story.REPLAYED: "Taken up again",
    Story.REPORTED: "The CRM was told the state",
    Story.DISCONNECTED: "The calendar was disconnected; the event stays as a copy",
    Story.HELD: "Very many events changed or vanished in the calendar at once; held for a yes",
    Story.HELD_APPROVED: "The calendar's mass change was approved",
    Story.HELD_DROPPED: "The calendar's mass change was dropped; the event is put back",
    Story.BODY_DIFFERS: "A delivery repeated an id with another body; the first one counts",
}

_REASONS: Mapping[str, str] = {
    "no_due_date": "waiting for a due date",
    "owner_not_connected": "the owner has not connected a calendar",
    "reauthorize": "the owner must sign in again",
    "disconnected": "the calendar was disconnected",
    "revoked": "access to the calendar was withdrawn",
    "event_deleted": "the event was deleted in the calendar",
    "moved_calendar": "the event was moved to another calendar",
    "calendar_gone": "the target calendar does not exist any more",
    "forbidden": "a right is missing",
    "invalid_value": "the due date is out of range",
    "refused": "the CRM refused the value",
    "clipped": "the title is longer than the calendar allows",
    "time_dropped": "the CRM holds no time of day",
    "paused": "sync is paused",
    "held": "held for a yes",
    "unavailable": "the other side did not answer as it should for 72 hours",
    "contended": "it kept changing under every try",
    "unexpected": "it failed for a reason that nobody foresaw",
}


def sentence(code: str, detail: Mapping[str, Any]) -> str:
    """One plain sentence for a timeline entry; an unknown code is shown as it is."""
    base = _SENTENCES[Story(code)] if code in Story.__members__.values() else code
    extras = []
    if fields := detail.get("fields"):
        extras.append(", ".join(fields))
    if reason := detail.get("reason"):
        extras.append(_REASONS.get(reason, reason))
    return f"{base} ({'; '.join(extras)})" if extras else base
