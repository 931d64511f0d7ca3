"""Facts and answers for decision tables: both sides as agreed, unless a test says otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from gateway.core import reconcile as rc
from gateway.core.model import (
    Look,
    Memory,
    Status,
    TaskChanges,
)
from gateway.core.render import Rules
from gateway.core.text import strike
from tests.factories import NOW, a_task, agreed_on, an_event

HOUR, HALF, DAY = timedelta(hours=1), timedelta(minutes=30), timedelta(days=1)


def facts(task=None, event=None, **values) -> rc.Facts:
    """Both sides as agreed, unless told otherwise."""
    given: dict[str, Any] = {"now": NOW, "task": task or a_task(), "event": event or an_event(), "rules": Rules()}
    return rc.Facts(**given | values)


def decide(task=None, event=None, memory: Memory | None = None, **values) -> rc.Step:
    return rc.decide(memory or agreed_on(), facts(task, event, **values))


def created(**task) -> rc.Insert:
    step = rc.decide(Memory(), replace(facts(a_task(**task)), event=None))
    assert isinstance(step, rc.Insert)
    return step


def patched(step: rc.Step) -> rc.PatchEvent:
    assert isinstance(step, rc.PatchEvent)
    return step


def flows(step: rc.Step) -> TaskChanges:
    assert isinstance(step, rc.PatchTask)
    return step.changes


def sent(step: rc.Step) -> dict[str, object]:
    """The fields of a write that are sent."""
    write = patched(step).write
    names = ("title", "span", "description", "paint", "remind")
    return {name: value for name in names if (value := getattr(write, name)) is not None}


DONE = a_task(status=Status.COMPLETED, version=2)
STRUCK = an_event(title=strike("Call Ada"), look=Look("done", "none"))
AT_DONE = agreed_on(DONE, STRUCK, kept_look=Look("mine", "loud"))


