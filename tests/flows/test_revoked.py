"""B21: the provider took the access away, wants to see the person again, or is only unwell."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.acts import codes, edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Person
from tests.flows.signing_in import reconnect
from tests.flows.trouble import (
    HTML,
    asked,
    by,
    connection,
    google,
    nothing_is_left,
    oauth_refusal,
    parked,
    token_ages,
    told,
    until_quiet,
    well,
)

AGAIN: dict[str, Any] = {
    "path": "^/token$",
    "status": 400,
    "body": {"error": "invalid_grant", "error_subtype": "invalid_rapt"},
}


def statuses(house: House, who: Person) -> list[str]:
    return [str(one["status"]) for one in told(house, who)]


def test_b21_revoked_with_20_jobs_pending_is_noticed_once(house: House, ada: Person) -> None:
    tasks = [new_task(ada, title=f"Task {n}", calendar_sync=True) for n in range(20)]
    house.settle()
    house.google_admin.call("POST", "/revoke", json={"email": ada.email})
    token_ages(house)
    mark = house.mark()
    for task in tasks:
        edit_task(ada, task, title="Edited")
    until_quiet(house)
    assert asked(house, mark) == ["POST /token"], "no retry storm"
    assert statuses(house, ada).count("revoked") == 1
    last = told(house, ada)[-1]
    assert last["status"] == "revoked"
    assert last["reason"] == "revoked"
    assert last["reconnect_url"].startswith(f"{house.url}/connect/")
    assert not any(the_task(ada, task)["calendar_sync"] for task in tasks)
    assert {house.state(task)["reason"] for task in tasks} == {"revoked"}
    assert len(house.events(ada)) == 20, "static copies"
    nothing_is_left(house)


def test_b21_revoked_is_noticed_at_the_next_call_though_the_token_is_young(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.google_admin.call("POST", "/revoke", json={"email": ada.email})
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    until_quiet(house)
    assert connection(house, ada)["status"] == "revoked"
    assert the_task(ada, task)["calendar_sync"] is False
    nothing_is_left(house)


def test_b21_the_same_account_again_takes_up_the_old_events(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    old = house.event(ada)
    house.google_admin.call("POST", "/revoke", json={"email": ada.email})
    edit_task(ada, task, title="Call Bob")
    until_quiet(house)
    reconnect(house, ada)
    edit_task(ada, task, calendar_sync=True)
    until_quiet(house)
    assert (house.event(ada)["id"], house.event(ada)["summary"]) == (old["id"], "Call Bob")
    nothing_is_left(house)


def test_b21_sign_in_again_waits_and_signing_in_lets_changes_flow(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    google(house, times=None, **AGAIN)
    token_ages(house)
    mark = house.mark()
    edit_task(ada, task, title="Call Bob")
    other = new_task(ada, title="New meanwhile", calendar_sync=True)
    until_quiet(house)
    assert connection(house, ada)["status"] == "reauthorize"
    assert statuses(house, ada).count("reauthorize") == 1
    assert (house.state(task)["state"], house.state(task)["reason"]) == ("pending", "reauthorize")
    assert house.state(other)["reason"] == "reauthorize"
    assert the_task(ada, task)["calendar_sync"] is True
    house.edit_event(ada, house.event(ada), location="Cafe Einstein")
    until_quiet(house)
    assert len(asked(house, mark)) <= 2, "nobody knocks again and again"
    nothing_is_left(house)
    well(house)
    reconnect(house, ada)
    until_quiet(house)
    assert sorted(e["summary"] for e in house.events(ada)) == ["Call Bob", "New meanwhile"]
    assert house.state(task)["state"] == "synced"
    assert "conflict" not in codes(house, task)
    nothing_is_left(house)


def test_b21_after_seven_days_of_waiting_it_is_as_revoked(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    google(house, times=None, **AGAIN)
    token_ages(house)
    edit_task(ada, task, title="Call Bob")
    until_quiet(house)
    house.advance(days=6, hours=23)
    house.tick()
    assert connection(house, ada)["status"] == "reauthorize"
    house.advance(hours=2)
    house.tick()
    until_quiet(house)
    assert connection(house, ada)["status"] == "revoked"
    assert the_task(ada, task)["calendar_sync"] is False
    assert statuses(house, ada).count("revoked") == 1
    nothing_is_left(house)


def test_b21_signing_in_again_is_asked_for_while_a_channel_is_being_replaced(house: House, ada: Person) -> None:
    synced_task(house, ada)
    house.advance(days=22)
    google(house, path="/channels/stop", status=503, times=1)
    house.tick()
    google(house, times=None, **AGAIN)
    token_ages(house)
    mark = house.mark()
    until_quiet(house)
    assert len(asked(house, mark)) <= 3
    nothing_is_left(house)


TROUBLE: dict[str, dict[str, Any]] = {
    "502 html": {"path": "^/token$", "status": 502, "body": HTML},
    "200 html": {"path": "^/token$", "status": 200, "body": HTML},
    "400 html": {"path": "^/token$", "status": 400, "body": HTML},
    "429": {"path": "^/token$", "status": 429, "headers": {"Retry-After": "60"}},
    "no answer": {"path": "^/token$", "do": "drop"},
    "invalid_client": oauth_refusal("invalid_client", 401),
    "invalid_scope": oauth_refusal("invalid_scope"),
    "an unknown word": oauth_refusal("some_new_word"),
    "invalid_grant with 503": oauth_refusal("invalid_grant", 503),
    "a clock that is wrong": {"path": "^/token$", "status": 200, "body": {"access_token": "x", "expires_in": 10}},
}


@pytest.mark.parametrize("faults", by(5, TROUBLE), ids=", ".join)
def test_b21_trouble_at_the_token_endpoint_disables_nobody(house: House, ada: Person, faults: tuple[str, ...]) -> None:
    task = synced_task(house, ada)
    for fault in faults:
        before = house.event(ada)["summary"]
        google(house, times=3, **TROUBLE[fault])
        token_ages(house)
        edit_task(ada, task, title=f"After {fault}")
        house.settle()
        assert connection(house, ada)["status"] == "connected"
        assert the_task(ada, task)["calendar_sync"] is True
        assert house.event(ada)["summary"] == before
        until_quiet(house, hours=1)
        assert house.event(ada)["summary"] == f"After {fault}"
    assert statuses(house, ada) == ["connected"]
    nothing_is_left(house)


def test_b21_an_operators_fault_waits_for_the_operator(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    google(house, times=None, **oauth_refusal("invalid_client", 401))
    token_ages(house)
    edit_task(ada, task, title="Call Bob")
    mark = house.mark()
    until_quiet(house, hours=5)
    assert len(asked(house, mark)) <= 25
    assert connection(house, ada)["status"] == "connected"
    assert parked(house) == []
    well(house)
    until_quiet(house)
    assert house.event(ada)["summary"] == "Call Bob"
    nothing_is_left(house)


def test_b8_the_former_owners_lost_access_is_not_the_new_owners(house: House, ada: Person) -> None:
    bob = house.person("bob@example.com")
    house.connect(bob)
    task = synced_task(house, ada)
    house.google_admin.call("POST", "/revoke", json={"email": ada.email})
    edit_task(ada, task, owner={"id": bob.user_id})
    until_quiet(house)
    assert connection(house, bob)["status"] == "connected"
    assert connection(house, ada)["status"] == "revoked"
    assert house.event(bob)["summary"] == "Call Ada"
    assert house.state(task)["state"] == "synced"
    assert the_task(ada, task)["calendar_sync"] is True
    nothing_is_left(house)


def test_b8_the_former_owner_must_sign_in_again(house: House, ada: Person) -> None:
    bob = house.person("bob@example.com")
    house.connect(bob)
    task = synced_task(house, ada)
    token_ages(house)
    edit_task(bob, new_task(bob), title="wakes nobody")
    synced_task(house, bob, title="Bob's own")  # his token is young again
    google(house, times=1, **AGAIN)
    edit_task(ada, task, owner={"id": bob.user_id})
    until_quiet(house)
    assert connection(house, bob)["status"] == "connected"
    assert connection(house, ada)["status"] == "reauthorize"
    assert sorted(e["summary"] for e in house.events(bob)) == ["Bob's own", "Call Ada"]
    reconnect(house, ada)
    until_quiet(house)
    assert house.events(ada) == []
    nothing_is_left(house)
