"""The API for whoever runs the installation (B26, B29): pause, resume, parked work."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.records import Installation, InstallationStatus, ParkReason
from gateway.web import schemas
from tests.web.bench import ADA, Bench, Browser


def parked(
    bench: Bench, task_id: str = "t-1", reason: ParkReason = ParkReason.FORBIDDEN, of: Installation | None = None
) -> str:
    """A task's run, set aside."""
    tenant = of or bench.acme
    link = bench.task(task_id, installation=tenant)
    bench.api("POST", f"/v1/tasks/{task_id}/resync", token=bench.other_token if of else None)
    mailbox = f"crm:{tenant.id}"
    with bench.store.begin() as uow:
        due = next(one for one in uow.outbox.due(bench.clock.now(), 10) if one.mailbox == mailbox)
        while (lease := uow.outbox.lease(tenant.id, mailbox, due.lane, bench.clock.now())) is not None:
            if lease.topic == "sync":
                uow.outbox.park(lease, reason, bench.clock.now())
        uow.commit()
    return link.id


def test_b29_everything_of_an_installation_waits_and_goes_on(bench: Bench) -> None:
    for path, status in (("pause", InstallationStatus.PAUSED), ("resume", InstallationStatus.ACTIVE)):
        assert bench.api("POST", f"/v1/{path}").status_code == 202
        with bench.store.begin() as uow:
            found = {one.id: one.status for one in uow.installations.all()}
        assert found == {bench.acme.id: status, bench.other.id: InstallationStatus.ACTIVE}
    assert f"crm:{bench.acme.id}" in bench.owed()  # what was missed is looked for


def test_b26_parked_work_is_listed(bench: Bench) -> None:
    link = parked(bench)
    parked(bench, "t-9", of=bench.other)
    told = bench.api("GET", "/v1/parked").get_json()
    assert [(one["topic"], one["key"], one["reason"]) for one in told["parked"]] == [("sync", link, "forbidden")]
    assert told["parked"][0]["parked_at"] == "2026-11-22T15:00:00Z"
    schemas.ParkedList().load(told)


@pytest.mark.parametrize(
    ("which", "count"),
    [
        ({"task": "t-1"}, 1),
        ({"task": "t-2"}, 0),
        ({"task": "t-9"}, 0),
        ({"user": ADA}, 1),
        ({"user": "u-8"}, 0),
        ({"reason": "forbidden"}, 1),
        ({"reason": "unavailable"}, 0),
        ({"from": "2026-11-22T15:00:00Z", "to": "2026-11-22T15:00:01Z"}, 1),
        ({"from": "2026-11-22T14:00:00Z", "to": "2026-11-22T15:00:00Z"}, 0),
    ],
)
def test_b26_a_choice_of_it_is_replayed(bench: Bench, which: dict[str, Any], count: int) -> None:
    parked(bench)
    parked(bench, "t-9", of=bench.other)
    answer = bench.api("POST", "/v1/parked/replay", which)
    assert (answer.status_code, answer.get_json()) == (202, {"count": count})
    assert len(bench.api("GET", "/v1/parked").get_json()["parked"]) == 1 - count
    assert len(bench.api("GET", "/v1/parked", token=bench.other_token).get_json()["parked"]) == 1


def test_what_to_replay_must_be_said(bench: Bench) -> None:
    assert bench.api("POST", "/v1/parked/replay", {}).status_code == 400
    assert bench.api("POST", "/v1/parked/replay", {"task": "t-1", "reason": "x"}).status_code == 400


def test_b24_batches_of_another_tenant_do_not_exist(bench: Bench) -> None:
    Browser(bench).connect(bench.link())
    connection = bench.connection()
    with bench.store.begin() as uow:
        batch = uow.held.open(bench.acme.id, connection.id, connection.user_id, bench.clock.now())
        uow.commit()
    assert bench.api("GET", "/v1/held").get_json() == {"held": []}, "no task waits with it"
    for word in ("approve", "drop"):
        assert bench.api("POST", f"/v1/held/{batch}/{word}", token=bench.other_token).status_code == 404
    told = bench.api("POST", f"/v1/held/{batch}/drop")
    assert (told.status_code, told.get_json()["state"], told.get_json()["user_id"]) == (200, "dropped", ADA)
    schemas.HeldItem().load(told.get_json())
    assert bench.api("POST", f"/v1/held/{batch}/approve").get_json()["code"] == "decided"
