"""A task's timeline as a person reads it: hops that belong together become one sentence, newest first.

A sentence has a cause (somebody changed something) and what came of it ("the task followed", "nothing to send").
Entries hold no text of a task, so neither do the sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from gateway.core.model import Day, Moment
from gateway.core.records import Entry
from gateway.core.stories import Story, sentence
from gateway.web import words
from gateway.web.states import reason_words
from gateway.web.words import gettext as _

LINES: Final = 20
TOGETHER: Final = timedelta(minutes=10)
"""What follows later than this is a story of its own."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Who and where: the CRM's name, the calendar's, the zone of times, whether the reader is the calendar's person."""

    crm: str
    calendar: str
    who: str
    is_reader: bool
    zone: tzinfo
    now: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence. ``kind``: ``person`` (somebody did it), ``bad`` (it needs a look), or empty. ``times``: how often
    in a row."""

    at: datetime
    text: str
    kind: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class _Open:
    """A cause that still waits for what comes of it."""

    entry: Entry
    last: datetime
    ends: tuple[str, ...] = ()


_CALENDARS: Final = frozenset({Story.PUSH_CAME, Story.PUSH_FOUND_CHANGE, Story.PUSH_FOUND_ABSENCE})
_CAUSES: Final = _CALENDARS | {Story.TASK_CHANGED, Story.TASK_DELETED, Story.SWITCHED_ON, Story.SWITCHED_OFF}
_BAD: Final = frozenset({Story.PARKED, Story.TASK_REFUSED, Story.CONFLICT, Story.BODY_DIFFERS})
_QUIET: Final = frozenset({Story.EVENT_ECHO, Story.TASK_ECHO, Story.NOTHING_TO_DO})
_HIDDEN: Final = frozenset({Story.REPORTED, Story.TASK_REPEATED, Story.TASK_SAME})


def told(entries: Sequence[Entry], scene: Scene) -> list[Line]:
    """The newest lines, newest first. ``entries``: newest first as well."""
    lines: list[Line] = []
    waiting: _Open | None = None
    for entry in reversed(entries):
        story = _story(entry)
        if story in _HIDDEN:
            continue
        if story in _CAUSES:
            if waiting and story in _CALENDARS and _story(waiting.entry) in _CALENDARS and not waiting.ends:
                waiting = _Open(entry, entry.at)  # several notices of one edit
                continue
            _close(lines, waiting, scene)
            waiting = _Open(entry, entry.at)
        elif waiting and entry.at - waiting.last <= TOGETHER:
            waiting = _joined(waiting, entry, scene)
        else:
            _close(lines, waiting, scene)
            waiting = None
            _add(lines, _alone(entry, scene))
    _close(lines, waiting, scene)
    return lines[::-1][:LINES]


def _story(entry: Entry) -> Story | None:
    return Story(entry.code) if entry.code in Story.__members__.values() else None


def _joined(waiting: _Open, entry: Entry, scene: Scene) -> _Open:
    """What came of it, appended; of a calendar's notice the change itself is only known now."""
    cause = waiting.entry
    if _story(cause) in _CALENDARS and _story(entry) is Story.TASK_UPDATED:
        cause = replace(cause, detail={**entry.detail})
    end = _end(entry, scene)
    silent = waiting.ends and _story(entry) in _QUIET  # an echo is told only where nothing else is
    ends = waiting.ends if silent or end in waiting.ends else (*waiting.ends, end)
    return _Open(cause, entry.at, ends)


def _close(lines: list[Line], waiting: _Open | None, scene: Scene) -> None:
    if waiting is None:
        return
    cause = _cause(waiting.entry, scene)
    text = " \N{EN DASH} ".join([cause, *waiting.ends])
    quiet = _story(waiting.entry) in _CALENDARS and not waiting.entry.detail.get("fields")
    bad = _story(waiting.entry) is Story.PUSH_FOUND_ABSENCE
    _add(lines, Line(waiting.entry.at, text, "bad" if bad else "" if quiet else "person"))


def _add(lines: list[Line], line: Line) -> None:
    """The same words again make one line that counts."""
    if lines and (lines[-1].text, lines[-1].kind) == (line.text, line.kind):
        lines[-1] = replace(line, times=lines[-1].times + 1)
    else:
        lines.append(line)


def _alone(entry: Entry, scene: Scene) -> Line:
    text = _end(entry, scene)
    return Line(entry.at, text[:1].upper() + text[1:], "bad" if _story(entry) in _BAD else "")


# --- causes ---------------------------------------------------------------------------------------------------------


def _cause(entry: Entry, scene: Scene) -> str:
    match _story(entry):
        case Story.SWITCHED_ON:
            return _("Switched on in %(crm)s", crm=scene.crm)
        case Story.SWITCHED_OFF:
            return _("Switched off in %(crm)s", crm=scene.crm)
        case Story.TASK_DELETED:
            return _("Deleted in %(crm)s", crm=scene.crm)
        case Story.TASK_CHANGED:
            return _("Changed in %(crm)s", crm=scene.crm)
        case Story.PUSH_FOUND_ABSENCE:
            return _("Not found in %(calendar)s", calendar=scene.calendar)
        case _:
            return _edit(entry.detail, scene)


def _edit(detail: Mapping[str, Any], scene: Scene) -> str:
    """What a person did in the calendar, as far as the task followed it."""
    fields = set(detail.get("fields", ()))
    due = _due(detail.get("due"), scene)
    said = {"who": scene.who, "calendar": scene.calendar, "due": due}
    mine = scene.is_reader
    if fields == {"due"} and due:
        one, other = _("You moved it to %(due)s in %(calendar)s", **said), _(
            "%(who)s moved it to %(due)s in %(calendar)s", **said
        )
    elif fields == {"title"}:
        one, other = _("You renamed it in %(calendar)s", **said), _("%(who)s renamed it in %(calendar)s", **said)
    elif fields:
        one, other = _("You changed it in %(calendar)s", **said), _("%(who)s changed it in %(calendar)s", **said)
    else:
        return _("A notice from %(calendar)s", **said)
    return one if mine else other


def _due(said: Any, scene: Scene) -> str:
    if not isinstance(said, str):
        return ""
    day = Day(date.fromisoformat(said)) if len(said) == len("2026-12-01") else None
    return words.value(day or Moment(datetime.fromisoformat(said)), scene.zone, scene.now)


# --- what came of it ------------------------------------------------------------------------------------------------

_ENDS: Final[Mapping[Story, Callable[[Scene], str]]] = {
    Story.TASK_OLD: lambda _s: _("an older change arrived late; nothing to do"),
    Story.TASK_ECHO: lambda s: _("nothing to send: our own change came back from %(crm)s", crm=s.crm),
    Story.EVENT_ECHO: lambda _s: _("nothing to send: our own change came back"),
    Story.NOTHING_TO_DO: lambda _s: _("looked at both sides, nothing to do"),
    Story.EVENT_CREATED: lambda s: _("the event was made in %(calendar)s", calendar=s.calendar),
    Story.EVENT_UPDATED: lambda _s: _("the event followed"),
    Story.EVENT_PUT_BACK: lambda _s: _("the event was put back to the task's value"),
    Story.EVENT_DELETED: lambda _s: _("the event was removed from the calendar"),
    Story.EVENT_KEPT: lambda _s: _("the event stays in the calendar as history"),
    Story.EVENT_MOVED: lambda _s: _("the event moved to the other calendar"),
    Story.EVENT_TAKEN_UP: lambda _s: _("the event from before was taken up again"),
    Story.TASK_UPDATED: lambda _s: _("the task followed"),
    Story.TASK_REFUSED: lambda s: _("%(crm)s refused the calendar's value", crm=s.crm),
    Story.SWITCH_TURNED_OFF: lambda _s: _("the task's switch went off"),
    Story.CONFLICT: lambda s: _("both sides had changed it; the value from %(crm)s was kept", crm=s.crm),
    Story.CONFLICT_CLOSED: lambda _s: _("the question was settled"),
    Story.RETRY: lambda _s: _("it did not work this time and will be tried again"),
    Story.PARKED: lambda _s: _("set aside after many tries; your administrator can start it again"),
    Story.HELD: lambda _s: _("many changes came at once; this one waits for a yes"),
    Story.HELD_APPROVED: lambda _s: _("the change was approved"),
    Story.HELD_DROPPED: lambda _s: _("the change was dropped; the event is put back"),
    Story.REPLAYED: lambda _s: _("taken up again"),
    Story.DISCONNECTED: lambda _s: _("the calendar was disconnected; the event stays as a copy"),
    Story.BODY_DIFFERS: lambda _s: _("a repeated delivery said something else; the first one counts"),
}


def _end(entry: Entry, scene: Scene) -> str:
    story = _story(entry)
    if story is Story.WAITING:
        reason = reason_words(str(entry.detail.get("reason") or ""), scene.crm)
        return reason or _("it waits")
    if story is None or story not in _ENDS:
        return sentence(entry.code, {})
    return _ENDS[story](scene)
