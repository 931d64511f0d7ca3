"""Nouns with sensible defaults: a task due at nine on 3 March 2026 and its event, in step under one write number.

Every maker takes keyword overrides; ``agreed_on`` gives what a link remembers once both sides are as given.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gateway.core.model import (
    Agreed,
    ConnectionId,
    Day,
    Event,
    EventId,
    InstallationId,
    LinkId,
    Look,
    Memory,
    Moment,
    Owner,
    Pair,
    Place,
    Sent,
    Task,
    TaskId,
    UserId,
)
from gateway.core.records import Link
from gateway.core.render import Rules, block
from gateway.core.text import read

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""The moment at which tests begin: Monday noon, the day before the task is due."""

NUMBER = 7
"""The write number under which both sides agree unless told otherwise."""

NINE = Moment(datetime(2026, 3, 3, 9, 0, tzinfo=UTC))
TEN = Moment(datetime(2026, 3, 3, 10, 0, tzinfo=UTC))
THIRD = Day(date(2026, 3, 3))
FOURTH = Day(date(2026, 3, 4))


def a_task(**values: Any) -> Task:
    """Switched on, due at nine (UTC), owned by ``u-1``."""
    given: dict[str, Any] = {
        "id": TaskId("t-1"),
        "version": 1,
        "title": "Call Ada",
        "due": NINE,
        "owner": Owner(UserId("u-1")),
        "sync_on": True,
        "url": "https://crm.example/tasks/t-1",
    }
    return Task(**given | values)


def an_event(**values: Any) -> Event:
    """The event of ``a_task()`` as its calendar shows it."""
    given: dict[str, Any] = {
        "id": EventId("e-1"),
        "etag": '"1"',
        "number": NUMBER,
        "title": "Call Ada",
        "start": NINE,
        "length": timedelta(minutes=30),
        "look": Look("", "default"),
        "description": block(a_task(), Rules()),
        "link": "l-1",
    }
    return Event(**given | values)


def agreed_on(task: Task | None = None, event: Event | None = None, **values: Any) -> Memory:
    """What a link remembers when the task and the event stand as given and nothing is owed."""
    task, event = task or a_task(), event or an_event()
    number = event.number or 0
    agreed = Agreed(
        number,
        Pair(task.title, read(event.title, struck=task.done)),
        Pair(task.due or event.start, event.start),
    )
    sent = Sent(block(task, Rules()), task.priority, task.done, task.duration, event.look)
    return replace(Memory(task=task, event=event, agreed=agreed, sent=sent, last_number=number), **values)


def a_place(**values: Any) -> Place:
    """The first generation's place in the first person's calendar."""
    given: dict[str, Any] = {
        "connection_id": ConnectionId("u-1"),
        "calendar_id": "work",
        "event_id": EventId("e-1"),
    }
    return Place(**given | values)


def a_link(**values: Any) -> Link:
    """A live link whose sides are in step; ``memory`` and ``place`` say otherwise."""
    given: dict[str, Any] = {
        "id": LinkId("l-1"),
        "installation_id": InstallationId("i-1"),
        "task_id": TaskId("t-1"),
        "owner_id": UserId("u-1"),
        "place": a_place(),
        "generation": 1,
        "memory": agreed_on(),
        "task_version": 1,
    }
    return Link(**given | values)
