"""A state report in words, for CRMs that show it in a text field of the task. Pure; the same report, the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.core.model import Reason, State
from gateway.core.ports import StateReport

LIMIT: Final = 500
"""The longest note in characters: a text field of a CRM takes at least this."""

_REASONS: Final = {
    Reason.NO_DUE_DATE: "Waiting for a due date.",
    Reason.OWNER_NOT_CONNECTED: "The owner of this task has not connected a calendar.",
    Reason.REAUTHORIZE: "The owner has to sign in to the calendar again; changes wait.",
    Reason.DISCONNECTED: "The calendar was disconnected.",
    Reason.REVOKED: "Access to the calendar was taken away; connect it again.",
    Reason.EVENT_DELETED: "The event was deleted in the calendar.",
    Reason.MOVED_CALENDAR: "The event was moved to another calendar.",
    Reason.CALENDAR_GONE: "The calendar is gone; choose another one.",
    Reason.FORBIDDEN: "The gateway may not read or change this task.",
    Reason.INVALID_VALUE: "The task holds a value that no calendar takes.",
    Reason.REFUSED: "The CRM did not take the calendar's value; the event was put back.",
    Reason.CLIPPED: "The title is too long for the calendar and was cut there.",
    Reason.TIME_DROPPED: "The CRM cannot hold the calendar's form of the due date; the event was put back.",
    Reason.PAUSED: "Paused; changes wait.",
    Reason.HELD: "Many changes at once wait for a yes.",
}
_WORDS: Final = {reason.value: words for reason, words in _REASONS.items()}
_STATES: Final = {
    State.OFF: "",
    State.PENDING: "Not in the calendar yet.",
    State.SYNCED: "In step with the calendar.",
    State.CONFLICT: "Changed in both places; the CRM's value was kept.",
    State.ERROR: "Not in step with the calendar.",
}
_FIELDS: Final = {"title": "Title", "due": "Due"}


def note(report: StateReport) -> str:
    """What a person reads beside the state, conflicts with both values included. Empty for a switch that is off without
    a reason."""
    said = _WORDS.get(report.reason or "") or _STATES[report.state]
    parts = [said] if said else []
    if report.fields:
        parts.append("Concerns: " + ", ".join(report.fields) + ".")
    if report.state is State.CONFLICT and report.conflict:
        parts = [_STATES[State.CONFLICT], *(_both(field) for field in report.conflict.get("fields", ()))]
    if report.event_url and report.state is not State.OFF:
        parts.append(report.event_url)
    whole = " ".join(parts)
    return whole if len(whole) <= LIMIT else whole[: LIMIT - 1] + "…"


def _both(field: Mapping[str, Any]) -> str:
    name = _FIELDS.get(str(field.get("name")), str(field.get("name")))
    return f"{name}: kept {_told(field.get('kept'))}, the calendar had {_told(field.get('calendar'))}."


def _told(value: Any) -> str:
    """A value as the contract tells it, for a reader."""
    if not isinstance(value, Mapping):
        return f"“{value}”"
    if "date" in value:
        return str(value["date"])
    at = str(value.get("date_time", "")).replace("T", " ").replace("Z", " UTC").replace("+00:00", " UTC")
    return f"{at} ({value['time_zone']})" if value.get("time_zone") else at
