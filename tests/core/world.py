"""A toy world for journeys: one CRM task, people's calendars, a store, and the truth about who changed what.

It answers every effect as the real services do, in memory; every write that takes effect is shown to the ``Judge``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gateway.core import effects as fx
from gateway.core.errors import TryLater
from gateway.core.journey import journey
from gateway.core.model import (
    Absence,
    ConnectionId,
    Event,
    EventId,
    Field,
    LinkStatus,
    Look,
    Memory,
    NoEvent,
    OwedDelete,
    OwedEvent,
    OwedTask,
    Place,
    Reason,
    Task,
    TaskGone,
    UserId,
)
from gateway.core.ports import Style
from gateway.core.records import Link, ReadAgain
from gateway.core.render import Rules
from gateway.core.text import STROKE, lacks_strokes
from tests.core.ground import Ground, Kept
from tests.core.judge import of_event, of_task
from tests.fakes import written

WRITES = (fx.WriteTask, fx.InsertEvent, fx.PatchEvent, fx.DeleteEvent, fx.MoveEvent)
MANY_RUNS = 12


MOMENTS = tuple(f"{when} {kind}" for when in ("before", "after") for kind in ("read", "note", "write", "end"))
"""When something may happen in the middle of a run; "note" is a save before a write, "end" the last one."""


def kind_of(effect: fx.Effect) -> str:
    if isinstance(effect, fx.Save):
        return "end" if effect.final else "note"
    return "write" if isinstance(effect, WRITES) else "read"


class Death(Exception):
    """The worker is no more."""


class World(Ground):
    """The ground with journeys on it."""

    # --- runs

    def run(self, *meanwhile: tuple[str, Callable[[], object]]) -> list[fx.Effect]:
        """One run. ``meanwhile``: what happens "before write" or "after note" (see ``MOMENTS``), each once, perhaps the
        worker's death (``die``)."""
        planned = list(meanwhile)

        def moment(when: str, effect: fx.Effect) -> None:
            due = next((one for one in planned if one[0] == f"{when} {kind_of(effect)}"), None)
            if due is not None:
                planned.remove(due)
                due[1]()

        self.owes_run, self.calls = False, []
        if self.link.status is not LinkStatus.LIVE:
            return self.calls
        self.now += timedelta(seconds=4)
        self._read_seqs = (self.link.task_seq, self.link.event_seq)
        steps = journey(self.link, self.now, replays_keys=self.replays_keys)
        answer: Any = None
        try:
            while True:
                self._next = effect = steps.send(answer)
                moment("before", effect)
                self.calls.append(effect)
                answer = self.carry_out(effect)
                moment("after", effect)
        except StopIteration:
            pass
        except (TryLater, Death):
            self.owes_run = True
        finally:
            steps.close()
        return self.calls

    @property
    def kinds(self) -> list[str]:
        """What the last run asked for."""
        return [type(effect).__name__ for effect in self.calls]

    def die(self) -> None:
        raise Death

    def die_sending(self) -> None:
        """The worker is no more, but what it had sent to the calendar still arrives, some time."""
        if isinstance(self._next, fx.InsertEvent | fx.PatchEvent):
            self.late.append(self._next)
        raise Death

    def carry_out(self, effect: fx.Effect) -> Any:
        match effect:
            case fx.ReadTask() | fx.AskLeave():
                told = TaskGone() if self._hiccup("task") else self.task
                return told if isinstance(effect, fx.ReadTask) else self.asked_leave
            case fx.WriteTask():
                return self._write_task(effect)
            case fx.FindHome(owner):
                return self._find_home(owner)
            case fx.ReadEvent(place):
                return self._read_event(place)
            case fx.InsertEvent():
                return self._insert(effect)
            case fx.PatchEvent():
                return self._patch(effect)
            case fx.DeleteEvent() | fx.MoveEvent():
                return self._take_away(effect)
            case fx.Save():
                return self._save(effect)
        raise AssertionError(effect)

    def _hiccup(self, side: str) -> bool:
        """A "not found" that is not true; never twice before it was seen through."""
        lies = side in self.hiccups and side not in self._lied
        self.hiccups.discard(side)
        if lies:
            self._lied.add(side)
        return lies

    def _write_task(self, effect: fx.WriteTask) -> Any:
        if isinstance(self.task, TaskGone):
            return self.task
        if self.replays_keys and effect.key in self.keys:
            changes, answer = self.keys[effect.key]
            assert changes == effect.changes, "one key, two requests"
            return answer
        if effect.version != self.task.version:
            return fx.Stale(None if self.vague else self.task)
        asked = {Field.TITLE: effect.changes.title, Field.DUE: effect.changes.due}
        refused = tuple(name for name, value in asked.items() if value is not None and value in self.refuses[name])
        if refused:
            self.judge.refused({name: asked[name] for name in refused})
            return fx.Refusing(tuple(name.value for name in refused))
        owed = self.link.memory.owed
        assert isinstance(owed, OwedTask)
        self.judge.task_written(self.task, owed)
        told = {name.value: value for name, value in asked.items() if value is not None}
        self.edit_task(**told, **({"sync_on": False} if effect.changes.sync_off else {}))
        self.keys[effect.key] = (effect.changes, self.task)
        return self.task

    def _find_home(self, owner: UserId | None) -> fx.Whereabouts:
        place = self.link.place
        reach = self.reach[place.connection_id] if place else "connected"
        old = {"connected": fx.Reach.NOW, "paused": fx.Reach.LATER, "none": fx.Reach.NEVER}[reach]
        if owner is None or self.reach[owner] == "none":
            return fx.Whereabouts(None, Reason.OWNER_NOT_CONNECTED, old)
        if self.reach[owner] == "paused":
            return fx.Whereabouts(None, Reason.PAUSED, old)
        return fx.Whereabouts(fx.Home(lambda n: self.place_of(owner, n), Rules()), None, old)

    def place_of(self, owner: str, generation: int) -> Place:
        return Place(ConnectionId(owner), self.chosen[owner], EventId(f"{owner}-{generation}"))

    def _check_reach(self, place: Place) -> None:
        if self.reach[place.connection_id] != "connected":
            raise TryLater("paused")

    def _read_event(self, place: Place) -> Any:
        self._check_reach(place)
        if self._hiccup("event"):
            return NoEvent(Absence.UNKNOWN)
        kept = self._shelf(place).get(place.event_id)
        if kept is None or kept.absence is not None:
            return NoEvent(kept.absence if kept and kept.absence else Absence.UNKNOWN)
        self.judge.read(kept.event)
        return kept.event

    def _insert(self, effect: fx.InsertEvent) -> Any:
        self._check_reach(effect.place)
        if effect.place.event_id in self._shelf(effect.place):
            return fx.Taken()
        assert effect.write.span is not None
        start = effect.write.span.start
        name, length = effect.place.event_id, effect.write.span.length
        blank = Event(name, "", None, "", start, length, Look("", "default"), description="", link=self.link.id)
        event = written(blank, effect.write, Style())
        self.judge.event_made(effect.place, event)
        return self._put(effect.place, event)

    def _patch(self, effect: fx.PatchEvent) -> Any:
        self._check_reach(effect.place)
        event = self.event_at(effect.place)
        if event is None:
            return fx.Missing()
        if event.etag != effect.etag:
            return fx.Stale()
        assert not effect.write.empty, "a write of nothing"
        changed = written(event, effect.write, Style())
        self.judge.event_written(event, changed)
        return self._put(effect.place, changed)

    def _take_away(self, effect: fx.DeleteEvent | fx.MoveEvent) -> Any:
        if isinstance(effect, fx.MoveEvent):
            return self._move(effect.place, effect.to)
        return self._delete(effect.place, effect.etag)

    def _delete(self, place: Place, etag: str | None) -> fx.Unreachable | fx.Stale | None:
        if place != self.link.place and self.reach[place.connection_id] != "connected":
            return fx.Unreachable()
        self._check_reach(place)
        event = self.event_at(place)
        if event is not None and etag not in (None, event.etag):
            return fx.Stale()
        if event is not None:
            self._shelf(place)[place.event_id] = replace(self._shelf(place)[place.event_id], absence=Absence.DELETED)
            self.judge.event_is_gone(place)
        return None

    def _move(self, place: Place, to: Place) -> Any:
        self._check_reach(place)
        if not self.moves or to.event_id in self._shelf(to):
            return None
        event = self.event_at(place)
        if event is None:
            return fx.Missing()
        self._shelf(place)[place.event_id] = Kept(event, Absence.DELETED)
        self.judge.event_moved(place, to)
        return self._put(to, event)

    def _save(self, save: fx.Save) -> Link:
        """As the store's ``Links.save`` and the service around it do it."""
        assert not {one.field for one in save.opens} & set(save.closes), "which of the two comes first?"
        stored, (task_seq, event_seq) = self.link, self._read_seqs
        newer_task, newer_event = stored.task_seq != task_seq, stored.event_seq != event_seq
        self.link = replace(
            save.link,
            memory_rev=stored.memory_rev + 1,
            task_seq=stored.task_seq,
            event_seq=stored.event_seq,
            task_hint=stored.task_hint if newer_task else None,
            event_hint=ReadAgain() if newer_event and stored.event_hint is not None else None,
            status=stored.status if newer_task else save.link.status,
            owner_id=stored.owner_id if newer_task else save.link.owner_id,
            task_version=stored.task_version if newer_task else save.link.task_version,
        )
        memory = self.link.memory
        assert memory.task is None or memory.task == self.history[memory.task.version], "a task that never was"
        self._lied -= {"task"} if memory.task_absent_at is None else set()
        self._lied -= {"event"} if memory.absent_at is None else set()
        if isinstance(memory.owed, OwedEvent):
            self.judge.noted(memory.owed)
        self.opened.extend(save.opens)
        self.closed.extend(save.closes)
        if save.wipes:
            self.link = replace(
                self.link, memory=Memory(last_number=memory.last_number), task_hint=None, event_hint=None, place=None
            )
            self.judge.expected = list(self.opened)
        if save.final and self.link.place is not None and memory.agreed is not None and memory.owed is None:
            self.judge.at_rest(memory.agreed)
        return self.link

    # --- when all is quiet

    def arrive(self) -> None:
        """What dead workers had sent arrives. An event that is created where its link has gone away from is beyond the
        journey's sight: the pull of that calendar finds it."""
        reach, self.reach = self.reach, dict.fromkeys(self.reach, "connected")  # what was sent knows of no pause
        for effect in self.late:
            if effect.place == self.link.place:
                self.carry_out(effect)
        self.reach = reach
        self.late = []

    def settle(self) -> None:
        """Everything is told, and runs go on until none is owed."""
        event = self.event_at(self.judge.place)
        owed = self.link.memory.owed
        open_yet = isinstance(owed, OwedDelete) or (isinstance(owed, OwedTask) and not self.judge.foresees(owed))
        if event is not None and isinstance(self.task, Task) and not open_yet and not self._refuses_any():
            self.outcome = self.judge.outcome(self.task, event)
        self.read_all_again()
        for _ in range(MANY_RUNS):
            if not self.owes_run and self.link.task_hint is None and self.link.event_hint is None:
                return
            self.run()
        raise AssertionError(f"no rest: {self.calls}")

    def _refuses_any(self) -> bool:
        return bool(self.judge.put_back) or any(self.refuses.values())

    def end(self) -> None:
        """The history is over: all becomes quiet, and every promise holds."""
        self.settle()
        self.check()

    def check(self) -> None:
        """What must hold once all is quiet."""
        task, alive = self.task, self.all_alive()
        if self.wanted() is None:
            assert alive == [], f"an event too many: {alive}"
        else:
            assert isinstance(task, Task)
            assert alive == [self.link.place], f"not exactly one event: {alive}"
            assert self.link.place is not None
            assert self.link.place.calendar_id == self.chosen[self.link.place.connection_id]
            event = self.event_at(self.link.place)
            assert event is not None
            assert of_task(task) == of_event(event), "both sides differ"
            assert self.outcome in (None, of_task(task)), f"an edit is lost: {self.outcome}"
            assert task.done or STROKE not in event.title
            assert not task.done or not lacks_strokes(event.title), "done, and not struck through"
        assert self.opened == self.judge.expected, f"opened {self.opened}, earned {self.judge.expected}"
        before = self.calls
        self.run()
        assert not [effect for effect in self.calls if isinstance(effect, WRITES)], f"no rest after {before}"

    def wanted(self) -> UserId | None:
        """In whose calendar there is to be an event, if in any."""
        task = self.task
        if isinstance(task, TaskGone) or not task.sync_on or task.due is None or task.owner is None:
            return None
        return task.owner.id if self.reach[task.owner.id] == "connected" else None
