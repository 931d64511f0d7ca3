"""One run over one link, from what is known to a state both sides share, without any I/O.

A journey is a generator: it yields effects (``core.effects``) and is sent their answers. Every write is *noted* in a
:class:`~gateway.core.effects.Save` before it is made, so it may be abandoned at any yield (a crash, a provider that
asks to come back later) and the next journey finds its way from what was saved. ``services.sync`` carries effects out
for real; ``tests/core/test_machine.py`` plays the world, and death at every step.

Assumed sides: a delivered snapshot is the task, what we last saw is the event, and conditional writes prove both. An
assumed side never counts as read: once a write was refused as stale, it is read and decided again, and no conflict is
recorded on a task that was not read.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.core import effects as fx
from gateway.core import reconcile as rc
from gateway.core.errors import KeepsChanging
from gateway.core.event_side import delete_event, insert, learn_event, patch_event, read_event, relocate, same_calendar
from gateway.core.leave import with_leave
from gateway.core.leaving import clear_leaving
from gateway.core.model import LinkStatus, Memory, Reason, State, Task, TaskOff
from gateway.core.records import Link
from gateway.core.run import Run, Steps
from gateway.core.stories import Actor, Story
from gateway.core.task_side import learn_task, patch_task, read_task

MAX_TURNS = 8
"""How often a run decides anew when both sides keep moving, before it comes back later."""


def journey(link: Link, now: datetime, *, replays_keys: bool = True) -> Steps:
    """Bring one link's task and event in step. Raises ``TryLater`` where it must come back; errors of the ports pass
    through it untouched. ``replays_keys``: the CRM answers a repeated idempotency key without doing it again."""
    run = Run.of(link, now, replays_keys=replays_keys)
    yield from learn_task(run)
    where = yield from _find_home(run)
    yield from learn_event(run, where)
    for _turn in range(MAX_TURNS):
        facts = _facts(run, where)
        step = yield from with_leave(run, rc.decide(run.memory, facts))
        if step is None:
            continue
        owner = run.task.owner if isinstance(run.task, Task) else None
        if not isinstance(step, rc.Rest):
            yield from _act(run, where, facts, step)
        elif (yield from _is_over(run, where, step)):
            return
        if isinstance(run.task, Task) and run.task.owner != owner:
            where = yield from _find_home(run)
    raise KeepsChanging("both sides keep changing")


def _act(run: Run, where: fx.Whereabouts, facts: rc.Facts, step: rc.Step) -> Steps:
    """Carry out one step."""
    match step, where.home:
        case (rc.PatchEvent() | rc.Relocate()), _ if _conflicts(step) and not run.task_is_read:
            yield from read_task(run)  # a newer version may be on its way
        case rc.Relocate(), _ if not run.event_is_read:
            yield from read_event(run)
        case rc.PatchEvent(), _:
            yield from patch_event(run, step)
        case rc.PatchTask(), _:
            yield from patch_task(run, step)
        case rc.ReadEvent(), _:
            yield from read_event(run)
        case rc.DeleteEvent(), _:
            yield from delete_event(run)
        case rc.Insert(), fx.Home() as home:
            yield from insert(run, home, step)
        case rc.Relocate(), fx.Home() as home:
            yield from relocate(run, home, facts, step)
        case _:
            raise ValueError(f"{type(step).__name__} needs a home")


def _conflicts(step: rc.PatchEvent | rc.Relocate) -> bool:
    """Whether a conflict would be recorded."""
    return bool(step.conflicts if isinstance(step, rc.Relocate) else step.owed.conflicts)


def _find_home(run: Run) -> Generator[fx.Effect, Any, fx.Whereabouts]:
    owner = run.task.owner if isinstance(run.task, Task) else None
    if owner is not None:
        run.link = replace(run.link, owner_id=owner.id)
    where: fx.Whereabouts = yield fx.FindHome(owner.id if owner else None)
    return where


def _facts(run: Run, where: fx.Whereabouts) -> rc.Facts:
    place = run.link.place
    moved = place is not None and where.home is not None and not same_calendar(place, where.home.place_of(0))
    left = place is not None and where.why_not is Reason.OWNER_NOT_CONNECTED and where.old is fx.Reach.NOW
    return rc.Facts(
        now=run.now,
        task=run.task or TaskOff(),
        event=run.event,
        rules=where.home.rules if where.home else where.rules,
        home=where.why_not,
        away=moved or left,
        off_reason=run.off_reason,
        was_done=run.was_done,
    )


def _is_over(run: Run, where: fx.Whereabouts, step: rc.Rest) -> Generator[fx.Effect, Any, bool]:
    """Both sides agree, or nothing can be done now: say so, and forget what need not be known. Unless a former place
    had news."""
    if run.opens and step.closes:
        yield from run.save()  # a conflict and its end are two commits
    run.closes.extend(step.closes)
    if step.agreed is not None:
        run.remember(agreed=step.agreed, refusals=step.refusals)
    if (yield from clear_leaving(run, where.home.rules if where.home else where.rules)):
        return False
    unreachable = run.link.place is not None and where.old is fx.Reach.LATER
    waits = step.ends and (unreachable or bool(run.link.leaving))
    ends = step.ends and not waits
    run.link = replace(
        run.link,
        state=step.state,
        reason=(where.why_not or step.reason) if waits else step.reason,
        reason_fields=step.fields,
        status=LinkStatus.OFF if ends else run.link.status,
        doubted=step.reason is Reason.HELD,
        held=run.link.held if step.reason is Reason.HELD else None,
        synced_at=run.now if step.state is State.SYNCED and run.wrote else run.link.synced_at,
    )
    _tell_rest(run, step, waits=waits)
    if run.event_is_news and run.seen is not None:  # with this notice what was written before it has come back
        run.link = replace(run.link, echoed=max(run.link.echoed or 0, run.seen.number or 0))
    if ends:
        run.link = replace(run.link, memory=Memory(last_number=run.memory.last_number), place=None, event_url=None)
    yield from run.save(final=True, wipes=ends)
    return True


def _tell_rest(run: Run, step: rc.Rest, *, waits: bool) -> None:
    """Why nothing more was done."""
    if step.keeps_event:
        run.tell(Actor.GATEWAY, Story.EVENT_KEPT)
    elif step.state is State.PENDING or waits:
        if not run.wrote:
            run.tell(Actor.GATEWAY, Story.WAITING, reason=run.link.reason.value if run.link.reason else None)
    elif run.is_echo and run.seen is not None:
        run.tell(Actor.GATEWAY, Story.EVENT_ECHO, number=run.seen.number)
    elif not run.wrote:
        run.tell(Actor.GATEWAY, Story.NOTHING_TO_DO, reason=run.link.reason.value if run.link.reason else None)
