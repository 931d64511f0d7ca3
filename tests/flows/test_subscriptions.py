"""Pushes instead of polling: who may push, what a lost one costs, and how a subscription is kept alive."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from gateway.core.model import ConnectionId
from gateway.core.records import Subscription
from gateway.services import sweep
from tests.flows.acts import edit_task, new_task, synced_task, the_task
from tests.flows.house import House, Marks, Person
from tests.flows.trouble import asked, connection, google, nothing_is_left, refusal, until_quiet, well

LISTS = "/events"
FLOOD, HANDS = 1000, 8


def held(house: House, who: Person) -> list[Subscription]:
    """The gateway's subscriptions for a person, newest first."""
    with house.ctx.store.begin() as uow:
        inst = house.gateway_installation()
        mine = uow.connections.of_user(inst, who.user_id)  # type: ignore[arg-type]
        assert mine is not None
        return list(uow.subscriptions.of_connection(inst, ConnectionId(mine.id)))


def sent(house: House, since: Marks | None = None) -> list[dict[str, Any]]:
    """Every push that the stand-in sent."""
    start = since.google if since else 0
    entries = house.google_admin.call("GET", f"/ledger?since={start}")["entries"]
    return [e for e in entries if e["direction"] == "out"]


def push(house: House, channel: str, token: str, **more: str) -> int:
    """Somebody pushes; the status of the answer."""
    headers = {
        "X-Goog-Channel-ID": channel,
        "X-Goog-Channel-Token": token,
        "X-Goog-Resource-State": "exists",
        "X-Goog-Message-Number": "10",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    url = f"{house.url}/webhooks/calendar/google"
    return requests.post(url, headers={k: v for k, v in headers.items() if v}, timeout=10).status_code


def lists(house: House, since: Marks) -> int:
    """How often the calendar was listed."""
    return len([c for c in house.calls(since) if c["method"] == "GET" and c["path"].endswith("/events")])


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The secrets given to channels, as a listener at Google would know them."""
    known: list[str] = []

    def remembered(size: int) -> str:
        known.append(f"secret-{len(known)}-{'x' * size}")
        return known[-1]

    monkeypatch.setattr("gateway.services.renew.secrets.token_urlsafe", remembered)
    return known


def test_only_who_knows_the_channel_and_its_secret_may_push(secrets: list[str], house: House, ada: Person) -> None:
    synced_task(house, ada)
    (channel,) = held(house, ada)
    secret = next(one for one in secrets if one.startswith("secret-"))
    mark = house.mark()
    assert push(house, "00000000-unknown", secret) == 404
    assert push(house, channel.id, "wrong") == 401
    assert push(house, channel.id, secret, X_Goog_Resource_ID="another") == 401
    assert push(house, channel.id, "") == 400
    assert push(house, "", secret) == 400
    assert push(house, channel.id, secret, X_Goog_Resource_State="") == 400
    assert requests.post(f"{house.url}/webhooks/calendar/google", timeout=10).status_code == 400
    house.settle()
    assert house.calls(mark) == [], "nobody looks for a stranger"


def test_the_sync_message_verifies_a_channel_and_no_list_follows(house: House) -> None:
    who = house.person("ada@example.com")
    mark = house.mark()
    house.connect(who)
    (channel,) = held(house, who)
    assert channel.state == "live"
    assert channel.verified_at is not None
    assert channel.resource is not None
    assert lists(house, mark) == 0, "there is nothing of ours to look for yet"


def test_65_a_thousand_pushes_in_a_moment_are_a_few_looks(secrets: list[str], house: House, ada: Person) -> None:
    """Over HTTP, from many hands at once, while a worker is always ready; an edit in their midst arrives."""
    task = synced_task(house, ada)
    (channel,) = held(house, ada)
    house.advance(minutes=1)
    mark, began = house.mark(), time.monotonic()
    with ThreadPoolExecutor(HANDS) as hands:
        arriving = [hands.submit(push, house, channel.id, secrets[-1]) for _ in range(FLOOD)]
        for number, one in enumerate(arriving):
            one.result()
            if number == FLOOD // 2:
                house.edit_event(ada, house.event(ada), summary="Call Eve")
            house.work()
    seconds = time.monotonic() - began
    assert {one.result() for one in arriving} == {202}
    house.settle()
    assert 1 <= lists(house, mark) <= 2 + 4 * (1 + int(seconds)), "one at once, then at most four a second"
    assert the_task(ada, task)["title"] == "Call Eve"
    nothing_is_left(house)


def test_pushes_late_doubled_and_out_of_order(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.google_admin.call("POST", "/quirks", json={"repeat_pushes": 1.0})
    house.google_admin.call("POST", "/faults", json={"match": {"direction": "out"}, "do": "hold", "times": 2})
    for title in ("Call Bob", "Call Eve", "Call Zoe"):
        house.edit_event(ada, house.event(ada), summary=title)
        house.settle()
    house.google_admin.call("POST", "/release")
    house.settle()
    assert the_task(ada, task)["title"] == "Call Zoe"
    nothing_is_left(house)


def test_a_lost_push_is_made_good_within_a_day(house: House, ada: Person) -> None:
    task, gone = synced_task(house, ada, title="Call Ada"), synced_task(house, ada, title="Goes")
    google(house, "drop", direction="out", times=None)
    events = {e["summary"]: e for e in house.events(ada)}
    house.edit_event(ada, events["Call Ada"], summary="Call Eve")
    house.delete_event(ada, events["Goes"])
    house.settle()
    assert the_task(ada, task)["title"] == "Call Ada"
    house.google.sender.forget()
    well(house)
    house.advance(hours=24, minutes=1)
    house.tick()
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Call Eve"
    assert the_task(ada, gone)["calendar_sync"] is False
    nothing_is_left(house)


def test_renewal_makes_the_new_channel_before_the_old_one_stops(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    (old,) = held(house, ada)
    house.advance(days=18)
    mark = house.mark()
    house.tick()
    assert asked(house, mark, path="watch") == [], "two thirds of its life are not over"
    house.advance(days=4)
    mark = house.mark()
    google(house, path="/channels/stop", status=503, times=None)
    house.tick()
    assert {one.state for one in held(house, ada)} == {"live", "old"}
    before = house.event(ada)
    house.edit_event(ada, before, summary="Told twice")
    house.settle()
    well(house)
    until_quiet(house)
    calls = [one.rpartition("/")[2] for one in asked(house, mark) if "watch" in one or "stop" in one]
    assert calls[0] == "watch", "the new one first"
    assert set(calls[1:]) == {"stop"}
    (fresh,) = held(house, ada)
    assert fresh.id != old.id
    assert fresh.verified_at is not None
    assert the_task(ada, task)["title"] == "Told twice"
    house.edit_event(ada, house.event(ada), summary="Told once")
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Told once"
    nothing_is_left(house)


def test_what_happened_while_no_channel_lived_is_found_by_the_renewal(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    house.advance(days=40)
    house.edit_event(ada, house.event(ada), summary="Unheard")
    house.settle()
    assert the_task(ada, task)["title"] == "Call Ada"
    house.tick()
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Unheard"
    assert [one.state for one in held(house, ada)] == ["live"]
    nothing_is_left(house)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"do": "drop"},
        {"do": "cut_after_write"},
        refusal(400, "channelIdNotUnique"),
        refusal(429, "rateLimitExceeded"),
        {"status": 200, "body": "<html>"},
    ],
    ids=["500", "no answer", "cut", "id used", "429", "html"],
)
def test_a_channel_that_could_not_be_made_is_made_later(house: House, fault: dict[str, Any]) -> None:
    who = house.person("ada@example.com")
    google(house, path="/events/watch$", times=2, **fault)
    house.connect(who)
    until_quiet(house)
    (channel,) = held(house, who)
    assert channel.state == "live"
    task = synced_task(house, who)
    house.edit_event(who, house.event(who), summary="Call Eve")
    until_quiet(house)
    assert the_task(who, task)["title"] == "Call Eve"
    nothing_is_left(house)


def test_an_address_that_google_refuses_is_the_operators_matter(house: House) -> None:
    who = house.person("ada@example.com")
    google(house, path="/events/watch$", times=3, **refusal(401, "push.webhookUrlUnauthorized"))
    house.connect(who)
    assert connection(house, who)["status"] == "connected"
    task = synced_task(house, who)
    assert the_task(who, task)["calendar_sync"] is True
    until_quiet(house)
    assert [one.state for one in held(house, who)] == ["live"]


def test_another_calendar_is_another_channel_and_the_old_one_stops(house: House, ada: Person) -> None:
    task = synced_task(house, ada)
    (old,) = held(house, ada)
    there = str(ada.calendar.call("POST", "/calendars", json={"summary": "Tasks"})["id"])
    mark = house.mark()
    house.api.call("PUT", f"/v1/users/{ada.user_id}/calendar", json={"calendar_id": there})
    until_quiet(house)
    (fresh,) = held(house, ada)
    assert (fresh.calendar_id, fresh.id == old.id) == (there, False)
    assert asked(house, mark, path="channels/stop") == ["POST /calendar/v3/channels/stop"]
    ada.calendar_id = there
    house.edit_event(ada, house.event(ada), summary="Call Eve")
    until_quiet(house)
    assert the_task(ada, task)["title"] == "Call Eve"


def test_stopping_a_channel_that_is_unknown_by_now_is_fine(house: House, ada: Person) -> None:
    synced_task(house, ada)
    house.advance(days=22)
    google(house, path="/channels/stop", times=1, **refusal(404, "notFound"))
    house.tick()
    until_quiet(house)
    assert [one.state for one in held(house, ada)] == ["live"]
    nothing_is_left(house)


def test_b22_nothing_is_listed_without_a_reason_and_the_idle_cost_next_to_nothing(house: House, ada: Person) -> None:
    synced_task(house, ada)
    mark = house.mark()
    for _day in range(30):
        house.advance(hours=24)
        sweep.tick(house.ctx)
        while house.work():
            pass
    calls = [c for c in house.calls(mark) if not c["path"].endswith("/token")]
    assert len(calls) / 30 < 2, [c["path"] for c in calls]


def test_a_connection_without_events_costs_no_list(house: House) -> None:
    who = house.person("ada@example.com")
    house.connect(who)
    mark = house.mark()
    for _day in range(3):
        house.advance(hours=24)
        house.tick()
    assert lists(house, mark) == 0
    new_task(who)
    edit_task(who, new_task(who), title="off")
    house.settle()
    assert lists(house, mark) == 0
