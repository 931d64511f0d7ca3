"""The demo's HTTP clients: the people's own apps, the stand-ins' admin planes, the gateway's API.

People's edits go through the same public APIs, with the same kind of token, as their CRM's and calendar's own apps.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

import requests

from sandbox.child import Child

_SECONDS = 15
_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


class OutsideError(RuntimeError):
    """A part of the demo refused a call or did not answer; the text says which and what it said."""


@dataclass(frozen=True)
class Api:
    """One HTTP API with a base address and, where it has one, a bearer token."""

    url: str
    token: str = field(default="", repr=False)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The decoded JSON answer (``None`` for an empty one). Raises OutsideError unless it is a 2xx."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        try:
            with _session() as session:
                answer = session.request(method, self.url + path, headers=headers, timeout=_SECONDS, **options)
        except requests.RequestException as error:
            raise OutsideError(f"{method} {self.url}: no answer ({type(error).__name__})") from error
        if not answer.ok:
            raise OutsideError(f"{method} {path.partition('?')[0]} was answered {answer.status_code}: {_said(answer)}")
        return answer.json() if answer.content else None

    def wait_until_up(self, path: str, seconds: float, child: Child) -> None:
        """Ask until the answer is a 2xx; give up when time is over or the process behind it has ended."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.call("GET", path)
            except OutsideError as error:
                if time.monotonic() > deadline or not child.is_running():
                    raise OutsideError(f"{child.name} did not come up: {error}\n{child.last_words()}") from error
                time.sleep(0.05)
            else:
                return


@dataclass(frozen=True)
class Person:
    """One person of the demo: a user of the CRM with a calendar at ``provider`` (``google`` or ``outlook``)."""

    user_id: str
    email: str
    time_zone: str
    provider: str
    calendar_id: str
    crm_token: str = field(repr=False)
    calendar_token: str = field(repr=False)

    @property
    def name(self) -> str:
        """What colleagues call them."""
        return self.email.partition("@")[0].title()

    def shown(self) -> dict[str, str]:
        """The person as ``installation.json`` names them, tokens included."""
        shown = asdict(self)
        del shown["time_zone"]
        return shown


@dataclass(frozen=True)
class CrmApp:
    """The CRM, as its web app uses it for one person."""

    url: str
    person: Person

    @property
    def _api(self) -> Api:
        return Api(self.url, self.person.crm_token)

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks that are not deleted, each with the state reports that the gateway sent (``reports``)."""
        found = Api(self.url).call("GET", "/_sandbox/tasks")["tasks"]
        return [task for task in found if not task["deleted"]]

    def create(self, task: dict[str, Any]) -> dict[str, Any]:
        """A new task of this person's."""
        made: dict[str, Any] = self._api.call("POST", "/tasks", json=task)
        return made

    def change(self, task_id: str, changes: dict[str, Any]) -> None:
        """Change some fields."""
        self._api.call("PATCH", f"/tasks/{task_id}", json=changes, headers=_MERGE_PATCH)

    def delete(self, task_id: str) -> None:
        """Delete a task."""
        self._api.call("DELETE", f"/tasks/{task_id}")


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy and no .netrc between parts on one machine
    return session


def _said(answer: requests.Response) -> str:
    """A short reason out of a problem document or a Google error; never the whole body."""
    try:
        body = answer.json()
    except ValueError:
        return answer.reason or "no reason given"
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return str(error.get("message", "no reason given"))
    if not isinstance(body, dict):
        return "no reason given"
    fields = ", ".join(f"{one.get('field')}: {one.get('code')}" for one in body.get("errors") or [] if one)
    return fields or str(body.get("detail") or body.get("title") or body.get("code") or "no reason given")
