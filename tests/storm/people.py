"""The people in the storm: at random, on both sides, at the same time. They see what they change, and know whether it
was changed: every edit is on condition of what they saw."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from gateway.core.model import InstallationId, TaskId
from gateway.services.context import link_id
from tests.flows.house import Person
from tests.storm.book import Book
from tests.storm.calendars import FIRST_DUE, Seen, changed
from tests.storm.place import Place

MARK = "Quokka"
"""In every title and description: what is found where no text may be, is found by it."""

DUES, NAMES, UNDOES = 300, 10_000, 0.2
"""How many times and titles there are; and how often one is taken that was there before, perhaps: people undo."""

TASKS, HOT, HOT_SECONDS = 30, 3, 1.5
_TRIES = 12


class Crowd:
    """A few people, and the tasks they share."""

    def __init__(self, place: Place, people: Sequence[Person], installation: InstallationId, seed: int) -> None:
        self.place, self.people, self.installation, self.seed = place, list(people), installation, seed
        self.book, self.tasks = Book(), [self._new_task(number) for number in range(TASKS)]
        self.errors: list[str] = []

    def _new_task(self, number: int) -> str:
        who = self.people[number % len(self.people)]
        body = {"title": f"{MARK} {number}", "description": f"{MARK} {number}", "due": due_of(number % DUES)}
        made: dict[str, Any] = who.crm.call("POST", "/tasks", json={**body, "calendar_sync": True})
        return str(made["id"])

    def task(self, task: str) -> dict[str, Any]:
        """A task as the CRM holds it, with all reports received."""
        found: dict[str, Any] = self.place.crm_admin.call("GET", f"/tasks/{task}")
        return found

    def events(self, who: Person, task: str) -> list[Seen]:
        """A task's events in a person's calendar."""
        own = link_id(self.installation, TaskId(task))
        return [event for event in self.place.apps[who.email].events() if event.link == own]

    # --- editing ---

    def edit(self, until: float, threads: int, pause_s: float, round_: int) -> list[threading.Thread]:
        """Start editing; it ends by itself at that monotonic time."""
        running = []
        for number in range(threads):
            chance = random.Random(f"{self.seed}/{round_}/{number}")
            thread = threading.Thread(target=self._keep_editing, args=(chance, until, pause_s))
            thread.start()
            running.append(thread)
        return running

    def _keep_editing(self, chance: random.Random, until: float, pause_s: float) -> None:
        while time.monotonic() < until:
            act, task = self._choose(chance), chance.choice(self._hot())
            try:
                act(chance, task)
            except Exception as error:  # noqa: BLE001 - told with the round
                self.errors.append(f"{act.__name__}: {error!r}")
            time.sleep(chance.random() * 2 * pause_s)

    def _hot(self) -> list[str]:
        """Three tasks that everybody edits for a moment, until the next three have their turn: what is said last of
        each is said in the thick of it, and nothing later heals what was lost."""
        first = int(time.monotonic() / HOT_SECONDS) * HOT % len(self.tasks)
        return [self.tasks[(first + number) % len(self.tasks)] for number in range(HOT)]

    def _choose(self, chance: random.Random) -> Callable[[random.Random, str], None]:
        acts: list[tuple[Callable[[random.Random, str], None], int]] = [
            (self._edit_task, 10),
            (self._edit_event, 11),
            (self._switch, 2),
            (self._complete, 2),
            (self._hand_over, 2),
            (self._remove_due, 1),
            (self._delete_event, 1),
            (self._delete_task, 1),
        ]
        return chance.choices([act for act, _ in acts], [weight for _, weight in acts])[0]

    def _crm(self, task: str, **fields: Any) -> None:
        """One edit in the CRM; the words are those fields that were something else."""
        for _ in range(_TRIES):
            held, began = self.task(task), time.monotonic()
            api = self.people[0].crm
            if changed(api, "PATCH", f"/tasks/{task}", fields, {"If-Match": f'"{held["version"]}"'}):
                news = {name: value for name, value in _words(fields).items() if value != _words(held)[name]}
                self.book.say(task, "crm", news, began, held["version"])
                return
        raise AssertionError(f"task {task} could not be edited")

    def _edit_task(self, chance: random.Random, task: str) -> None:
        fields: dict[str, Any] = {}
        if chance.random() < 0.6:
            fields["title"] = a_title(chance)
        if not fields or chance.random() < 0.4:
            fields["due"] = due_of(a_day(chance))
        self._crm(task, **fields)
        self.book.note(task, f"task edited: {fields}")

    def _edit_event(self, chance: random.Random, task: str) -> None:
        title = a_title(chance) if chance.random() < 0.6 else None
        start = start_of(a_day(chance)) if title is None or chance.random() < 0.3 else None
        for who in self.people:
            for event in self.events(who, task):
                began = time.monotonic()
                if self.place.apps[who.email].edit(event, title, start):
                    said = {"title": title, "due": start}
                    was = {"title": event.title, "due": event.start}
                    news = {name: value for name, value in said.items() if value is not None and value != was[name]}
                    self.book.say(task, "calendar", news, began)
                    self.book.note(task, f"event edited: {who.email} {news}")

    def _switch(self, chance: random.Random, task: str) -> None:
        for on in chance.choice(((False,), (True,), (False, True), (True, False), (False, True, False, True))):
            self._crm(task, calendar_sync=on)
            self.book.note(task, f"switch used: {on}")
        with self.book.page(task) as page:
            page.switched = page.unsettled = True

    def _complete(self, chance: random.Random, task: str) -> None:
        status = chance.choice(("open", "completed"))
        self._crm(task, status=status)
        self.book.note(task, f"status set: {status}")

    def _hand_over(self, chance: random.Random, task: str) -> None:
        who = chance.choice(self.people)
        with self.book.page(task) as page:
            page.unsettled = True
        self._crm(task, owner={"id": who.user_id})
        self.book.note(task, f"task handed over: {who.email}")

    def _remove_due(self, chance: random.Random, task: str) -> None:
        with self.book.page(task) as page:
            page.unsettled = True
        self._crm(task, due=None)
        self.book.note(task, "due removed:")
        if chance.random() < 0.7:
            due = due_of(a_day(chance))
            self._crm(task, due=due)
            self.book.note(task, f"due set again: {due}")

    def _delete_event(self, _chance: random.Random, task: str) -> None:
        for who in self.people:
            for event in self.events(who, task):
                with self.book.page(task) as page:
                    page.ended = True
                if self.place.apps[who.email].delete(event):
                    self.book.note(task, f"event deleted: {who.email} {event.id[:8]}")

    def _delete_task(self, _chance: random.Random, task: str) -> None:
        with self.book.page(task) as page:
            page.unsettled = True
        changed(self.people[0].crm, "DELETE", f"/tasks/{task}")
        changed(self.people[0].crm, "POST", f"/tasks/{task}/restore")
        self.book.note(task, "task deleted and restored:")


class Leaver:
    """Somebody who connects before a round and disconnects in the middle of it."""

    def __init__(self, place: Place, crowd: Crowd, provider: str, number: int) -> None:
        self._place = place
        self.who = place.user(f"leaver{number}@example.com", provider)
        self.tasks = [crowd._new_task(0) for _ in range(2)]
        for task in self.tasks:
            changed(crowd.people[0].crm, "PATCH", f"/tasks/{task}", {"owner": {"id": self.who.user_id}})
        self.since: int | None = None
        self.provider = provider

    def leave(self, after_s: float) -> None:
        """After a while: disconnect, again and again until the gateway says yes; then remember where the ledger stood a
        little later, when calls that were on their way have arrived."""
        time.sleep(after_s)
        admin = self._place.google_admin if self.provider == "google" else self._place.graph_admin
        url = f"{self._place.url}/v1/users/{self.who.user_id}/connection"
        for _ in range(200):
            try:
                answer = requests.delete(url, headers={"Authorization": f"Bearer {self._place.api.token}"}, timeout=15)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code in (200, 204, 404):
                break
            time.sleep(0.2)
        else:
            raise AssertionError("the gateway does not let anybody leave")
        time.sleep(GRACE_SECONDS)
        self.since = int(admin.call("GET", "/ledger?since=999999999")["next"])


GRACE_SECONDS = 15
"""A call in flight has 10 s to be read, and a slow line before that."""


def a_title(chance: random.Random) -> str:
    """Mostly one that nobody had."""
    return f"{MARK} {chance.randrange(3 if chance.random() < UNDOES else NAMES)}"


def a_day(chance: random.Random) -> int:
    """Mostly one that nobody had."""
    return chance.randrange(3 if chance.random() < UNDOES else DUES)


def due_of(number: int) -> dict[str, str]:
    """One of a few times, as the CRM takes it."""
    return {"date_time": start_of(number).isoformat(), "time_zone": "Europe/Berlin"}


def start_of(number: int) -> datetime:
    """The same as an instant."""
    return FIRST_DUE + timedelta(days=number)


def told_due(due: dict[str, Any] | None) -> datetime | None:
    """A due time as an instant."""
    return datetime.fromisoformat(due["date_time"]).astimezone(UTC) if due else None


def _words(fields: dict[str, Any]) -> dict[str, Any]:
    """Those fields of an edit, or of a task, that both sides can change."""
    said = {"title": fields["title"]} if "title" in fields else {}
    return {**said, "due": told_due(fields["due"])} if "due" in fields else said
