"""A squall: two people edit a few tasks on both sides at random while deliveries and calls go wrong and several workers
drain at once. It keeps book of what each side said last, and after a quiet compares.

Rounds: what both sides said *within* a round may have met in any order; between rounds everything comes to rest, so
there the last word of a round is the truth.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import requests

from gateway.core.text import shown
from gateway.services import sweep
from gateway.services.context import link_id
from tests.flows import trouble
from tests.flows.house import House, Person

TITLES = ("Call Ada", "Call Bob", "Send the quote", "Lunch")
FIRST_DUE = datetime(2030, 3, 5, 9, tzinfo=UTC)
WORKERS = 3
_WAITS = (2, 6, 20, 80, 400)


@dataclass
class Words:
    """What was said of one task in one round. ``unsettled``: an event may have been replaced, so that what was said in
    the calendar may rightly be lost; ``ended``: the person deleted the event."""

    crm: dict[str, list[Any]] = field(default_factory=lambda: {"title": [], "due": []})
    calendar: dict[str, list[Any]] = field(default_factory=lambda: {"title": [], "due": []})
    unsettled: bool = False
    ended: bool = False
    switched: bool = False
    log: list[str] = field(default_factory=list)


@dataclass
class Squall:
    """One squall over a house."""

    house: House
    people: list[Person]
    seed: int
    tasks: list[str] = field(default_factory=list)
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        for number in range(5):
            body = {"title": TITLES[number % 4], "due": due_of(number), "calendar_sync": True}
            made = self.people[number % len(self.people)].crm.call("POST", "/tasks", json=body)
            self.tasks.append(str(made["id"]))
        self.house.settle()
        self._begin_round()

    # --- the people ---

    def blow(self, rounds: int, edits: int, *, faults: bool = True) -> None:
        """Rounds of random edits, each followed by a quiet and a comparison."""
        for number in range(rounds):
            stop = threading.Event()
            threads = [threading.Thread(target=self._work, args=(stop,)) for _ in range(WORKERS)]
            for thread in threads:
                thread.start()
            try:
                for _ in range(edits):
                    if faults and self.random.random() < 0.35:
                        self._misbehave()
                    self._edit()
                    if self.random.random() < 0.4:
                        self.house.clock.advance(self.random.choice((0.2, 0.5, 1.1, 1.1, 3, 40)))
            finally:
                stop.set()
                for thread in threads:
                    thread.join(60)
            assert not any(thread.is_alive() for thread in threads), "a worker hangs"
            self.quiet()
            self.compare(f"seed {self.seed}, round {number}")
            self._begin_round()

    def _work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                sweep.ring_due(self.house.ctx)
                if not self.house.work():
                    time.sleep(0.01)
            except Exception as error:  # noqa: BLE001 - reported with the round
                self.errors.append(repr(error))

    def _edit(self) -> None:
        task = self.random.choice(self.tasks)
        acts: list[tuple[Callable[[str], None], int]] = [
            (self._edit_task, 8),
            (self._edit_event, 9),
            (self._switch, 3),
            (self._complete, 2),
            (self._owner, 2),
            (self._remove_due, 1),
            (self._delete_event, 1),
            (self._delete_and_restore, 1),
        ]
        act = self.random.choices([a for a, _ in acts], [w for _, w in acts])[0]
        act(task)

    def _crm(self, task: str, **fields: Any) -> None:
        merge = {"Content-Type": "application/merge-patch+json"}
        insist(lambda: self.people[0].crm.call("PATCH", f"/tasks/{task}", json=fields, headers=merge))

    def _edit_task(self, task: str) -> None:
        words = self.words[task]
        fields: dict[str, Any] = {}
        if self.random.random() < 0.6:
            fields["title"] = self.random.choice(TITLES)
        if not fields or self.random.random() < 0.4:
            fields["due"] = due_of(self.random.randrange(4))
        held = self.house.task(task)
        self._crm(task, **fields)
        for name, value in fields.items():
            said, was = (told_due(value), told_due(held["due"])) if name == "due" else (value, held["title"])
            if said != was:
                words.crm[name].append(said)
        words.log.append(f"crm {fields}")

    def _edit_event(self, task: str) -> None:
        words = self.words[task]
        for who in self.people:
            for event in self._events(who, task):
                fields: dict[str, Any] = {}
                title, number = self.random.choice(TITLES), self.random.randrange(4)
                if self.random.random() < 0.5:
                    fields["summary"] = title
                if not fields or self.random.random() < 0.4:
                    start = FIRST_DUE + timedelta(days=number)
                    fields["start"] = {"dateTime": start.isoformat()}
                    fields["end"] = {"dateTime": (start + timedelta(minutes=30)).isoformat()}
                path = f"/calendars/{who.calendar_id}/events/{event['id']}"
                done = insist(partial(who.calendar.call, "PATCH", path, json=fields))
                if done is None:
                    continue
                if fields.get("summary", event["summary"]) != event["summary"]:
                    words.calendar["title"].append(title)
                if "start" in fields and told_start(event) != told_due(due_of(number)):
                    words.calendar["due"].append(told_due(due_of(number)))
                words.log.append(f"cal {who.email} {fields}")
                return

    def _switch(self, task: str) -> None:
        words = self.words[task]
        for on in self.random.choice(((False,), (True,), (False, True), (True, False), (False, True, False, True))):
            self._crm(task, calendar_sync=on)
            words.log.append(f"switch {on}")
        words.switched = words.unsettled = True

    def _complete(self, task: str) -> None:
        self._crm(task, status=self.random.choice(("open", "completed")))
        self.words[task].log.append("status")

    def _owner(self, task: str) -> None:
        for who in self.random.choice((self.people, self.people[:1], self.people[1:], [*self.people, *self.people])):
            self._crm(task, owner={"id": who.user_id})
            self.words[task].log.append(f"owner {who.email}")
        self.words[task].unsettled = True

    def _remove_due(self, task: str) -> None:
        self._crm(task, due=None)
        self.words[task].log.append("due None")
        self.words[task].crm["due"].append(None)
        if self.random.random() < 0.7:
            due = due_of(self.random.randrange(4))
            self._crm(task, due=due)
            self.words[task].crm["due"].append(told_due(due))
            self.words[task].log.append(f"due {due}")
        self.words[task].unsettled = True

    def _delete_event(self, task: str) -> None:
        for who in self.people:
            for event in self._events(who, task):
                path = f"/calendars/{who.calendar_id}/events/{event['id']}"
                insist(partial(who.calendar.call, "DELETE", path))
                self.words[task].ended = True
                self.words[task].log.append(f"cal delete {who.email} {event['id'][:6]}")

    def _delete_and_restore(self, task: str) -> None:
        insist(lambda: self.people[0].crm.call("DELETE", f"/tasks/{task}"))
        insist(lambda: self.people[0].crm.call("POST", f"/tasks/{task}/restore"))
        self.words[task].unsettled = True
        self.words[task].log.append("task deleted, restored")

    def _events(self, who: Person, task: str) -> list[dict[str, Any]]:
        own = link_id(self.house.gateway_installation(), task)  # type: ignore[arg-type]
        listed = insist(lambda: self.house.events(who)) or []
        return [e for e in listed if e["extendedProperties"]["private"].get("link") == own]

    def _misbehave(self) -> None:
        kind, where = self.random.choice(("out", "out", "in")), self.random.choice((trouble.google, trouble.crm))
        if kind == "out":
            do = self.random.choice(("duplicate", "delay", "hold", "status"))
            where(self.house, do, direction="out", delay_ms=700, status=503)
            if self.random.random() < 0.3:
                self._release()
            return
        method = self.random.choice(("PATCH", "POST", "DELETE", "GET"))
        do = self.random.choice(("cut_after_write", "status", "status", "duplicate", "drop"))
        status, body = self.random.choice(((500, "oops"), (503, trouble.HTML), (429, None)))
        how: dict[str, Any] = {"status": status, "body": body}
        if status == 429 and where is trouble.google:
            how = trouble.refusal(429, "rateLimitExceeded")
        where(self.house, do, method=method, path="/(tasks|calendars)/", **how)

    def _release(self) -> None:
        for admin in (self.house.google_admin, self.house.crm_admin):
            admin.call("POST", "/release")

    # --- the quiet ---

    def quiet(self) -> None:
        """All is well again outside, and time goes by until everybody has said and heard everything."""
        trouble.well(self.house)
        for wait in _WAITS:
            self.house.settle(within=60)
            self.house.clock.advance(wait)
        trouble.until_quiet(self.house)
        self.house.tick()
        trouble.until_quiet(self.house)

    def _begin_round(self) -> None:
        self.before = {task: self.house.task(task) for task in self.tasks}
        self.words = {task: Words() for task in self.tasks}

    def compare(self, where: str) -> None:
        """Whether both sides hold what was said."""
        wrong = [*self.errors]
        for task in self.tasks:
            told = [f"{task}: {one}" for one in self._compare(task)]
            wrong += [*told, f"  said: {self.words[task].log}", *self._story(task)] if told else []
        if trouble.owed(self.house):
            wrong.append("something is still owed")
        wrong += [f"parked: {one}" for one in trouble.parked(self.house)]
        wrong += [f"read a foreign event: {one}" for one in self.house.foreign_reads()]
        assert not wrong, "\n".join([where, *wrong])

    def _story(self, task: str) -> list[str]:
        told = self.house.api.call("GET", f"/v1/tasks/{task}/timeline")
        entries = told["entries"] if isinstance(told, dict) else told
        return [f"  {e['at'][11:23]} {e['actor']} {e['code']} {e.get('detail')}" for e in reversed(entries[:40])]

    def _compare(self, task: str) -> list[str]:
        words, now, before = self.words[task], self.house.task(task), self.before[task]
        state = self.house.state(task)
        owner = next(who for who in self.people if who.user_id == now["owner"]["id"])
        mine = self._events(owner, task)
        foreign = [e for who in self.people if who is not owner for e in self._events(who, task)]
        wrong = []
        if foreign:
            wrong.append(f"{len(foreign)} events in a calendar of somebody else")
        wanted = bool(now["calendar_sync"] and now["due"] and not now["deleted"])
        if len(mine) != int(wanted):
            wrong.append(f"{len(mine)} events, wanted {int(wanted)}; {now}; state {state}")
        elif wanted:
            wrong += self._compare_event(now, mine[0])
        wrong += self._compare_words(words, now, before)
        if not words.ended and not words.switched and now["calendar_sync"] != before["calendar_sync"]:
            wrong.append(f"the switch went {now['calendar_sync']} by itself; state {state}")
        if words.ended and not words.unsettled and now["calendar_sync"] and before["calendar_sync"]:
            wrong.append("the event was deleted, and the switch is on")
        return [*wrong, *self._compare_banner(words, now, state)]

    def _compare_event(self, now: dict[str, Any], event: dict[str, Any]) -> list[str]:
        wrong = []
        titles = {shown(now["title"], struck=struck, limit=1000) for struck in (False, now["status"] != "open")}
        if event["summary"] not in titles:
            wrong.append(f"title {now['title']!r} ({now['status']}) in the CRM, {event['summary']!r} in the calendar")
        if told_start(event) != told_due(now["due"]):
            wrong.append(f"due {now['due']} in the CRM, {event['start']} in the calendar")
        return wrong

    def _compare_words(self, words: Words, now: dict[str, Any], before: dict[str, Any]) -> list[str]:
        wrong = []
        for name in ("title", "due"):
            value = told_due(now["due"]) if name == "due" else now["title"]
            was = told_due(before["due"]) if name == "due" else before["title"]
            crm, calendar = words.crm[name], words.calendar[name]
            allowed = [*crm[-1:], *calendar[-1:]] or [was]
            if words.unsettled or words.ended:
                allowed += [*calendar] if crm else [*calendar, was]
            if value not in allowed:
                wrong.append(f"{name} is {value}; was {was}, CRM said {crm}, calendar said {calendar}")
        return wrong

    def _compare_banner(self, words: Words, now: dict[str, Any], state: dict[str, Any]) -> list[str]:
        conflict = state.get("conflict")
        fields = [one["name"] for one in conflict["fields"]] if conflict else []
        return [
            f"a banner about {name}: CRM said {words.crm[name]}, calendar said {words.calendar[name]}; {conflict}"
            for name in fields
            if (words.crm[name] or words.calendar[name]) and not (words.crm[name] and words.calendar[name])
        ]


def due_of(number: int) -> dict[str, str]:
    """One of a few times."""
    return {"date_time": (FIRST_DUE + timedelta(days=number)).isoformat(), "time_zone": "Europe/Berlin"}


def told_due(due: dict[str, Any] | None) -> datetime | None:
    """A due time as an instant."""
    return datetime.fromisoformat(due["date_time"]).astimezone(UTC) if due else None


def told_start(event: dict[str, Any]) -> datetime:
    """When an event begins, as an instant."""
    return datetime.fromisoformat(event["start"]["dateTime"]).astimezone(UTC)


def insist(act: Callable[[], Any]) -> Any:
    """A person tries again when something goes wrong, and gives up where it is not there any more (``None``)."""
    for _ in range(20):
        try:
            return act()
        except requests.RequestException:
            continue
        except AssertionError as refused:
            if any(f": {gone} " in str(refused) for gone in (404, 410)):
                return None
    raise AssertionError("a person could not do what they wanted")
