"""B31: everything held about one user is told, and goes on request, tokens first. B20: what was left is taken up."""

from __future__ import annotations

import json

from sqlalchemy import text

from gateway.store.engine import make_engine
from gateway.store.schema import metadata
from tests.flows.acts import edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Person
from tests.flows.signing_in import reconnect
from tests.flows.trouble import asked, connection, google, nothing_is_left, token_ages, until_quiet, well


def rows_that_hold(house: House, *words: str) -> dict[str, int]:
    """How many rows of each table hold one of these words in plain sight."""
    engine = make_engine(house.environment["DATABASE_URL"])
    found = {}
    with engine.connect() as open_:
        for table in metadata.sorted_tables:
            rows = open_.execute(text(f"SELECT CAST(t AS text) FROM {table} AS t")).scalars()  # noqa: S608
            found[table.name] = sum(any(word in row for word in words) for row in rows)
    engine.dispose()
    return {name: count for name, count in found.items() if count}


def test_b31_all_is_told_but_secrets(house: House, ada: Person) -> None:
    task = synced_task(house, ada, title="Call Ada", description="Bring the quote")
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    edit_task(ada, task, title="Call Bob")
    until_quiet(house)
    told = house.api.call("GET", f"/v1/users/{ada.user_id}/export")
    (mine,) = told["connections"]
    assert (mine["account_email"], mine["status"], mine["holds_tokens"]) == (ada.email, "connected", True)
    assert mine["privacy_ledger"]["written"] >= 1
    (one,) = told["tasks"]
    assert (one["task_id"], one["task"]["title"], one["event"]["title"]) == (task, "Call Bob", "Call Bob")
    assert "Bring the quote" in one["task"]["description"]
    assert [c["calendar"] for c in one["conflicts"]] == ["Call Eve"]
    assert "event_created" in [entry["code"] for entry in one["timeline"]]
    assert told["deliveries"]
    with house.ctx.store.begin() as uow:
        own = uow.connections.of_user(house.gateway_installation(), ada.user_id)  # type: ignore[arg-type]
    assert own is not None
    secrets = json.loads(own.credential)
    text_told = json.dumps(told)
    assert not [
        value for value in secrets.values() if isinstance(value, str) and len(value) > 20 and value in text_told
    ]
    done = house.app.test_cli_runner().invoke(args=["users", "export", house.installation["key"], ada.user_id])
    assert json.loads(done.output[done.output.index("{") :])["user_id"] == ada.user_id
    house.api.call("GET", "/v1/users/u-nobody/export", expect=404)
    house.api.call("DELETE", "/v1/users/u-nobody", expect=404)


def test_b31_erased_on_request_tokens_first(house: House, ada: Person) -> None:
    bob = house.person("bob@example.com")
    house.connect(bob)
    kept = synced_task(house, bob, title="Bob's")
    task = synced_task(house, ada)
    google(house, path="^/revoke$", times=None, status=503)
    mark = house.mark()
    house.api.call("DELETE", f"/v1/users/{ada.user_id}", expect=202)
    until_quiet(house, minutes=10)
    told = house.api.call("GET", f"/v1/users/{ada.user_id}/export")
    assert told["tasks"][0]["task"] is None, "its text is gone at once"
    assert told["connections"][0]["status"] == "disconnected"
    assert asked(house, mark, path="revoke")
    well(house)
    house.advance(hours=2)
    until_quiet(house)
    house.api.call("GET", f"/v1/users/{ada.user_id}/export", expect=404)
    assert connection(house, ada)["status"] == "none"
    held = rows_that_hold(house, ada.email, ada.user_id, task)
    assert held in ({}, {"outbox": 1}), "no more than the order itself, which is done"
    assert the_task(ada, task)["calendar_sync"] is False
    assert len(house.events(ada)) == 1, "a static copy"
    assert house.state(kept)["state"] == "synced", "nobody else's"
    nothing_is_left(house)


def test_b31_after_72_hours_nobody_is_waited_for(house: House, ada: Person) -> None:
    synced_task(house, ada)
    google(house, path="^/revoke$", times=None, status=503)
    done = house.app.test_cli_runner().invoke(args=["users", "erase", house.installation["key"], ada.user_id, "--yes"])
    assert done.exit_code == 0, done.output
    house.settle()
    house.advance(hours=73)
    until_quiet(house)
    house.api.call("GET", f"/v1/users/{ada.user_id}/export", expect=404)
    nothing_is_left(house)


def test_b20_adopt_names_the_tasks_and_each_takes_up_its_event(house: House, ada: Person) -> None:
    tasks = [synced_task(house, ada, title=f"Task {n}") for n in range(3)]
    before = sorted(event["id"] for event in house.events(ada))
    house.api.call("POST", f"/v1/users/{ada.user_id}/adopt")
    house.google_admin.call("POST", "/revoke", json={"email": ada.email})
    token_ages(house)
    tasks.append(new_task(ada, title="Just switched on", calendar_sync=True))
    until_quiet(house)
    house.api.call("POST", f"/v1/users/{ada.user_id}/adopt", expect=404)
    reconnect(house, ada)
    told = house.api.call("POST", f"/v1/users/{ada.user_id}/adopt")
    assert sorted(told["tasks"]) == sorted(tasks)
    for task in told["tasks"]:
        edit_task(ada, task, calendar_sync=True)
    until_quiet(house)
    after = house.events(ada)
    assert {event["id"] for event in after} >= set(before), "each has its own again"
    assert len(after) == len(tasks), "none is copied"
    assert {house.state(task)["state"] for task in tasks} == {"synced"}
    assert house.api.call("POST", f"/v1/users/{ada.user_id}/adopt")["tasks"] == []
