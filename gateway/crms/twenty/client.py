"""The ``Crm`` port over Twenty's REST API. One client serves one job; it decides nothing.

Twenty ignores ``If-Match``: a write is preceded by a read that must show the version the decision was made for. Between
the two lies a gap of one round trip in which a person's edit of the same field can be overwritten; it is kept that
short, and no shorter way is known. The read also finds tasks in the bin, which Twenty would let us change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from gateway.core.errors import NotReadable, OperatorFault, StaleWrite, TryLater
from gateway.core.installing import Door, Installed, Step
from gateway.core.model import Task, TaskChanges, TaskGone, TaskId, TaskState, UserId
from gateway.core.ports import Capabilities, Clock, ConnectionReport, CrmAccount, StateReport, TaskPage
from gateway.core.reading import a_text, an_object
from gateway.crms.hosts import Outbound, check_base_url
from gateway.crms.http import Answer, Line
from gateway.crms.twenty import errors, installer
from gateway.crms.twenty.translate import (
    Workspace,
    changes_json,
    is_id,
    read_id,
    read_known,
    read_task,
    state_json,
)

PAGE: Final = 60
"""The most that Twenty lists at once."""

MOST_IDS: Final = 100
CURSOR_LIMIT: Final = 4096
_SCALARS: Final = {"depth": "0"}
"""Only the task itself: without this, people, companies and notes around it come along."""

_TOKEN = re.compile(r"[\x21-\x7e]+")

R = TypeVar("R")


class TwentyCrm:
    """One workspace. Raises ``OperatorFault`` where the address or key cannot be used at all."""

    capabilities = Capabilities(days=False, conditional_write=False, replays_keys=False)

    def __init__(self, account: CrmAccount, outbound: Outbound, clock: Clock) -> None:
        if _TOKEN.fullmatch(account.credentials) is None:
            raise OperatorFault("Twenty's credentials must be an API key: visible ASCII characters")
        base_url = check_base_url(account.base_url, outbound)
        self._line = Line(base_url, {"Authorization": f"Bearer {account.credentials}"}, outbound)
        self._workspace = Workspace.of(base_url, account.settings)
        self._clock = clock

    def get(self, task_id: TaskId) -> Task | TaskGone:
        """Read a task. One in the bin is gone."""
        record = self._record(task_id)
        return TaskGone() if record is None else self._task(record)

    def patch(self, task_id: TaskId, changes: TaskChanges, version: int, key: str) -> Task | TaskGone:  # noqa: ARG002 - the port's
        """Read, compare, change. ``key`` says nothing to Twenty; a write that changes nothing is not made."""
        record = self._record(task_id)
        if record is None:
            return TaskGone()
        task, wanted = self._task(record), changes_json(changes)
        if task.version != version:
            raise StaleWrite("the task has moved on", task)
        if all(record.get(name) == value for name, value in wanted.items()):
            return task
        answer = self._line.call("PATCH", _path(task_id), body=wanted, params=_SCALARS)
        if answer.status == errors.GONE:
            return TaskGone()
        return self._task(self._found(answer, "updateTask"))

    def report(self, task_id: TaskId, report: StateReport) -> None:
        """Show a state in the two fields. Read first: a task in the bin would take it, and a report that is there
        already would move the task's version without a word."""
        record, wanted = self._record(task_id), state_json(report)
        if record is None or all(record.get(name) == value for name, value in wanted.items()):
            return
        answer = self._line.call("PATCH", _path(task_id), body=wanted, params=_SCALARS)
        if answer.status != errors.GONE:
            self._expect(answer, 200)

    def report_connection(self, user_id: UserId, report: ConnectionReport) -> None:
        """Twenty has no place for it: what a person must do stands at their tasks."""

    def changed_since(self, since: datetime | None, cursor: str | None) -> TaskPage:
        """One page of the tasks changed since then, oldest change first."""
        params = {**_SCALARS, "limit": str(PAGE), "order_by": "updatedAt[AscNullsFirst]"}
        if since is not None:
            params["filter"] = f'updatedAt[gte]:"{since.isoformat(timespec="milliseconds").replace("+00:00", "Z")}"'
        if cursor is not None:
            params["starting_after"] = cursor
        answer = self._line.call("GET", "/rest/tasks", params=params)
        self._expect(answer, 200)
        return _understood(lambda: self._page(answer.json()))

    def existing(self, ids: Sequence[TaskId]) -> set[TaskId]:
        """Which of these still exist; those in the bin do not."""
        if len(ids) > MOST_IDS:
            raise ValueError(f"at most {MOST_IDS} ids at a time, not {len(ids)}")
        known, found = [task_id for task_id in ids if is_id(task_id)], set[TaskId]()
        for begin in range(0, len(known), PAGE):
            listed = ",".join(f'"{task_id}"' for task_id in known[begin : begin + PAGE])
            params = {**_SCALARS, "limit": str(PAGE), "filter": f"id[in]:[{listed}]"}
            answer = self._line.call("GET", "/rest/tasks", params=params)
            self._expect(answer, 200)
            found |= _ids(answer)
        return found & set(ids)

    def task_url(self, task_id: TaskId) -> str:
        """The task's page."""
        return self._workspace.task_url(task_id)

    def install(self, door: Door) -> Installed:
        """Make the fields and the webhook, or put right what differs."""
        return Installed(tuple(installer.install(self._ask, door)))

    def check(self, door: Door) -> Sequence[Step]:
        """Look for what is missing or differs."""
        return tuple(installer.check(self._ask, door))

    def close(self) -> None:
        """Close the connections to the CRM."""
        self._line.close()

    # --- within -----------------------------------------------------------------------------------------------------

    def _record(self, task_id: TaskId) -> Mapping[str, Any] | None:
        """A live task's record. What is no UUID was never given to a task, and is not asked for."""
        if not is_id(task_id):
            return None
        answer = self._line.call("GET", _path(task_id), params=_SCALARS)
        return None if answer.status == errors.GONE else self._found(answer, "task")

    def _found(self, answer: Answer, name: str) -> Mapping[str, Any]:
        self._expect(answer, 200, 201)
        return _understood(lambda: an_object(_data(answer.json()).get(name), f"data.{name}"))

    def _task(self, record: Mapping[str, Any]) -> Task:
        return _understood(lambda: read_task(record, "task", self._workspace))

    def _page(self, body: Any) -> TaskPage:
        found: list[tuple[TaskId, TaskState]] = []
        faults: list[str] = []
        for path, value in _listed(body):
            try:
                record = an_object(value, path)
                found.append((read_id(record, path), read_known(record, path, self._workspace)))
            except NotReadable as error:
                faults.append(str(error))
        info = an_object(an_object(body, "page").get("pageInfo"), "page.pageInfo")
        more = (
            a_text(info.get("endCursor"), "page.pageInfo.endCursor", CURSOR_LIMIT) if info.get("hasNextPage") else None
        )
        return TaskPage(found, more, tuple(faults))

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One call of the installer's."""
        answer = self._line.call(method, path, body=body)
        self._expect(answer, 200, 201)
        return answer.json()

    def _expect(self, answer: Answer, *statuses: int) -> None:
        if answer.status not in statuses:
            raise errors.failure(answer, self._clock.now())


def _path(task_id: TaskId) -> str:
    return f"/rest/tasks/{task_id}"


def _data(body: Any) -> Mapping[str, Any]:
    return an_object(an_object(body, "answer").get("data"), "answer.data")


def _listed(body: Any) -> Iterator[tuple[str, Any]]:
    values = _data(body).get("tasks")
    if not isinstance(values, list):
        raise NotReadable("data.tasks", "send a list")
    for number, value in enumerate(values):
        yield f"tasks[{number}]", value


def _ids(answer: Answer) -> set[TaskId]:
    """A task that is there but cannot be read must not be taken for a deleted one."""
    return _understood(lambda: {read_id(an_object(value, path), path) for path, value in _listed(answer.json())})


def _understood(read: Callable[[], R]) -> R:
    try:
        return read()
    except NotReadable as error:
        raise TryLater(f"answer not understood: {error}") from error
