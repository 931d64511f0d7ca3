"""One link brought in step: carries out for real what its journey asks for.

A transaction is open only to load and to save; every save is refused once the lease has gone to somebody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from gateway.core import effects as fx
from gateway.core.errors import (
    AccessRevoked,
    AlreadyExists,
    EventGone,
    Forbidden,
    Refused,
    SignInAgain,
    StaleWrite,
    TargetGone,
)
from gateway.core.journey import journey
from gateway.core.model import (
    LEFT,
    WRITABLE,
    ConnectionId,
    ConnectionStatus,
    LinkId,
    LinkStatus,
    Place,
    Reason,
    UserId,
)
from gateway.core.ports import Calendar, Crm, Lane, Mark
from gateway.core.records import Connection, Entry, Installation, Lease, LedgerCount, Link, Topic
from gateway.core.reflecting import Direction
from gateway.core.render import Rules
from gateway.core.repositories import UnitOfWork
from gateway.core.stories import Actor, Story
from gateway.crash import crashpoint
from gateway.services import held
from gateway.services.access import OpenCalendar
from gateway.services.context import Context, calendar_mailbox, crm_mailbox, event_id, style_of
from gateway.services.losing import ElsewhereError, Lost, OthersError
from gateway.services.reports import owe_report, ring_when_due

log = logging.getLogger(__name__)

_WAITING = {
    ConnectionStatus.REAUTHORIZE: Reason.REAUTHORIZE,
    ConnectionStatus.CALENDAR_GONE: Reason.CALENDAR_GONE,
    ConnectionStatus.PAUSED: Reason.PAUSED,
}


_WRITES = fx.WriteTask | fx.InsertEvent | fx.PatchEvent | fx.DeleteEvent

LOOK_BACK_AFTER = timedelta(hours=1)
"""When a former place is tried again that was out of reach."""

_Home = tuple[ConnectionId, ConnectionStatus, str | None]  # what of its owner's connection a run decides by


def _home_of(connection: Connection | None) -> _Home | None:
    return (connection.id, connection.status, connection.calendar_id) if connection else None


def sync(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Run one journey under a lease. Errors of the ports come through; the work stays owed."""
    with ctx.store.begin() as uow:
        link = uow.links.get(installation.id, LinkId(lease.key))
        if link is None or link.status is not LinkStatus.LIVE:
            uow.outbox.settle(lease, ctx.clock.now())
            uow.commit()
            return
    crm = ctx.open_crm(installation)
    world = World(ctx, lease, installation, crm, link)
    steps = journey(link, ctx.clock.now(), replays_keys=crm.capabilities.replays_keys)
    answer: Any = None
    while True:
        try:
            effect = steps.send(answer)
        except StopIteration:
            return
        if not isinstance(effect, _WRITES):
            answer = world.carry_out(effect)
            continue
        crashpoint("worker_before_write")
        answer = world.carry_out(effect)
        crashpoint("worker_after_write")


@dataclass(slots=True)
class World:
    """The journey's world: one CRM, the calendars it touches, the store."""

    ctx: Context
    lease: Lease
    installation: Installation
    crm: Crm
    loaded: Link
    connections: dict[ConnectionId, Connection] = field(default_factory=dict)
    calendars: dict[tuple[ConnectionId, str], OpenCalendar] = field(default_factory=dict)
    home: _Home | None = None
    read: int = 0
    written: int = 0
    writes_since: datetime | None = None
    accepted: list[tuple[Direction, ConnectionId, datetime]] = field(default_factory=list)
    """Writes that the other side has taken since the last save, and when (B27)."""

    def carry_out(self, effect: fx.Effect) -> Any:
        """Do it for real; the answer is that of ``core.effects``."""
        match effect:
            case fx.ReadTask() | fx.WriteTask():
                return self._at_crm(effect)
            case fx.AskLeave(place):
                return self._ask_leave(place)
            case fx.FindHome(owner):
                return self._find_home(owner)
            case fx.Save():
                return self._save(effect)
            case fx.ReadEvent(place, doubted):
                return self._read_event(place, doubted=doubted)
            case fx.InsertEvent():
                return self._insert(effect)
            case fx.PatchEvent():
                return self._patch(effect)
            case fx.DeleteEvent() | fx.MoveEvent():
                return self._take_away(effect)
        assert_never(effect)

    # --- the CRM ---

    def _at_crm(self, effect: fx.ReadTask | fx.WriteTask) -> Any:
        if isinstance(effect, fx.ReadTask):
            return self.crm.get(self.loaded.task_id)
        try:
            patched = self.crm.patch(self.loaded.task_id, effect.changes, effect.version, effect.key)
        except StaleWrite as stale:
            return fx.Stale(stale.current)
        except Refused as refused:
            return fx.Refusing(refused.fields)
        if self.loaded.place is not None:
            self._note_accepted(Direction.TO_CRM, self.loaded.place)
        return patched

    def _note_accepted(self, direction: Direction, place: Place) -> None:
        self.accepted.append((direction, place.connection_id, self.ctx.clock.now()))

    def _ask_leave(self, place: Place) -> fx.Leave:
        """Where it is one of very many, the calendar itself must be there; then all of them wait for a word."""
        leave = held.word_for(self.ctx, self.installation.id, self.loaded.id, place)
        if leave is not None:
            return leave
        if self._is_target(place) and not self._call(place, lambda calendar: calendar.exists()):
            raise self._whose(place, TargetGone("the calendar is not there"))
        return held.hold(self.ctx, self.lease, self.connections[place.connection_id])

    # --- the calendar ---

    def _calendar(self, place: Place) -> OpenCalendar:
        key = (place.connection_id, place.calendar_id)
        if key not in self.calendars:
            connection = self.connections[place.connection_id]
            self.calendars[key] = OpenCalendar(self.ctx, connection, style_of(self.installation), place.calendar_id)
        return self.calendars[key]

    def _call(self, place: Place, act: Callable[[Calendar], Any]) -> Any:
        """One call on the calendar of a place. Whose access is lost, is told by the error's kind."""
        try:
            return self._calendar(place).call(act)
        except (AccessRevoked, SignInAgain) as lost:
            raise self._whose(place, lost) from lost
        except Forbidden as gone:
            raise TargetGone(str(gone)) from gone

    def _whose(self, place: Place, lost: Lost) -> Exception:
        mine = calendar_mailbox(place.connection_id) == self.lease.mailbox
        return lost if mine else OthersError(place.connection_id, lost)

    def _begins_to_write(self) -> None:
        self.written += 1
        self.writes_since = self.writes_since or self.ctx.clock.now()

    def _is_target(self, place: Place) -> bool:
        return self.connections[place.connection_id].calendar_id == place.calendar_id

    def _read_event(self, place: Place, *, doubted: bool) -> Any:
        self.read += 1
        try:
            return self._call(place, lambda c: c.get(place.event_id, doubted=doubted))
        except TargetGone as gone:
            if self._is_target(place):
                raise self._whose(place, gone) from gone
            return fx.Unreachable()

    def _insert(self, effect: fx.InsertEvent) -> Any:
        self._begins_to_write()
        place = effect.place
        mark = Mark(self.connections[place.connection_id].tag, self.loaded.id)
        try:
            inserted = self._call(place, lambda c: c.insert(place.event_id, mark, effect.write))
        except AlreadyExists:
            return fx.Taken()
        self._note_accepted(Direction.TO_CALENDAR, place)
        return inserted

    def _patch(self, effect: fx.PatchEvent) -> Any:
        self._begins_to_write()
        place = effect.place
        try:
            patched = self._call(place, lambda c: c.patch(place.event_id, effect.write, effect.etag))
        except StaleWrite:
            return fx.Stale()
        except EventGone:
            return fx.Missing()
        self._note_accepted(Direction.TO_CALENDAR, place)
        return patched

    def _take_away(self, effect: fx.DeleteEvent | fx.MoveEvent) -> Any:
        if isinstance(effect, fx.MoveEvent):
            return self._move(effect.place, effect.to)
        return self._delete(effect.place, effect.etag)

    def _delete(self, place: Place, etag: str | None) -> fx.Unreachable | fx.Stale | None:
        """Where a connection has ended its events stay as copies; where it waits for its person they wait too."""
        connection = self.connections.get(place.connection_id)
        if connection is None or connection.status in LEFT:
            return None
        if connection.status not in WRITABLE:
            return fx.Unreachable()
        self._begins_to_write()
        try:
            self._call(place, lambda c: c.delete(place.event_id, etag))
        except StaleWrite:
            if etag is None:  # nothing was asked that could be stale: a bad moment, and nothing is deleted yet
                raise
            return fx.Stale()
        except TargetGone as gone:
            if self._is_target(place):
                raise self._whose(place, gone) from gone
            log.info("the old calendar is gone, and the event with it", extra={"link": self.loaded.id})
        else:
            self._note_accepted(Direction.TO_CALENDAR, place)
        return None

    def _move(self, place: Place, to: Place) -> Any:
        """Where a grant, or this very event, does not allow it, the event is created anew instead."""
        self._begins_to_write()
        try:
            return self._call(place, lambda c: c.move(place.event_id, to.calendar_id))
        except (AlreadyExists, Refused):
            return None
        except (EventGone, TargetGone):  # which of the calendars is gone, the next read tells
            return fx.Missing()

    # --- the store ---

    def _find_home(self, owner: UserId | None) -> fx.Whereabouts:
        inst, place = self.installation.id, self.loaded.place
        with self.ctx.store.begin() as uow:
            mine = self._owners(uow, owner) if owner else None
            places = {p.connection_id for p in (place, *self.loaded.leaving) if p}
            others = [uow.connections.get(inst, cid) for cid in places if not mine or cid != mine.id]
        self.home = _home_of(mine)
        for connection in (mine, *others):
            if connection is not None:
                self.connections[connection.id] = connection
        self._check_mailbox(mine, place)
        old = self._reach(place, mine)
        if mine is None or mine.status not in (WRITABLE | _WAITING.keys()):
            return fx.Whereabouts(None, Reason.OWNER_NOT_CONNECTED, old, self._rules(mine))
        if mine.status in _WAITING:
            return fx.Whereabouts(None, _WAITING[mine.status], old, self._rules(mine))
        return fx.Whereabouts(fx.Home(lambda g: self._place(mine, g), self._rules(mine)), None, old)

    def _owners(self, uow: UnitOfWork, owner: UserId) -> Connection | None:
        return uow.connections.of_user(self.installation.id, owner)

    def _check_mailbox(self, mine: Connection | None, place: Place | None) -> None:
        """Calls to one person's calendar are counted in that person's mailbox."""
        at_home = mine is not None and mine.status in WRITABLE
        wanted = calendar_mailbox(mine.id) if mine is not None and at_home else None
        if wanted is None and place is not None:
            wanted = calendar_mailbox(place.connection_id)
        wanted = wanted or crm_mailbox(self.installation.id)
        if wanted != self.lease.mailbox:
            raise ElsewhereError(wanted)

    def _place(self, connection: Connection, generation: int) -> Place:
        own = event_id(self.ctx, connection, self.loaded.task_id, generation)
        return Place(connection.id, connection.calendar_id or "", own)

    def _reach(self, place: Place | None, mine: Connection | None) -> fx.Reach:
        if place is None:
            return fx.Reach.NOW
        connection = self.connections.get(place.connection_id)
        if connection is None:
            return fx.Reach.NEVER
        if connection.status in WRITABLE:
            return fx.Reach.NOW
        if connection.status in LEFT:
            return fx.Reach.LEFT if mine is None or mine.id == connection.id else fx.Reach.NEVER
        return fx.Reach.LATER

    def _rules(self, connection: Connection | None) -> Rules:
        style = style_of(self.installation)
        provider = self.ctx.providers.get(connection.provider) if connection else None
        rules = Rules(
            crm_name=style.crm_name,
            default_length=style.default_length,
            calendar_zone=connection.calendar_zone if connection else None,
            days=self.crm.capabilities.days,
            moments=self.crm.capabilities.moments,
        )
        if provider is None:
            return rules
        return replace(rules, title_limit=provider.title_limit, encode=provider.encode_text)

    def _save(self, save: fx.Save) -> Link:
        """One commit: the link, its conflicts, its timeline, and at the end the work paid off."""
        ctx, inst, now = self.ctx, self.installation.id, self.ctx.clock.now()
        with ctx.store.begin() as uow:
            self._await_echo(uow, save.link)
            again_at_once = save.final and self._is_home_news(uow, save.link)
            link = uow.links.save(save.link, read_task_seq=self.loaded.task_seq, read_event_seq=self.loaded.event_seq)
            entries = list(save.entries)
            if save.wipes:
                closed = uow.conflicts.close(inst, link.id, None, "superseded", now)
                uow.links.wipe(inst, link.id)
            else:
                closed = uow.conflicts.close(inst, link.id, save.closes, "superseded", now) if save.closes else 0
            for what in save.opens:
                uow.conflicts.open(link, what, version=link.task_version or 0, at=now)
            if closed:
                entries.append(Entry(now, Actor.GATEWAY.value, Story.CONFLICT_CLOSED.value, {}))
            if entries:
                uow.timeline.add(inst, link.task_id, *entries)
            self._count(uow, link)
            self._keep_times(uow)
            if save.final:
                self._pay_off(uow, link, again_at_once=again_at_once)
            else:
                uow.outbox.hold(self.lease)
            uow.commit()
        return link

    def _pay_off(self, uow: UnitOfWork, link: Link, *, again_at_once: bool) -> None:
        ctx, inst, now = self.ctx, self.installation.id, self.ctx.clock.now()
        owe_report(ctx, uow, link)
        if link.leaving:
            again = now + LOOK_BACK_AFTER
            uow.outbox.request(inst, Topic.SYNC, link.id, mailbox=self.lease.mailbox, now=now, due_at=again)
        if again_at_once:
            uow.outbox.request(inst, Topic.SYNC, link.id, mailbox=self.lease.mailbox, now=now)
        due = uow.outbox.settle(self.lease, now)
        if due is not None:
            ring_when_due(ctx, uow, inst, self.lease.mailbox, self.lease.lane, (due - now).total_seconds())

    def _is_home_news(self, uow: UnitOfWork, link: Link) -> bool:
        """Whether the owner connected, or left, since this run looked. Where the owner is new to the link, nobody could
        find it by them until now and ask for another run. Locked, so that a change under way is waited for."""
        owner = link.owner_id
        if owner is None or owner == self.loaded.owner_id:
            return False
        found = uow.connections.of_user(self.installation.id, owner)
        return _home_of(found and uow.connections.lock(self.installation.id, found.id)) != self.home

    def _keep_times(self, uow: UnitOfWork) -> None:
        """How long what was accepted took since our door heard of it. A backfill has no such moment."""
        if self.lease.lane is Lane.NOW:
            for direction, whose, at in self.accepted:
                provider = self.connections[whose].provider if whose in self.connections else ""
                uow.reflections.add(provider, direction, at - self.lease.first_owed_at, at)
        self.accepted.clear()

    def _await_echo(self, uow: UnitOfWork, link: Link) -> None:
        """What was written is to come back as a push (B25)."""
        place, since = link.place or self.loaded.place, self.writes_since
        if place is not None and since is not None:
            uow.connections.wrote(self.installation.id, place.connection_id, since)
        self.writes_since = None

    def _count(self, uow: UnitOfWork, link: Link) -> None:
        place, seen = link.place or self.loaded.place, LedgerCount(read=self.read, written=self.written)
        if place is not None and seen != LedgerCount():
            uow.connections.count(self.installation.id, place.connection_id, seen)
            self.read = self.written = 0
