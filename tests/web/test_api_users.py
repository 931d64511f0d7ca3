"""The API about people (B18 to B20, B22): links, connections, calendars, leaving, widgets, the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.errors import AccessRevoked, Forbidden, SignInAgain, TryLater
from gateway.core.model import ConnectionStatus, EventId, Place, TaskId
from gateway.core.ports import CalendarInfo
from gateway.core.records import LedgerCount
from gateway.services import embedding
from gateway.services.consent import SpentError
from gateway.web import schemas
from tests.web.bench import ADA, HERE, Bench, Browser, calendar

USER = f"/v1/users/{ADA}"


def asked(bench: Bench, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = bench.api(method, path, body)
    return answer.status_code, answer.get_json(silent=True)


# --- links ----------------------------------------------------------------------------------------------------------


def test_a_connect_link_is_good_for_ten_minutes(bench: Bench) -> None:
    status, link = asked(bench, "POST", f"{USER}/connect-links", {"provider": "google"})
    assert status == 201
    assert link["url"].startswith(f"{HERE}/connect/")
    assert link["expires_at"] == "2026-11-22T15:10:00Z"
    assert len(link["url"].rpartition("/")[2]) >= 43
    schemas.ConnectLink().load(link)


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example/anything?at=all",
        "https://crm.example",
        "https://crm.example:443/x",
        "https://app.example/settings?tab=calendar",
    ],
)
def test_the_way_back_is_on_the_list(bench: Bench, url: str) -> None:
    assert bench.api("POST", f"{USER}/connect-links", {"provider": "google", "return_url": url}).status_code == 201


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "https:evil.example",
        "https:/crm.example",
        "https:///crm.example",
        "https://evil.example",
        "https://crm.example.evil.example",
        "https://crm.example@evil.example",
        "https://evil.example\\@crm.example",
        "https://crm.example\r\nSet-Cookie: a=b",
        "https://crm.example/\t",
        "http://crm.example",
        "https://crm.example:8443",
        "https://crm.example:x/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.example/settings",
        "https://app.example/settings?tab=calendar#",
        "https://[::1",
        "",
        "https://crm.example/" + "a" * 5000,
        "https://crm.exämple/",
    ],
)
def test_no_other_way_back(bench: Bench, url: str) -> None:
    status, told = asked(bench, "POST", f"{USER}/connect-links", {"provider": "google", "return_url": url})
    assert (status, told["errors"][0]["field"]) == (400, "return_url")


def test_a_provider_that_is_not_set_up_is_named(bench: Bench) -> None:
    status, told = asked(bench, "POST", f"{USER}/connect-links", {"provider": "outlook"})
    assert (status, told["errors"][0]["field"]) == (400, "provider")
    assert "google" in told["errors"][0]["hint"]


# --- connections ----------------------------------------------------------------------------------------------------


def test_nobody_is_connected_at_first(bench: Bench) -> None:
    status, told = asked(bench, "GET", f"{USER}/connection")
    nothing = dict.fromkeys(("provider", "account_email", "calendar", "reason"))
    assert (status, told) == (200, {"status": "none", **nothing, "moving": 0, "heard_at": None, "looked_at": None})


def test_a_connection_is_told(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    told = asked(bench, "GET", f"{USER}/connection")[1]
    assert (told["status"], told["provider"], told["account_email"]) == ("connected", "google", "ada@example.com")
    assert told["calendar"] == {"id": "calendar-2", "name": "Acme"}
    schemas.Connection().load(told)


def test_progress_of_a_move_is_told(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), mode="existing")
    link = bench.task()
    place = Place(bench.connection().id, "primary", EventId("e1"))
    with bench.store.begin() as uow:
        current = uow.links.get(bench.acme.id, link.id)
        assert current is not None
        uow.links.save(replace(current, place=place), read_task_seq=0, read_event_seq=0)
        uow.commit()
    assert asked(bench, "GET", f"{USER}/connection")[1]["moving"] == 0
    calendar(bench.account("ada"), "work")
    status, told = asked(bench, "PUT", f"{USER}/calendar", {"calendar_id": "work"})
    assert (status, told["calendar"]["id"], told["moving"]) == (200, "work", 1)
    assert f"cal:{bench.connection().id}" in bench.owed()


def test_calendars_are_listed_and_chosen(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), mode="existing")
    calendar(bench.account("ada"), "work")
    status, told = asked(bench, "GET", f"{USER}/calendars")
    assert status == 200
    assert told == [
        {"id": "primary", "name": "Primary", "primary": True, "selected": True},
        {"id": "work", "name": "Work", "primary": False, "selected": False},
    ]
    schemas.CalendarItem(many=True).load(told)
    status, told = asked(bench, "PUT", f"{USER}/calendar", {"calendar_id": "foreign"})
    assert (status, told["errors"][0]["field"]) == (400, "calendar_id")
    assert bench.connection().calendar_id == "primary"


def test_a_new_calendar_can_be_asked_for(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), mode="existing")
    status, told = asked(bench, "PUT", f"{USER}/calendar", {"calendar_id": "new"})
    assert (status, told["calendar"]) == (200, {"id": "calendar-2", "name": "Acme"})


def test_a_grant_for_our_own_calendar_lists_that_one(bench: Bench, browser: Browser) -> None:
    bench.accounts["ada"] = bench.account("ada")
    bench.account("ada").lists = False
    browser.connect(bench.link(), mode="own")
    told = asked(bench, "GET", f"{USER}/calendars")[1]
    assert told == [{"id": "calendar-2", "name": "Acme", "primary": False, "selected": True}]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "calendars"), ("PUT", "calendar"), ("DELETE", "connection"), ("GET", "privacy-ledger")]
)
def test_who_is_not_connected_is_told_so(bench: Bench, method: str, path: str) -> None:
    body = {"calendar_id": "primary"} if method == "PUT" else None
    status, told = asked(bench, method, f"{USER}/{path}", body)
    assert (status, told["code"]) == (404, "not_connected")


def test_b20_disconnecting_stops_everything_before_anything_is_patched(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), mode="existing")
    link = bench.task()
    with bench.store.begin() as uow:
        current = uow.links.get(bench.acme.id, link.id)
        assert current is not None
        place = Place(bench.connection().id, "primary", EventId("e1"))
        uow.links.save(replace(current, place=place), read_task_seq=0, read_event_seq=0)
        uow.commit()
    calls = bench.account("ada").count()
    assert asked(bench, "DELETE", f"{USER}/connection") == (202, None)
    told = asked(bench, "GET", f"{USER}/connection")[1]
    assert (told["status"], told["reason"], told["calendar"]) == ("disconnected", "disconnected", None)
    with bench.store.begin() as uow:
        left = uow.links.get(bench.acme.id, link.id)
    assert left is not None
    assert (left.status, left.state, left.reason) == ("dormant", "off", "disconnected")
    assert bench.account("ada").count() == calls
    assert bench.crm.calls["patch"] == 0
    assert bench.owed() >= {f"cal:{bench.connection().id}", f"crm:{bench.acme.id}"}
    assert asked(bench, "DELETE", f"{USER}/connection")[0] == 404


def test_b21_a_grant_found_dead_ends_the_connection_once(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), mode="existing")
    bench.sign_in["google"].token_fails.append(AccessRevoked("invalid_grant"))
    status, told = asked(bench, "GET", f"{USER}/calendars")
    assert (status, told["code"]) == (409, "reconnect")
    assert (bench.connection().status, bench.connection().reason) == (ConnectionStatus.REVOKED, "revoked")
    assert bench.connection().credential == b""
    assert asked(bench, "GET", f"{USER}/calendars")[0] == 404


def test_b21_a_wish_to_see_the_person_marks_the_connection(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), mode="existing")
    bench.sign_in["google"].token_fails.append(SignInAgain("invalid_rapt"))
    assert asked(bench, "GET", f"{USER}/calendars")[0] == 409
    assert asked(bench, "GET", f"{USER}/connection")[1]["status"] == "reauthorize"
    assert asked(bench, "GET", f"{USER}/calendars")[0] == 200


@pytest.mark.parametrize(
    ("error", "status", "after"),
    [(TryLater("x", after=timedelta(seconds=41.2)), 503, "42"), (TryLater("x"), 503, "5"), (Forbidden("x"), 403, None)],
)
def test_a_provider_in_trouble_changes_nothing(
    bench: Bench, browser: Browser, error: Exception, status: int, after: str | None
) -> None:
    browser.connect(bench.link(), mode="existing")
    bench.account("ada").fail("calendars", error)
    answer = bench.api("PUT", f"{USER}/calendar", {"calendar_id": "primary"})
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, after)
    assert bench.connection().status == "connected"


# --- widgets, ledger, resync ----------------------------------------------------------------------------------------


def test_an_embed_token_serves_until_it_ends(bench: Bench) -> None:
    body = {"user_id": ADA, "task_id": "t-1", "ttl": 60}
    status, told = asked(bench, "POST", "/v1/embed-tokens", body)
    assert (status, told["expires_at"]) == (201, "2026-11-22T15:01:00Z")
    for _ in range(2):
        assert embedding.viewer(bench.ctx, told["token"]) == embedding.Viewer(bench.acme.id, ADA, TaskId("t-1"))
    bench.clock.advance(timedelta(seconds=61))
    with pytest.raises(SpentError):
        embedding.viewer(bench.ctx, told["token"])


def test_an_embed_token_lives_a_quarter_of_an_hour_at_most(bench: Bench) -> None:
    status, told = asked(bench, "POST", "/v1/embed-tokens", {"user_id": ADA})
    assert (status, told["expires_at"]) == (201, "2026-11-22T15:15:00Z")
    assert embedding.viewer(bench.ctx, told["token"]).task_id is None
    for ttl in (901, 0, -1, 1.5, "60", True):
        status, told = asked(bench, "POST", "/v1/embed-tokens", {"user_id": ADA, "ttl": ttl})
        assert (status, told["errors"][0]["field"]) == (400, "ttl")


def test_b22_the_privacy_ledger_counts(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    with bench.store.begin() as uow:
        uow.connections.count(bench.acme.id, bench.connection().id, LedgerCount(pushes=3, dropped=2, read=1, written=4))
        uow.commit()
    status, told = asked(bench, "GET", f"{USER}/privacy-ledger")
    assert (status, told) == (200, {"pushes": 3, "dropped": 2, "read": 1, "written": 4})


def test_all_of_a_user_can_be_compared_afresh(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    for number in range(3):
        bench.task(f"t-{number}")
    status, told = asked(bench, "POST", f"{USER}/resync")
    assert (status, told["create"], told["change"], told["delete"], told["dry_run"]) == (202, 3, 0, 0, False)
    assert f"crm:{bench.acme.id}" in bench.owed()
    schemas.Plan().load(told)
    assert asked(bench, "POST", "/v1/users/nobody/resync")[0] == 404


def test_users_of_two_tenants_with_the_same_id_are_two_people(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), account="ada")
    Browser(bench).connect(bench.link(token=bench.other_token), account="bob")
    assert bench.connection().email == "ada@example.com"
    assert bench.connection(installation=bench.other).email == "bob@example.com"
    asked(bench, "DELETE", f"{USER}/connection")
    assert bench.connection(installation=bench.other).status == "connected"


def test_a_new_calendar_has_the_zone_that_the_crm_names(
    bench: Bench, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.task()
    zones: list[str | None] = []
    account = bench.account("ada")
    create = account.create_calendar

    def watched(name: str, zone: str | None) -> CalendarInfo:
        zones.append(zone)
        return create(name, zone)

    monkeypatch.setattr(account, "create_calendar", watched)
    browser.connect(bench.link())
    assert zones == ["Europe/Berlin"]
