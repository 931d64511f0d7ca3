"""FakeCrm: a whole small CRM in memory, behind the ``Crm`` port. It passes the same contract suite as the adapters.

It keeps the promises of the generic contract: versions grow with every change, a write needs the version that stands,
the same idempotency key gives the same answer, a refused field is named, a deleted task is gone. Tests play the person
with ``add``, ``edit``, ``delete`` and ``restore``, make it fail with ``fail`` and look at ``reports`` and ``calls``.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from gateway.core.errors import GatewayError, Refused, StaleWrite
from gateway.core.installing import Door, Installed, Outcome, Step
from gateway.core.model import (
    Cause,
    Day,
    Moment,
    Owner,
    Task,
    TaskChanges,
    TaskGone,
    TaskId,
    TaskOff,
    TaskState,
    UserId,
)
from gateway.core.ports import Capabilities, ConnectionReport, StateReport, TaskPage
from gateway.core.signals import Kind, TaskSignal

START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
"""The moment at which a fake without a clock of its own begins."""

R = TypeVar("R")

PAGE = 100
TITLE_LIMIT = 255


@dataclass
class _Failure:
    """An error to raise: at which method, how often, and whether the call takes effect before it is raised."""

    error: GatewayError
    on: str
    times: int
    after_effect: bool


@dataclass(frozen=True)
class _Answered:
    """What an idempotency key was used for, and what came of it."""

    request: tuple[TaskId, TaskChanges, int]
    answer: Task


class FakeCrm:
    """The ``Crm`` port over a dictionary. ``now`` is the clock; without one, time stands still but for its order."""

    def __init__(self, now: Callable[[], datetime] | None = None, capabilities: Capabilities | None = None) -> None:
        self.capabilities = capabilities or Capabilities()
        self.tasks: dict[TaskId, Task | TaskGone] = {}
        self.reports: list[tuple[TaskId, StateReport]] = []
        self.connection_reports: list[tuple[UserId, ConnectionReport]] = []
        self.calls: Counter[str] = Counter()
        self.refused: dict[TaskId, frozenset[str]] = {}
        self._now = now or (lambda: START)
        self._last = START - timedelta(days=1)
        self._before_delete: dict[TaskId, Task] = {}
        self._failures: list[_Failure] = []
        self._answers: dict[str, _Answered] = {}

    # --- the person's hands -----------------------------------------------------------------------------------------

    def add(self, task_id: str = "t-1", **values: Any) -> Task:
        """Make a task: switched on, due tomorrow at 8 (UTC), owned by ``u-7``, unless ``values`` say otherwise."""
        given: dict[str, Any] = {
            "version": 1,
            "title": "Call Ada",
            "due": Moment(START + timedelta(hours=23)),
            "owner": Owner(UserId("u-7"), "Europe/Berlin"),
            "sync_on": True,
            "url": f"https://crm.example/tasks/{task_id}",
            "updated_at": self._stamp(),
        }
        task = Task(id=TaskId(task_id), **given | values)
        self.tasks[task.id] = task
        return task

    def edit(self, task_id: str, **values: Any) -> Task:
        """Change a live task as a person would: its version grows."""
        task = self._live(TaskId(task_id))
        changed = replace(task, **values)
        if changed != task:
            changed = replace(changed, version=task.version + 1, updated_at=self._stamp())
        self.tasks[task.id] = changed
        return changed

    def delete(self, task_id: str, cause: Cause = Cause.DELETED) -> None:
        """Take a live task away."""
        task = self._live(TaskId(task_id))
        self._before_delete[task.id] = task
        self.tasks[task.id] = TaskGone(cause)

    def restore(self, task_id: str) -> Task:
        """Bring a deleted task back, one version on."""
        task = self._before_delete.pop(TaskId(task_id))
        restored = replace(task, version=task.version + 1, updated_at=self._stamp())
        self.tasks[task.id] = restored
        return restored

    def signal(self, task_id: str, *, full: bool = True, actor: str | None = "user") -> TaskSignal:
        """What a webhook about the task would say right now; ``full`` carries the snapshot."""
        found = self.tasks[TaskId(task_id)]
        if isinstance(found, TaskGone):
            return TaskSignal(TaskId(task_id), Kind.DELETED, found, at=self._last, actor=actor)
        said: TaskState | None = (found if full else None) if found.sync_on else TaskOff(found.version)
        return TaskSignal(
            found.id, Kind.CHANGED, said, version=found.version, sync_on=found.sync_on, at=self._last, actor=actor
        )

    # --- misbehaviour -----------------------------------------------------------------------------------------------

    def fail(self, error: GatewayError, on: str = "*", *, times: int = 1, after_effect: bool = False) -> None:
        """Raise ``error`` at the next calls of the port's method ``on`` (``*``: any).

        ``after_effect``: the call does its work first, as when only the answer is lost.
        """
        self._failures.append(_Failure(error, on, times, after_effect))

    def refuse(self, task_id: str, *fields: str) -> None:
        """From now on refuse writes to these fields of a task (``title``, ``due``, ``calendar_sync``)."""
        self.refused[TaskId(task_id)] = frozenset(fields)

    # --- the port ---------------------------------------------------------------------------------------------------

    def get(self, task_id: TaskId) -> Task | TaskGone:
        """Read a task."""
        return self._called("get", lambda: self._shown(task_id))

    def patch(self, task_id: TaskId, changes: TaskChanges, version: int, key: str) -> Task | TaskGone:
        """Change a task if the version stands; the same key gives the same answer."""
        return self._called("patch", lambda: self._patched(task_id, changes, version, key))

    def report(self, task_id: TaskId, report: StateReport) -> None:
        """Keep the report; the task's version stays."""
        self._called("report", lambda: self.reports.append((task_id, report)))

    def report_connection(self, user_id: UserId, report: ConnectionReport) -> None:
        """Keep the report."""
        self._called("report_connection", lambda: self.connection_reports.append((user_id, report)))

    def changed_since(self, since: datetime | None, cursor: str | None) -> TaskPage:
        """Live tasks changed since then, oldest first, a page at a time."""
        return self._called("changed_since", lambda: self._page(since, int(cursor or "0")))

    def existing(self, ids: Sequence[TaskId]) -> set[TaskId]:
        """Which of these still exist."""
        return self._called("existing", lambda: {i for i in ids if isinstance(self.tasks.get(i), Task)})

    def task_url(self, task_id: TaskId) -> str:
        """The task's page."""
        return f"https://crm.example/tasks/{task_id}"

    def install(self, door: Door) -> Installed:
        """There is nothing to make."""
        return self._called("install", lambda: Installed((Step("webhooks", Outcome.ALREADY),)))

    def check(self, door: Door) -> Sequence[Step]:
        """All is well."""
        return self._called("check", lambda: [Step("credentials", Outcome.ALREADY, "The CRM accepts them.")])

    # --- within -----------------------------------------------------------------------------------------------------

    def _called(self, method: str, work: Callable[[], R]) -> R:
        self.calls[method] += 1
        failure = next((f for f in self._failures if f.times > 0 and f.on in ("*", method)), None)
        if failure is None:
            return work()
        failure.times -= 1
        if failure.after_effect:
            work()
        raise failure.error

    def _stamp(self) -> datetime:
        """A time of change later than every one before, so that the order of changes can be told."""
        self._last = max(self._now(), self._last + timedelta(microseconds=1))
        return self._last

    def _live(self, task_id: TaskId) -> Task:
        found = self.tasks[task_id]
        if isinstance(found, TaskGone):
            raise KeyError(f"{task_id} is gone")
        return found

    def _shown(self, task_id: TaskId) -> Task | TaskGone:
        found = self.tasks.get(task_id, TaskGone())
        return found if isinstance(found, TaskGone) else _seen(found)

    def _patched(self, task_id: TaskId, changes: TaskChanges, version: int, key: str) -> Task | TaskGone:
        request = (task_id, changes, version)
        before = self._answers.get(key)
        if before is not None and self.capabilities.replays_keys:
            if before.request != request:
                raise Refused("this idempotency key was used for another request")
            return before.answer
        found = self._shown(task_id)
        if isinstance(found, TaskGone):
            return found
        if self.capabilities.conditional_write and found.version != version:
            raise StaleWrite("the task has moved on", found)
        self._check(task_id, changes)
        answer = _seen(self.edit(task_id, **_values(changes)))
        self._answers[key] = _Answered(request, answer)
        return answer

    def _check(self, task_id: TaskId, changes: TaskChanges) -> None:
        asked = {"title": changes.title is not None, "due": changes.due is not None, "calendar_sync": changes.sync_off}
        refused = [name for name, wanted in asked.items() if wanted and name in self.refused.get(task_id, ())]
        if changes.title is not None and not _plain(changes.title) and "title" not in refused:
            refused.append("title")
        if isinstance(changes.due, Day) and not self.capabilities.days and "due" not in refused:
            refused.append("due")
        if refused:
            raise Refused("fields refused", tuple(refused))

    def _page(self, since: datetime | None, start: int) -> TaskPage:
        live = [task for task in self.tasks.values() if isinstance(task, Task)]
        fresh = sorted(
            (task for task in live if since is None or (task.updated_at or START) >= since),
            key=lambda task: task.updated_at or START,
        )
        shown = fresh[start : start + PAGE]
        more = str(start + PAGE) if len(fresh) > start + PAGE else None
        return TaskPage([(task.id, task if task.sync_on else TaskOff(task.version)) for task in shown], more)


def _seen(task: Task) -> Task:
    """A task as an adapter shows it: the text of one that is off is nobody's business."""
    if task.sync_on:
        return task
    return Task(id=task.id, version=task.version, title="", due=None, owner=None, sync_on=False)


def _values(changes: TaskChanges) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if changes.title is not None:
        values["title"] = changes.title
    if changes.due is not None:
        values["due"] = changes.due
    if changes.sync_off:
        values["sync_on"] = False
    return values


def _plain(title: str) -> bool:
    """Whether the contract takes this as a title: not empty, not too long, no control characters."""
    fits = bool(title.strip()) and len(title) <= TITLE_LIMIT
    return fits and not any(unicodedata.category(char) in ("Cc", "Cs") for char in title)
