"""Choosing the target calendar for somebody who waits at a page or a call of the API.

Whatever the provider says about the person's access is taken to heart at once, as a worker would: a dead grant ends the
connection, a wish to see the person again marks it; and then it is told to whoever asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from gateway.core.errors import AccessRevoked, LeaseLost, NotReadable, SignInAgain, TargetGone, TryLater, Unauthorised
from gateway.core.model import LinkStatus, Task
from gateway.core.ports import CalendarInfo, Lane, Mode
from gateway.core.records import Connection, Installation, Topic
from gateway.services import connect
from gateway.services.access import OpenCalendar
from gateway.services.context import Context, calendar_mailbox, style_of
from gateway.services.reports import ring_when_due

SOON = timedelta(seconds=2)
LOOKED_AT = 20
"""How many of a person's tasks are asked for the zone that a new calendar is to have."""


def offered(ctx: Context, connection: Connection) -> Sequence[CalendarInfo]:
    """The calendars that may be chosen. Where the grant sees none but our own, that one."""
    with _heeding(ctx, connection):
        found = connect.calendars(ctx, connection)
    if not found and connection.calendar_id is not None:
        return [_current(connection)]
    return found


def choose_existing(ctx: Context, connection: Connection, calendar_id: str) -> Connection:
    """One of :func:`offered`. Raises ``NotReadable`` for any other."""
    for info in offered(ctx, connection):
        if info.id == calendar_id:
            return connect.choose(ctx, connection, info)
    raise NotReadable("calendar_id", "choose one of GET /v1/users/{uid}/calendars")


def make_own(ctx: Context, installation: Installation, connection: Connection) -> Connection:
    """A calendar of our own, named after the CRM, in the person's zone where a task tells it."""
    with _alone(ctx, connection) as current:
        return _make(ctx, installation, current)


def keep_or_make_own(ctx: Context, installation: Installation, connection: Connection) -> Connection:
    """After a consent for a calendar of our own: the former one if it is still there, else a new one."""
    with _alone(ctx, connection) as current:
        if current.calendar_id is not None and _is_there(ctx, installation, current):
            return connect.choose(ctx, current, _current(current))
        return _make(ctx, installation, current)


def _make(ctx: Context, installation: Installation, connection: Connection) -> Connection:
    zone = connection.calendar_zone or _zone_of(ctx, connection)
    with _heeding(ctx, connection):
        return connect.choose_own(ctx, connection, style_of(installation).crm_name, zone)


@contextmanager
def _alone(ctx: Context, connection: Connection) -> Iterator[Connection]:
    """Gives the connection as it is now, to one at a time: a second click must not make a second calendar. What keeps
    others out is the work of subscribing, which follows anyway. Raises ``TryLater``."""
    inst, mailbox = connection.installation_id, calendar_mailbox(connection.id)
    with ctx.store.begin() as uow:
        lease = uow.outbox.take(inst, Topic.SUBSCRIBE, connection.id, mailbox, ctx.clock.now())
        current = uow.connections.get(inst, connection.id)
        uow.commit()
    if lease is None or current is None:
        raise TryLater("this calendar is being set up at the moment", after=SOON)
    try:
        yield current
    finally:
        with suppress(LeaseLost), ctx.store.begin() as uow:
            uow.outbox.postpone(lease, ctx.clock.now(), counts=False, reason="the calendar is chosen")
            ring_when_due(ctx, uow, inst, mailbox, Lane.NOW, 0.0)
            uow.commit()


def needs_a_choice(connection: Connection) -> bool:
    """Whether the person has to be asked which calendar it shall be."""
    return connection.mode is Mode.EXISTING


def _current(connection: Connection) -> CalendarInfo:
    known = connection.calendar_id or ""
    return CalendarInfo(known, connection.calendar_name or known, zone=connection.calendar_zone)


def _is_there(ctx: Context, installation: Installation, connection: Connection) -> bool:
    opened = OpenCalendar(ctx, connection, style_of(installation))
    try:
        with _heeding(ctx, connection):
            return opened.call(lambda calendar: calendar.exists())
    except TargetGone:
        return False


def _zone_of(ctx: Context, connection: Connection) -> str | None:
    """The zone that the CRM names for this person, if a task at hand tells it."""
    inst = connection.installation_id
    with ctx.store.begin() as uow:
        for link_id, _task_id in uow.links.ids_of_owner(inst, connection.user_id, [LinkStatus.LIVE])[:LOOKED_AT]:
            link = uow.links.get(inst, link_id)
            for said in (link.task_hint, link.memory.task) if link else ():
                if isinstance(said, Task) and said.owner is not None and said.owner.zone:
                    return said.owner.zone
    return None


@contextmanager
def _heeding(ctx: Context, connection: Connection) -> Iterator[None]:
    """Take to heart what the provider says about the access, then pass it on."""
    try:
        yield
    except AccessRevoked as dead:
        connect.access_revoked(ctx, connection.installation_id, connection.id, dead.reason)
        raise
    except SignInAgain as wish:
        connect.must_sign_in(ctx, connection.installation_id, connection.id, wish.reason)
        raise
    except Unauthorised as refused:
        # A fresh token was refused: only the token endpoint may say that a grant is dead.
        raise TryLater("the provider refuses a fresh access token") from refused
