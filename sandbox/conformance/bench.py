"""What a check is, how it calls the CRM, and how checks run one after the other."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import requests

from sandbox.conformance.listener import Listener

TIMEOUT_S = 10.0
MERGE_PATCH = "application/merge-patch+json"


class Outcome(StrEnum):
    """How a check went."""

    PASSES = "passes"
    FAILS = "fails"
    NOT_TRIED = "not tried"


class Broken(Exception):
    """The promise does not hold; the text says what was seen."""


class NotTried(Exception):
    """It cannot be told here; the text says what would be needed."""


@dataclass(frozen=True)
class Check:
    """One promise of the contract. ``why``: what goes wrong for people without it."""

    name: str
    promise: str
    why: str
    act: Callable[[Bench], None] = field(repr=False)


@dataclass(frozen=True)
class Result:
    """What came of one check. ``seen``: what was seen instead, or why it was not tried."""

    check: Check
    outcome: Outcome
    seen: str = ""


@dataclass(frozen=True)
class Answer:
    """The CRM's answer. ``body``: its JSON, or ``None``."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str


class Bench:
    """The CRM as the gateway sees it, and the task that may be changed."""

    def __init__(
        self, url: str, token: str, task_id: str | None, listener: Listener | None, *, switches_off: bool = False
    ) -> None:
        self._url, self._token = url.rstrip("/"), token
        self._session = requests.Session()
        self.task_id, self.listener, self.switches_off = task_id, listener, switches_off
        self.task: dict[str, Any] | None = None

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Answer:
        """One request with the gateway's token, or another. ``headers``: underscores stand for dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        given = self._token if token is None else token
        if given:
            sent["Authorization"] = f"Bearer {given}"
        data = {} if body is None else {"json": body}
        try:
            found = self._session.request(
                method, self._url + path, headers=sent, timeout=TIMEOUT_S, allow_redirects=False, **data
            )
        except requests.RequestException as error:
            raise Broken(f"{method} {path}: no answer within {TIMEOUT_S:.0f} s ({type(error).__name__})") from error
        try:
            read = found.json() if found.content else None
        except ValueError:
            read = None
        return Answer(found.status_code, {k.lower(): v for k, v in found.headers.items()}, read, found.text[:200])

    def patch(self, changes: Mapping[str, Any], version: Any, key: str | None = None, **headers: str) -> Answer:
        """A change of the task under a version, as the gateway sends it."""
        given = {"Content_Type": MERGE_PATCH, "If_Match": f'"{version}"', "Idempotency_Key": key or str(uuid.uuid4())}
        return self.call("PATCH", self.path(), dict(changes), **{**given, **headers})

    def read(self) -> dict[str, Any]:
        """The task as it is now."""
        answer = self.call("GET", self.path())
        expect(answer, 200)
        return an_object(answer)

    def path(self, task_id: str | None = None) -> str:
        """The path of a task: the one that may be changed, unless another is named."""
        wanted = task_id or self.task_id
        if wanted is None:
            raise NotTried("no task is on: switch one on in the CRM, or name one with --task")
        return "/tasks/" + quote(wanted, safe="")

    def writable(self) -> dict[str, Any]:
        """The task before a write. Raises NotTried where reading it did not work."""
        if self.task is None:
            raise NotTried("no task that is on could be read")
        return self.read()


def run(bench: Bench, checks: Sequence[Check]) -> list[Result]:
    """Every check, whatever became of the ones before."""
    return [_one(bench, check) for check in checks]


def _one(bench: Bench, check: Check) -> Result:
    try:
        check.act(bench)
    except Broken as error:
        return Result(check, Outcome.FAILS, str(error))
    except NotTried as error:
        return Result(check, Outcome.NOT_TRIED, str(error))
    return Result(check, Outcome.PASSES)


# --- what is expected -----------------------------------------------------------------------------------------------


def expect(answer: Answer, *statuses: int, what: str = "the answer") -> None:
    """Raise Broken unless the status is one of these."""
    if answer.status not in statuses:
        wanted = " or ".join(map(str, statuses))
        raise Broken(f"{what} is {answer.status} instead of {wanted}: {answer.text!r}")


def an_object(answer: Answer, what: str = "the answer") -> dict[str, Any]:
    """The JSON object in an answer."""
    if not isinstance(answer.body, dict):
        raise Broken(f"{what} is no JSON object: {answer.text!r}")
    return answer.body


def must(holds: bool, seen: str) -> None:
    """Raise Broken with what was seen."""
    if not holds:
        raise Broken(seen)


def an_instant(value: Any, what: str) -> datetime:
    """An RFC 3339 time with an offset."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Broken(f"{what} is {value!r}, not a time such as 2026-12-02T08:00:00Z") from None
    must(found.tzinfo is not None, f"{what} is {value!r}: it has no offset, and could mean any of forty instants")
    return found
