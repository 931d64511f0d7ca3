"""Subscriptions instead of polling: what a connection costs on which nothing happens, for thirty days."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from gateway.core.model import ConnectionStatus
from gateway.services import sweep
from tests.flows.acts import synced_task, the_task
from tests.flows.house import House, Marks, Person

CONNECTED = ConnectionStatus.CONNECTED
DAYS = 30
STEP = timedelta(hours=2)
LEAST_BETWEEN_LOOKS = timedelta(hours=21)  # a safety read is due 22 to 24 h after the last look


def let_time_pass(house: House, whole: timedelta) -> None:
    """Every two hours, with the clock process's beat. A subscription that works is there at every moment."""
    for _ in range(whole // STEP):
        house.advance(seconds=STEP.total_seconds())
        sweep.tick(house.ctx)
        sweep.ring_due(house.ctx)
        while house.work() or house.crm.sender.busy or house.google.sender.busy:
            house.settle()
        assert is_listening(house), house.ctx.clock.now()


def is_listening(house: House) -> bool:
    """Whether each connection has a verified subscription that has not run out."""
    inst, now = house.gateway_installation(), house.ctx.clock.now()
    with house.ctx.store.begin() as uow:
        held = [uow.subscriptions.of_connection(inst, one.id) for one in uow.connections.with_status(inst, CONNECTED)]
    return bool(held) and all(
        any(one.verified_at is not None and one.expires_at is not None and one.expires_at > now for one in of_one)
        for of_one in held
    )


def by_kind(calls: list[dict[str, Any]]) -> dict[str, list[datetime]]:
    """When each kind of call was made."""
    found: dict[str, list[datetime]] = {"list": [], "watch": [], "stop": [], "other": []}
    for call in calls:
        ending = call["path"].rpartition("/")[2]
        kind = {"watch": "watch", "stop": "stop", "events": "list"}.get(ending, "other")
        found[kind].append(datetime.fromisoformat(call["at"]))
    return found


def test_thirty_idle_days_cost_under_two_calls_a_day(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.settle()
    mark, began = house.mark(), house.ctx.clock.now()
    let_time_pass(house, timedelta(days=DAYS))
    calls = house.calls(mark)
    kinds = by_kind(calls)
    days = Counter((datetime.fromisoformat(call["at"]) - began) // timedelta(days=1) for call in calls)
    assert kinds["other"] == []
    assert len(calls) / DAYS < 2
    assert max(days.values()) <= 3, days
    assert len(kinds["watch"]) == len(kinds["stop"]) == 1, "renewed at two thirds of its life"
    assert looks_without_a_reason(kinds) == []
    assert refreshes(house, mark) <= len(calls), "an access token is asked for only where a call follows"
    assert_still_heard(house, ada, task)


def looks_without_a_reason(kinds: dict[str, list[datetime]]) -> list[datetime]:
    """Lists that neither follow a renewal nor are the day's safety read."""
    found, last = [], None
    for at in sorted(kinds["list"]):
        renewed = any(timedelta(0) <= at - watch < timedelta(minutes=5) for watch in kinds["watch"])
        if not renewed and last is not None and at - last < LEAST_BETWEEN_LOOKS:
            found.append(at)
        last = at
    return found


def refreshes(house: House, since: Marks) -> int:
    """How often a token was refreshed."""
    entries = house.google_admin.call("GET", f"/ledger?since={since.google}")["entries"]
    return len([e for e in entries if e["direction"] == "in" and e["path"].endswith("/token")])


def assert_still_heard(house: House, who: Person, task: str) -> None:
    """After all that time an edit in the calendar is heard of at once."""
    mark = house.mark()
    house.edit_event(who, house.event(who), summary="Call Eve")
    house.settle()
    assert the_task(who, task)["title"] == "Call Eve"
    assert len(by_kind(house.calls(mark))["list"]) == 1
