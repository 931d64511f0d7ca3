"""The ``Crm`` port over HubSpot's API. One client serves one job; it decides nothing.

HubSpot has no conditional write: a write is preceded by a read that must show the version the decision was made for.
Between the two lies a gap of one round trip in which a person's edit of the same property can be overwritten; it is
kept that short, and no shorter way is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.core.errors import NotReadable, StaleWrite, Unauthorised
from gateway.core.installing import Door, Installed, Step
from gateway.core.model import Task, TaskChanges, TaskGone, TaskId, UserId
from gateway.core.ports import Capabilities, Clock, ConnectionReport, CrmAccount, StateReport, TaskPage
from gateway.core.reading import an_object
from gateway.crms.hosts import Outbound, check_base_url
from gateway.crms.http import Answer, Line
from gateway.crms.hubspot import errors, installer, listing
from gateway.crms.hubspot.listing import understood
from gateway.crms.hubspot.tokens import Credentials, Tokens
from gateway.crms.hubspot.translate import (
    MIRRORED,
    Portal,
    changes_json,
    is_id,
    is_there,
    properties,
    read_task,
    state_json,
)

TASKS: Final = "/crm/v3/objects/tasks"
MOST_IDS: Final = 100


class HubSpotCrm:
    """One account. Raises ``OperatorFault`` where the address or credentials cannot be used at all."""

    capabilities = Capabilities(days=False, conditional_write=False, replays_keys=False)

    def __init__(self, account: CrmAccount, outbound: Outbound, clock: Clock, tokens: Tokens) -> None:
        self._credentials = Credentials.read(account.credentials)
        self._line = Line(check_base_url(account.base_url, outbound), {}, outbound)
        self._portal = Portal.of(account.account, account.settings)
        self._clock, self._tokens = clock, tokens

    def get(self, task_id: TaskId) -> Task | TaskGone:
        """Read a task. An archived one is gone."""
        found = self._object(task_id)
        return TaskGone() if found is None else self._task(found)

    def patch(self, task_id: TaskId, changes: TaskChanges, version: int, key: str) -> Task | TaskGone:  # noqa: ARG002 - the port's
        """Read, compare, change. ``key`` says nothing to HubSpot; a write that changes nothing is not made."""
        found = self._object(task_id)
        if found is None:
            return TaskGone()
        task, wanted = self._task(found), changes_json(changes)
        if task.version != version:
            raise StaleWrite("the task has moved on", task)
        if is_there(properties(found, "task"), wanted):
            return task
        answer = self.call("PATCH", f"{TASKS}/{task_id}", {"properties": wanted})
        if answer.status == errors.GONE:
            return TaskGone()
        return self._task(self._merged(found, self._found(answer)))

    def report(self, task_id: TaskId, report: StateReport) -> None:
        """Show a state in two properties that nobody subscribes to; a task that is gone needs none."""
        if not is_id(task_id):
            return
        answer = self.call("PATCH", f"{TASKS}/{task_id}", {"properties": state_json(report)})
        if answer.status != errors.GONE:
            self._expect(answer, 200)

    def report_connection(self, user_id: UserId, report: ConnectionReport) -> None:
        """HubSpot has no place for it: what a person must do stands at their tasks."""

    def changed_since(self, since: datetime | None, cursor: str | None) -> TaskPage:
        """One page of the tasks changed since then, oldest change first. Texts are asked for only of those that are
        on."""
        place = listing.Place.read(cursor) if cursor is not None else listing.Place.at(since)
        answer = self.call("POST", f"{TASKS}/search", listing.search(place))
        self._expect(answer, 200)
        page = understood(lambda: listing.read_page(answer.json(), place))
        return listing.whole(page, self._read_many(page.on), self._portal)

    def existing(self, ids: Sequence[TaskId]) -> set[TaskId]:
        """Which of these still exist; archived ones do not."""
        if len(ids) > MOST_IDS:
            raise ValueError(f"at most {MOST_IDS} ids at a time, not {len(ids)}")
        known = [task_id for task_id in ids if is_id(task_id)]
        return set(self._read_many(known, ())) & set(ids)

    def task_url(self, task_id: TaskId) -> str:
        """The task's page; empty before the installer has learnt the account."""
        return self._portal.task_url(task_id)

    def install(self, door: Door) -> Installed:
        """Make the properties, and with a developer's key (``door.admin``) the app's subscriptions."""
        return installer.install(self, self._credentials, door)

    def check(self, door: Door) -> Sequence[Step]:
        """Look for what is missing or differs."""
        return tuple(installer.check(self, self._credentials, door, self._portal.account))

    def close(self) -> None:
        """Close the connections to the CRM."""
        self._line.close()

    # --- calling ----------------------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """One call with the account's access token, fetched anew once where it is refused; or with this ``token``."""
        refused = ""
        while True:
            used = token or self._tokens.get(self._credentials, self._line, self._clock.now(), refused=refused)
            headers = {"Authorization": f"Bearer {used}"}
            answer = self._line.call(method, path, body=body, params=params, headers=headers)
            if answer.status != 401 or token is not None:
                return answer
            if refused:
                raise Unauthorised("HubSpot does not accept a fresh token either")
            refused = used

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str | None = None) -> Any:
        """One call that has to succeed: the answer as JSON, ``None`` where it is empty. Raises the port's errors."""
        answer = self.call(method, path, body, token=token)
        self._expect(answer, 200, 201, 204)
        return answer.json() if answer.body else None

    # --- within -----------------------------------------------------------------------------------------------------

    def _object(self, task_id: TaskId) -> Mapping[str, Any] | None:
        """A live task's object. What is no number was never given to a task, and is not asked for."""
        if not is_id(task_id):
            return None
        answer = self.call("GET", f"{TASKS}/{task_id}", params={"properties": ",".join(MIRRORED)})
        return None if answer.status == errors.GONE else self._found(answer)

    def _found(self, answer: Answer) -> Mapping[str, Any]:
        self._expect(answer, 200)
        return understood(lambda: an_object(answer.json(), "task"))

    def _task(self, found: Mapping[str, Any]) -> Task:
        return understood(lambda: read_task(found, "task", self._portal))

    def _merged(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
        """An answer to a patch holds the properties that were sent, and perhaps no others: the rest is as it was read
        just before. What a person changed in between comes as an event, and is read."""
        try:
            both = {**properties(before, "task"), **properties(after, "task")}
        except NotReadable:
            both = {}
        return {**before, **after, "properties": both}

    def _read_many(self, ids: Sequence[TaskId], wanted: Sequence[str] = MIRRORED) -> dict[TaskId, Mapping[str, Any]]:
        """Those of these that are there, by id."""
        if not ids:
            return {}
        body = {"inputs": [{"id": task_id} for task_id in ids], "properties": list(wanted)}
        answer = self.call("POST", f"{TASKS}/batch/read", body)
        self._expect(answer, 200, 207)
        return understood(lambda: listing.by_id(answer.json()))

    def _expect(self, answer: Answer, *statuses: int) -> None:
        if answer.status not in statuses:
            raise errors.failure(answer, self._clock.now())
