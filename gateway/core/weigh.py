"""One field at a time: what the task says, what the event says, what was agreed, and so which way the field flows.

A field's news is what differs from what both sides last agreed on under the write number found on the event. An event
under an unknown number is all news: nobody can say what of it is new.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from gateway.core.model import Day, Event, Field, Memory, Moment, Pair, Refusal, Task, When
from gateway.core.render import Rules, holdable
from gateway.core.text import NO_TITLE, clean, is_blank, read, shown

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """One field weighed. ``to_task``: the event's news that is to flow; ``to_event``: the task's value must be written.

    ``pair``: what is agreed once the event has been written; ``news``: a person changed it on either side.
    ``put_back``: the event's value cannot flow, so the task's takes its place. ``refusals``: those it puts back.
    ``dropped``: the event's form of a time is one that the CRM cannot hold.
    """

    pair: Pair[T]
    to_task: bool = False
    to_event: bool = False
    conflict: bool = False
    news: bool = False
    put_back: bool = False
    refusals: tuple[Refusal, ...] = ()
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """Both sides exist, and each field has its verdict."""

    task: Task
    due: When
    event: Event
    title: Verdict[str]
    when: Verdict[When]

    @property
    def closes(self) -> tuple[Field, ...]:
        """Fields a person edited without a conflict: an open conflict in them is a thing of the past."""
        fields = ((Field.TITLE, self.title.news, self.title.conflict), (Field.DUE, self.when.news, self.when.conflict))
        return tuple(field for field, news, conflict in fields if news and not conflict)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The refused values that a write to the event puts back now."""
        return self.title.refusals + self.when.refusals


def number_on(event: Event) -> int:
    """The write number found on an event; 0 where there is none of ours."""
    return event.number if event.number is not None else 0


def weigh(*, task_news: bool, event_news: bool, same: bool, settled: Pair[T], before: Pair[T] | None) -> Verdict[T]:
    """The three-way rule for one field, whatever it holds. ``settled``: both values once the CRM's has been written."""
    if event_news and not task_news and not same:
        return Verdict(before or settled, to_task=True, news=True)
    conflict = task_news and event_news and not same
    return Verdict(settled, to_event=not same, conflict=conflict, news=task_news or event_news)


def weigh_both(memory: Memory, rules: Rules, task: Task, due: When, event: Event) -> Weighed:
    """Both fields, each on its own."""
    title, when = _weigh_title(memory, rules, task, event), _weigh_due(memory, rules, task, due, event)
    return Weighed(task, due, event, title, when)


def _weigh_title(memory: Memory, rules: Rules, task: Task, event: Event) -> Verdict[str]:
    agreed = memory.agreed
    raw = read(event.title, struck=memory.sent.done)
    wanted = read(shown(task.title, struck=task.done, limit=rules.title_limit), struck=task.done)
    empty = is_blank(raw) or raw == NO_TITLE  # never flows back (B34)
    refused = _refused(memory, Field.TITLE, raw, event)
    task_news = agreed is None or task.title != agreed.title.task
    event_news = not (empty or refused or (_is_known(memory, event) and agreed and raw == agreed.title.event))
    same = raw in (wanted, clean(task.title)) or not (task_news or event_news or empty or refused)
    stays = same and task.done == memory.sent.done
    verdict = weigh(
        task_news=task_news,
        event_news=event_news,
        same=same,
        settled=Pair(task.title, raw if stays else wanted),
        before=agreed.title if agreed else None,
    )
    return _putting_back(verdict, refused, blocked=(empty or bool(refused)) and not same and not task_news)


def _weigh_due(memory: Memory, rules: Rules, task: Task, due: When, event: Event) -> Verdict[When]:
    agreed, start = memory.agreed, event.start
    held = holdable(start, task, rules)
    refused = _refused(memory, Field.DUE, held, event)
    task_news = agreed is None or due != agreed.due.task
    event_news = not (refused or (_is_known(memory, event) and agreed and start == agreed.due.event))
    dropped = held != start  # the CRM cannot hold this form: the event is written back as the CRM holds it
    same = due == held or not (task_news or event_news or refused or dropped)
    verdict = weigh(
        task_news=task_news,
        event_news=event_news,
        same=same,
        settled=Pair(due, start if same and not dropped else due),
        before=agreed.due if agreed else None,
    )
    verdict = replace(verdict, to_event=verdict.to_event or (same and dropped and start != due), dropped=dropped)
    return _putting_back(verdict, refused, blocked=bool(refused) and not same and not task_news)


def _is_known(memory: Memory, event: Event) -> bool:
    """Whether the event carries the number under which both sides agreed."""
    return memory.agreed is not None and number_on(event) == memory.agreed.number


def _refused(memory: Memory, field: Field, value: str | Day | Moment, event: Event) -> tuple[Refusal, ...]:
    """The refusal of the value that the event still shows, if there was one."""
    return tuple(r for r in memory.refusals if r == Refusal(field, value, number_on(event)))


def _putting_back(verdict: Verdict[T], refused: tuple[Refusal, ...], *, blocked: bool) -> Verdict[T]:
    """The verdict on a value that cannot flow to the task."""
    return replace(verdict, put_back=True, refusals=refused) if blocked else verdict
