"""After the quiet: do the invariants hold (I1 to I7)? Each finding is a line of text; none is what we want."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import redis

from gateway.core.text import shown
from sandbox.google import conformance
from sandbox.graph import conformance as graph_conformance
from tests.storm.book import Page, Word
from tests.storm.calendars import Seen
from tests.storm.people import MARK, Crowd, Leaver, told_due
from tests.storm.place import Place

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_CONTRACT = re.compile(r"^/(tasks|users)(/|$)")
_CRM_SAYS_NO = frozenset({400, 401, 403, 405, 406, 411, 413, 415, 428})
"""Refusals that mean that we asked wrongly; the others are what a race or a deletion brings."""


class Checker:
    """Looks at one deployment, round after round. ``before``: the tasks as the round began."""

    def __init__(self, place: Place, crowd: Crowd) -> None:
        self._place, self._crowd = place, crowd
        self.before: dict[str, dict[str, Any]] = {}
        self._banners: dict[str, set[str]] = {}
        self._ledgers = {"crm": 0, "google": 0, "graph": 0}
        self._entries: dict[str, list[dict[str, Any]]] = {}

    def begin_round(self) -> None:
        """Remember how things stand."""
        self.before = {task: self._crowd.task(task) for task in self._crowd.tasks}
        self._banners = {task: set(_banner(held)) for task, held in self.before.items()}
        self._crowd.book.begin_round(self._crowd.tasks)

    def check(self) -> list[str]:
        """Everything that is wrong."""
        self._read_ledgers()
        wrong = [f"a person failed: {one}" for one in self._crowd.errors]
        for task in self._crowd.tasks:
            found = list(self._of_task(task))
            if found:
                wrong += [f"{task}: {one}" for one in found]
                wrong += [f"    said: {line}" for line in self._crowd.book.pages[task].log]
                wrong += [f"    {line}" for line in self._story(task)]
        wrong += self._work()
        wrong += self._deadlocks()
        wrong += self._arrivals()
        wrong += self._outside()
        wrong += self._texts()
        return wrong

    # --- I2: both sides, and what the people said ---

    def _of_task(self, task: str) -> Iterator[str]:
        now, before = self._crowd.task(task), self.before[task]
        page = self._crowd.book.pages[task]
        owner = next((who for who in self._crowd.people if who.user_id == now["owner"]["id"]), None)
        if owner is None:
            yield f"its owner is nobody of us: {now['owner']}"
            return
        mine = self._crowd.events(owner, task)
        others = [e for who in self._crowd.people if who is not owner for e in self._crowd.events(who, task)]
        if others:
            yield f"{len(others)} events in a calendar of somebody else"
        wanted = int(bool(now["calendar_sync"] and now["due"] and not now["deleted"]))
        if len(mine) != wanted:
            yield f"{len(mine)} events, wanted {wanted}; {_short(now)}"
        elif wanted:
            yield from self._compare(now, mine[0])
            if self._place.state(task) not in ("synced", "conflict"):
                yield f"both sides agree, and the state is {self._place.state(task)}"
        yield from lost_words(page, now, before)
        yield from self._switch(page, now, before)
        yield from self._banner(task, page, now)

    def _compare(self, now: dict[str, Any], event: Seen) -> Iterator[str]:
        titles = {shown(now["title"], struck=struck, limit=1000) for struck in (False, now["status"] != "open")}
        if event.title not in titles:
            yield f"title {now['title']!r} ({now['status']}) in the CRM, {event.title!r} in the calendar"
        if event.start != told_due(now["due"]):
            yield f"due {now['due']} in the CRM, {event.start} in the calendar"

    def _switch(self, page: Page, now: dict[str, Any], before: dict[str, Any]) -> Iterator[str]:
        if not page.ended and not page.switched and now["calendar_sync"] != before["calendar_sync"]:
            yield f"the switch went {now['calendar_sync']} by itself"
        if page.ended and not page.unsettled and now["calendar_sync"]:
            yield "the event was deleted, and the switch is on"

    def _banner(self, task: str, page: Page, now: dict[str, Any]) -> Iterator[str]:
        shown_now = _banner(now)
        for name in shown_now - self._banners[task]:
            if not (page.said("crm", name) and page.said("calendar", name)):
                yield f"a false banner about {name}"
        if shown_now and not now["calendar_sync"]:
            yield f"a banner about {shown_now} on a task that is off"
        for name in ("title", "due"):
            if was_overruled(page, name, now, self.before[task]) and not self._has_conflict(task, name):
                yield f"what was said last of {name} in the calendar was overruled without a word"

    def _has_conflict(self, task: str, name: str) -> bool:
        return bool(self._rows("SELECT 1 FROM conflicts WHERE task_id = %s AND field = %s LIMIT 1", task, name))

    def _story(self, task: str) -> list[str]:
        told = self._place.api.call("GET", f"/v1/tasks/{task}/timeline")
        entries = told["entries"] if isinstance(told, dict) else told
        return [f"{e['at'][5:23]} {e['actor']} {e['code']} {e.get('detail')}" for e in reversed(entries[:60])]

    # --- I1: what was acknowledged, and what is owed ---

    def _work(self) -> list[str]:
        owed = self._rows("SELECT topic, key, attempts, reason, due_at FROM outbox WHERE due_at IS NOT NULL")
        parked = self._rows("SELECT topic, key, reason FROM outbox WHERE parked_at IS NOT NULL")
        return [f"still owed: {row}" for row in owed] + [f"parked: {row}" for row in parked]

    def _deadlocks(self) -> list[str]:
        """Transactions lock in one order, so none ever waits in a ring."""
        log = self._place.servers.running["postgres"].child.log.read_text(errors="replace")
        return [f"PostgreSQL: {line}" for line in log.splitlines() if "deadlock detected" in line]

    def _arrivals(self) -> list[str]:
        """Every delivery that was answered 202 has its row."""
        sent = [e for e in self._entries["crm"] if e["direction"] == "out" and e["status"] == 202]
        ids = {next((v for k, v in e["headers"].items() if k.lower() == "webhook-id"), None) for e in sent}
        known = {row[0] for row in self._rows("SELECT dedupe_id FROM inbox WHERE door = 'crm'")}
        return [f"acknowledged and not recorded: {one}" for one in ids - known]

    # --- B22, I3, I7: what was asked of the others ---

    def _outside(self) -> Iterator[str]:
        for name in ("google", "graph"):
            check = conformance.check if name == "google" else graph_conformance.check
            for entry in self._entries[name]:
                if entry["caller"] != "gateway" or entry["direction"] != "in":
                    continue
                if not all(entry.get("ours") or [True]):
                    yield f"a foreign event was read: {entry['method']} {entry['path']}"
                for text in check(entry):
                    yield f"{name}: {text}"
        for entry in self._entries["crm"]:
            mine = entry["direction"] == "in" and entry["caller"] == "gateway"
            if mine and (not _CONTRACT.search(entry["path"]) or entry["status"] in _CRM_SAYS_NO):
                yield f"crm: {entry['status']} {entry['method']} {entry['path']} {entry['body']}"

    def writes_after(self, leaver: Leaver) -> list[str]:
        """B20: nothing is written for somebody who has left; their switches are off, their events stay."""
        since = leaver.since
        if since is None:
            return ["somebody could not leave"]
        place = self._place
        admin = place.google_admin if leaver.provider == "google" else place.graph_admin
        later = [e for e in admin.call("GET", f"/ledger?since={since}")["entries"] if e["caller"] == "gateway"]
        about = leaver.who.calendar_id if leaver.provider == "google" else leaver.who.email
        writes = [e for e in later if e["method"] in _WRITES and "/events" in e["path"] and about in e["path"]]
        wrong = [f"written after the end of a connection: {e['method']} {e['path']}" for e in writes]
        for task in leaver.tasks:
            held = self._crowd.task(task)
            if held["calendar_sync"]:
                wrong.append(f"{task}: its owner has left, and the switch is on; state {place.state(task)}")
                wrong += [f"    {line}" for line in self._story(task)]
        return wrong

    # --- I5: no text, no secret where none may be ---

    def _texts(self) -> Iterator[str]:
        secrets = [self._place.env[name] for name in ("SECRET_KEY", "TOKEN_KEYS", "CRM_TOKEN", "GOOGLE_CLIENT_SECRET")]
        secrets += [self._place.webhook_secret, self._place.api.token, MARK]
        for name in ("web", "worker", "clock"):
            for log in self._place.folder.glob(f"{name}-*.log"):
                yield from _found(secrets, log.read_text(errors="replace"), log)
        with redis.Redis.from_url(self._place.servers.redis_url) as client:
            for key in client.scan_iter():
                if MARK.encode() in key or MARK.encode() in (client.dump(key) or b""):
                    yield f"text of a task in Redis, under {key!r}"

    # --- looking ---

    def _read_ledgers(self) -> None:
        place = self._place
        for name, admin in (("crm", place.crm_admin), ("google", place.google_admin), ("graph", place.graph_admin)):
            told = admin.call("GET", f"/ledger?since={self._ledgers[name]}")
            self._entries[name], self._ledgers[name] = told["entries"], told["next"]

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._place.direct_database_url) as connection:
            return connection.execute(query.encode(), values).fetchall()


def _found(secrets: Sequence[str], text: str, where: Path) -> Iterator[str]:
    for secret in secrets:
        if secret in text:
            line = next(line for line in text.splitlines() if secret in line)
            yield f"a secret or a task's text in {where.name}: {line[:200]}"


def _banner(held: dict[str, Any]) -> set[str]:
    """The fields of the banner that the task shows: the last state report says it."""
    reports = held.get("reports") or []
    last = reports[-1].get("report", reports[-1]) if reports else {}
    conflict = last.get("conflict")
    return {one["name"] for one in conflict["fields"]} if conflict else set()


def _short(held: dict[str, Any]) -> dict[str, Any]:
    return {name: held.get(name) for name in ("calendar_sync", "due", "deleted", "version", "status")}


def _value(held: dict[str, Any], name: str) -> Any:
    return told_due(held["due"]) if name == "due" else held["title"]


def lost_words(page: Page, now: dict[str, Any], before: dict[str, Any]) -> Iterator[str]:
    """What stands is what one of the sides said last; the CRM's where it spoke after the calendar had done so."""
    for name in ("title", "due"):
        value, was = _value(now, name), _value(before, name)
        crm, calendar = page.said("crm", name), page.said("calendar", name)
        last, others = page.last("crm", name), page.last("calendar", name)
        allowed = [word.value for word in (*last, *others)] or [was]
        is_later = last and others and min(word.began for word in last) > max(word.ended for word in others)
        if is_later and not any(is_undo(page, word, was) for word in last):
            allowed = [word.value for word in last]
        elif page.unsettled or page.ended:
            allowed += [word.value for word in calendar] if crm else [*(word.value for word in calendar), was]
        if value not in allowed:
            yield f"{name} is {value}; was {was}, the CRM said {_values(crm)}, the calendar said {_values(calendar)}"


def is_undo(page: Page, word: Word, was: Any) -> bool:
    """Whether it says what stood there before, perhaps when both sides last agreed: then it is no news against that,
    and what the other side said counts (B17)."""
    before = [other.value for other in page.words if other.field == word.field and other.began < word.began]
    return word.value in (was, *before)


def was_overruled(page: Page, name: str, now: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether the calendar spoke last, and something else stands."""
    last, others = page.last("crm", name), page.last("calendar", name)
    if page.unsettled or page.ended or not last or not others:
        return False
    if any(is_undo(page, word, _value(before, name)) for word in others):
        return False
    is_last = min(word.began for word in others) > max(word.ended for word in last)
    return is_last and _value(now, name) not in [word.value for word in others]


def _values(words: Sequence[Any]) -> list[str]:
    return [f"{word.value} at {word.began:.2f} to {word.ended:.2f}" for word in words]
