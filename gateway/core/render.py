"""A task as an event: the description's block, the span, the look. And an event's time as a task can hold it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.core.model import Day, Event, Look, Memory, Moment, Paint, Priority, Remind, Span, Task, When
from gateway.core.text import clip

EARLIEST = 1970
LATEST = 2100
"""Due dates outside these years cannot be synced (B34)."""

DESCRIPTION_LIMIT = 8000
"""Code points of a description. Google's limit is often said to be 8192, and is nowhere documented; CRMs hold more."""

_LONGEST_ESCAPE = len("&amp;")
_ONE_DAY = timedelta(days=1)
_MORNING = 9


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Rules:
    """What rendering depends on beside the task: the installation's settings, the calendar, the CRM's abilities.

    ``encode`` makes plain text fit for the provider's description (some hold HTML). ``days``/``moments``: which forms
    of a due date the CRM can hold. ``title_limit`` in code points.
    """

    crm_name: str = "CRM"
    default_length: timedelta = timedelta(minutes=30)
    title_limit: int = 500
    calendar_zone: str | None = None
    days: bool = True
    moments: bool = True
    encode: Callable[[str], str] = _as_it_is


def block(task: Task, rules: Rules) -> str:
    """The description we own: the task's text, a blank line, the deep link. A text too long for a calendar is cut; the
    link always stays."""
    link = f"Open in {rules.crm_name}: {task.url}" if task.url else ""
    text = task.description.strip()
    whole = _joined(text, link, rules)
    room = DESCRIPTION_LIMIT - len(_joined("", link, rules))
    while len(whole) > DESCRIPTION_LIMIT and room > 0:
        whole = _joined(clip(text[: DESCRIPTION_LIMIT + 1], room), link, rules)
        room -= max(1, (len(whole) - DESCRIPTION_LIMIT) // _LONGEST_ESCAPE)  # what is escaped takes more room
    return whole


def _joined(text: str, link: str, rules: Rules) -> str:
    return rules.encode("\n\n".join(part for part in (text, link) if part))


def compose(shown: str, last: str, new: str) -> str:
    """A description with our last block replaced by the new one; what a person typed around it stays."""
    if new in shown and new not in last:
        return shown
    if last and last in shown:
        return shown.replace(last, new, 1).strip()
    return "\n\n".join(part for part in (new, shown) if part.strip())


def in_range(due: When) -> bool:
    """Whether a due date can be synced at all."""
    year = due.date.year if isinstance(due, Day) else due.at.year
    return EARLIEST <= year <= LATEST


def zone_of(task: Task, rules: Rules) -> str:
    """The zone in which a due time is shown: its own, else the owner's, else the calendar's, else UTC."""
    own = task.due.zone if isinstance(task.due, Moment) else None
    return own or (task.owner.zone if task.owner else None) or rules.calendar_zone or "UTC"


def span(task: Task, due: When, rules: Rules, event: Event | None = None, *, new_length: bool = False) -> Span:
    """When the event is to be. An event's own length stays unless the CRM changed it or the form changed."""
    if event is not None and type(event.start) is type(due) and not (new_length and isinstance(due, Moment)):
        length = event.length
    elif isinstance(due, Day):
        length = _ONE_DAY
    else:
        length = task.duration or rules.default_length
    return Span(due, length, zone_of(task, rules) if isinstance(due, Moment) else None)


def has_passed(due: When, now: datetime) -> bool:
    """Whether a reminder would come too late."""
    return due.at <= now if isinstance(due, Moment) else due.date < now.date()


def holdable(when: When, task: Task, rules: Rules) -> When:
    """An event's start as the CRM can hold it: a date-only CRM drops the time, an instant-only one keeps its hour."""
    if isinstance(when, Day) and not rules.days:
        zone = ZoneInfo((task.owner.zone if task.owner else None) or rules.calendar_zone or "UTC")
        if isinstance(task.due, Moment):
            kept = task.due.at.astimezone(zone).timetz().replace(tzinfo=None)
        else:
            kept = time(_MORNING)
        return Moment(datetime.combine(when.date, kept, zone).astimezone(UTC), str(zone))
    if isinstance(when, Moment) and not rules.moments:
        return Day(when.at.astimezone(ZoneInfo(zone_of(task, rules))).date())
    return when


@dataclass(frozen=True, slots=True)
class Dressing:
    """How the look is to change. ``kept``: what to remember of the look before "done", or to give back."""

    paint: Paint | None = None
    remind: Remind | None = None
    kept: Look | None = None


def dressing(task: Task, event: Event, memory: Memory) -> Dressing:
    """What a change of completion or priority does to the look; a look the person chose is left alone (B5, B6)."""
    sent = memory.sent
    if task.done and not sent.done:
        return Dressing(Paint.DONE, Remind.NONE, event.look)
    if sent.done and not task.done:
        return _undressing(task, event, memory)
    if not task.done and task.priority is not sent.priority:
        return Dressing(Paint.PRIORITY, None, memory.kept_look)
    return Dressing(None, None, memory.kept_look)


def _undressing(task: Task, event: Event, memory: Memory) -> Dressing:
    """Reopened: give back what was there before, unless a person has changed it since."""
    kept, sent = memory.kept_look, memory.sent
    paint: Paint | None = None
    if event.look.colour == sent.look.colour:
        paint = Paint.KEPT if kept is not None and task.priority is sent.priority else Paint.PRIORITY
    remind: Remind | None = None
    if event.look.reminders == sent.look.reminders:
        remind = Remind.KEPT if kept is not None else Remind.DEFAULT
    return Dressing(paint, remind, kept)


def priority_of(task: Task, memory: Memory) -> Priority:
    """The priority to remember as sent: while done, the one from before, so that reopening can tell a change."""
    return memory.sent.priority if task.done and memory.sent.done else task.priority
