"""The demo's desk over the stand-ins: what it shows, and that its edits are the persons' own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from sandbox.demo import seed, views
from sandbox.demo.calendars import CalendarApp
from sandbox.demo.desk import Desk, create_app
from sandbox.demo.outside import Api, OutsideError
from sandbox.demo.wire import told_by
from tests.infra.conftest import EMAIL, OTHER, Gateway, Parts
from tests.infra.test_demo import eventually

BERLIN = ZoneInfo("Europe/Berlin")
OWNER = {"id": "u-1"}
DELETED = "its event was deleted in the calendar"


@pytest.fixture
def page(desk: Desk) -> FlaskClient:
    return create_app(desk).test_client()


BOTH = [("google", EMAIL), ("outlook", OTHER)]
MARKS: dict[str, dict[str, Any]] = {
    "google": {"extendedProperties": {"private": {"gw": "1"}}},
    "outlook": {"transactionId": "a-transaction"},
}


def calendar(desk: Desk, provider: str = "google") -> CalendarApp:
    return next(one for one in desk.calendars if one.person.provider == provider)


def an_event(desk: Desk, provider: str = "google") -> dict[str, Any]:
    """An event as the gateway would make it, today at noon."""
    app, day = calendar(desk, provider), desk.now().astimezone(BERLIN).date().isoformat()
    span = views.span_from(day, "12:00", 30, BERLIN)
    times = {name: {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": BERLIN.key} for name, at in vars(span).items()}
    token = app.person.calendar_token
    if provider == "google":
        path, title = f"/calendar/v3/calendars/{app.person.calendar_id}/events", "summary"
    else:
        path, title = "/v1.0/me/events", "subject"
    Api(app.url, token).call("POST", path, json={title: "Call Ada", **times, **MARKS[provider]})
    return next(event for event in desk.state()["events"] if event["ours"])


def ledger(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Api(url).call("GET", "/_sandbox/ledger")["entries"]
    return found


def test_seeds_show_up(desk: Desk, page: FlaskClient) -> None:
    for app in desk.calendars:
        seed.seed_private_events(app, desk.now())
    seed.seed_tasks(desk.crm, desk.now(), calendar(desk, "outlook").person)
    state = page.get("/api/state").get_json()
    assert [(one["name"], one["calendar"]) for one in state["persons"]] == [
        ("Robin", "Google Calendar"),
        ("Mira", "Outlook"),
    ]
    assert len(state["tasks"]) == 8
    assert state["tasks"][0]["title"] == "Call Nova Logistics about the renewal"
    assert state["tasks"][0]["words"] == "On its way to the calendar"
    assert state["tasks"][-1]["status"] == "completed"
    assert not any(event["ours"] for event in state["events"])
    looks: dict[str, list[tuple[str, str, int]]] = {}
    for event in state["events"]:
        looks.setdefault(event["person"], []).append((event["title"], event["day"] + event["time"], event["minutes"]))
    robin, mira = (sorted(looks[one["id"]]) for one in state["persons"])
    assert robin == mira
    assert 30 < len(robin) <= seed.PRIVATE_EVENTS
    for app in desk.calendars:
        assert len([entry for entry in ledger(app.url) if entry["method"] == "POST"]) == seed.PRIVATE_EVENTS


def test_task_edits_are_the_persons(desk: Desk, page: FlaskClient) -> None:
    form = {"title": "Call Ada", "priority": "high", "day": "2026-12-02", "time": "09:00", "on": True}
    task_id = page.post("/api/tasks", json=form).get_json()["id"]
    assert page.patch(f"/api/tasks/{task_id}", json={"day": "2026-12-03", "time": ""}).status_code == 204
    assert page.patch(f"/api/tasks/{task_id}", json={"on": False}).status_code == 204
    (task,) = page.get("/api/state").get_json()["tasks"]
    assert task["due"] == {"day": "2026-12-03", "time": "", "label": "Thu 3 Dec"}
    assert (task["on"], task["priority"], task["words"]) == (False, "high", "Not in the calendar")
    mira = calendar(desk, "outlook").person.user_id
    assert page.patch(f"/api/tasks/{task_id}", json={"owner": mira}).status_code == 204
    (task,) = page.get("/api/state").get_json()["tasks"]
    assert task["owner"] == mira
    assert page.delete(f"/api/tasks/{task_id}", json={}).status_code == 204
    assert page.get("/api/state").get_json()["tasks"] == []
    assert {entry["caller"] for entry in ledger(desk.crm.url)} == {f"person:{EMAIL}"}


@pytest.mark.parametrize(("provider", "email"), BOTH)
def test_event_edits_are_the_persons(desk: Desk, page: FlaskClient, provider: str, email: str) -> None:
    event = an_event(desk, provider)
    path = f"/api/people/{event['person']}/events/{quote(event['id'], safe='')}"
    assert (event["time"], event["until"], event["minutes"]) == ("12:00", "12:30", 30)
    assert page.patch(path, json={"title": "Call Ada back"}).status_code == 204
    assert page.patch(path, json={"day": event["day"], "time": ""}).status_code == 204
    (now,) = (event for event in desk.state()["events"] if event["ours"])
    assert (now["title"], now["time"], now["minutes"]) == ("Call Ada back", "", 24 * 60)
    assert page.patch(path, json={"day": event["day"], "time": "18:15", "minutes": 45}).status_code == 204
    (now,) = (event for event in desk.state()["events"] if event["ours"])
    assert (now["day"], now["time"], now["until"]) == (event["day"], "18:15", "19:00")
    assert page.delete(path, json={}).status_code == 204
    assert desk.state()["events"] == []
    assert {entry["caller"] for entry in ledger(calendar(desk, provider).url)} == {f"person:{email}"}


def test_a_stranger_has_no_calendar_here(page: FlaskClient) -> None:
    assert page.delete("/api/people/u-0/events/e-0", json={}).status_code == 404


def listen(desk: Desk) -> None:
    """The CRM sends its webhooks, to nobody."""
    where = {"webhook_url": "http://127.0.0.1:9/", "webhook_secret": "whsec_bm90LXlldC1ub3QteWV0LW5vdC15ZXQ="}
    Api(desk.crm.url).call("POST", "/_sandbox/installation", json=where)


def sent(desk: Desk) -> list[dict[str, Any]]:
    return [entry for entry in ledger(desk.crm.url) if entry["direction"] == "out"]


def broken(page: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = page.get("/api/state").get_json()["broken"]
    return found


def test_held_pushes_go_when_let_go(desk: Desk, page: FlaskClient) -> None:
    listen(desk)
    assert page.put("/api/hold", json={"held": True}).status_code == 204
    page.post("/api/tasks", json={"title": "Held", "on": True})
    assert broken(page) == {"held": True, "busy": False, "revoked": []}
    assert sent(desk) == []
    assert page.put("/api/hold", json={"held": False}).status_code == 204
    assert broken(page)["held"] is False
    assert eventually(lambda: len(sent(desk)) == 1)


def test_providers_are_busy_for_the_gateway_alone_and_not_for_ever(desk: Desk, page: FlaskClient) -> None:
    page.put("/api/hold", json={"held": True})
    assert page.post("/api/break/busy", json={}).status_code == 204
    assert broken(page) == {"held": True, "busy": True, "revoked": []}
    assert page.get("/api/state").status_code == 200, "people's own apps are served"
    assert eventually(lambda: broken(page) == {"held": True, "busy": False, "revoked": []})


def test_breaking_the_gateways_own_parts(desk: Desk, page: FlaskClient) -> None:
    for what in ("queue", "worker", "push"):
        assert page.post(f"/api/break/{what}", json={}).status_code == 204
    assert page.post("/api/break/everything", json={}).status_code == 404
    assert isinstance(desk.mischief.machinery, Parts)
    assert desk.mischief.machinery.done == ["queue", "worker"]
    words = [line["words"] for line in page.get("/api/wire").get_json()["lines"] if line["does"] == "break"]
    assert words == [
        "Redis was emptied",
        "the worker was killed; it is started again",
        "Google's next push will be lost",
    ]


@pytest.mark.parametrize(("provider", "email"), BOTH)
def test_access_is_taken_away_and_given_back(desk: Desk, page: FlaskClient, provider: str, email: str) -> None:
    person = calendar(desk, provider).person
    path = f"/api/people/{person.user_id}/access"
    assert page.put(path, json={"given": False}).status_code == 204
    assert broken(page)["revoked"] == [person.user_id]
    assert page.put(path, json={"given": True}).status_code == 204
    assert broken(page)["revoked"] == []
    assert isinstance(desk.mischief.machinery, Parts)
    assert desk.mischief.machinery.done == [email.partition("@")[0].title()]


def test_the_wire_tells_who_said_what_without_a_title(desk: Desk, page: FlaskClient) -> None:
    listen(desk)
    form = {"title": "A secret of the person's own", "day": "2026-12-02", "time": "09:00", "on": True}
    page.post("/api/tasks", json=form)
    event = an_event(desk, "outlook")
    path = f"/api/people/{event['person']}/events/{quote(event['id'], safe='')}"
    page.patch(path, json={"day": event["day"], "time": "18:15", "minutes": 45})
    assert eventually(lambda: sent(desk) != [])
    told = page.get("/api/wire").get_json()
    assert [name for name, _words in told["lanes"]] == ["people", "crm", "gateway", "google", "graph"]
    lines = [(line["source"], line["target"], line["words"], line["does"]) for line in told["lines"]]
    assert ("people", "crm", "Robin makes a task", "switch_on") in lines
    assert ("people", "graph", "Mira moves the event", "move") in lines
    assert any(source == "crm" and words.startswith("webhook: task.created") for source, _, words, _ in lines)
    assert "secret" not in str(told)
    last = told["lines"][-1]["n"]
    assert page.get(f"/api/wire?since={last}").get_json()["lines"] == []


@pytest.mark.parametrize(
    ("entry", "words", "does"),
    [
        ({"method": "PATCH", "path": "/tasks/t-1", "body": {"due": {}}}, "changes the task: due", "task_written"),
        (
            {"method": "PATCH", "path": "/tasks/t-1", "body": {"calendar_sync": False}},
            "turns the task's switch off",
            "",
        ),
        (
            {"method": "PUT", "path": "/tasks/t-1/calendar-sync", "body": {"state": "synced"}},
            "tells the state: synced",
            "",
        ),
        ({"method": "GET", "path": "/tasks", "body": None}, "asks what it missed", "read"),
        (
            {"method": "GET", "path": "/tasks/t-1", "body": None, "status": 503},
            "reads the task \u2014 answered 503",
            "read",
        ),
        ({"method": "GET", "path": "/tasks/t-1", "body": None, "status": None}, "reads the task \u2014 lost", "read"),
    ],
)
def test_the_gateways_calls_in_words(entry: dict[str, Any], words: str, does: str) -> None:
    at = {"at": "2026-12-01T09:00:00Z", "direction": "in", "caller": "gateway", "status": 200}
    line = told_by("crm", at | entry)
    assert line is not None
    assert (line.source, line.target, line.words) == ("gateway", "crm", words)
    assert does in ("", line.does)
    assert line.ok is ((at | entry)["status"] == 200)


def test_conflicts_and_timeline_go_to_the_gateway(desk: Desk, page: FlaskClient) -> None:
    page.post("/api/conflicts/c-1", json={"keep": "calendar"})
    page.post("/api/conflicts/c-1", json={"keep": "crm"})
    assert page.get("/api/tasks/t-1/timeline").get_json()["hops"] == [
        {"at": "10:00:00", "actor": "gateway", "reason": "Echo of our own write"}
    ]
    assert isinstance(desk.gateway, Gateway)
    assert desk.gateway.calls == [
        ("POST", "/v1/conflicts/c-1/resolve", {"keep": "calendar"}),
        ("POST", "/v1/conflicts/c-1/resolve", {"keep": "crm"}),
        ("GET", "/v1/tasks/t-1/timeline", None),
    ]


def test_refusals_are_shown_in_words(page: FlaskClient) -> None:
    unknown = page.patch("/api/tasks/nowhere", json={"title": "x"})
    assert (unknown.status_code, "404" in unknown.get_json()["error"]) == (502, True)
    assert page.post("/api/tasks", json={"title": "x", "day": "soon"}).status_code == 400


def test_no_other_site_can_drive_the_desk(page: FlaskClient) -> None:
    assert page.get("/api/state", headers={"Host": "evil.example"}).status_code == 403
    assert page.post("/api/tasks", data={"title": "x"}).status_code == 415
    with page.get("/") as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("report", "is_on", "words"),
    [
        ({}, False, "Not in the calendar"),
        ({}, True, "On its way to the calendar"),
        ({"state": "off", "reason": "event_deleted"}, False, f"Not in the calendar: {DELETED}"),
        ({"state": "off"}, True, "On its way to the calendar"),
        ({"state": "pending", "reason": "no_due_date"}, True, "Waiting for a due date"),
        ({"state": "synced"}, True, "In step with the calendar"),
    ],
)
def test_states_in_words(report: dict[str, Any], is_on: bool, words: str) -> None:
    task = {"id": "t", "title": "", "description": "", "status": "open", "priority": "low", "due": None, "owner": OWNER}
    assert views.task_view(task | {"calendar_sync": is_on, "reports": [report]}, BERLIN)["words"] == words


def test_a_conflict_shows_both_values() -> None:
    conflict = {
        "id": "c-1",
        "fields": [
            {"name": "title", "kept": "Ours", "calendar": "Theirs"},
            {"name": "due", "kept": {"date": "2026-12-02"}, "calendar": {"date_time": "2026-12-02T23:30:00Z"}},
        ],
    }
    task = {"id": "t", "title": "", "description": "", "status": "open", "priority": "low", "due": None, "owner": OWNER}
    reports = [{"state": "conflict", "conflict": conflict}]
    shown = views.task_view(task | {"calendar_sync": True, "reports": reports}, BERLIN)["conflict"]
    assert shown["fields"] == [
        {"name": "title", "kept": "Ours", "calendar": "Theirs"},
        {"name": "due", "kept": "Wed 2 Dec", "calendar": "Thu 3 Dec, 00:30"},
    ]


def test_an_unreachable_part_is_named() -> None:
    with pytest.raises(OutsideError, match=r"GET http://127\.0\.0\.1:9: no answer"):
        Api("http://127.0.0.1:9").call("GET", "/")
