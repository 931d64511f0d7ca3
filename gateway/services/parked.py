"""Work set aside after it kept failing, each piece with its reason code, and its second chance (B26).

A replay decides from the present state: a task's run reads both sides, whatever was delivered before it was parked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.core.model import InstallationId, LinkId, LinkStatus, TaskId, UserId
from gateway.core.records import Entry, Parked, ParkReason, ReadAgain, Topic
from gateway.core.repositories import UnitOfWork
from gateway.core.stories import Actor, Story
from gateway.services.context import Context, link_id
from gateway.services.sweep import ring_due

SHOWN = 1000
"""How much is listed at once, oldest first."""

SEARCHED = 100_000
"""How much is looked through for a replay."""

BATCH = 100
_OF_A_LINK = (Topic.SYNC, Topic.REPORT, Topic.SWITCH_OFF)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which work: what is given must all fit; nothing given is all of it. ``since`` <= parked < ``until``."""

    task: TaskId | None = None
    user: UserId | None = None
    reason: ParkReason | None = None
    since: datetime | None = None
    until: datetime | None = None
    topic: Topic | None = None
    key: str | None = None


def waiting(ctx: Context, inst: InstallationId | None) -> Sequence[Parked]:
    """Of one installation or of all, oldest first."""
    with ctx.store.begin() as uow:
        return uow.outbox.parked(inst, SHOWN)


def replay(ctx: Context, inst: InstallationId | None, choice: Choice) -> int:
    """Owe it again. Gives how much was taken up. ``task`` and ``user`` are one installation's."""
    with ctx.store.begin() as uow:
        keys = _keys(uow, inst, choice)
        chosen = [one for one in uow.outbox.parked(inst, SEARCHED) if _fits(one, choice, keys)]
    taken = 0
    for start in range(0, len(chosen), BATCH):
        with ctx.store.begin() as uow:
            portion = chosen[start : start + BATCH]
            for one in portion:
                _look_again(ctx, uow, one)
            now = ctx.clock.now()
            taken += sum(uow.outbox.replay(one.installation_id, one.topic, one.key, now) for one in portion)
            uow.commit()
    ring_due(ctx)
    return taken


def _keys(uow: UnitOfWork, inst: InstallationId | None, choice: Choice) -> set[str] | None:
    """What the work asked for is about: a task's link, or all of a user's and the user's connection."""
    if inst is None or (choice.task is None and choice.user is None):
        return None
    if choice.task is not None:
        return {link_id(inst, choice.task)}
    user = UserId(choice.user or "")
    connection = uow.connections.of_user(inst, user)
    links = uow.links.ids_of_owner(inst, user, list(LinkStatus))
    return {link for link, _task in links} | ({connection.id} if connection else set())


def _fits(one: Parked, choice: Choice, keys: set[str] | None) -> bool:
    """Work that stops a replaced channel has the channel's id behind its connection's."""
    return (
        (keys is None or one.key.partition("/")[0] in keys)
        and choice.reason in (None, one.reason)
        and choice.topic in (None, one.topic)
        and choice.key in (None, one.key)
        and (choice.since is None or choice.since <= one.parked_at)
        and (choice.until is None or one.parked_at < choice.until)
    )


def _look_again(ctx: Context, uow: UnitOfWork, one: Parked) -> None:
    """What was delivered before may be stale by now: a run reads both sides."""
    if one.topic not in _OF_A_LINK:
        return
    inst = one.installation_id
    link = uow.links.get(inst, LinkId(one.key))
    if link is None:
        return
    detail = {"topic": one.topic.value}
    uow.timeline.add(inst, link.task_id, Entry(ctx.clock.now(), Actor.GATEWAY.value, Story.REPLAYED.value, detail))
    if one.topic is Topic.SYNC and link.status is LinkStatus.LIVE:
        uow.links.hint_task(inst, link.id, ReadAgain(), version=None, owner_id=None, status=LinkStatus.LIVE)
        uow.links.hint_event(inst, link.id, ReadAgain(), expected_rev=None)
