"""The HubSpot adapter before the stand-in: what is sent, tokens and their end, paging, limits, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses

import sandbox.hubspot
from gateway.core.errors import Forbidden, GatewayError, OperatorFault, Refused, StaleWrite, TryLater, Unauthorised
from gateway.core.model import Moment, State, Task, TaskChanges, TaskGone, TaskId, TaskOff
from gateway.core.ports import CrmAccount, StateReport
from gateway.crms.hosts import Outbound
from gateway.crms.hubspot import listing
from gateway.crms.hubspot.client import TASKS, HubSpotCrm
from gateway.crms.hubspot.tokens import Credentials, Tokens
from gateway.crms.hubspot.translate import MIRRORED
from sandbox.kit.standin import StandIn
from tests.contracts.crm_grounds import NINE, FixedClock
from tests.contracts.hubspot_ground import HubSpotGround

API = "https://api.hs.example"


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    running = sandbox.hubspot.start(timeout_s=(0.2, 0.2), retries_s=())
    yield running
    running.stop()


@pytest.fixture
def ground(standin: StandIn) -> Iterator[HubSpotGround]:
    made = HubSpotGround(standin)
    yield made
    made.client.close()


def asked(ground: HubSpotGround, since: int) -> list[tuple[str, str]]:
    entries = requests.get(f"{ground.url}/_sandbox/ledger?since={since}", timeout=5).json()["entries"]
    mine = [e for e in entries if e["direction"] == "in" and e["caller"] == "gateway"]
    return [(e["method"], e["path"]) for e in mine]


def now(ground: HubSpotGround) -> int:
    return int(requests.get(f"{ground.url}/_sandbox/ledger?since=999999", timeout=5).json()["next"])


def read(ground: HubSpotGround, task_id: TaskId) -> Task:
    found = ground.crm.get(task_id)
    assert isinstance(found, Task)
    return found


# --- reading and writing --------------------------------------------------------------------------------------------


def test_a_body_in_html_becomes_plain_text(ground: HubSpotGround) -> None:
    body = '<div dir="auto" data-top-level="true"><p>Bring <b>the</b> <a href="https://x.example/q">quote</a></p></div>'
    assert read(ground, ground.add(hs_task_body=body)).description == "Bring the quote (https://x.example/q)"


def test_the_answers_own_address_is_the_deep_link(ground: HubSpotGround) -> None:
    task_id = ground.add()
    built = ground.client.task_url(task_id)
    assert (
        read(ground, task_id).url == built == f"https://app.hubspot.com/contacts/{ground.portal}/record/0-27/{task_id}"
    )


def test_a_write_is_a_read_and_a_patch_and_its_answer_completes_what_was_read(ground: HubSpotGround) -> None:
    task_id = ground.add(description="Bring the quote")
    version, before = read(ground, task_id).version, now(ground)
    done = ground.crm.patch(task_id, TaskChanges(due=NINE), version, "k")
    assert asked(ground, before) == [("GET", f"{TASKS}/{task_id}"), ("PATCH", f"{TASKS}/{task_id}")]
    assert isinstance(done, Task)
    assert (done.due, done.title, done.description) == (NINE, "Call Ada", "Bring the quote")
    assert done == read(ground, task_id)


def test_an_edit_since_the_decision_stands(ground: HubSpotGround) -> None:
    task_id = ground.add()
    version = read(ground, task_id).version
    ground.edit(task_id, title="Call Eve")
    with pytest.raises(StaleWrite):
        ground.crm.patch(task_id, TaskChanges(title="Call Bob"), version, "k")
    assert read(ground, task_id).title == "Call Eve"


def test_the_same_write_again_is_not_made(ground: HubSpotGround) -> None:
    task_id = ground.add()
    ground.lose_next_answer()
    with pytest.raises(TryLater):
        ground.crm.patch(task_id, TaskChanges(title="Call Bob", due=NINE), read(ground, task_id).version, "k")
    landed = read(ground, task_id)
    before = now(ground)
    assert ground.crm.patch(task_id, TaskChanges(title="Call Bob", due=NINE), landed.version, "k") == landed
    assert [method for method, _ in asked(ground, before)] == ["GET"]


def test_a_report_is_one_call_and_no_event(ground: HubSpotGround) -> None:
    task_id = ground.add()
    before = now(ground)
    ground.crm.report(task_id, StateReport(State.PENDING, "no_due_date"))
    assert [method for method, _ in asked(ground, before)] == ["PATCH"]
    task = requests.get(f"{ground.url}/_sandbox/tasks/{task_id}", timeout=5).json()["properties"]
    assert (task["calendar_sync_state"], task["calendar_sync_note"]) == ("pending", "Waiting for a due date.")
    entries = requests.get(f"{ground.url}/_sandbox/ledger?since={before}", timeout=5).json()["entries"]
    assert [e for e in entries if e["direction"] == "out" and "calendar_sync_state" in str(e["body"])] == []


def test_what_is_no_number_is_nobody_and_is_not_asked_for(ground: HubSpotGround) -> None:
    before = now(ground)
    assert ground.crm.get(TaskId("t-1")) == TaskGone()
    assert ground.crm.patch(TaskId("../x"), TaskChanges(title="x"), 1, "k") == TaskGone()
    ground.crm.report(TaskId("1/../2"), StateReport(State.OFF))
    assert ground.crm.existing([TaskId("x"), TaskId("\u0661")]) == set()
    assert asked(ground, before) == []


# --- catching up ----------------------------------------------------------------------------------------------------


def test_b1_a_catch_up_asks_for_texts_only_of_tasks_that_are_on(ground: HubSpotGround) -> None:
    on, off = ground.add(), ground.add(sync_on=False)
    before = now(ground)
    page = ground.crm.changed_since(None, None)
    assert [(task_id, type(task)) for task_id, task in page.tasks] == [(on, Task), (off, TaskOff)]
    entries = requests.get(f"{ground.url}/_sandbox/ledger?since={before}", timeout=5).json()["entries"]
    searched, batched = (entry["body"] for entry in entries if entry["direction"] == "in")
    assert searched["properties"] == ["calendar_sync", "hs_lastmodifieddate"]
    assert (batched["inputs"], batched["properties"]) == ([{"id": on}], list(MIRRORED))


def test_a_search_that_comes_to_its_end_is_begun_anew_behind_it() -> None:
    def page(*stamps: int, after: str) -> dict[str, Any]:
        times = [datetime.fromtimestamp(stamp / 1000, UTC).isoformat() for stamp in stamps]
        results = [{"id": str(n), "updatedAt": at, "properties": {}} for n, at in enumerate(times)]
        return {"results": results, "paging": {"next": {"after": after}}}

    def following(place: listing.Place, body: dict[str, Any]) -> str | None:
        return listing.read_page(body, place).following

    assert following(listing.Place(1000), page(1000, 2000, after="100")) == "1000/100"
    assert following(listing.Place(1000, 9800), page(2000, 3000, after="9900")) == "1000/9900"
    assert following(listing.Place(1000, 9900), page(2000, 3000, after="10000")) == "3000/0"
    assert following(listing.Place(3000, 9900), page(3000, after="10000")) == "3001/0", "it goes on, whatever comes"
    assert following(listing.Place(1000), {"results": []}) is None


def test_a_page_names_what_it_cannot_read(ground: HubSpotGround) -> None:
    good = {"id": "1", "updatedAt": "2026-12-01T09:00:00Z", "properties": {"calendar_sync": "false"}}
    page = listing.read_page({"results": [good, {"id": 2}, 3]}, listing.Place(0))
    assert (list(page.versions), len(page.faults)) == (["1"], 2)


# --- tokens ---------------------------------------------------------------------------------------------------------


class Clock(FixedClock):
    at = datetime(2026, 12, 1, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


GRANT = json.dumps({"client_id": "c", "client_secret": "s", "refresh_token": "r"})
ONE = {"id": "1", "updatedAt": "2026-12-01T09:00:00Z", "properties": {}}


def test_a_token_is_fetched_once_and_again_before_its_end() -> None:
    clock, tokens, account = Clock(), Tokens(), CrmAccount(API, GRANT)
    with responses.RequestsMock() as mock:
        for number in (1, 2):
            token = {"access_token": f"t{number}", "expires_in": 1800}
            mock.post(f"{API}/oauth/v1/token", json=token)
        mock.get(f"{API}{TASKS}/1", json=ONE)
        for minutes in (0, 27, 2):
            clock.at += timedelta(minutes=minutes)
            HubSpotCrm(account, Outbound(), clock, tokens).get(TaskId("1"))
        used = [call.request.headers.get("Authorization") for call in mock.calls]
        form = str(mock.calls[0].request.body)
    assert used == [None, "Bearer t1", "Bearer t1", None, "Bearer t2"]
    assert "refresh_token=r" in form


def test_a_refused_token_is_fetched_anew_once(ground: HubSpotGround) -> None:
    with responses.RequestsMock() as mock:
        mock.post(f"{API}/oauth/v1/token", json={"access_token": "old", "expires_in": 1800})
        mock.get(f"{API}{TASKS}/1", status=401)
        mock.post(f"{API}/oauth/v1/token", json={"access_token": "new", "expires_in": 1800})
        mock.get(f"{API}{TASKS}/1", json=ONE)
        assert isinstance(HubSpotCrm(CrmAccount(API, GRANT), Outbound(), Clock(), Tokens()).get(TaskId("1")), Task)


def test_an_app_thrown_out_is_the_installations_matter(ground: HubSpotGround) -> None:
    task_id = ground.add()
    read(ground, task_id)
    ground.admin("revoke", {})
    with pytest.raises(Unauthorised):
        ground.crm.get(task_id)


@pytest.mark.parametrize(
    ("status", "error"), [(400, Unauthorised), (403, Unauthorised), (500, TryLater), (429, TryLater)]
)
def test_the_token_endpoint_has_its_own_next_moves(status: int, error: type[GatewayError]) -> None:
    with responses.RequestsMock() as mock:
        mock.post(f"{API}/oauth/v1/token", status=status)
        with pytest.raises(error):
            HubSpotCrm(CrmAccount(API, GRANT), Outbound(), Clock(), Tokens()).get(TaskId("1"))


def test_a_static_token_that_is_refused_is_not_tried_twice() -> None:
    static = json.dumps({"access_token": "pat-1", "client_secret": "s"})
    with responses.RequestsMock() as mock:
        mock.get(f"{API}{TASKS}/1", status=401)
        with pytest.raises(Unauthorised):
            HubSpotCrm(CrmAccount(API, static), Outbound(), Clock(), Tokens()).get(TaskId("1"))


@pytest.mark.parametrize(
    "text",
    ["", "two words", "{", "{}", '{"client_id": "c"}', '{"access_token": 7}', '{"access_token": "a\\nb"}', "[]x y"],
)
def test_credentials_that_cannot_be_used_are_not_repeated(text: str) -> None:
    with pytest.raises(OperatorFault) as caught:
        Credentials.read(text)
    assert "HubSpot's credentials must be" in str(caught.value)
    shown = repr(Credentials.read(GRANT))
    assert not any(f"={secret!r}" in shown for secret in ("s", "r"))


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, {"category": "MISSING_SCOPES"}, Forbidden),
        (400, {"message": 'not valid: [{"name":"hs_timestamp"}]'}, Refused),
        (423, {}, TryLater),
        (500, "<html>", TryLater),
        (302, "", TryLater),
        (200, "<html>", TryLater),
        (200, {"id": "1"}, TryLater),
    ],
)
def test_every_answer_has_its_next_move(status: int, body: object, error: type[GatewayError]) -> None:
    with responses.RequestsMock() as mock:
        mock.get(f"{API}{TASKS}/1", status=status, body=body if isinstance(body, str) else json.dumps(body))
        with pytest.raises(error) as caught:
            HubSpotCrm(CrmAccount(API, "pat-1"), Outbound(), Clock(), Tokens()).get(TaskId("1"))
    if isinstance(caught.value, Refused):
        assert caught.value.fields == ("due",)


@pytest.mark.parametrize(
    ("headers", "body", "after"),
    [
        ({"Retry-After": "7"}, {}, timedelta(seconds=7)),
        ({"X-HubSpot-RateLimit-Interval-Milliseconds": "20000"}, {}, timedelta(seconds=20)),
        ({"X-HubSpot-RateLimit-Interval-Milliseconds": "soon"}, {}, timedelta(seconds=10)),
        ({}, {"policyName": "TEN_SECONDLY_ROLLING"}, timedelta(seconds=10)),
        ({}, {"policyName": "DAILY"}, timedelta(hours=1)),
    ],
)
def test_a_limit_is_everyones_and_lasts_as_long_as_its_window(
    headers: dict[str, str], body: dict[str, str], after: timedelta
) -> None:
    with responses.RequestsMock() as mock:
        mock.get(f"{API}{TASKS}/1", status=429, headers=headers, json=body)
        with pytest.raises(TryLater) as caught:
            HubSpotCrm(CrmAccount(API, "pat-1"), Outbound(), Clock(), Tokens()).get(TaskId("1"))
    assert (caught.value.everyone, caught.value.after) == (True, after)


def test_a_time_is_one_instant_however_it_is_written(ground: HubSpotGround) -> None:
    task_id = ground.add(due=Moment(datetime(2026, 12, 2, 9, tzinfo=UTC)), hs_timestamp="1796202000000")
    assert read(ground, task_id).due == NINE
