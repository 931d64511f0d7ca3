"""What the ``Store`` promises of what was said, what happened, what differs, and what may be used once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from gateway.core.errors import NotReadable
from gateway.core.model import Field, FieldConflict, LinkId, Moment, TaskId, UserId
from gateway.core.records import Arrival, Conflict, Entry
from gateway.store.unit_of_work import PgStore
from tests.fakes_store import clock, store, store_database, store_engine
from tests.store.rows import ADA, HERE, NOW, SECOND, THERE, a_link, furnish

__all__ = ["clock", "store", "store_database", "store_engine"]

EVE = UserId("eve")
HOUR = timedelta(hours=1)
T1 = TaskId("t1")


# --- inbox ----------------------------------------------------------------------------------------------------------


def test_an_id_counts_once_per_door_and_installation(store: PgStore):
    arrival = Arrival("crm", "d1", b"digest", NOW, detail={"version": 7})
    with store.begin() as uow:
        assert uow.inbox.record(HERE, arrival) is not None
        assert uow.inbox.record(HERE, replace(arrival, digest=b"other body")) is None
        assert uow.inbox.record(THERE, arrival) is not None
        assert uow.inbox.record(None, arrival) is not None
        assert uow.inbox.record(None, arrival) is None
        assert uow.inbox.record(HERE, replace(arrival, door="other")) is not None
        for _ in range(2):
            assert uow.inbox.record(HERE, replace(arrival, dedupe_id=None)) is not None


def test_inbox_retention_bodies_first(store: PgStore, store_engine: Engine):
    def rows() -> list[tuple[str, bool]]:
        with store_engine.connect() as connection:
            found = connection.execute(text("SELECT dedupe_id, raw IS NOT NULL FROM inbox ORDER BY dedupe_id"))
            return [(row[0], row[1]) for row in found]

    def drop(bodies_before: int, rows_before: int, limit: int = 10) -> int:
        ages = NOW - bodies_before * HOUR, NOW - rows_before * HOUR
        return store.run(lambda uow: uow.inbox.drop_old(*ages, limit))

    with store.begin() as uow:
        for age in range(4):
            uow.inbox.record(HERE, Arrival("crm", f"d{age}", b"x", NOW - age * HOUR, raw=b"body", tasks=(T1, T1)))
        uow.commit()
    assert drop(4, 4) == 0
    assert drop(1, 4, limit=1) == 1
    assert drop(1, 4) == 1
    assert rows() == [("d0", True), ("d1", True), ("d2", False), ("d3", False)]
    assert drop(1, 2) == 1
    assert rows() == [("d0", True), ("d1", True), ("d2", False)]
    with store_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM inbox_bodies")).scalar() == 2


# --- timeline -------------------------------------------------------------------------------------------------------


def test_timeline_newest_first(store: PgStore):
    entries = [Entry(NOW + n * SECOND, "gateway", f"code-{n}", {"n": n, "who": None}) for n in range(4)]
    with store.begin() as uow:
        uow.timeline.add(HERE, T1)
        uow.timeline.add(HERE, T1, *entries[:3])
        uow.timeline.add(HERE, T1, entries[3])
        uow.timeline.add(THERE, T1, entries[0])
        assert uow.timeline.of_task(HERE, T1, 10) == entries[::-1]
        assert uow.timeline.of_task(HERE, T1, 2) == entries[:1:-1]
        assert uow.timeline.drop_old(NOW + 2 * SECOND, 2) == 2
        assert uow.timeline.drop_old(NOW + 2 * SECOND, 2) == 1
        assert uow.timeline.of_task(HERE, T1, 10) == entries[:1:-1]


# --- conflicts ------------------------------------------------------------------------------------------------------


def test_a_conflict_is_open_until_it_is_closed_or_superseded(store: PgStore):
    furnish(store)
    title = FieldConflict(Field.TITLE, calendar="theirs", kept="ours")
    due = FieldConflict(Field.DUE, calendar=Moment(NOW, "Europe/Berlin"), kept=Moment(NOW + HOUR))
    with store.begin() as uow:
        link = uow.links.add(a_link())
        first = uow.conflicts.open(link, title, version=7, at=NOW)
        second = uow.conflicts.open(link, due, version=7, at=NOW + SECOND)
        third = uow.conflicts.open(link, title, version=8, at=NOW + 2 * SECOND)
        assert [one.id for one in uow.conflicts.of_link(HERE, link.id)] == [second, third]
        old = Conflict(first, HERE, link.id, link.task_id, ADA, title, 7, NOW, NOW + 2 * SECOND, "superseded")
        assert uow.conflicts.get(HERE, first) == old
        assert uow.conflicts.close(HERE, link.id, [Field.TITLE], "crm", NOW + HOUR) == 1
        closed = uow.conflicts.get(HERE, third)
        assert closed is not None
        assert (closed.closed_at, closed.closed_by) == (NOW + HOUR, "crm")
        assert uow.conflicts.close(HERE, link.id, [], "crm", NOW + HOUR) == 0
        assert uow.conflicts.close(HERE, link.id, None, "calendar", NOW + HOUR) == 1
        assert uow.conflicts.of_link(HERE, link.id) == []


def test_conflicts_page_by_page(store: PgStore):
    furnish(store)
    ids = []
    with store.begin() as uow:
        for n in range(5):
            link = uow.links.add(a_link(f"l{n}", owner_id=ADA if n % 2 == 0 else EVE))
            what = FieldConflict(Field.TITLE, f"theirs {n}", "ours")
            ids.append(uow.conflicts.open(link, what, version=1, at=NOW + n // 2 * SECOND))
        uow.conflicts.close(HERE, LinkId("l0"), None, "crm", NOW)
        uow.commit()

    def walk(user: UserId | None, *, open_only: bool) -> list[str]:
        found, cursor, more = [], None, True
        while more:
            with store.begin() as uow:
                page, cursor = uow.conflicts.search(HERE, user_id=user, open_only=open_only, cursor=cursor, limit=2)
            found += [one.id for one in page]
            more = cursor is not None
        return found

    assert sorted(walk(None, open_only=False)) == sorted(ids)
    assert walk(ADA, open_only=True) == [ids[2], ids[4]]
    assert walk(EVE, open_only=False) == [ids[1], ids[3]]


@pytest.mark.parametrize("cursor", ["", "x", "W10=", "WyIyMDI2LTExLTIyIiwgIngiXQ==", "é", "bnVsbA=="])
def test_a_cursor_that_is_not_ours(store: PgStore, cursor: str):
    with store.begin() as uow, pytest.raises(NotReadable, match="cursor"):
        uow.conflicts.search(HERE, user_id=None, open_only=True, cursor=cursor, limit=2)


def test_old_conflicts_expire(store: PgStore):
    furnish(store)
    with store.begin() as uow:
        for n in range(3):
            what = FieldConflict(Field.TITLE, "theirs", "ours")
            uow.conflicts.open(uow.links.add(a_link(f"l{n}")), what, version=1, at=NOW + n * HOUR)
        (expired,) = uow.conflicts.expire(NOW + HOUR, NOW + 9 * HOUR, 10)
        assert (expired.link_id, expired.closed_by, expired.closed_at) == ("l0", "expired", NOW + 9 * HOUR)
        assert uow.conflicts.expire(NOW + HOUR, NOW, 10) == []
        assert len(uow.conflicts.expire(NOW + 9 * HOUR, NOW, 1)) == 1


# --- one use --------------------------------------------------------------------------------------------------------


def test_used_once(store: PgStore):
    payload = {"user": "ada", "nested": {"list": [1, None, True]}}
    with store.begin() as uow:
        uow.one_use.put("connect", "token", payload, NOW + HOUR, HERE)
        assert uow.one_use.peek("connect", "token", NOW) == payload
        assert uow.one_use.take("oauth", "token", NOW) is None
        assert uow.one_use.take("connect", "Token", NOW) is None
        assert uow.one_use.take("connect", "token", NOW + HOUR) is None
        assert uow.one_use.take("connect", "token", NOW) == payload
        assert uow.one_use.take("connect", "token", NOW) is None


def test_expired_tokens_are_dropped(store: PgStore):
    with store.begin() as uow:
        for n in range(3):
            uow.one_use.put("connect", f"token {n}", {}, NOW + n * HOUR, HERE)
        assert uow.one_use.drop_expired(NOW + HOUR, 1) == 1
        assert uow.one_use.drop_expired(NOW + HOUR, 10) == 1
        assert uow.one_use.peek("connect", "token 2", NOW) == {}
