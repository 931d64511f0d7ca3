"""No method reaches another tenant's rows. The methods are read off the port, so that a new one is in from its first
day: an argument that has no value here fails the test."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_type_hints

import pytest
from sqlalchemy import Engine, text

from gateway.core import repositories
from gateway.core.boxes import Note
from gateway.core.errors import AlreadyExists, LeaseLost
from gateway.core.model import (
    ConnectionStatus,
    Field,
    FieldConflict,
    InstallationId,
    LinkStatus,
    Reason,
    State,
)
from gateway.core.ports import Lane
from gateway.core.records import (
    Arrival,
    Connection,
    Entry,
    HeldState,
    Installation,
    InstallationStatus,
    Lease,
    LedgerCount,
    Link,
    ParkReason,
    Subscription,
    Topic,
)
from gateway.store.schema import metadata
from gateway.store.unit_of_work import PgStore
from tests.store.rows import (
    CAL,
    HERE,
    NOW,
    THERE,
    a_connection,
    a_link,
    a_place,
    a_subscription,
    a_task,
    an_event,
    an_installation,
    furnish,
    hashed,
    must_lease,
    owe,
    park,
)

OWNED = (Installation, Connection, Link, Subscription, Lease)
"""Records that name their installation themselves."""

EMPTY: tuple[Any, ...] = (None, False, 0, (0, 0), [], (), set(), ([], None), LedgerCount())
GIVES_OF_ITS_OWN = {"inbox.record", "outbox.request", "outbox.take", "links.add"}
"""These make a row of the caller's own under the same name, and tell of that."""


def methods() -> Iterator[Any]:
    for repository, protocol in get_type_hints(repositories.UnitOfWork).items():
        for name, method in inspect.getmembers(protocol, inspect.isfunction):
            hints = get_type_hints(method)
            kinds = set(hints.values())
            if not name.startswith("_") and kinds & {InstallationId, InstallationId | None, *OWNED}:
                yield pytest.param(repository, name, id=f"{repository}.{name}")


def fill(store: PgStore) -> dict[str, Any]:
    """One of everything, here; and the arguments by which it is found, by parameter name."""
    furnish(store, HERE)
    with store.begin() as uow:
        uow.installations.add(an_installation(THERE), hashed("token of there"))
        link = uow.links.add(a_link(place=a_place()))
        uow.links.hint_task(HERE, link.id, a_task(), version=1, owner_id=None, status=LinkStatus.LIVE)
        uow.subscriptions.add(a_subscription(state="live", renew_at=NOW))
        conflict = uow.conflicts.open(link, FieldConflict(Field.TITLE, "a", "b"), version=1, at=NOW)
        uow.timeline.add(HERE, link.task_id, Entry(NOW, "gateway", "x"))
        uow.connections.count(HERE, a_connection().id, LedgerCount(1, 1, 1, 1))
        uow.inbox.record(HERE, Arrival("crm", "d1", b"x", NOW, raw=b"x", tasks=(link.task_id,)))
        uow.commit()
    owe(store, "parked", topic=Topic.TELL)
    park(store, must_lease(store), NOW)
    owe(store, link.id)
    lease = must_lease(store)
    owe(store, "due", topic=Topic.REPORT)
    return {
        "link": replace(link, state=State.ERROR),
        "link_id": link.id,
        "task_id": link.task_id,
        "conflict_id": conflict,
        "lease": lease,
        "key": "parked",
    }


def arguments(filled: dict[str, Any]) -> dict[str, Any]:
    return {
        **filled,
        "installation_id": THERE,
        "installation": an_installation(THERE),
        "api_token_hash": hashed("another"),
        "connection": a_connection(email="changed"),
        "connection_id": a_connection().id,
        "subscription": a_subscription(state="old"),
        "subscription_id": a_subscription().id,
        "event_id": a_place().event_id,
        "event_ids": [a_place().event_id],
        "user_id": a_connection().user_id,
        "owner_id": a_connection().user_id,
        "status": None,
        "statuses": list(LinkStatus),
        "reason": "x",
        "settings": {},
        "secret": "x",
        "old_until": NOW,
        "at": NOW,
        "read_at": NOW,
        "next_read_at": NOW,
        "now": NOW,
        "until": NOW,
        "due_at": None,
        "expires_at": NOW + timedelta(hours=1),
        "credential": b"x",
        "version": 0,
        "number": 1,
        "more": LedgerCount(1, 1, 1, 1),
        "hint": None,
        "expected_rev": None,
        "read_task_seq": 1,
        "read_event_seq": 0,
        "state": State.ERROR,
        "fields": [],
        "digest": "x",
        "after": None,
        "before": None,
        "since": None,
        "limit": 10,
        "remember_switch": True,
        "arrival": Arrival("crm", "d1", b"x", NOW),
        "topic": Topic.TELL,
        "mailbox": CAL,
        "lane": Lane.NOW,
        "counts": True,
        "entries": Entry(NOW, "gateway", "y"),
        "what": FieldConflict(Field.TITLE, "c", "d"),
        "how": "crm",
        "open_only": False,
        "closed_only": False,
        "cursor": None,
        "door": "nobody's",
        "credentials": "another",
        "account": "nobody's",
        "kind": "connect",
        "token": "x",
        "payload": {},
        "held_id": "h-1",
        "decided_by": "crm",
        "doubted": True,
        "keys": ["parked"],
        "connections": [a_connection().id],
        "links": [filled["link"].id],
        "tasks": [filled["task_id"]],
        "connected_before": NOW,
        "suspect_before": NOW,
    }


PER_METHOD: dict[str, dict[str, Any]] = {
    "survey.parked": {"reason": None},
    "installations.set_status": {"status": InstallationStatus.PAUSED},
    "connections.with_status": {"status": ConnectionStatus.CONNECTED},
    "links.hint_task": {"status": LinkStatus.OFF, "hint": a_task()},
    "links.hint_event": {"hint": an_event()},
    "links.set_state": {"reason": Reason.HELD},
    "outbox.park": {"reason": ParkReason.REFUSED},
    "held.decide": {"state": HeldState.APPROVED},
    "links.make_dormant": {"reason": Reason.DISCONNECTED},
    "conflicts.close": {"fields": None},
}


def rows_of(engine: Engine, tenant: str) -> dict[str, list[str]]:
    """Everything that is stored of a tenant, as text."""
    found = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            column = "id" if table.name == "installations" else "installation_id"
            if column in table.c:
                query = f"SELECT CAST(t AS text) FROM {table} AS t WHERE {column} = :of ORDER BY 1"  # noqa: S608
                found[table.name] = list(connection.execute(text(query), {"of": tenant}).scalars())
    return found


@pytest.mark.parametrize(("repository", "name"), list(methods()))
def test_another_tenants_rows_are_out_of_reach(store: PgStore, store_engine: Engine, repository: str, name: str):
    known = {**arguments(fill(store)), **PER_METHOD.get(f"{repository}.{name}", {})}
    method = f"{repository}.{name}"
    before = rows_of(store_engine, HERE)
    assert all(before[table] for table in ("links", "outbox", "conflicts", "inbox", "timeline", "subscriptions"))
    with store.begin() as uow:
        act = getattr(getattr(uow, repository), name)
        given: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in inspect.signature(act).parameters.values():
            value = known[parameter.name]
            if isinstance(value, Connection | Link | Subscription | Lease):
                value = replace(value, installation_id=THERE)
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                named[parameter.name] = value
            else:
                given.append(value)
        try:
            result = act(*given, **named)
        except (AlreadyExists, LeaseLost):
            return  # answered like something that does not exist, or that is taken
        if method not in GIVES_OF_ITS_OWN and not method.endswith((".add", ".open")):
            assert result in EMPTY or getattr(result, "id", None) == THERE
        uow.commit()
    assert rows_of(store_engine, HERE) == before


def test_the_port_was_read():
    assert len(list(methods())) >= 60


def test_what_is_left_for_another_tenant_does_not_reach_this_one(store: PgStore, store_engine: Engine):
    """The methods that take several tenants' rows at once."""
    fill(store)
    before = rows_of(store_engine, HERE)
    link = replace(a_link(), installation_id=THERE, task_hint=a_task())
    with store.begin() as uow:
        assert [one.installation_id for one in uow.links.by_tasks([(HERE, link.task_id)])] == [HERE]
        assert uow.links.by_tasks([(THERE, link.task_id)]) == []
        note = Note(link, a_connection().user_id, "crm:there")
        uow.intake.leave([note], [(THERE, link.task_id, Entry(NOW, "gateway", "y"))], NOW)
        arrival = Arrival("crm", "d1", b"x", NOW, raw=b"x", tasks=(link.task_id,))
        assert uow.inbox.record_all([(THERE, arrival)]) == [True]
        uow.commit()
    assert rows_of(store_engine, HERE) == before
