"""The wire as it happens: who said what to whom, read off the stand-ins' ledgers and the gateway's timelines.

Each line leads from one lane to another. ``after_ms`` is the time since the last edit by a person, where that was
within 20 seconds: how long a newcomer has been waiting. No title or description is in a line.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sandbox.demo.outside import Api, OutsideError

LANES = {"people": "People", "crm": "CRM", "gateway": "Gateway", "google": "Google", "graph": "Outlook"}
KEPT = 400
_STORY_LASTS = timedelta(seconds=20)
_START = 999_999_999_999
_TASK = re.compile(r"^/tasks/([^/]+)")
_WRITES = {
    "event_created",
    "event_updated",
    "event_deleted",
    "event_moved",
    "task_updated",
    "reported",
    "event_put_back",
}
"""What the ledgers show already."""


@dataclass(frozen=True)
class Line:
    """One hop. ``does``: what kind of step it was, for the guide; ``task``: which task it names, if one."""

    n: int
    at: datetime
    source: str
    target: str
    words: str
    does: str = ""
    ok: bool = True
    after_ms: int | None = None
    task: str = ""

    def shown(self, zone: ZoneInfo) -> dict[str, Any]:
        """As the page is told it."""
        at = self.at.astimezone(zone)
        return asdict(self) | {"at": f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"}


class Wire:
    """Gathers lines; any thread may ask. It begins with what happens after it was made."""

    def __init__(self, places: Mapping[str, str], gateway: Api) -> None:
        self._places = {name: Api(url) for name, url in places.items()}
        self._gateway = gateway
        self._lock = threading.Lock()
        self._lines: deque[Line] = deque(maxlen=KEPT)
        self._read = {
            name: int(api.call("GET", f"/_sandbox/ledger?since={_START}")["next"]) for name, api in self._api()
        }
        self._told: dict[str, str] = {}
        self._last = 0
        self._edited_at: datetime | None = None

    def since(self, number: int) -> list[Line]:
        """The lines above this number, oldest first."""
        with self._lock:
            fresh = [line for name, api in self._api() for line in self._look(name, api)]
            fresh += self._decisions({line.task for line in fresh if line.task})
            for line in sorted(fresh, key=lambda one: one.at):
                self._add(line)
            return [line for line in self._lines if line.n > number]

    def note(self, words: str, at: datetime) -> None:
        """Something that was done to the gateway itself."""
        with self._lock:
            self._add(Line(0, at, "people", "gateway", words, "break"))

    def _api(self) -> Iterable[tuple[str, Api]]:
        return self._places.items()

    def _add(self, line: Line) -> None:
        self._last += 1
        if line.source == "people":
            self._edited_at = line.at
        waited = line.at - self._edited_at if self._edited_at is not None else _STORY_LASTS
        after = round(waited / timedelta(milliseconds=1)) if timedelta(0) <= waited < _STORY_LASTS else None
        self._lines.append(replace(line, n=self._last, after_ms=after if line.source != "people" else None))

    def _look(self, name: str, api: Api) -> Iterable[Line]:
        told = api.call("GET", f"/_sandbox/ledger?since={self._read[name]}")
        self._read[name] = told["next"]
        return [line for entry in told["entries"] if (line := told_by(name, entry)) is not None]

    def _decisions(self, tasks: set[str]) -> Iterable[Line]:
        """What the gateway decided about these tasks since it was last asked, above all to do nothing."""
        for task in sorted(tasks):
            with suppress(OutsideError):  # a task that was never switched on has no story
                told = self._gateway.call("GET", f"/v1/tasks/{quote(task, safe='')}/timeline")["entries"]
                before = self._told.get(task, "")
                self._told[task] = max((hop["at"] for hop in told), default=before)
                for hop in told:
                    if before and hop["at"] > before and hop["actor"] == "gateway" and hop["code"] not in _WRITES:
                        yield Line(0, datetime.fromisoformat(hop["at"]), "gateway", "gateway", hop["text"], hop["code"])


def told_by(place: str, entry: Mapping[str, Any]) -> Line | None:
    """A ledger's entry as a line; ``None`` for what nobody would miss: people who only look, sign-ins."""
    at, caller = datetime.fromisoformat(entry["at"]), str(entry["caller"])
    status = entry["status"]
    ok = status is not None and status < 400
    words, does, task = _said(place, entry)
    if not words:
        return None
    words += "" if ok else " \N{EM DASH} lost" if status is None else f" \N{EM DASH} answered {status}"
    if entry["direction"] == "out":
        return Line(0, at, place, "gateway", words, does, ok, task=task)
    if caller == "gateway":
        return Line(0, at, "gateway", place, words, does, ok, task=task)
    if caller.startswith("person:"):
        name = caller.removeprefix("person:").partition("@")[0].title()
        return Line(0, at, "people", place, f"{name} {words}", does, ok, task=task)
    return None


def _said(place: str, entry: Mapping[str, Any]) -> tuple[str, str, str]:
    """Words, kind and task of an entry."""
    by_person = str(entry["caller"]).startswith("person:")
    if entry["direction"] == "out":
        return _sent(place, entry)
    method, path = entry["method"], entry["path"]
    if by_person and method == "GET":
        return "", "", ""
    if place == "crm":
        return _of_crm(method, path, entry["body"] if isinstance(entry["body"], dict) else {}, by_person=by_person)
    return (*_of_calendar(method, path, entry["body"], by_person=by_person), "")


def _sent(place: str, entry: Mapping[str, Any]) -> tuple[str, str, str]:
    body = entry["body"] if isinstance(entry["body"], dict) else {}
    if place == "crm":
        data = body.get("data")
        task = data.get("task", data) if isinstance(data, dict) else {}
        return f"webhook: {body.get('type', 'delivery')}", "webhook", str(task.get("id", "")) if task else ""
    if place == "graph":
        many = len(body.get("value", []))
        return (f"push: {many} notices" if many > 1 else "push"), "push", ""
    return "push: something has changed", "push", ""


def _of_crm(method: str, path: str, body: Mapping[str, Any], *, by_person: bool) -> tuple[str, str, str]:
    found = _TASK.match(path)
    task = found[1] if found else ""
    if by_person:
        return _by_person_in_crm(method, body), _kind_in_crm(method, body), task
    if path.endswith("/calendar-sync"):
        return f"tells the state: {body.get('state')}", "report", task
    if path.endswith("/calendar-connection"):
        return f"tells the connection: {body.get('status')}", "report", ""
    if method == "PATCH":
        if "calendar_sync" in body:
            return "turns the task's switch off", "task_written", task
        return f"changes the task: {', '.join(sorted(body))}", "task_written", task
    return ("reads the task", "read", task) if task else ("asks what it missed", "read", "")


def _by_person_in_crm(method: str, body: Mapping[str, Any]) -> str:
    if method == "POST":
        return "makes a task"
    if method == "DELETE":
        return "deletes a task"
    if "owner" in body:
        return "hands a task over"
    if "calendar_sync" in body:
        return "switches a task on" if body["calendar_sync"] else "switches a task off"
    return f"changes a task: {', '.join(sorted(body))}"


def _kind_in_crm(method: str, body: Mapping[str, Any]) -> str:
    if method == "PATCH" and "owner" in body:
        return "hand_over"
    return "switch_on" if body.get("calendar_sync") is True else "edit"


def _of_calendar(method: str, path: str, body: Any, *, by_person: bool) -> tuple[str, str]:
    if "event" not in path:
        quiet = by_person or any(word in path for word in ("token", "auth", "login", "openid", "calendarList"))
        return ("", "") if quiet else (_about_channels(method, path), "read")
    verbs = {"POST": ("makes an event", "event_made"), "PATCH": ("changes the event", "event_written")}
    verbs |= {"DELETE": ("deletes the event", "event_deleted"), "GET": ("reads its event", "read")}
    words, kind = verbs.get(method, ("", ""))
    if path.endswith("/watch"):
        return "orders notices of changes", "read"
    if method == "GET" and path.endswith("/events"):
        return "asks for its own events", "read"
    if by_person and method == "PATCH":
        moved = isinstance(body, dict) and "start" in body
        return ("moves the event", "move") if moved else ("renames the event", "edit")
    return words, "edit" if by_person else kind


def _about_channels(method: str, path: str) -> str:
    if "subscription" not in path and "channel" not in path:
        return ""
    return {"PATCH": "puts its notices off", "DELETE": "stops notices"}.get(method, "orders notices")
