"""What a calendar provider's arrival means for us: checked item by item, and a look owed where something changed.

A push that names an event means a direct look at that event, if it is one of ours; any other is dropped unread, and
nothing of it is kept but a count (B22). One that names none means a look at all of ours. An arrival may hold items of
many people: it is one commit, whatever it holds.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.core.model import Absence, EventId, InstallationId, LinkId, LinkStatus, NoEvent, SubscriptionId
from gateway.core.ports import Lane, Provider
from gateway.core.records import Arrival, Entry, EventHint, LedgerCount, Link, ReadAgain, Sighting, Subscription, Topic
from gateway.core.repositories import UnitOfWork
from gateway.core.signals import Push, Pushes
from gateway.core.stories import Actor, Story
from gateway.services.context import Context, Ring, calendar_mailbox, crm_mailbox

WITH_OTHERS = timedelta(seconds=3)
"""How long a deletion told by itself waits for others: very many at once are held for a yes (B24)."""

RENEWED_LATELY = timedelta(minutes=10)
"""A wish to be renewed so soon after the last renewal is most often that same one told twice; it is granted when this
time is over: https://learn.microsoft.com/graph/change-notifications-lifecycle-events"""


@dataclass(frozen=True, slots=True)
class PushReceipt:
    """What became of a provider's arrival. ``unknown``/``wrong``: how many items named no subscription of ours, or had
    the wrong secret."""

    taken: int
    unknown: int
    wrong: int
    rings: tuple[Ring, ...] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """All that one subscription told in one arrival."""

    subscription: Subscription
    pushes: Sequence[Push]

    @property
    def states(self) -> frozenset[str]:
        return frozenset(push.state for push in self.pushes)

    @property
    def named(self) -> Mapping[EventId, Push]:
        """The events that it names, each once: the gravest word about it, else the last."""
        found: dict[EventId, Push] = {}
        for push in self.pushes:
            if push.event_id is None or push.state not in ("changed", "deleted"):
                continue
            event_id = EventId(push.event_id)
            if event_id not in found or found[event_id].state != "deleted":
                found[event_id] = push
        return dict(sorted(found.items()))


def receive_pushes(
    ctx: Context, uow: UnitOfWork, provider: Provider, pushes: Pushes, raw: bytes, now: datetime
) -> PushReceipt:
    """Check each item against its subscription, and owe a look where something changed. Untrusted items leave no
    trace but a count."""
    told, unknown, wrong = _sorted_out(uow, provider.name, pushes)
    taken = sum(len(one.pushes) for one in told)
    rings: list[Ring] = []
    # In the order of locks (gateway.store), each kind by id, since one arrival may be about many people.
    by_person = sorted((one.subscription for one in told), key=lambda subscription: subscription.connection_id)
    proven = [own for own in by_person if uow.connections.heard(own.installation_id, own.connection_id, now)]
    for one in told:
        _mark(uow, one, now)
    found = {one.subscription.id: _look_up(uow, provider, one) for one in told}
    _tell_echoes(uow, found.values(), now)
    hinted = _hint(uow, found.values(), now)
    for one in told:
        _record(uow, one, found[one.subscription.id], raw, now)
    for one in told:
        rings += _owe_looks(uow, one, now)
    for own in proven:
        inst = own.installation_id
        rings += _owe(uow, inst, Topic.TELL, own.connection_id, crm_mailbox(inst), now)
    for link in hinted:
        gone = any(isinstance(look.news[link.id][1], NoEvent) for look in found.values() if link.id in look.news)
        due = now + WITH_OTHERS if gone else now
        rings += _owe(uow, link.installation_id, Topic.SYNC, link.id, _mailbox_of(link), now, due_at=due)
    ctx.meter.count("pushes", provider=provider.name, outcome="taken" if taken else "refused")
    return PushReceipt(taken, unknown, wrong, tuple(dict.fromkeys(rings)))


def hash_secret(secret: str) -> bytes:
    """How a subscription's secret is kept."""
    return hashlib.sha256(secret.encode()).digest()


# --- trust ----------------------------------------------------------------------------------------------------------


def _sorted_out(uow: UnitOfWork, provider: str, pushes: Pushes) -> tuple[list[_Told], int, int]:
    """What can be trusted, by subscription in the order of their ids; how many items were strangers', and forged."""
    known: dict[str, Subscription | None] = {}
    trusted: dict[str, list[Push]] = {}
    unknown = wrong = 0
    for push in pushes.items:
        if push.channel_id not in known:
            known[push.channel_id] = uow.subscriptions.get(provider, SubscriptionId(push.channel_id))
        subscription = known[push.channel_id]
        if subscription is None:
            unknown += 1
        elif not _is_trusted(subscription, push):
            wrong += 1
        else:
            trusted.setdefault(push.channel_id, []).append(push)
    told = [_Told(own, trusted[name]) for name, own in sorted(known.items()) if own is not None and name in trusted]
    return told, unknown, wrong


def _is_trusted(subscription: Subscription, push: Push) -> bool:
    """The secret in constant time, and the resource once it is known (the first push may be faster than the answer)."""
    same = hmac.compare_digest(hash_secret(push.secret), subscription.secret_hash)
    known = subscription.resource is None or push.resource is None or push.resource == subscription.resource
    return same and known


# --- events that are named ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """What the named events are to us: ``news`` by their links; ``foreign``: how many are none of ours; ``echoes``:
    links whose last write has come back for the first time."""

    news: Mapping[LinkId, tuple[Link, EventHint]]
    foreign: frozenset[EventId]
    echoes: Sequence[Link]


def _look_up(uow: UnitOfWork, provider: Provider, told: _Told) -> _Found:
    """Which of the events named are ours, and not known already as they now are (an echo of our own write)."""
    news: dict[LinkId, tuple[Link, EventHint]] = {}
    foreign: set[EventId] = set()
    echoes: list[Link] = []
    inst, cid = told.subscription.installation_id, told.subscription.connection_id
    named = told.named if provider.names_the_event else {}
    ours = {link.place.event_id: link for link in _live(uow.links.by_events(inst, cid, list(named))) if link.place}
    for event_id, push in named.items():
        link = ours.get(event_id)
        if link is None:
            foreign.add(event_id)
        elif push.state == "deleted":
            news[link.id] = (link, NoEvent(Absence.UNKNOWN))
        elif not _is_known(provider, link, push):
            news[link.id] = (link, ReadAgain())
        elif link.awaits_echo:
            echoes.append(link)
    return _Found(news, frozenset(foreign), echoes)


def _live(links: Iterable[Link]) -> Iterable[Link]:
    return (link for link in links if link.status is LinkStatus.LIVE)


def _is_known(provider: Provider, link: Link, push: Push) -> bool:
    event = link.memory.event
    return push.etag is not None and event is not None and provider.same_version(push.etag, event.etag)


def _tell_echoes(uow: UnitOfWork, found: Iterable[_Found], now: datetime) -> None:
    """Told before the hints are left, and all links locked in one order."""
    looked_up = list(found)
    seen = {link.id: link for each in looked_up for link in each.echoes}
    if not seen:
        return
    news = {link.id: link for each in looked_up for link, _hint in each.news.values()}
    etags = {link.id: link.memory.event.etag for link in seen.values() if link.memory.event and link.id not in news}
    sightings = [Sighting(one.installation_id, one.id, etags.get(one.id)) for one in (seen | news).values()]
    uow.links.tell_echoes(sightings, now)


def _hint(uow: UnitOfWork, found: Iterable[_Found], now: datetime) -> Sequence[Link]:
    """Leave each link the word that its event is to be read."""
    news = sorted((one for each in found for one in each.news.values()), key=lambda one: one[0].id)
    for link, hint in news:
        gone = isinstance(hint, NoEvent)
        uow.links.hint_event(link.installation_id, link.id, hint, expected_rev=None, doubted=gone)
        story = Story.PUSH_FOUND_ABSENCE if gone else Story.PUSH_CAME
        uow.timeline.add(link.installation_id, link.task_id, Entry(now, Actor.CALENDAR.value, story.value, {}))
    return [link for link, _hint in news]


def _mailbox_of(link: Link) -> str:
    if link.place is None:
        raise ValueError("a link found by its event has a place")
    return calendar_mailbox(link.place.connection_id)


# --- the rest -------------------------------------------------------------------------------------------------------


def _mark(uow: UnitOfWork, told: _Told, now: datetime) -> None:
    """Remember that it was heard, and what it said of the subscription itself."""
    subscription, last = told.subscription, told.pushes[-1]
    uow.subscriptions.mark_push(subscription.id, number=last.number, verified_at=now, resource=last.resource)
    if "ended" in told.states:
        uow.subscriptions.remove(subscription.installation_id, subscription.id)
    elif "expiring" in told.states:
        at = _renew_at(subscription, now)
        uow.subscriptions.save(replace(subscription, renew_at=min(at, subscription.renew_at or at)))


def _renew_at(subscription: Subscription, now: datetime) -> datetime:
    return max(now, (subscription.created_at or now - RENEWED_LATELY) + RENEWED_LATELY)


def _record(uow: UnitOfWork, told: _Told, found: _Found, raw: bytes, now: datetime) -> None:
    """Count; and keep of what concerns us that it came, and when."""
    subscription = told.subscription
    inst, cid, last = subscription.installation_id, subscription.connection_id, told.pushes[-1]
    if told.states == {"verified"}:
        return
    dropped = sum(push.event_id in found.foreign for push in told.pushes)
    uow.connections.count(inst, cid, LedgerCount(pushes=len(told.pushes), dropped=dropped))
    if dropped < len(told.pushes):
        detail = {"channel": subscription.id, "number": last.number, "items": len(told.pushes) - dropped}
        uow.inbox.record(inst, Arrival(subscription.provider, None, hashlib.sha256(raw).digest(), now, detail=detail))


def _owe_looks(uow: UnitOfWork, told: _Told, now: datetime) -> Iterable[Ring]:
    """Owe what is not about one event."""
    inst, cid = told.subscription.installation_id, told.subscription.connection_id
    mailbox = calendar_mailbox(cid)
    renews = "expiring" in told.states and _renew_at(told.subscription, now) == now
    if "ended" in told.states or renews:
        yield from _owe(uow, inst, Topic.SUBSCRIBE, cid, mailbox, now)
    if any(_asks_for_all(push) for push in told.pushes):
        yield from _owe(uow, inst, Topic.PULL, cid, mailbox, now)


def _asks_for_all(push: Push) -> bool:
    """Whether it tells of a change without saying of which event."""
    return push.event_id is None and push.state not in ("verified", "expiring", "ended")


def _owe(
    uow: UnitOfWork,
    inst: InstallationId,
    topic: Topic,
    key: str,
    mailbox: str,
    now: datetime,
    due_at: datetime | None = None,
) -> list[Ring]:
    due = uow.outbox.request(inst, topic, key, mailbox=mailbox, now=now, due_at=due_at)
    return [(inst, mailbox, Lane.NOW, max(0.0, (due - now).total_seconds()))]
