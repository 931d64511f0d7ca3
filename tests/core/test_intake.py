"""What a delivery means for a link, decided without I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.core import intake
from gateway.core.model import Memory, Moment, Owner, Task, TaskId, UserId
from gateway.core.records import Link, ReadAgain
from gateway.core.signals import Kind, TaskSignal
from gateway.core.stories import Story
from tests.store.rows import a_link

TASK = Task(
    id=TaskId("t-1"),
    version=3,
    title="Call Ada",
    due=Moment(datetime(2030, 3, 5, 9, tzinfo=UTC)),
    owner=Owner(UserId("u-7")),
    sync_on=True,
    updated_at=datetime(2030, 3, 1, tzinfo=UTC),
)


def told(link: Link, **changes: Any) -> intake.News:
    task = replace(TASK, **{"version": 4, "updated_at": datetime(2030, 3, 2, tzinfo=UTC), **changes})
    news = intake.take(TaskSignal(task.id, Kind.CHANGED, task, version=task.version), link)
    assert isinstance(news, intake.News)
    return news


def link(**values: Any) -> Link:
    return replace(a_link(), memory=Memory(task=TASK), task_version=3, **values)


def test_b23_a_version_that_tells_nothing_new_is_no_change_and_is_learnt_all_the_same() -> None:
    """Where a state report counts as an edit, its echo and the next catch-up look like this."""
    news = told(link())
    assert news.story is Story.TASK_SAME
    assert isinstance(news.hint, Task)
    assert (news.hint.version, news.version) == (4, 4)
    assert told(link(task_hint=TASK), version=5).story is Story.TASK_SAME


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Call Bob"},
        {"due": None},
        {"owner": Owner(UserId("u-8"))},
        {"description": "x"},
        {"url": "https://crm.example/x"},
    ],
)
def test_anything_that_a_calendar_shows_is_a_change(changes: dict[str, Any]) -> None:
    assert told(link(), **changes).story is Story.TASK_CHANGED


def test_what_is_not_known_is_taken_for_a_change() -> None:
    assert told(replace(link(), memory=Memory())).story is Story.TASK_CHANGED
    assert told(link(task_hint=ReadAgain())).story is Story.TASK_CHANGED
    assert told(link(task_hint=replace(TASK, title="Call Bob", version=3))).story is Story.TASK_CHANGED


def test_b1_a_change_that_does_not_tell_the_switch_is_news_only_of_a_task_that_is_on() -> None:
    signal = TaskSignal(TASK.id, Kind.CHANGED, None, switch_stands=True)
    assert intake.take(signal, None) is None
    assert not intake.may_keep(signal, None)
    news = intake.take(signal, link())
    assert isinstance(news, intake.News)
    assert isinstance(news.hint, ReadAgain)
