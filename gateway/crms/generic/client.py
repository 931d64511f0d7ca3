"""The ``Crm`` port over the calls of the generic contract. One client serves one job; it decides nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from gateway.core.errors import NotReadable, OperatorFault, Refused, StaleWrite, TryLater
from gateway.core.installing import Door, Installed, Outcome, Step
from gateway.core.model import Task, TaskChanges, TaskGone, TaskId, TaskOff, TaskState, UserId
from gateway.core.ports import Capabilities, Clock, ConnectionReport, CrmAccount, StateReport, TaskPage
from gateway.core.reading import a_flag, a_text, a_whole, an_id, an_object
from gateway.crms.generic import errors
from gateway.crms.generic.translate import changes_json, connection_json, read_task, stamp, state_json
from gateway.crms.hosts import Outbound, check_base_url
from gateway.crms.http import Answer, Line

PAGE: Final = 100
MOST_IDS: Final = 100
CURSOR_LIMIT: Final = 4096

_MERGE_PATCH: Final = "application/merge-patch+json"
_TOKEN = re.compile(r"[\x21-\x7e]+")

_CHECKED_ID: Final = TaskId("calendar-gateway-check")
_SEND_HERE: Final = (
    "Let the CRM send its webhooks to {}, signed with the webhook secret: without them nothing reaches a calendar "
    "before the next catch-up."
)

R = TypeVar("R")


class GenericCrm:
    """One installation's CRM. Raises ``OperatorFault`` where the address or token cannot be used at all."""

    capabilities = Capabilities()

    def __init__(self, account: CrmAccount, outbound: Outbound, clock: Clock) -> None:
        if _TOKEN.fullmatch(account.credentials) is None:
            raise OperatorFault("the CRM's credentials must be a token of visible ASCII characters")
        headers = {"Authorization": f"Bearer {account.credentials}"}
        self._line = Line(check_base_url(account.base_url, outbound), headers, outbound)
        self._clock = clock

    def get(self, task_id: TaskId) -> Task | TaskGone:
        """Read a task."""
        return self._task_in(self._line.call("GET", _task_path(task_id)))

    def patch(self, task_id: TaskId, changes: TaskChanges, version: int, key: str) -> Task | TaskGone:
        """Change a task if ``version`` still stands. The current task rides along in ``StaleWrite``, if it was sent."""
        answer = self._line.call(
            "PATCH",
            _task_path(task_id),
            body=changes_json(changes),
            headers={"Content-Type": _MERGE_PATCH, "If-Match": f'"{version}"', "Idempotency-Key": key},
        )
        if answer.status == 412:
            raise StaleWrite("the task has moved on", _current(answer))
        return self._task_in(answer)

    def report(self, task_id: TaskId, report: StateReport) -> None:
        """Show a state at the task; a task that is gone needs none."""
        self._put(f"{_task_path(task_id)}/calendar-sync", state_json(report))

    def report_connection(self, user_id: UserId, report: ConnectionReport) -> None:
        """Show a connection's state at its user; a user who is gone needs none."""
        self._put(f"/users/{_segment(user_id)}/calendar-connection", connection_json(report))

    def changed_since(self, since: datetime | None, cursor: str | None) -> TaskPage:
        """One page of the tasks changed since then. What cannot be read is named in ``faults`` and left out."""
        params = {"limit": str(PAGE)}
        if since is not None:
            params["updated_since"] = stamp(since)
        if cursor is not None:
            params["cursor"] = cursor
        tasks, following, faults = self._page(params, _listed)
        return TaskPage(tasks, following, faults)

    def existing(self, ids: Sequence[TaskId]) -> set[TaskId]:
        """Which of these still exist. An id with a comma cannot stand in the list and is read by itself."""
        if len(ids) > MOST_IDS:
            raise ValueError(f"at most {MOST_IDS} ids at a time, not {len(ids)}")
        plain = [task_id for task_id in ids if "," not in task_id]
        odd = {task_id for task_id in ids if "," in task_id and not isinstance(self.get(task_id), TaskGone)}
        if not plain:
            return odd
        found, _, faults = self._page({"ids": ",".join(plain)}, _listed_id)
        if faults:
            # A task that is there but cannot be read must not be taken for a deleted one.
            raise TryLater(f"answer not understood: {faults[0]}")
        return odd | (set(found) & set(plain))

    def task_url(self, task_id: TaskId) -> str:  # noqa: ARG002 - the port's
        """Only the CRM itself knows: each task carries its ``url``."""
        return ""

    def install(self, door: Door) -> Installed:
        """Nothing can be made through the contract: a person enters the address and the secret."""
        return Installed((Step("webhooks", Outcome.BY_HAND, _SEND_HERE.format(door.url)),))

    def check(self, door: Door) -> Sequence[Step]:  # noqa: ARG002 - the port's
        """Ask one harmless question. What the CRM sends, and where to, it cannot be asked."""
        self.existing([_CHECKED_ID])
        return (Step("credentials", Outcome.ALREADY, "The CRM answers and accepts them."),)

    def close(self) -> None:
        """Close the connections to the CRM."""
        self._line.close()

    # --- within -----------------------------------------------------------------------------------------------------

    def _task_in(self, answer: Answer) -> Task | TaskGone:
        if answer.status in errors.GONE:
            return TaskGone(errors.cause_of(answer))
        self._expect(answer, 200)
        return _understood(lambda: read_task(answer.json(), "task"))

    def _put(self, path: str, body: Mapping[str, Any]) -> None:
        answer = self._line.call("PUT", path, body=body)
        if answer.status not in errors.GONE:
            self._expect(answer, 200, 201, 202, 204)

    def _page(
        self, params: Mapping[str, str], read: Callable[[Any, str], R]
    ) -> tuple[list[R], str | None, tuple[str, ...]]:
        answer = self._line.call("GET", "/tasks", params=params)
        self._expect(answer, 200)
        return _understood(lambda: _elements(answer.json(), read))

    def _expect(self, answer: Answer, *statuses: int) -> None:
        if answer.status not in statuses:
            raise errors.failure(answer, self._clock.now())


def _elements(body: Any, read: Callable[[Any, str], R]) -> tuple[list[R], str | None, tuple[str, ...]]:
    """The elements of a page, its cursor, and the faults of the elements that cannot be read."""
    page = an_object(body, "page")
    values, cursor = page.get("tasks"), page.get("next_cursor")
    if not isinstance(values, list):
        raise NotReadable("page.tasks", "send a list")
    found: list[R] = []
    faults: list[str] = []
    for number, value in enumerate(values):
        try:
            found.append(read(value, f"tasks[{number}]"))
        except NotReadable as error:
            faults.append(str(error))
    return found, None if cursor is None else a_text(cursor, "page.next_cursor", CURSOR_LIMIT), tuple(faults)


def _listed(value: Any, path: str) -> tuple[TaskId, TaskState]:
    """A task of a page: whole where it is on, else no more than its version."""
    task = an_object(value, path)
    if not a_flag(task.get("calendar_sync"), f"{path}.calendar_sync"):
        return _listed_id(value, path), TaskOff(a_whole(task.get("version"), f"{path}.version"))
    found = read_task(value, path)
    return found.id, found


def _listed_id(value: Any, path: str) -> TaskId:
    return TaskId(an_id(an_object(value, path).get("id"), f"{path}.id"))


def _current(answer: Answer) -> Task | None:
    """The task as it now stands out of a 412: the body itself, or its member ``task``."""
    try:
        body = answer.json()
        return read_task(body.get("task", body) if isinstance(body, dict) else body, "task")
    except (TryLater, NotReadable):
        return None


def _understood(read: Callable[[], R]) -> R:
    try:
        return read()
    except NotReadable as error:
        raise TryLater(f"answer not understood: {error}") from error


def _task_path(task_id: TaskId) -> str:
    return f"/tasks/{_segment(task_id)}"


def _segment(value: str) -> str:
    """An id as one segment of a path. Dots alone would be resolved away and reach another address."""
    if value in ("", ".", ".."):
        raise Refused("an id that no URL can carry")
    return quote(value, safe="")
