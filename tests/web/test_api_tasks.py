"""The API about tasks and conflicts (B15, B16, B23): state, switch, story, a fresh look, the person's answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gateway.core.errors import Forbidden, Refused, StaleWrite, TryLater
from gateway.core.model import (
    Day,
    EventId,
    Field,
    FieldConflict,
    LinkStatus,
    Moment,
    Place,
    Reason,
    State,
    Task,
    TaskId,
)
from gateway.core.records import Entry, Link
from gateway.core.stories import Actor, Story
from gateway.web import schemas
from tests.web.bench import ADA, Bench, Browser

NINE = Moment(datetime(2026, 12, 2, 8, tzinfo=UTC), "Europe/Berlin")


def asked(bench: Bench, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = bench.api(method, path, body)
    return answer.status_code, answer.get_json(silent=True)


def saved(bench: Bench, link: Link, **changes: Any) -> None:
    with bench.store.begin() as uow:
        current = uow.links.get(bench.acme.id, link.id)
        assert current is not None
        uow.links.save(replace(current, **changes), read_task_seq=1, read_event_seq=0)
        uow.commit()


def conflicted(bench: Bench, link: Link, what: FieldConflict) -> str:
    with bench.store.begin() as uow:
        found = uow.conflicts.open(link, what, version=1, at=bench.clock.now())
        uow.commit()
    return found


# --- state ----------------------------------------------------------------------------------------------------------


def test_a_state_is_told_as_the_crm_is_told_it(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    link = bench.task()
    assert asked(bench, "GET", "/v1/tasks/t-1/sync")[1]["state"] == "pending"
    place = Place(bench.connection().id, "calendar-2", EventId("e1"))
    saved(bench, link, state=State.SYNCED, place=place, event_url="https://cal.example/e1", synced_at=bench.clock.now())
    status, told = asked(bench, "GET", "/v1/tasks/t-1/sync")
    assert status == 200
    assert told == {
        "state": "synced",
        "reason": None,
        "event_url": "https://cal.example/e1",
        "provider": "google",
        "synced_at": "2026-11-22T15:00:00Z",
        "conflict": None,
    }
    schemas.SyncState().load(told)


def test_a_refused_field_is_named(bench: Bench) -> None:
    saved(bench, bench.task(), state=State.ERROR, reason=Reason.REFUSED, reason_fields=("title", "due"))
    told = asked(bench, "GET", "/v1/tasks/t-1/sync")[1]
    assert (told["state"], told["reason"], told["field"]) == ("error", "refused", "title,due")


def test_b16_an_open_conflict_is_in_the_state(bench: Bench) -> None:
    link = bench.task()
    saved(bench, link, state=State.SYNCED)
    cid = conflicted(bench, link, FieldConflict(Field.DUE, Day(date(2026, 12, 3)), NINE))
    told = asked(bench, "GET", "/v1/tasks/t-1/sync")[1]
    assert told["state"] == "conflict"
    assert told["conflict"] == {
        "id": cid,
        "fields": [
            {
                "name": "due",
                "calendar": {"date": "2026-12-03"},
                "kept": {"date_time": "2026-12-02T08:00:00Z", "time_zone": "Europe/Berlin"},
            }
        ],
        "detected_at": "2026-11-22T15:00:00Z",
    }
    schemas.SyncState().load(told)


@pytest.mark.parametrize(("method", "path"), [("GET", "sync"), ("GET", "timeline"), ("POST", "resync")])
def test_a_task_that_never_was_on_is_unknown(bench: Bench, method: str, path: str) -> None:
    status, told = asked(bench, method, f"/v1/tasks/t-9/{path}")
    assert (status, told["code"]) == (404, "unknown_task")


# --- the switch -----------------------------------------------------------------------------------------------------


def test_switching_off_is_written_where_the_crm_keeps_the_switch(bench: Bench) -> None:
    bench.task()
    status, _ = asked(bench, "PUT", "/v1/tasks/t-1/sync", {"enabled": False})
    assert status == 200
    assert bench.crm.calls["patch"] == 1
    assert asked(bench, "PUT", "/v1/tasks/t-1/sync", {"enabled": False})[0] == 200
    assert bench.crm.calls["patch"] == 1
    status, told = asked(bench, "PUT", "/v1/tasks/t-1/sync", {"enabled": True})
    assert (status, told["code"]) == (409, "switch_in_crm")


@pytest.mark.parametrize(
    ("error", "status"), [(StaleWrite("x"), 503), (TryLater("x"), 503), (Forbidden("x"), 403), (Refused("x"), 422)]
)
def test_a_crm_in_trouble_is_told_and_nothing_else(bench: Bench, error: Any, status: int) -> None:
    bench.task()
    bench.crm.fail(error, on="patch")
    assert asked(bench, "PUT", "/v1/tasks/t-1/sync", {"enabled": False})[0] == status


def test_a_task_the_crm_does_not_know_cannot_be_switched(bench: Bench) -> None:
    assert asked(bench, "PUT", "/v1/tasks/t-9/sync", {"enabled": False})[0] == 404


@pytest.mark.parametrize("enabled", ["true", 1, None, "yes"])
def test_a_switch_is_true_or_false(bench: Bench, enabled: Any) -> None:
    status, told = asked(bench, "PUT", "/v1/tasks/t-1/sync", {"enabled": enabled})
    assert (status, told["errors"][0]["field"]) == (400, "enabled")


# --- story ----------------------------------------------------------------------------------------------------------


def test_b23_the_timeline_tells_every_hop_in_words(bench: Bench) -> None:
    bench.task()
    with bench.store.begin() as uow:
        for minute, story in enumerate((Story.SWITCHED_ON, Story.WAITING, Story.EVENT_CREATED)):
            at = bench.clock.now() + timedelta(minutes=minute)
            detail = {"reason": "no_due_date"} if story is Story.WAITING else {}
            uow.timeline.add(bench.acme.id, bench.task().task_id, Entry(at, Actor.GATEWAY.value, story.value, detail))
        uow.commit()
    status, told = asked(bench, "GET", "/v1/tasks/t-1/timeline")
    assert status == 200
    assert [entry["code"] for entry in told["entries"]] == ["event_created", "waiting", "switched_on"]
    assert told["entries"][1]["text"] == "The change waits (waiting for a due date)"
    schemas.Timeline().load(told)


def test_a_fresh_look_is_owed(bench: Bench) -> None:
    bench.task()
    assert bench.api("POST", "/v1/tasks/t-1/resync").status_code == 202
    assert bench.owed() >= {f"crm:{bench.acme.id}"}


# --- conflicts ------------------------------------------------------------------------------------------------------


def test_conflicts_are_listed_by_user_and_state(bench: Bench) -> None:
    link = bench.task()
    first = conflicted(bench, link, FieldConflict(Field.TITLE, "Theirs", "Call Ada"))
    other = conflicted(bench, bench.task("t-2", owner="u-8"), FieldConflict(Field.TITLE, "A", "B"))
    status, told = asked(bench, "GET", f"/v1/conflicts?user_id={ADA}")
    assert (status, [one["id"] for one in told["conflicts"]], told["next_cursor"]) == (200, [first], None)
    schemas.ConflictPage().load(told)
    asked(bench, "POST", f"/v1/conflicts/{first}/resolve", {"keep": "crm"})
    ids = {
        state: [one["id"] for one in asked(bench, "GET", f"/v1/conflicts?state={state}")[1]["conflicts"]]
        for state in ("open", "closed")
    }
    assert ids == {"open": [other], "closed": [first]}


@pytest.mark.parametrize("query", ["state=odd", "cursor=nonsense", "user_id=", "cursor=%00", f"user_id={'x' * 300}"])
def test_a_query_that_cannot_be_read_is_named(bench: Bench, query: str) -> None:
    status, told = asked(bench, "GET", f"/v1/conflicts?{query}")
    assert (status, told["errors"][0]["field"]) == (400, query.partition("=")[0])


def test_b16_keeping_the_crms_value_may_be_repeated(bench: Bench) -> None:
    cid = conflicted(bench, bench.task(), FieldConflict(Field.TITLE, "Theirs", "Call Ada"))
    for _ in range(2):
        status, told = asked(bench, "POST", f"/v1/conflicts/{cid}/resolve", {"keep": "crm"})
        assert (status, told["state"], told["closed_by"]) == (200, "closed", "crm")
    schemas.ConflictItem().load(told)
    assert bench.crm.calls["patch"] == 0
    assert asked(bench, "POST", f"/v1/conflicts/{cid}/resolve", {"keep": "calendar"})[0] == 409


def test_b16_the_calendars_value_is_written_to_the_task(bench: Bench) -> None:
    cid = conflicted(bench, bench.task(), FieldConflict(Field.TITLE, "Theirs", "Call Ada"))
    status, told = asked(bench, "POST", f"/v1/conflicts/{cid}/resolve", {"keep": "calendar"})
    assert (status, told["closed_by"]) == (200, "calendar")
    task = bench.crm.get(TaskId("t-1"))
    assert isinstance(task, Task)
    assert task.title == "Theirs"


def test_b16_not_if_the_task_has_moved_on(bench: Bench) -> None:
    cid = conflicted(bench, bench.task(), FieldConflict(Field.TITLE, "Theirs", "Call Ada"))
    bench.crm.edit("t-1", title="Newer")
    status, told = asked(bench, "POST", f"/v1/conflicts/{cid}/resolve", {"keep": "calendar"})
    assert (status, told["code"]) == (409, "moved_on")
    assert asked(bench, "GET", "/v1/conflicts?state=open")[1]["conflicts"] != []


def test_an_unknown_conflict_is_unknown(bench: Bench) -> None:
    status, told = asked(bench, "POST", "/v1/conflicts/c-9/resolve", {"keep": "crm"})
    assert (status, told["code"]) == (404, "unknown_conflict")


def test_links_that_left_are_not_looked_at(bench: Bench) -> None:
    link = bench.task()
    saved(bench, link, status=LinkStatus.OFF)
    before = bench.owed()
    assert bench.api("POST", "/v1/tasks/t-1/resync").status_code == 202
    assert bench.owed() == before
