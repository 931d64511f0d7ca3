"""The operator's pages (B22, B24, B26, B27, B29): who gets in, what is seen, what can be done."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from gateway.core.model import ConnectionStatus, LinkStatus, TaskId
from gateway.core.ports import Lane
from gateway.core.records import Entry, InstallationStatus, ParkReason, Topic
from gateway.core.reflecting import Direction
from gateway.services import operator
from gateway.services.parked import Choice
from tests.web.bench import HERE, Bench, Browser

PASSWORD = "correct horse"
HASH = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench(variables={"ADMIN_PASSWORD_HASH": HASH}, providers=("google", "outlook"))


@pytest.fixture
def inside(bench: Bench) -> Browser:
    browser = Browser(bench)
    sign_in(browser)
    return browser


def sign_in(browser: Browser, password: str = PASSWORD, path: str = "/ops/sign-in") -> TestResponse:
    return browser.send(browser.get(path), password=password)


def press(browser: Browser, page: TestResponse, action: str, **values: str) -> TestResponse:
    """Press the button whose form goes to ``action`` (its own, or by ``formaction``)."""
    forms = re.findall(r"<form.*?</form>", page.text, re.DOTALL)
    form = next(form for form in forms if f'action="{action}"' in form)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    return browser.post(action, {**fields, **values})


def park(bench: Bench, task_id: str = "t-1", reason: ParkReason = ParkReason.FORBIDDEN) -> str:
    """A task's work, set aside; its key."""
    link = bench.task(task_id)
    inst, now = bench.acme.id, bench.clock.now()
    with bench.store.begin() as uow:
        uow.outbox.request(inst, Topic.SYNC, link.id, mailbox="cal:c", now=now)
        uow.commit()
    with bench.store.begin() as uow:
        lease = uow.outbox.lease(inst, "cal:c", Lane.NOW, now)
        uow.commit()
    assert lease is not None
    with bench.store.begin() as uow:
        uow.outbox.park(lease, reason, now)
        uow.commit()
    return link.id


def still_parked(bench: Bench) -> list[str]:
    return [one.key for one in operator.chosen(bench.ctx, None, Choice())]


# --- who gets in ----------------------------------------------------------------------------------------------------


def test_without_a_password_set_there_is_no_page(make_bench: Callable[..., Bench]) -> None:
    page = Browser(make_bench()).get("/ops")
    assert page.status_code == 404
    assert "ADMIN_PASSWORD_HASH" in page.text


def test_every_page_wants_a_session_and_leads_back(bench: Bench) -> None:
    browser = Browser(bench)
    answer = browser.get(f"/ops/installations/{bench.acme.id}?x=1")
    assert answer.status_code == 303
    page = browser.get(answer.headers["Location"])
    answer = browser.send(page, password=PASSWORD)
    assert answer.headers["Location"] == f"/ops/installations/{bench.acme.id}?x=1"
    assert "Acme" in browser.follow(answer).text


def test_no_route_is_open_without_a_session(bench: Bench) -> None:
    stranger = Browser(bench)
    rules = [rule for rule in bench.app.url_map.iter_rules() if rule.rule.startswith("/ops")]
    assert len(rules) >= 15
    for rule in rules:
        if rule.endpoint in ("ops.sign_in", "ops.enter"):
            continue
        path = re.sub(r"<[^>]+>", "x", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = stranger.client.open(path, method=method, base_url=HERE, headers={"Origin": HERE})
            assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/ops/sign-in"), path


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/ops\\..\\evil", "/opsy", "/ops/ x"])
def test_signing_in_leads_nowhere_else(bench: Bench, back: str) -> None:
    browser = Browser(bench)
    page = browser.get("/ops/sign-in", query_string={"back": back})
    assert browser.send(page, password=PASSWORD, back=back).headers["Location"] == "/ops"


def test_the_session_ends(bench: Bench, inside: Browser) -> None:
    bench.clock.advance(timedelta(hours=7, minutes=59))
    assert inside.get("/ops").status_code == 200
    bench.clock.advance(timedelta(minutes=2))
    assert inside.get("/ops").status_code == 303
    sign_in(inside)
    token = inside.client.get_cookie("operator", domain="127.0.0.1")
    assert token is not None
    assert token.http_only
    page = inside.get("/ops")
    assert press(inside, page, "/ops/sign-out").status_code == 303
    inside.client.set_cookie("operator", token.value, domain="127.0.0.1")  # kept by somebody: worth nothing
    assert inside.get("/ops").status_code == 303


def test_a_new_password_ends_all_sessions(make_bench: Callable[..., Bench], bench: Bench, inside: Browser) -> None:
    cookie = inside.client.get_cookie("operator", domain="127.0.0.1")
    assert cookie is not None
    other = Browser(make_bench(variables={"ADMIN_PASSWORD_HASH": generate_password_hash("new", "pbkdf2:sha256:1000")}))
    other.client.set_cookie("operator", cookie.value, domain="127.0.0.1")
    assert other.get("/ops").status_code == 303


def test_guessing_is_slowed_and_a_known_browser_is_not_locked_out(bench: Bench, inside: Browser) -> None:
    thief = Browser(bench)
    for _ in range(operator.FREE):
        assert sign_in(thief, "wrong").status_code == 401
    slowed = sign_in(thief)  # even the right one is not looked at now
    assert slowed.status_code == 429
    assert int(slowed.headers["Retry-After"]) == 2
    assert "Wait 2 seconds" in slowed.text
    press(inside, inside.get("/ops"), "/ops/sign-out")
    assert sign_in(inside).status_code == 303
    bench.clock.advance(timedelta(seconds=3))
    assert sign_in(thief, "wrong").status_code == 401
    assert int(sign_in(thief).headers["Retry-After"]) == 4
    bench.clock.advance(operator.WITHIN)
    assert sign_in(thief, "wrong").status_code == 401


def test_guessing_from_everywhere_is_slowed_too(bench: Bench, inside: Browser) -> None:
    for number in range(operator.BY_ANYBODY):
        operator.failed(bench.ctx, f"address {number}")
    assert sign_in(Browser(bench)).status_code == 429
    press(inside, inside.get("/ops"), "/ops/sign-out")
    assert sign_in(inside).status_code == 303


def test_a_forged_known_browser_is_a_stranger(bench: Bench) -> None:
    browser = Browser(bench)
    browser.client.set_cookie("known_operator", "name.signature", domain="127.0.0.1")
    for _ in range(operator.FREE):
        sign_in(browser, "wrong")
    browser.client.set_cookie("known_operator", "other.signature", domain="127.0.0.1")
    assert sign_in(browser).status_code == 429


def test_forms_must_be_our_own(bench: Bench, inside: Browser) -> None:
    path = f"/ops/installations/{bench.acme.id}/pause"
    assert inside.post(path, {}).status_code == 403
    token = re.search(r'name="form_token" value="([^"]+)"', inside.get("/ops").text)
    assert token is not None
    form = {"form_token": token[1]}
    assert inside.post(path, form, Origin="https://evil.example").status_code == 403
    assert inside.post(path, form).status_code == 303


# --- what is seen ---------------------------------------------------------------------------------------------------


def test_all_is_well(bench: Bench, inside: Browser) -> None:
    page = inside.get("/ops").text
    assert "All is well." in page
    assert "Nothing is parked." in page


def test_b27_the_times_are_told_by_direction_and_provider(bench: Bench, inside: Browser) -> None:
    with bench.store.begin() as uow:
        for seconds in (0.3, 0.3, 0.3, 20):
            uow.reflections.add("google", Direction.TO_CRM, timedelta(seconds=seconds), bench.clock.now())
        uow.commit()
    page = inside.get("/ops").text
    assert "Calendar to CRM, Google" in page
    assert re.search(r"half of 4 changes; 95 of 100 within <b>(19|2\d) s</b>", page)
    assert page.count("data-plot=") == 1


def test_what_is_not_well_is_said_first(bench: Bench, inside: Browser) -> None:
    inside.connect(bench.link(), account="ada", mode="existing")
    connection = bench.connection()
    park(bench)
    with bench.store.begin() as uow:
        changed = type(connection)(**{**_fields(connection), "status": ConnectionStatus.REAUTHORIZE})
        uow.connections.save(changed)
        uow.installations.set_status(bench.other.id, InstallationStatus.PAUSED, "crm_unauthorised")
        uow.commit()
    page = inside.get("/ops").text
    assert "3 things need a look" in page
    for words in (
        "1 parked.",
        "One connection: must sign in again.",
        "Other is paused: the CRM refuses our credentials.",
    ):
        assert words in page, words
    assert inside.get("/ops/now").text in page


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def test_old_work_means_that_nobody_works(bench: Bench, inside: Browser) -> None:
    link = bench.task()
    with bench.store.begin() as uow:
        uow.outbox.request(bench.acme.id, Topic.SYNC, link.id, mailbox="cal:c", now=bench.clock.now())
        uow.commit()
    assert "Does a worker run" not in inside.get("/ops").text
    bench.clock.advance(timedelta(minutes=3))
    assert "Work has been due for 3 min. Does a worker run" in inside.get("/ops").text


@pytest.mark.parametrize("text", ["t-1", "u-7", "ADA@ex", "ada@example.com"])
def test_search_finds_by_task_person_and_address(bench: Bench, inside: Browser, text: str) -> None:
    inside.connect(bench.link(), account="ada", mode="existing")
    bench.task("t-1")
    found = inside.get("/ops/search", query_string={"q": text}).text
    assert ("/tasks/t-1" if text == "t-1" else f"/connections/{bench.connection().id}") in found


@pytest.mark.parametrize("text", ["t-", "", "%", "_da@example.com", "\x00", "'; DROP TABLE links", "x" * 900])
def test_search_finds_nothing_else(bench: Bench, inside: Browser, text: str) -> None:
    inside.connect(bench.link(), account="ada", mode="existing")
    bench.task("t-1")
    found = inside.get("/ops/search", query_string={"q": text})
    assert found.status_code == 200
    assert "Nothing is known under that name" in found.text


def test_b22_a_connection_shows_its_ledger_and_channels(bench: Bench, inside: Browser) -> None:
    inside.connect(bench.link(), account="ada", mode="existing")
    page = inside.get(f"/ops/installations/{bench.acme.id}/connections/{bench.connection().id}").text
    for words in ("Privacy ledger", "dropped unread", "Channels", "Last errors", "ada@example.com"):
        assert words in page, words


def test_a_task_shows_its_story(bench: Bench, inside: Browser) -> None:
    link = bench.task("a/b")
    with bench.store.begin() as uow:
        uow.timeline.add(bench.acme.id, TaskId("a/b"), Entry(bench.clock.now(), "gateway", "event_echo", {}))
        uow.commit()
    page = inside.get(f"/ops/installations/{bench.acme.id}/tasks/a/b")
    assert "Echo of our own write to the event; nothing to send" in page.text
    answer = press(inside, page, f"/ops/installations/{bench.acme.id}/resync/a/b")
    assert "Both sides are being read" in inside.follow(answer).text
    assert link.status is LinkStatus.LIVE
    assert bench.owed()


@pytest.mark.parametrize("path", ["installations/x", "installations/{0}/connections/x", "installations/{0}/tasks/x"])
def test_what_is_not_there_is_said(bench: Bench, inside: Browser, path: str) -> None:
    assert inside.get(f"/ops/{path.format(bench.acme.id)}").status_code == 404


# --- what can be done -----------------------------------------------------------------------------------------------


def test_b26_parked_work_is_replayed_by_kind(bench: Bench, inside: Browser) -> None:
    park(bench, "t-1")
    park(bench, "t-2")
    other = park(bench, "t-3", reason=ParkReason.UNAVAILABLE)
    page = inside.get("/ops")
    assert "the other side was unwell for 72 hours" in page.text
    answer = press(inside, page, "/ops/parked/replay", topic="sync", reason="forbidden")
    assert "2 taken up again." in inside.follow(answer).text
    assert still_parked(bench) == [other]


def test_b26_one_is_replayed_and_one_is_dropped_after_a_question(bench: Bench, inside: Browser) -> None:
    first, second = park(bench, "t-1"), park(bench, "t-2")
    page = inside.get("/ops/parked?topic=sync&reason=forbidden")
    inside.follow(press(inside, page, "/ops/parked/replay", key=first))
    assert still_parked(bench) == [second]
    question = press(inside, page, "/ops/parked/drop", key=second)
    assert "<b>1</b> piece of work" in question.text
    assert still_parked(bench) == [second]
    assert "1 dropped." in inside.follow(press(inside, question, "/ops/parked/drop")).text
    assert still_parked(bench) == []


def test_b26_what_was_parked_within_a_time_is_replayed(bench: Bench, inside: Browser) -> None:
    early = park(bench, "t-1")
    bench.clock.advance(timedelta(hours=2))
    park(bench, "t-2")
    since = f"{bench.clock.now() - timedelta(hours=1):%Y-%m-%dT%H:%M}"
    until = f"{bench.clock.now() + timedelta(hours=1):%Y-%m-%dT%H:%M}"
    page = inside.get("/ops")
    token = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert token is not None
    form = {"form_token": token[1], "from": since, "to": until}
    assert "1 taken up again." in inside.follow(inside.post("/ops/parked/replay", form)).text
    assert still_parked(bench) == [early]
    for bad in ({}, {"to": "soon"}, {"topic": "nonsense", "from": since}):
        assert inside.post("/ops/parked/replay", {"form_token": token[1], **bad}).status_code == 400


def test_b29_an_installation_is_paused_and_resumed(bench: Bench, inside: Browser) -> None:
    path = f"/ops/installations/{bench.acme.id}"
    paused = inside.follow(press(inside, inside.get(path), f"{path}/pause"))
    assert "Paused. Changes wait." in paused.text
    with bench.store.begin() as uow:
        found = uow.installations.get(bench.acme.id)
    assert found is not None
    assert found.status is InstallationStatus.PAUSED
    resumed = inside.follow(press(inside, paused, f"{path}/resume"))
    assert "Goes on." in resumed.text


def test_b29_a_person_and_everything_are_paused_and_resumed(bench: Bench, inside: Browser) -> None:
    inside.connect(bench.link(), account="ada", mode="existing")
    path = f"/ops/installations/{bench.acme.id}/connections/{bench.connection().id}"
    paused = inside.follow(press(inside, inside.get(path), f"{path}/pause"))
    assert "Paused. Changes wait." in paused.text
    assert bench.connection().status is ConnectionStatus.PAUSED
    inside.follow(press(inside, paused, f"{path}/resume"))
    assert bench.connection().status is ConnectionStatus.CONNECTED
    halted = inside.follow(press(inside, inside.get("/ops"), "/ops/pause"))
    assert "Everything is paused: by the operator." in halted.text
    assert "All is well." in inside.follow(press(inside, halted, "/ops/resume")).text


def test_b28_another_deployments_database_goes_on_only_when_it_is_said_how(bench: Bench, inside: Browser) -> None:
    with bench.store.begin() as uow:
        uow.deployments.claim("elsewhere")
        uow.commit()
    page = inside.get("/ops")
    assert "this database belongs to another deployment" in page.text
    assert press(inside, page, "/ops/resume").status_code == 409
    answer = press(inside, page, "/ops/resume", how="take_over")
    assert "All is well." in inside.follow(answer).text


def test_b30_a_dry_run_says_what_would_be_done_and_does_nothing(bench: Bench, inside: Browser) -> None:
    inside.connect(bench.link(), account="ada", mode="existing")
    bench.task("t-1")
    inst = bench.acme.id
    path = f"/ops/installations/{inst}/preview/tasks/t-1"
    told = press(inside, inside.get(f"/ops/installations/{inst}/tasks/t-1"), path)
    assert "A dry run: 1 to create, 0 to change, 0 to delete." in told.text
    whose = bench.connection().id
    path = f"/ops/installations/{inst}/preview/connections/{whose}"
    told = press(inside, inside.get(f"/ops/installations/{inst}/connections/{whose}"), path)
    assert "1 of 1 task was looked at; nothing was written." in " ".join(told.text.split())
    with bench.store.begin() as uow:
        link = uow.links.by_task(inst, TaskId("t-1"))
    assert link is not None
    assert link.place is None
