"""The journey's question before a calendar's word is carried to a task: is this one of very many at once (B24)?

Asked only where the calendar's own look left a doubt, or where the link waits with a batch already.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from gateway.core import effects as fx
from gateway.core import reconcile as rc
from gateway.core.model import Agreed, NoEvent, Reason, State
from gateway.core.run import Run
from gateway.core.stories import Actor, Story


def with_leave(run: Run, step: rc.Step) -> Generator[fx.Effect, Any, rc.Step | None]:
    """The step to take: the same one, a wait, or none: then decide again, now that the task's word counts."""
    if not (run.link.doubted or run.link.held) or not _carries_absence_or_time(step):
        return step
    leave: fx.Leave = yield fx.AskLeave(run.place)
    run.link = replace(run.link, held=leave.held if leave.word is fx.Word.HELD else None)
    match leave.word:
        case fx.Word.HELD:
            return rc.Rest(State.PENDING, Reason.HELD)
        case fx.Word.YES:
            run.link = replace(run.link, doubted=False)
            return step
        case fx.Word.NO:
            _put_back(run, step)
    return None


def _carries_absence_or_time(step: rc.Step) -> bool:
    return isinstance(step, rc.PatchTask) and (step.changes.sync_off or step.changes.due is not None)


def _put_back(run: Run, step: rc.Step) -> None:
    """An event that is gone is forgotten, so that it is made anew. One that was moved counts as if the task had
    followed and been moved back by its person: that is news of the task, and no conflict."""
    run.link = replace(run.link, doubted=False)
    run.tell(Actor.GATEWAY, Story.HELD_DROPPED)
    if isinstance(run.event, NoEvent):
        run.forget_event()
    elif isinstance(step, rc.PatchTask) and step.agreed is not None and run.memory.agreed is not None:
        agreed: Agreed = (
            step.agreed if step.changes.title is None else replace(step.agreed, title=run.memory.agreed.title)
        )
        run.remember(agreed=agreed)
