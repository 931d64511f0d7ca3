"""State and connection reports: checked to the letter, kept as history, and silent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.crm_world import CrmWorld, problem

SYNCED = {
    "state": "synced",
    "reason": None,
    "event_url": "https://calendar.google.com/event?eid=1",
    "provider": "google",
    "synced_at": "2026-12-01T09:30:00.5Z",
    "conflict": None,
}
CONFLICT = {
    "id": "c-1",
    "fields": [
        {"name": "due", "calendar": {"date": "2026-12-02"}, "kept": {"date_time": "2026-12-02T08:00:00Z"}},
        {"name": "title", "calendar": "Ring Ada", "kept": "Call Ada"},
    ],
    "detected_at": "2026-12-01T09:30:00+01:00",
}


@pytest.fixture(scope="module")
def running() -> Iterator[CrmWorld]:
    with CrmWorld() as world:
        yield world


@pytest.fixture
def world(running: CrmWorld) -> CrmWorld:
    return running.fresh()


def test_state_reports_are_kept_and_leave_the_version_alone(world):
    task = world.person().create(calendar_sync=True)
    reports = [{"state": "pending", "reason": "no_due_date"}, SYNCED, {"state": "conflict", "conflict": CONFLICT}]
    for report in reports:
        assert world.gateway.report(task, report).status_code == 204
    kept = world.admin("GET", f"/tasks/{task['id']}").json()
    assert [{k: v for k, v in report.items() if k != "received_at"} for report in kept["reports"]] == reports
    assert kept["version"] == 1
    assert kept["deleted"] is None


@pytest.mark.parametrize(
    ("report", "wrong"),
    [
        ({}, {"state": "unknown_value"}),
        ({"state": "done"}, {"state": "unknown_value"}),
        ({**SYNCED, "reason": "because"}, {"reason": "unknown_value"}),
        ({**SYNCED, "provider": "yahoo"}, {"provider": "unknown_value"}),
        ({**SYNCED, "event_url": "/event"}, {"event_url": "not_absolute_url"}),
        ({**SYNCED, "synced_at": "2026-12-01T09:30:00"}, {"synced_at": "naive_time"}),
        ({**SYNCED, "note": "hello"}, {"note": "unknown_field"}),
        ({**SYNCED, "conflict": CONFLICT}, {"conflict": "only_with_state_conflict"}),
        ({"state": "conflict"}, {"conflict": "required"}),
        ({"state": "conflict", "conflict": {**CONFLICT, "fields": []}}, {"conflict.fields": "empty"}),
        ({"state": "conflict", "conflict": {**CONFLICT, "id": ""}}, {"conflict.id": "empty"}),
        (
            {"state": "conflict", "conflict": {**CONFLICT, "fields": [{"name": "due", "calendar": None}]}},
            {"conflict.fields[0].kept": "required"},
        ),
        (
            {"state": "conflict", "conflict": {**CONFLICT, "fields": [{"name": "colour"}]}},
            {"conflict.fields[0].name": "unknown_value"},
        ),
        ({"state": "x", "reason": "y"}, {"state": "unknown_value", "reason": "unknown_value"}),
    ],
)
def test_a_state_report_outside_the_contract_is_refused(world, report, wrong):
    task = world.person().create()
    assert problem(world.gateway.report(task, report), 422) == wrong
    assert world.admin("GET", f"/tasks/{task['id']}").json()["reports"] == []


def test_connection_reports_are_kept(world):
    ada = world.person()
    report = {"status": "revoked", "provider": "google", "account_email": "ada@gmail.test", "reason": "revoked"}
    path = f"/users/{ada.user_id}/calendar-connection"
    assert world.gateway.call("PUT", path, json=report).status_code == 204
    reconnect = {"status": "reauthorize", "reconnect_url": "https://gateway.example/connect/x"}
    assert world.gateway.call("PUT", path, json=reconnect).status_code == 204
    kept = world.admin("GET", f"/users/{ada.user_id}").json()
    assert [{k: v for k, v in found.items() if k != "received_at"} for found in kept["reports"]] == [report, reconnect]
    assert kept["email"] == ada.email


@pytest.mark.parametrize(
    ("report", "wrong"),
    [
        ({"status": "gone"}, {"status": "unknown_value"}),
        ({"status": "connected", "account": "x"}, {"account": "unknown_field"}),
        ({"status": "connected", "account_email": 7}, {"account_email": "must_be_string"}),
        (
            {"status": "connected", "reason": "x", "provider": "x"},
            {"reason": "unknown_value", "provider": "unknown_value"},
        ),
    ],
)
def test_a_connection_report_outside_the_contract_is_refused(world, report, wrong):
    path = f"/users/{world.person().user_id}/calendar-connection"
    assert problem(world.gateway.call("PUT", path, json=report), 422) == wrong


def test_reports_come_from_the_gateway_as_json_about_someone_known(world):
    ada = world.person()
    task = ada.create()
    path = f"/tasks/{task['id']}/calendar-sync"
    assert problem(ada.call("PUT", path, json=SYNCED), 403) == {"Authorization": "only_for_the_gateway"}
    assert problem(world.gateway.call("PUT", path, data="state=synced"), 415) == {
        "Content-Type": "must_be_application/json"
    }
    answer = world.gateway.call("PUT", "/users/u-unknown/calendar-connection", json={"status": "connected"})
    assert problem(answer, 404) == {"id": "unknown_user"}
