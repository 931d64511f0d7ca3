"""The ``Crm`` port over EspoCRM's REST API. One client serves one job; it decides nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import quote

from gateway.core.errors import NotReadable, OperatorFault, Refused, StaleWrite, TryLater
from gateway.core.installing import Door, Installed, Step
from gateway.core.model import Task, TaskChanges, TaskGone, TaskId, UserId
from gateway.core.ports import Capabilities, Clock, ConnectionReport, CrmAccount, StateReport, TaskPage
from gateway.core.reading import an_object
from gateway.crms import words
from gateway.crms.espocrm import errors, listing, translate
from gateway.crms.espocrm.installer import Installer
from gateway.crms.espocrm.names import PRIORITIES, STATUSES
from gateway.crms.hosts import Outbound, check_base_url
from gateway.crms.http import Answer, Line

API: Final = "/api/v1"
MOST_IDS: Final = 100

_KEY = re.compile(r"[\x21-\x7e]+")

R = TypeVar("R")


class EspoCrm:
    """One installation's EspoCRM. Raises ``OperatorFault`` where the address or API key cannot be used at all."""

    capabilities = Capabilities(replays_keys=False)

    def __init__(self, account: CrmAccount, outbound: Outbound, clock: Clock) -> None:
        if _KEY.fullmatch(account.credentials) is None:
            raise OperatorFault("EspoCRM's credentials must be the API key of an API user")
        self._site = check_base_url(account.base_url, outbound).removesuffix(API)
        self._line = Line(self._site + API, {"X-Api-Key": account.credentials}, outbound)
        self._outbound, self._clock = outbound, clock
        self._statuses = words.statuses(account.settings, STATUSES)
        self._priorities = words.priorities(account.settings, PRIORITIES)

    def get(self, task_id: TaskId) -> Task | TaskGone:
        """Read a task."""
        return self._task_in(self._line.call("GET", _task_path(task_id)), task_id)

    def patch(self, task_id: TaskId, changes: TaskChanges, version: int, key: str) -> Task | TaskGone:  # noqa: ARG002 - the port's
        """Change a task if ``version`` still stands. A record that EspoCRM does not count is read and compared
        first."""
        if fields := translate.refused_fields(changes):
            raise Refused("EspoCRM takes no such value", fields)
        headers = {"X-Version-Number": str(version)}
        if version >= translate.COUNTED_BELOW:
            current = self.get(task_id)
            if isinstance(current, TaskGone):
                return current
            if current.version != version:
                raise StaleWrite("the task has moved on", current)
            headers = {}
        answer = self._line.call("PUT", _task_path(task_id), body=translate.changes_json(changes), headers=headers)
        return self._task_in(answer, task_id)

    def report(self, task_id: TaskId, report: StateReport) -> None:
        """Show a state in our two fields. That is an edit to EspoCRM (its version grows), and none to us: nothing that
        is mirrored changes, and the next write under the old version is refused, read and decided again."""
        answer = self._line.call("PUT", _task_path(task_id), body=translate.state_json(report))
        if answer.status not in errors.GONE:
            self._expect(answer, 200)

    def report_connection(self, user_id: UserId, report: ConnectionReport) -> None:
        """EspoCRM has no place for it: the tasks' own notes tell."""

    def changed_since(self, since: datetime | None, cursor: str | None) -> TaskPage:
        """One page of the tasks changed since then: a thin list of all, and one more list of those that are on."""
        place = listing.Place.read(cursor) if cursor else listing.Place(since and since - timedelta(seconds=1))
        found = self._list(listing.changed(place, only_on=since is None))
        page = listing.read_page(found)
        tasks = dict(page.off)
        if page.on:
            for value in self._list(listing.whole(page.on)):
                try:
                    task = self._task(value)
                except NotReadable as error:
                    page.faults.append(str(error))
                else:
                    tasks[task.id] = task
        following = place.after(page.times, len(found))
        shown = [(task_id, tasks[task_id]) for task_id in page.order if task_id in tasks]
        return TaskPage(shown, following.written() if following else None, tuple(page.faults))

    def existing(self, ids: Sequence[TaskId]) -> set[TaskId]:
        """Which of these still exist."""
        if len(ids) > MOST_IDS:
            raise ValueError(f"at most {MOST_IDS} ids at a time, not {len(ids)}")
        found: set[TaskId] = set()
        for start in range(0, len(ids), listing.PAGE):
            batch = ids[start : start + listing.PAGE]
            listed = self._list(listing.ids_only(batch))
            found |= _ids(listed) & set(batch)
        return found

    def task_url(self, task_id: TaskId) -> str:
        """The task's page."""
        return f"{self._site}/#Task/view/{quote(task_id, safe='')}"

    def install(self, door: Door) -> Installed:
        """Fields, lock and webhooks; see ``installer``."""
        return self._installer(door).install()

    def check(self, door: Door) -> Sequence[Step]:
        """What of these is missing or broken."""
        return self._installer(door).check()

    def close(self) -> None:
        """Close the connections to the CRM."""
        self._line.close()

    # --- within -----------------------------------------------------------------------------------------------------

    def _installer(self, door: Door) -> Installer:
        return Installer(self._line, self._site + API, door, self._outbound, self._clock)

    def _task_in(self, answer: Answer, task_id: TaskId) -> Task | TaskGone:
        if answer.status in errors.GONE:
            return TaskGone()
        self._expect(answer, 200)
        task = _understood(lambda: self._task(answer.json()))
        if task.id != task_id:
            raise TryLater("answer not understood: another task's")
        return task

    def _task(self, value: Any) -> Task:
        task_id = translate.read_id(an_object(value, "task"), "task")
        return translate.read_task(value, "task", self.task_url(task_id), self._statuses, self._priorities)

    def _list(self, params: Mapping[str, str]) -> list[Any]:
        answer = self._line.call("GET", "/Task", params=params)
        self._expect(answer, 200)
        return _understood(lambda: listing.entries(answer.json()))

    def _expect(self, answer: Answer, *statuses: int) -> None:
        if answer.status not in statuses:
            raise errors.failure(answer, self._clock.now())


def _understood(read: Callable[[], R]) -> R:
    try:
        return read()
    except NotReadable as error:
        raise TryLater(f"answer not understood: {error}") from error


def _ids(listed: Sequence[Any]) -> set[TaskId]:
    return _understood(lambda: {translate.read_id(an_object(value, "list"), "list") for value in listed})


def _task_path(task_id: TaskId) -> str:
    """Dots alone would be resolved away and reach another address."""
    if task_id in ("", ".", ".."):
        raise Refused("an id that no URL can carry")
    return f"/Task/{quote(task_id, safe='')}"
