"""Every call of the API with one tenant's token and another's ids, read off the table of operations (fault row 76, I6).

Ids of another tenant answer like ids that do not exist, and none of the other's rows is touched.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.core.model import Field, FieldConflict
from gateway.core.records import Entry
from gateway.web.openapi import GATEWAY_OPERATIONS
from gateway.web.operations import Operation
from tests.store.test_tenants import rows_of
from tests.web.bench import ADA, Bench, Browser

BODIES: dict[str, Any] = {
    "createConnectLink": {"provider": "google"},
    "chooseCalendar": {"calendar_id": "primary"},
    "createEmbedToken": {"user_id": "u-7", "task_id": "t-1"},
    "switchSync": {"enabled": True},
    "resolveConflict": {"keep": "crm"},
    "replayParked": {"user": "u-7"},
    "previewUser": {"calendar_id": "new"},
}
OPERATIONS = [one for one in GATEWAY_OPERATIONS if one.path.startswith("/v1/")]
NEW = ("token", "url", "expires_at", "webhook_secret")
UNKNOWN = {"uid": "u-0", "tid": "t-0", "cid": "c-0", "hid": "h-0"}


def furnish(bench: Bench) -> dict[str, str]:
    """One of everything for ``acme``; the ids by which its own calls find it."""
    Browser(bench).connect(bench.link())
    own, link = bench.connection(), bench.task()
    with bench.store.begin() as uow:
        conflict = uow.conflicts.open(link, FieldConflict(Field.TITLE, "a", "b"), version=1, at=bench.clock.now())
        batch = uow.held.open(own.installation_id, own.id, own.user_id, bench.clock.now())
        found = uow.links.get(own.installation_id, link.id)
        assert found is not None
        uow.links.save(replace(found, held=batch), read_task_seq=found.task_seq, read_event_seq=found.event_seq)
        uow.timeline.add(own.installation_id, link.task_id, Entry(bench.clock.now(), "gateway", "task_changed"))
        uow.commit()
    return {"uid": ADA, "tid": "t-1", "cid": conflict, "hid": batch}


def ask(bench: Bench, operation: Operation, ids: dict[str, str], token: str) -> tuple[int, Any]:
    path = re.sub(r"{(\w+)}", lambda found: ids[found[1]], operation.path)
    body = BODIES.get(operation.name, {} if operation.body is not None and not operation.body_needed else None)
    answer = bench.api(operation.method.upper(), path, body, token=token)
    return answer.status_code, answer.get_json(silent=True)


def shape(told: Any) -> Any:
    """What an answer says, tokens and times aside."""
    if isinstance(told, dict):
        return {name: shape(value) for name, value in told.items() if name not in NEW}
    return told


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_76_another_tenants_ids_are_as_if_not_existing(
    bench: Bench, store_engine: Engine, operation: Operation
) -> None:
    ids = furnish(bench)
    before = rows_of(store_engine, bench.acme.id)
    assert all(before[table] for table in ("connections", "links", "conflicts", "held", "timeline"))
    theirs = ask(bench, operation, ids, bench.other_token)
    assert rows_of(store_engine, bench.acme.id) == before, "not a row is touched"
    nobodys = ask(bench, operation, UNKNOWN, bench.other_token)
    assert (theirs[0], shape(theirs[1])) == (nobodys[0], shape(nobodys[1]))
    assert theirs[0] < 500
    assert ADA not in str(theirs[1])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_77_no_call_without_a_token_of_ours(bench: Bench, operation: Operation) -> None:
    for token in ("x" * 43, bench.acme.key, bench.acme.webhook_secrets[0]):
        assert ask(bench, operation, UNKNOWN, token)[0] == 401
    path = re.sub(r"{(\w+)}", "x", operation.path)
    assert bench.app.test_client().open(path, method=operation.method.upper()).status_code == 401


def test_the_table_was_read() -> None:
    assert len(OPERATIONS) >= 27
