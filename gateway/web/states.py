"""States and reasons in words: of a task, for its panel; of a connection, for the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.core.model import ConnectionStatus, Reason, State
from gateway.web.words import gettext as _


@dataclass(frozen=True, slots=True)
class Said:
    """``tone``: ``good``, ``warn``, ``bad`` or empty. ``more``: what it means, or what to do; may be empty."""

    tone: str
    title: str
    more: str = ""


_REASONS: Final[Mapping[str, Callable[[str], str]]] = {
    Reason.NO_DUE_DATE: lambda _crm: _("waiting for a due date"),
    Reason.OWNER_NOT_CONNECTED: lambda _crm: _("the owner has not connected a calendar"),
    Reason.REAUTHORIZE: lambda _crm: _("the owner must sign in to the calendar again"),
    Reason.DISCONNECTED: lambda _crm: _("the calendar was disconnected"),
    Reason.REVOKED: lambda _crm: _("access to the calendar was withdrawn"),
    Reason.EVENT_DELETED: lambda _crm: _("the event was deleted in the calendar"),
    Reason.MOVED_CALENDAR: lambda _crm: _("the event was moved to another calendar"),
    Reason.CALENDAR_GONE: lambda _crm: _("the calendar does not exist any more"),
    Reason.FORBIDDEN: lambda _crm: _("a right is missing"),
    Reason.INVALID_VALUE: lambda _crm: _("the due date is out of range"),
    Reason.REFUSED: lambda crm: _("%(crm)s refused the calendar's value", crm=crm),
    Reason.CLIPPED: lambda _crm: _("the title is longer than the calendar allows, so it is cut there"),
    Reason.TIME_DROPPED: lambda crm: _("%(crm)s holds no time of day, so only the date is kept", crm=crm),
    Reason.PAUSED: lambda _crm: _("sync is paused; changes wait"),
    Reason.HELD: lambda _crm: _("many changes at once wait for a yes"),
}


def reason_words(reason: str, crm: str) -> str:
    """Why, as a clause; empty for no reason, the reason itself for one that has no words."""
    return _REASONS[Reason(reason)](crm) if reason in _REASONS else reason


def of_task(state: State, reason: str, crm: str) -> Said:
    """A task's state."""
    why = reason_words(reason, crm)
    why = why[:1].upper() + why[1:]
    match state:
        case State.SYNCED:
            return Said("good", _("In step with the calendar"), why)
        case State.CONFLICT:
            return Said("warn", _("Both sides changed"), why)
        case State.PENDING:
            return Said("warn", _("Waiting"), why) if why else Said("", _("On its way to the calendar"))
        case State.ERROR:
            return Said("bad", _("Not in step"), why)
        case _:
            return Said("", _("Not in the calendar"), why)


def of_connection(status: ConnectionStatus, *, moving: int, looked: str) -> Said:
    """A connection's state. ``looked``: when the calendar was last looked at, to be read; empty where it never was."""
    if status is ConnectionStatus.CONNECTED:
        more = _("Your tasks and your calendar are kept in step.")
        return Said("warn", _("Catching up")) if moving else Said("good", _("Live"), more)
    if status is ConnectionStatus.SUSPECT:
        last = [_("Last looked: %(when)s.", when=looked)] if looked else []
        late = _("Until then changes made there may take a little longer.")
        return Said("warn", _("Reconnecting to your calendar's notices"), " ".join([*last, late]))
    return _OTHERS[status]()


_OTHERS: Final[Mapping[ConnectionStatus, Callable[[], Said]]] = {
    ConnectionStatus.NONE: lambda: Said("", _("Not connected"), _("Connect a calendar to see your tasks in it.")),
    ConnectionStatus.CHOOSING: lambda: Said(
        "warn", _("Almost there"), _("You have signed in; a calendar is still to be chosen.")
    ),
    ConnectionStatus.REAUTHORIZE: lambda: Said(
        "bad",
        _("Sign in again"),
        _("Your provider asks you to sign in again. Changes wait until then; nothing is lost."),
    ),
    ConnectionStatus.CALENDAR_GONE: lambda: Said(
        "bad",
        _("The calendar is gone"),
        _("It does not exist any more, or cannot be reached. Changes wait until you choose another."),
    ),
    ConnectionStatus.PAUSED: lambda: Said("warn", _("Paused"), _("Changes wait and are made up for later.")),
    ConnectionStatus.REVOKED: lambda: Said(
        "bad",
        _("Access withdrawn"),
        _("Your provider took the access away. Your events stay there as copies; the switches are off."),
    ),
    ConnectionStatus.DISCONNECTED: lambda: Said(
        "", _("Disconnected"), _("Your events stay in your calendar as copies that no longer change.")
    ),
}
