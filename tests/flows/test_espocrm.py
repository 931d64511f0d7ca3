"""EspoCRM's own ways: bad deliveries, new secrets, rights withdrawn, a limit in a burst, echoes where it sends them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from gateway.crms.espocrm.secrets import Hook, read_all
from sandbox.espocrm.queue import encoded, signatures
from tests.flows.acts import codes
from tests.flows.crm_houses import AT_THREE, EspoHouse
from tests.flows.house import Person
from tests.flows.trouble import nothing_is_left, parked, until_quiet


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[EspoHouse]:
    made = EspoHouse(tmp_path, database_url)
    made.install()
    made.settle()
    yield made
    made.stop()


@pytest.fixture
def ada(house: EspoHouse) -> Person:
    who = house.person("ada@example.com")
    house.connect(who)
    return who


def hook_of(house: EspoHouse, event: str) -> Hook:
    with house.ctx.store.begin() as uow:
        found = uow.installations.by_key(house.key)
    assert found is not None
    return next(hook for hook in read_all(found.webhook_secrets[:1]).values() if hook.event == event)


def knock(house: EspoHouse, raw: bytes, hook: Hook, **headers: str) -> int:
    """A delivery as EspoCRM signs it."""
    signed = {**signatures(hook.id, hook.secret, raw), **headers}
    return requests.post(house.installation["webhook_url"], data=raw, headers=signed, timeout=10).status_code


def faults(house: EspoHouse) -> list[Any]:
    with psycopg.connect(house.environment["DATABASE_URL"]) as connected:
        kept = connected.execute("SELECT detail FROM inbox ORDER BY at").fetchall()
    return [fault for (detail,) in kept for fault in detail.get("faults", [])]


def test_bad_deliveries_change_nothing_and_good_ones_among_them_count(house: EspoHouse, ada: Person) -> None:
    task = house.synced(ada)
    hook, raw = hook_of(house, "update"), encoded([{"id": task, "name": "x"}])
    mark = house.mark()
    for headers in (
        {"Signature": ""},
        {"Signature": signatures(hook.id, "another", raw)["Signature"]},
        {"X-Signature": signatures("another", hook.secret, raw)["X-Signature"]},
        {"Signature": signatures(hook.id, hook.secret, raw + b" ")["Signature"]},
    ):
        assert knock(house, raw, hook, **headers) == 401
    assert requests.post(house.installation["webhook_url"], json=[], timeout=10).status_code == 401
    assert knock(house, b"{}", hook) == 400
    assert knock(house, encoded([{"id": task, "description": "x" * (5 * 1024 * 1024)}]), hook) == 413
    house.settle()
    assert house.calls(mark, which="crm") == []
    assert knock(house, encoded([7, {"id": ""}, {"id": task, "name": "x"}, {"name": "x"}]), hook) == 202
    assert knock(house, encoded([{"id": task, "description": "x" * 100_000}] * 49), hook) == 202
    house.settle()
    assert [fault.partition(":")[0] for fault in faults(house)] == ["[0]", "[1].id", "[3].id"]
    assert {call["path"] for call in house.calls(mark, which="crm")} == {f"/api/v1/Task/{task}"}
    assert house.event(ada)["summary"] == "Call Ada", "a delta is never applied, the task is read"
    nothing_is_left(house)


def test_b1_changes_of_tasks_that_are_not_on_are_neither_read_nor_kept(house: EspoHouse, ada: Person) -> None:
    mark = house.mark()
    task = house.new(ada, title="Private", on=False)
    house.edit(ada, task, title="Still private", due=AT_THREE)
    house.bin(ada, task)
    house.settle()
    assert house.calls(mark, which="crm") == []
    with psycopg.connect(house.environment["DATABASE_URL"]) as connected:
        kept = "SELECT (SELECT count(*) FROM inbox_bodies), (SELECT count(*) FROM links)"
        assert connected.execute(kept).fetchone() == (0, 0)


def test_a_new_secret_is_new_hooks_and_the_old_ones_are_trusted_for_a_day(house: EspoHouse, ada: Person) -> None:
    task = house.synced(ada)
    old, raw = hook_of(house, "update"), encoded([{"id": task, "name": "x"}])
    told = house.command("rotate-secret", house.key)
    assert old.secret not in told
    assert hook_of(house, "update").id != old.id
    house.edit(ada, task, title="Call Bob")
    house.settle()
    assert house.event(ada)["summary"] == "Call Bob"
    assert knock(house, raw, old) == 202
    house.advance(hours=25)
    assert knock(house, raw, old) == 401
    until_quiet(house)


def test_a_right_withdrawn_pauses_one_task_and_a_replay_takes_it_up(house: EspoHouse, ada: Person) -> None:
    task, other = house.synced(ada, title="Out of reach"), house.synced(ada, title="Within reach")
    house.crm_admin.call("POST", f"/tasks/{task}", json={"hidden": True})
    event = next(one for one in house.events(ada) if one["summary"] == "Out of reach")
    house.edit_event(ada, event, summary="Renamed meanwhile")
    house.edit(ada, other, title="Still within reach")
    until_quiet(house)
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("error", "forbidden")
    assert sorted(one["summary"] for one in house.events(ada)) == ["Renamed meanwhile", "Still within reach"]
    assert {one.reason for one in parked(house)} == {"forbidden"}
    house.crm_admin.call("POST", f"/tasks/{task}", json={"hidden": False})
    done = house.app.test_cli_runner().invoke(args=["replay", "--all"])
    assert done.exit_code == 0, done.output
    until_quiet(house)
    assert (house.seen(task).title, house.seen(task).state) == ("Renamed meanwhile", "synced")
    nothing_is_left(house)


def test_a_limit_met_in_a_burst_of_200_edits_loses_none(house: EspoHouse, ada: Person) -> None:
    """429 without a word how long: every task waits, nobody hammers, the final state arrives."""
    tasks = [house.synced(ada, title=f"Task {number}") for number in range(10)]
    house.crm_admin.call("POST", "/behaviour", json={"calls_left": 3})
    for round_ in range(20):
        for number, task in enumerate(tasks):
            house.edit(ada, task, title=f"Task {number}, edit {round_}")
    mark = house.mark()
    house.settle()
    refused = [call for call in house.calls(mark, which="crm") if call["status"] == 429]
    assert 1 <= len(refused) <= 3, "the whole installation waits after the first"
    house.crm_admin.call("POST", "/behaviour", json={"calls_left": None})
    until_quiet(house)
    assert sorted(event["summary"] for event in house.events(ada)) == [f"Task {n}, edit 19" for n in range(10)]
    nothing_is_left(house)


def test_b17_state_reports_never_loop_where_echoes_are_sent(house: EspoHouse, ada: Person) -> None:
    """8.4 knows no ``skipOwn``: our own writes and reports come back as changes, with another version each."""
    house.crm_admin.call("POST", "/behaviour", json={"version": "8.4"})
    start = house.mark()
    task = house.synced(ada)
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    house.settle()
    assert (house.seen(task).title, house.seen(task).state) == ("Call Eve", "synced")
    taken = [c["body"] for c in house.calls(start, which="crm") if c["method"] == "PUT" and c["status"] == 200]
    assert [sorted(body) for body in taken] == [["cCalendarSyncNote", "cCalendarSyncState"], ["name"]]
    quiet, before = house.mark(), codes(house, task)
    house.advance(minutes=20)
    house.tick()
    assert "task_changed" not in codes(house, task)[len(before) :]
    assert [c for c in house.calls(quiet, which="crm") if c["method"] != "GET"] == []
    assert house.calls(quiet) == []
    assert house.event(ada)["summary"] == "Call Eve"
    nothing_is_left(house)


def test_b8_a_task_handed_over_moves_to_the_new_owners_calendar(house: EspoHouse, ada: Person) -> None:
    bob = house.person("bob@example.com")
    house.connect(bob)
    task = house.synced(ada)
    house.edit(ada, task, owner=bob)
    until_quiet(house)
    assert (house.events(ada), house.event(bob)["summary"]) == ([], "Call Ada")
    assert house.seen(task).state == "synced"
    nothing_is_left(house)


def test_the_installer_says_what_it_did_and_a_person_still_has_to_do(house: EspoHouse) -> None:
    told = house.command("install", house.key)
    assert "already there: field cCalendarSync\n" in told
    assert (
        'by hand: webhook schedule: Administration > Scheduled Jobs > Process Webhook Queue: set the scheduling to "* *'
        in told
    )
    assert "edits reach calendars no sooner" in told
    house.crm_admin.call("POST", "/behaviour", json={"schedule": "* * * * *"})
    seen = house.command("check", house.key, "--admin-env", "CRM_ADMIN")
    assert "already there: webhook schedule" in seen, "what only an administrator sees"
    for hook in house.crm_admin.call("GET", "/webhooks")["webhooks"]:
        house.crm_admin.call("PATCH", f"/webhooks/{hook['id']}", json={"active": False})
    found = house.app.test_cli_runner().invoke(args=["installations", "check", house.key])
    assert (found.exit_code, found.output.count("BROKEN: webhook Task.")) == (1, 3)
    assert house.command("install", house.key).count("done: webhook Task.") == 3
    assert "BROKEN" not in house.command("check", house.key)
