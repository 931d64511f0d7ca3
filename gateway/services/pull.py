"""A calendar changed: which of OUR events did? One filtered list; what it finds is left for each link's own run.

The list holds our events only. An event whose etag is the one we know is an echo. An event missing from the list is
never taken for deleted: its link's run reads it directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.errors import CursorExpired, Forbidden, TargetGone
from gateway.core.mass import has_moved
from gateway.core.model import WRITABLE, Absence, ConnectionId, Event, EventId, InstallationId, NoEvent
from gateway.core.ports import Lane
from gateway.core.records import (
    Connection,
    Entry,
    EventHint,
    Installation,
    Lease,
    LedgerCount,
    LinkGlance,
    Sighting,
    Topic,
)
from gateway.core.repositories import UnitOfWork
from gateway.core.schedule import next_safety_read
from gateway.core.stories import Actor, Story
from gateway.services.access import OpenCalendar
from gateway.services.context import Context, calendar_mailbox, style_of
from gateway.services.reports import ring_when_due

MANY = 500
"""With more live links than this, a pull first asks only for what changed lately; a full look is owed afterwards."""

FULL_LOOK_AFTER = timedelta(seconds=30)
OVERLAP = timedelta(minutes=5)
ARCHIVED_AFTER = timedelta(days=30)
"""Events that ended this long ago are not looked for any more when a list lacks them."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One link for which the list holds news."""

    glance: LinkGlance
    hint: EventHint
    doubted: bool
    """Whether the calendar says that it is gone, or elsewhere in time."""


def pull(ctx: Context, lease: Lease, installation: Installation) -> None:
    """Look at our events in one calendar. Raises ``TargetGone`` when the calendar itself is gone."""
    started = ctx.clock.now()
    with ctx.store.begin() as uow:
        connection = uow.connections.get(installation.id, ConnectionId(lease.key))
        glances = uow.links.glances(installation.id, ConnectionId(lease.key)) if connection else []
        if connection is None or connection.status not in WRITABLE or connection.calendar_id is None or not glances:
            if connection is not None and connection.status in WRITABLE:
                _remember(ctx, uow, connection, started, full=True)
            uow.outbox.settle(lease, started)
            uow.commit()
            return
    partly = len(glances) > MANY and not _full_look_is_due(connection, started)
    known = [glance.event_id for glance in glances]
    events, full = _list(ctx, installation, connection, known, partly=partly)
    found = _compare(glances, events, started, full=full)
    seen = _sightings(connection, glances, events, found)
    _leave(ctx, lease, connection, found, seen, len(events), started, full=full)


def _full_look_is_due(connection: Connection, now: datetime) -> bool:
    return connection.next_read_at is None or connection.next_read_at <= now


def _list(
    ctx: Context, installation: Installation, connection: Connection, known: Sequence[EventId], *, partly: bool
) -> tuple[dict[EventId, Event], bool]:
    """Our events by id, and whether the list is a full one."""
    opened = OpenCalendar(ctx, connection, style_of(installation))
    since = connection.read_at - OVERLAP if partly and connection.read_at else None
    try:
        if since is not None:
            try:
                listed = opened.call(lambda c: list(c.ours(connection.tag, known=known, changed_since=since)))
                return {e.id: e for e in listed}, False
            except CursorExpired:
                ctx.meter.count("cursor_expired", provider=connection.provider)
        listed = opened.call(lambda c: list(c.ours(connection.tag, known=known)))
    except Forbidden as gone:
        raise TargetGone(str(gone)) from gone
    return {e.id: e for e in listed}, True


def _compare(glances: Sequence[LinkGlance], events: dict[EventId, Event], now: datetime, *, full: bool) -> list[_Found]:
    """What is news. Events that wait for somebody's word are not looked at again and again."""
    found: list[_Found] = []
    for glance in glances:
        event = events.get(glance.event_id)
        if glance.held:
            continue
        if event is None:
            if full and glance.etag is not None and not _is_archived(glance, now):
                found.append(_Found(glance, NoEvent(Absence.UNKNOWN), doubted=True))
        elif event.etag != glance.etag:
            found.append(_Found(glance, event, doubted=has_moved(event, glance.ends_at)))
    return found


def _sightings(
    connection: Connection, glances: Sequence[LinkGlance], events: dict[EventId, Event], found: Sequence[_Found]
) -> list[Sighting]:
    """What may turn out to be our own writes come back: those awaited, and what a link's run may have written since the
    list was asked for. Nothing where there is neither. What is missing is there to be locked with the others."""
    news = {one.glance.id for one in found}
    awaited = [one for one in glances if one.awaits_echo and not one.held and one.event_id in events]
    told = {one.id: events[one.event_id].etag for one in awaited if one.id not in news}
    told |= {one.glance.id: one.hint.etag for one in found if isinstance(one.hint, Event)}
    if not told:
        return []
    return [Sighting(connection.installation_id, link_id, told.get(link_id)) for link_id in news | told.keys()]


def _is_archived(glance: LinkGlance, now: datetime) -> bool:
    return glance.ends_at is not None and glance.ends_at < now - ARCHIVED_AFTER


def _leave(
    ctx: Context,
    lease: Lease,
    connection: Connection,
    found: list[_Found],
    seen: list[Sighting],
    read: int,
    started: datetime,
    *,
    full: bool,
) -> None:
    """One commit: echoes told, a hint at each link with news, its run owed, the pull paid off."""
    inst, now = connection.installation_id, ctx.clock.now()
    mailbox = calendar_mailbox(connection.id)
    heard_at = lease.first_owed_at if lease.lane is Lane.NOW else now  # nobody called for the daily look
    with ctx.store.begin() as uow:
        _remember(ctx, uow, connection, started, full=full)
        if seen:
            uow.links.tell_echoes(seen, now)
        in_order = sorted(found, key=lambda one: one.glance.id)
        hinted = {one.glance.id: _hint(uow, inst, one, now) for one in in_order}
        again = any(_is_unclear(uow, inst, one) for one in in_order if not hinted[one.glance.id])
        uow.connections.count(inst, connection.id, LedgerCount(read=read))
        for link_id in (link_id for link_id, was_left in hinted.items() if was_left):
            due = uow.outbox.request(inst, Topic.SYNC, link_id, mailbox=mailbox, now=now, since=heard_at)
            ring_when_due(ctx, uow, inst, mailbox, Lane.NOW, (due - now).total_seconds())
        if again:
            uow.outbox.request(inst, Topic.PULL, connection.id, mailbox=mailbox, now=now)
        again_at = uow.outbox.settle(lease, now)
        if again_at is None and not full:
            again_at = uow.outbox.request(
                inst, Topic.PULL, connection.id, mailbox=mailbox, now=now, due_at=now + FULL_LOOK_AFTER
            )
        if again_at is not None:
            ring_when_due(ctx, uow, inst, mailbox, Lane.NOW, (again_at - now).total_seconds())
        uow.commit()


def _hint(uow: UnitOfWork, inst: InstallationId, one: _Found, now: datetime) -> bool:
    """Leave the reading, unless the link's own run has written since the list was asked for."""
    glance = one.glance
    if not uow.links.hint_event(inst, glance.id, one.hint, expected_rev=glance.memory_rev, doubted=one.doubted):
        return False
    story = Story.PUSH_FOUND_CHANGE if isinstance(one.hint, Event) else Story.PUSH_FOUND_ABSENCE
    uow.timeline.add(inst, glance.task_id, Entry(now, Actor.CALENDAR.value, story.value, {}))
    return True


def _is_unclear(uow: UnitOfWork, inst: InstallationId, one: _Found) -> bool:
    """Whether it cannot be told which is newer, the reading or what the link's run has written meanwhile."""
    link = uow.links.get(inst, one.glance.id)
    seen = link.memory.event.etag if link is not None and link.memory.event is not None else None
    return link is not None and not (isinstance(one.hint, Event) and one.hint.etag == seen)


def _remember(ctx: Context, uow: UnitOfWork, connection: Connection, started: datetime, *, full: bool) -> None:
    """When this calendar was last looked at; a full look counts as the day's safety read."""
    nxt = next_safety_read(started, ctx.jitter()) if full else started + FULL_LOOK_AFTER
    uow.connections.mark_read(connection.installation_id, connection.id, started, nxt)
