"""Who may ask the API, and what is answered to everybody else. Faults 76 and parts of 77 of the test plan."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.model import Field, FieldConflict
from gateway.core.records import Installation
from gateway.services import installations, pausing
from tests.web.bench import ADA, Bench, Browser, routes

BODIES: dict[str, dict[str, Any]] = {
    "/v1/users/<path:uid>/connect-links": {"provider": "google"},
    "/v1/users/<path:uid>/calendar": {"calendar_id": "primary"},
    "/v1/users/<path:uid>/resync": {},
    "/v1/parked/replay": {"reason": "forbidden"},
    "/v1/embed-tokens": {"user_id": "u-7"},
    "/v1/tasks/<path:tid>/sync": {"enabled": False},
    "/v1/conflicts/<path:cid>/resolve": {"keep": "crm"},
}
"""A good body for every call that takes one."""


def path_of(rule: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        rule = rule.replace(f"<path:{name}>", value)
    return rule


def a_conflict(bench: Bench, installation: Installation, task_id: str = "t-1") -> str:
    link = bench.task(task_id, installation=installation)
    with bench.store.begin() as uow:
        found = uow.conflicts.open(link, FieldConflict(Field.TITLE, "theirs", "ours"), version=1, at=bench.clock.now())
        uow.commit()
    return found


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic dTpw", "bearer\u00e9", "Bearer \u00ff\u00fe"],
)
def test_without_the_token_every_call_is_refused(bench: Bench, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    asked = list(routes(bench.app, "/v1"))
    assert len(asked) >= 18
    for method, rule in asked:
        path = path_of(rule, {"uid": "u-7", "tid": "t-1", "cid": "c-1"})
        answer = bench.app.test_client().open(path, method=method, json={}, headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (401, "not_trusted"), rule
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_another_tenants_ids_answer_like_ids_that_do_not_exist(bench: Bench) -> None:
    Browser(bench).connect(bench.link(token=bench.other_token))
    cid = a_conflict(bench, bench.other)
    theirs, nobodys = {"uid": ADA, "tid": "t-1", "cid": cid}, {"uid": "u-0", "tid": "t-0", "cid": "c-0"}
    for method, rule in routes(bench.app, "/v1"):
        body = BODIES.get(rule) if method in ("POST", "PUT") else None
        told = [bench.api(method, path_of(rule, ids), body) for ids in (theirs, nobodys)]
        assert told[0].status_code == told[1].status_code, rule
        if not rule.endswith(("connect-links", "embed-tokens", "webhook-secret")):  # each is told something new
            assert told[0].get_json(silent=True) == told[1].get_json(silent=True), rule
    # The same calls with the right token find something, and nothing of theirs has changed.
    assert bench.connection(installation=bench.other).status == "connected"
    assert bench.api("GET", "/v1/tasks/t-1/sync", token=bench.other_token).status_code == 200
    listed = bench.api("GET", "/v1/conflicts", token=bench.other_token).get_json()["conflicts"]
    assert [(one["id"], one["state"]) for one in listed] == [(cid, "open")]


def test_the_token_of_a_removed_installation_is_worth_nothing(bench: Bench) -> None:
    installations.remove(bench.ctx, bench.acme.key)
    assert bench.api("GET", "/v1/conflicts").status_code == 401
    assert bench.api("GET", "/v1/conflicts", token=bench.other_token).status_code == 200


def test_a_paused_installation_may_ask(bench: Bench) -> None:
    pausing.pause(bench.ctx, bench.acme)
    assert bench.api("GET", f"/v1/users/{ADA}/connection").status_code == 200


@pytest.mark.parametrize("uid", ["a/b", "a%2Fb", "ü", "u 1", "%C3%28", "x" * 255, "a//b", "🙂", "..a", "-"])
def test_ids_are_opaque(bench: Bench, uid: str) -> None:
    assert bench.api("GET", f"/v1/users/{uid}/connection").get_json()["status"] == "none"


@pytest.mark.parametrize("uid", ["x" * 256, "a%00b", "a%0Ab", "%2E%2E"])
def test_what_can_be_no_id_is_named(bench: Bench, uid: str) -> None:
    answer = bench.api("GET", f"/v1/users/{uid}/connection")
    assert answer.status_code in (400, 404)
    assert answer.status_code == 404 or answer.get_json()["errors"][0]["field"] == "uid"


@pytest.mark.parametrize("rule", BODIES)
@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a":1,"a":2}', b'{"x":NaN}', b"[" * 5000, b'{"surplus":1}'],
)
def test_bad_bodies_are_400_and_name_the_field(bench: Bench, rule: str, raw: bytes) -> None:
    method = "PUT" if rule.endswith(("/calendar", "/sync")) else "POST"
    path = path_of(rule, {"uid": "u-7", "tid": "t-1", "cid": "c-1"})
    headers = {"Authorization": f"Bearer {bench.token}", "Content-Type": "application/json"}
    answer = bench.app.test_client().open(path, method=method, data=raw, headers=headers)
    if raw == b"" and rule.endswith("/resync"):
        assert answer.status_code == 404  # it needs no body
        return
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["field"]
    assert answer.get_json()["errors"][0]["hint"]


def test_bodies_are_json_and_small(bench: Bench) -> None:
    headers = {"Authorization": f"Bearer {bench.token}"}
    client = bench.app.test_client()
    form = client.post("/v1/embed-tokens", data={"user_id": "u-7"}, headers=headers)
    large = client.post("/v1/embed-tokens", json={"user_id": "u" * 70_000}, headers=headers)
    assert (form.status_code, large.status_code) == (415, 413)
    assert form.mimetype == large.mimetype == "application/problem+json"


def test_deliveries_come_in_by_the_same_application(bench: Bench) -> None:
    answer = bench.app.test_client().post("/webhooks/crm/unknown", json={"type": "ping"})
    assert answer.status_code == 401
