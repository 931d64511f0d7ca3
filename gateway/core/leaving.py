"""Former places of an event that was created anew elsewhere: cleared last, and only of what was carried over (B19, B8).

Between the reading of an event and the deletion of it at its former place a person may edit it there. So it is deleted
under the etag of that reading; where it has moved on, it is read again, and what a person changed flows to the task
first, as an edit of the event does. Only where the CRM's value has changed too, the CRM's wins, and a conflict is told.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from gateway.core import effects as fx
from gateway.core import reconcile as rc
from gateway.core.model import Event, Field, FieldConflict, Place, Task, TaskChanges, When
from gateway.core.render import Rules, holdable
from gateway.core.run import Run
from gateway.core.stories import Actor, Story
from gateway.core.task_side import patch_task, read_task
from gateway.core.text import clean, is_blank, is_struck, read, shown

MAX_TRIES = 3
"""How often an event that keeps getting new etags without news is read again, before it is deleted as it is."""

Asking = Generator[fx.Effect, Any, bool]


def clear_leaving(run: Run, rules: Rules) -> Asking:
    """Delete the event at its former places, now that all else is safe; those out of reach just now stay noted.

    ``True``: something new was learnt there, so both sides are to be weighed again.
    """
    if not run.link.leaving:
        return False
    yield from run.save()
    for place in run.link.leaving:
        answer: Any = fx.Stale()
        for _try in range(MAX_TRIES):
            left = _left_at(run, place)
            answer = yield fx.DeleteEvent(place, left.etag if left and run.is_on else None)
            if not isinstance(answer, fx.Stale) or left is None:
                break
            found = yield fx.ReadEvent(place)
            if isinstance(found, Event) and (yield from _take_late_news(run, rules, left, found)):
                return True
        if isinstance(answer, fx.Stale):
            answer = yield fx.DeleteEvent(place)
        if not isinstance(answer, fx.Unreachable):
            _cleared(run, place)
    return False


def _left_at(run: Run, place: Place) -> Event | None:
    """The event there as it was last read, if that is known."""
    return next((event for event in run.memory.left if event.id == place.event_id), None)


def _cleared(run: Run, place: Place) -> None:
    run.tell(Actor.GATEWAY, Story.EVENT_MOVED)
    run.link = replace(run.link, leaving=tuple(one for one in run.link.leaving if one != place))
    run.remember(left=tuple(event for event in run.memory.left if event.id != place.event_id))


def _take_late_news(run: Run, rules: Rules, left: Event, found: Event) -> Asking:
    """What a person changed there since it was read. ``True``: the task was read or written because of it."""
    task = run.task
    if not isinstance(task, Task) or run.memory.agreed is None:
        return False
    flowing, conflicts = _weigh(run, rules, task, left, found)
    if (flowing or conflicts) and not run.task_is_read:
        yield from read_task(run)
        return True
    if flowing:
        changes = TaskChanges(title=flowing.get(Field.TITLE), due=flowing.get(Field.DUE))
        yield from patch_task(run, rc.PatchTask(changes, task.version, run.memory.agreed))
        return True
    if conflicts:
        run.opens.extend(conflicts)
        run.tell(Actor.GATEWAY, Story.CONFLICT, fields=sorted(one.field.value for one in conflicts))
    kept = tuple(replace(found, description=None) if event.id == found.id else event for event in run.memory.left)
    run.remember(left=kept)
    return False


def _weigh(
    run: Run, rules: Rules, task: Task, left: Event, found: Event
) -> tuple[dict[Field, Any], list[FieldConflict]]:
    """The late edits that are to flow, and those of fields that were edited in the CRM too."""
    flowing: dict[Field, Any] = {}
    conflicts: list[FieldConflict] = []
    for field, was, now, kept, as_shown in _changed(rules, task, left, found):
        if now == kept or any((one.field, one.value) == (field, now) for one in run.memory.refusals):
            continue
        if was in (kept, as_shown):
            flowing[field] = now
        else:
            conflicts.append(FieldConflict(field, now, kept))
    return flowing, conflicts


def _changed(
    rules: Rules, task: Task, left: Event, found: Event
) -> Generator[tuple[Field, str | When, str | When, Any, str | When], None, None]:
    """Each field a person changed: what it was, what it is, what the task holds, and how that is shown."""
    struck = is_struck(left.title)
    was, now = (read(one.title, struck=struck) for one in (left, found))
    if clean(left.title) != clean(found.title) and was != now and not is_blank(now):
        yield Field.TITLE, was, now, task.title, shown(task.title, struck=False, limit=rules.title_limit)
    if left.start != found.start and task.due is not None:
        yield Field.DUE, holdable(left.start, task, rules), holdable(found.start, task, rules), task.due, task.due
