"""Links: what a run, ingest and pull leave each other, and what is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from gateway.core.errors import AlreadyExists, LeaseLost
from gateway.core.mass import ends_at
from gateway.core.model import (
    Absence,
    Cause,
    ConnectionId,
    ConnectionStatus,
    Day,
    Event,
    EventId,
    Field,
    FieldConflict,
    LinkId,
    LinkStatus,
    Memory,
    Moment,
    NoEvent,
    Reason,
    State,
    TaskGone,
    TaskId,
    TaskOff,
    UserId,
)
from gateway.core.records import Arrival, Link, LinkGlance, ReadAgain, Sighting, TaskHint
from gateway.store.links import PgLinks
from gateway.store.unit_of_work import PgStore
from gateway.store.vault import Vault, VaultError
from tests.fakes_store import KEYS
from tests.store.rows import ADA, HERE, NOW, THERE, a_connection, a_link, a_memory, a_place, a_task, an_event, furnish

C1 = ConnectionId("c1")
L1 = LinkId("l1")
OTHER = TaskId("other")


@pytest.fixture(autouse=True)
def tenants(store: PgStore):
    furnish(store, HERE, THERE)


def add(store: PgStore, *links: Link) -> None:
    for link in links:
        store.run(lambda uow, one=link: uow.links.add(one))  # type: ignore[misc]


def load(store: PgStore, id_: str = "l1", installation: Any = HERE) -> Link:
    found = store.run(lambda uow: uow.links.get(installation, LinkId(id_)))
    assert found is not None
    return found


def hint(store: PgStore, what: TaskHint, **changes: Any) -> None:
    said: dict[str, Any] = {"version": None, "owner_id": None, "status": LinkStatus.LIVE, **changes}
    store.run(lambda uow: uow.links.hint_task(HERE, L1, what, **said))


def save(store: PgStore, link: Link) -> Link:
    return store.run(lambda uow: uow.links.save(link, read_task_seq=link.task_seq, read_event_seq=link.event_seq))


FULL = a_link(
    state=State.CONFLICT,
    reason=Reason.REFUSED,
    reason_fields=("title", "due"),
    place=a_place(),
    generation=2,
    task_hint=a_task(title="Call Bob"),
    task_seq=4,
    event_hint=an_event(title="Call Eve"),
    event_seq=5,
    memory_rev=6,
    task_version=7,
    leaving=(a_place("e0", "c0"), a_place("e00", "c0")),
    event_url="https://calendar.example/e1",
    synced_at=NOW,
    reported="digest",
    switched_on_before=True,
)


def test_comes_back_as_it_was_stored(store: PgStore):
    add(store, FULL)
    assert load(store) == FULL
    with store.begin() as uow:
        assert uow.links.by_task(HERE, FULL.task_id) == FULL
        assert uow.links.by_events(HERE, C1, [EventId("e0"), EventId("e1")]) == [FULL]
        assert uow.links.by_events(HERE, C1, [EventId("")]) == []
        assert uow.links.by_events(HERE, C1, []) == []


def test_a_task_has_one_link(store: PgStore):
    first = a_link()
    add(store, first)
    assert store.run(lambda uow: uow.links.add(a_link("other", task_id=first.task_id))) == first
    add(store, a_link("other", THERE, task_id=first.task_id))


def test_an_event_has_one_link_and_those_without_do_not_clash(store: PgStore):
    add(store, a_link("l1", place=a_place()), a_link("l2", place=a_place("")), a_link("l3", place=a_place("")))
    with pytest.raises(AlreadyExists, match="links_one_per_event"):
        add(store, a_link("l4", place=a_place()))


def test_save_writes_everything_and_clears_the_hints_it_read(store: PgStore):
    add(store, a_link())
    hint(store, a_task(title="Call Bob"), version=8)
    assert store.run(lambda uow: uow.links.hint_event(HERE, L1, an_event(), expected_rev=0))
    read = load(store)
    assert (read.task_seq, read.event_seq, read.task_version) == (1, 1, 8)
    wanted = replace(FULL, task_seq=1, event_seq=1, memory_rev=0, task_version=9, owner_id=UserId("eve"))
    saved = save(store, wanted)
    assert saved == replace(wanted, memory_rev=1, task_hint=None, event_hint=None, reported=None)
    assert load(store) == saved


def test_newer_hints_survive_a_save_and_an_event_must_be_read_again(store: PgStore):
    add(store, a_link())
    read = load(store)
    hint(store, a_task(title="Call Bob"), version=8, owner_id=UserId("eve"), status=LinkStatus.OFF)
    assert store.run(lambda uow: uow.links.hint_event(HERE, L1, an_event(), expected_rev=None))
    saved = save(store, replace(read, task_version=3, state=State.SYNCED))
    assert saved.task_hint == a_task(title="Call Bob")
    assert saved.event_hint == ReadAgain()
    assert (saved.task_version, saved.owner_id, saved.status) == (8, UserId("eve"), LinkStatus.OFF)
    assert (saved.state, saved.memory_rev, saved.task_seq, saved.event_seq) == (State.SYNCED, 1, 1, 1)
    assert load(store) == saved
    cleared = save(store, saved)
    assert (cleared.task_hint, cleared.event_hint) == (None, None)


@pytest.mark.parametrize(
    "what", [a_task(), TaskOff(3), TaskOff(), TaskGone(Cause.ARCHIVED), ReadAgain(), ReadAgain(Cause.OUT_OF_REACH)]
)
def test_task_hints_of_every_kind(store: PgStore, what: TaskHint):
    add(store, a_link(task_version=5))
    hint(store, what)
    found = load(store)
    assert found.task_hint == what
    assert (found.task_version, found.owner_id, found.status) == (5, ADA, LinkStatus.LIVE)


@pytest.mark.parametrize("what", [an_event(), NoEvent(Absence.MOVED), ReadAgain()])
def test_event_hints_only_under_the_memory_they_were_compared_with(store: PgStore, what: Any):
    add(store, a_link())
    save(store, load(store))

    def leave(rev: int | None) -> bool:
        return store.run(lambda uow: uow.links.hint_event(HERE, L1, what, expected_rev=rev))

    assert not leave(0)
    assert load(store).event_hint is None
    assert leave(1)
    assert leave(None)
    assert (load(store).event_hint, load(store).event_seq) == (what, 2)


def test_state_and_report_do_not_touch_the_memory(store: PgStore):
    add(store, FULL)
    with store.begin() as uow:
        uow.links.set_state(HERE, L1, State.ERROR, Reason.FORBIDDEN, ["due"])
        uow.links.mark_reported(HERE, L1, "new")
        uow.commit()
    changed = replace(FULL, state=State.ERROR, reason=Reason.FORBIDDEN, reason_fields=("due",), reported="new")
    assert load(store) == changed
    assert save(store, replace(FULL, reported="stale")).reported == "new"


def test_wipe_forgets_all_text_and_the_place(store: PgStore, store_engine: Engine):
    add(store, FULL, a_link("other", task_id="other", place=a_place("e2")))
    with store.begin() as uow:
        for body, tasks in {b"1": (FULL.task_id,), b"2": (FULL.task_id, OTHER), b"3": (OTHER,)}.items():
            for tenant in (HERE, THERE):
                uow.inbox.record(tenant, Arrival("crm", None, body, NOW, raw=body, tasks=tasks))
        conflict = uow.conflicts.open(FULL, FieldConflict(Field.TITLE, "theirs", "ours"), version=7, at=NOW)
        uow.links.wipe(HERE, L1)
        uow.commit()
    found = load(store)
    assert found.memory == Memory(last_number=3)
    assert (found.task_hint, found.event_hint, found.place, found.event_url) == (None, None, None, None)
    assert (found.generation, found.memory_rev, found.task_version) == (2, 7, 7)
    assert load(store, "other").memory == a_memory()
    with store_engine.connect() as connection:
        kept = connection.execute(text("SELECT digest, installation_id FROM inbox WHERE raw IS NOT NULL ORDER BY 1, 2"))
        assert [tuple(row) for row in kept] == [(b"1", THERE), (b"2", THERE), (b"3", HERE), (b"3", THERE)]
    with store.begin() as uow:
        told = uow.conflicts.get(HERE, conflict)
        assert told is not None
        assert (told.what.field, told.what.calendar, told.what.kept) == (Field.TITLE, "", "")


def test_numbers_go_on_after_a_wipe_and_never_back(store: PgStore):
    add(store, a_link())
    store.run(lambda uow: uow.links.wipe(HERE, L1))
    save(store, replace(load(store), memory=Memory(last_number=9)))
    save(store, replace(load(store), memory=Memory()))
    store.run(lambda uow: uow.links.wipe(HERE, L1))
    assert load(store).memory.last_number == 9


def test_glances_show_live_links_with_an_event(store: PgStore):
    add(
        store,
        a_link("l1", place=a_place()),
        a_link("off", place=a_place("e2"), status=LinkStatus.OFF),
        a_link("waits", place=a_place("")),
        a_link("else", place=a_place("e4", "c2")),
        a_link("new", place=a_place("e5"), memory=Memory()),
    )
    glances = store.run(lambda uow: uow.links.glances(HERE, C1))
    assert sorted(glances, key=lambda one: one.id) == [
        LinkGlance(L1, TaskId("t-l1"), EventId("e1"), '"etag"', 3, 0, NOW + timedelta(minutes=30)),
        LinkGlance(LinkId("new"), TaskId("t-new"), EventId("e5"), None, None, 0, None),
    ]
    assert store.run(lambda uow: uow.links.glances(THERE, C1)) == []


def echoes(store: PgStore, *tasks: str) -> list[object]:
    with store.begin() as uow:
        told = [one for task in tasks for one in uow.timeline.of_task(HERE, TaskId(task), 9)]
    return [(one.code, one.actor, dict(one.detail)) for one in told]


def test_b23_each_write_that_comes_back_is_told_once(store: PgStore):
    """Nothing is awaited before a save that knows of echoes; then whatever number is new."""
    add(store, a_link("l1", place=a_place()), a_link("l2", place=a_place("e2")))
    both = [Sighting(HERE, LinkId("l2"), '"etag"'), Sighting(HERE, L1, '"etag"'), Sighting(HERE, L1, '"etag"')]
    store.run(lambda uow: uow.links.tell_echoes(both, NOW))
    assert echoes(store, "t-l1", "t-l2") == []
    for name in ("l1", "l2"):
        link = load(store, name)
        event = link.memory.event
        assert event is not None
        save(store, link)
        assert not load(store, name).awaits_echo
        save(store, replace(link, memory=replace(link.memory, event=replace(event, number=4))))
        assert load(store, name).awaits_echo
    assert all(one.awaits_echo for one in store.run(lambda uow: uow.links.glances(HERE, C1)))
    strange = [Sighting(HERE, L1, '"other"'), Sighting(HERE, L1, None), Sighting(THERE, L1, '"etag"')]
    store.run(lambda uow: uow.links.tell_echoes(strange, NOW))
    assert echoes(store, "t-l1", "t-l2") == []
    store.run(lambda uow: uow.links.tell_echoes(both, NOW))
    store.run(lambda uow: uow.links.tell_echoes(both, NOW))
    row = ("event_echo", "gateway", {"number": 4})
    assert (echoes(store, "t-l1"), echoes(store, "t-l2")) == ([row], [row])
    assert not any(one.awaits_echo for one in store.run(lambda uow: uow.links.glances(HERE, C1)))
    link = load(store)
    save(store, replace(link, echoed=2))
    assert load(store).echoed == 4, "an older run takes nothing back"


@pytest.mark.parametrize(
    ("start", "length", "recurring", "end"),
    [
        (Moment(NOW), timedelta(hours=2), False, NOW + timedelta(hours=2)),
        (Moment(NOW), timedelta(hours=2), True, None),
        (Day(date(2026, 12, 31)), timedelta(days=1), False, datetime(2027, 1, 1, tzinfo=UTC)),
        (Day(date(9999, 12, 31)), timedelta(days=1), False, None),
    ],
)
def test_when_an_event_is_over(start: Any, length: timedelta, recurring: bool, end: datetime | None):
    assert ends_at(Event(EventId("e"), "x", 1, "t", start, length, recurring=recurring)) == end


def of_connection(store: PgStore, id_: str) -> list[str]:
    return [link.id for link in store.run(lambda uow: uow.links.of_connection(HERE, ConnectionId(id_)))]


def furnish_places(store: PgStore) -> None:
    add(
        store,
        a_link("a-here", place=a_place("e1")),
        a_link("b-waits", place=a_place("")),
        a_link("c-no-place"),
        a_link("d-elses", owner_id=UserId("eve")),
        a_link("e-off", place=a_place("e5"), status=LinkStatus.OFF),
        a_link("f-dormant", place=a_place("e6"), status=LinkStatus.DORMANT),
        a_link("a-here", THERE, place=a_place("e1")),
    )


def test_links_of_a_connection(store: PgStore):
    furnish_places(store)
    assert of_connection(store, "c1") == ["a-here", "b-waits", "c-no-place", "e-off", "f-dormant"]
    with store.begin() as uow:
        uow.connections.save(a_connection(status=ConnectionStatus.DISCONNECTED))
        uow.connections.add(a_connection("c2"))
        uow.commit()
    assert of_connection(store, "c1") == ["a-here", "b-waits", "e-off", "f-dormant"]
    assert of_connection(store, "c2") == ["c-no-place"]


def make_dormant(store: PgStore, *, remember: bool = True) -> set[str]:
    made = store.run(lambda uow: uow.links.make_dormant(HERE, C1, Reason.REVOKED, remember_switch=remember))
    return {link_id for link_id, _ in made}


@pytest.mark.parametrize("remember", [True, False])
def test_dormant_links_keep_their_place_and_no_text(store: PgStore, remember: bool):
    furnish_places(store)
    assert make_dormant(store, remember=remember) == {"a-here", "b-waits", "c-no-place"}
    assert make_dormant(store) == set()
    found = load(store, "a-here")
    assert (found.status, found.state, found.reason) == (LinkStatus.DORMANT, State.OFF, Reason.REVOKED)
    assert (found.place, found.switched_on_before) == (a_place("e1"), remember)
    assert found.memory == Memory(last_number=3)
    assert load(store, "a-here", THERE) == a_link("a-here", THERE, place=a_place("e1"))
    assert load(store, "e-off").status is LinkStatus.OFF


def test_a_task_that_went_to_another_owner_stays_live(store: PgStore):
    moved = a_link("to-eve", place=a_place("e2"), owner_id=UserId("eve"))
    add(store, a_link("a-here", place=a_place("e1")), moved)
    assert make_dormant(store) == {"a-here"}


def test_a_run_under_way_cannot_wake_what_went_dormant(store: PgStore):
    add(store, a_link(place=a_place()))
    read = load(store)
    make_dormant(store)
    with pytest.raises(LeaseLost):
        save(store, read)
    adopted = save(store, replace(load(store), status=LinkStatus.LIVE))  # who has seen it dormant may
    assert adopted.status is LinkStatus.LIVE


def test_saving_what_is_no_more(store: PgStore):
    with pytest.raises(LeaseLost):
        save(store, a_link())


def test_ids_of_an_owner_and_task_ids_in_portions(store: PgStore):
    furnish_places(store)
    live_and_off = [LinkStatus.LIVE, LinkStatus.OFF]
    found = store.run(lambda uow: uow.links.ids_of_owner(HERE, ADA, live_and_off))
    assert [link_id for link_id, _ in found] == ["a-here", "b-waits", "c-no-place", "e-off"]
    assert found[0] == ("a-here", "t-a-here")
    pages: list[Any] = [None]
    while pages[-1] != []:
        after = pages[-1][-1] if pages[-1] else None
        pages.append(store.run(lambda uow, a=after: uow.links.task_ids(HERE, a, 2)))  # type: ignore[misc]
    assert pages[1:] == [["t-a-here", "t-b-waits"], ["t-c-no-place", "t-d-elses"], []]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE links SET memory = (SELECT memory FROM links WHERE id = 'l2') WHERE id = 'l1'",
        "UPDATE links AS l SET memory = o.memory FROM links AS o WHERE l.id = o.id AND o.installation_id = 'there'",
        "UPDATE links SET event_hint = task_hint WHERE installation_id = 'here' AND id = 'l1'",
        "UPDATE links SET memory = set_byte(memory, 40, get_byte(memory, 40) # 1)",
    ],
    ids=["row", "tenant", "column", "altered"],
)
def test_ciphertext_of_elsewhere_does_not_open(store: PgStore, store_engine: Engine, change: str):
    add(store, FULL, a_link("l2"), a_link("l1", THERE))
    with store_engine.connect() as transaction:
        links = PgLinks(transaction, Vault(KEYS))
        assert links.get(HERE, L1) == FULL
        transaction.execute(text(change))
        with pytest.raises(VaultError, match="altered, or copied") as caught:
            links.get(HERE, L1)
    assert "Call" not in str(caught.value)
