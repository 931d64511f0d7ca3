"""A person's own pages (B18 to B20): choose, look, change, disconnect; for half an hour."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from gateway.core.errors import AccessRevoked, Forbidden, OperatorFault, SignInAgain, TryLater
from gateway.core.model import ConnectionStatus, EventId, Place, UserId
from gateway.core.ports import ConsentFailure
from gateway.core.records import HeldState
from tests.flows.forms import first_form
from tests.web.bench import ADA, HERE, Bench, Browser, calendar, failing


@pytest.fixture
def connected(bench: Bench, browser: Browser) -> Browser:
    browser.connect(bench.link(return_url="https://crm.example/back"), mode="existing")
    return browser


def stands(bench: Bench, status: ConnectionStatus) -> None:
    with bench.store.begin() as uow:
        uow.connections.save(replace(bench.connection(), status=status))
        uow.commit()


def test_the_settings_say_how_it_stands(connected: Browser) -> None:
    page = connected.get("/settings").text
    assert all(words in page for words in (">Live<", "ada@example.com", "Google", "Primary", "Change calendar"))
    assert 'href="https://crm.example/back?status=connected"' in page


@pytest.mark.parametrize("status", list(ConnectionStatus))
def test_every_state_has_its_words(bench: Bench, connected: Browser, status: ConnectionStatus) -> None:
    if status is not ConnectionStatus.NONE:
        stands(bench, status)
        page = connected.get("/settings")
        assert page.status_code == 200
        assert 'role="status"></p>' not in page.text


def test_the_pages_close_after_half_an_hour(bench: Bench, connected: Browser) -> None:
    bench.clock.advance(timedelta(minutes=29))
    assert connected.get("/settings").status_code == 200
    form = connected.get("/settings/disconnect")
    bench.clock.advance(timedelta(minutes=2))
    for path in ("/settings", "/settings/calendar", "/settings/disconnect", "/connected"):
        page = connected.get(path)
        assert page.status_code == 403
        assert "Open it again from your CRM" in page.text
    assert connected.send(form).status_code == 403
    assert bench.connection().status == "connected"


def test_strangers_see_nothing(bench: Bench, connected: Browser) -> None:
    assert Browser(bench).get("/settings").status_code == 403


def test_b19_another_calendar_is_chosen(bench: Bench, connected: Browser) -> None:
    calendar(bench.account("ada"), "work")
    page = connected.get("/settings/calendar")
    assert "Events that are there already move with it" in page.text
    assert connected.follow(connected.send(page, calendar_id="work")).status_code == 200
    assert bench.connection().calendar_id == "work"


@pytest.mark.parametrize("chosen", ["", "foreign", "x" * 5000, "\x00"])
def test_only_what_is_offered_can_be_chosen(bench: Bench, connected: Browser, chosen: str) -> None:
    page = connected.send(connected.get("/settings/calendar"), calendar_id=chosen)
    assert page.status_code == 400
    assert "Choose one of these calendars" in page.text
    assert bench.connection().calendar_id == "primary"


@pytest.mark.parametrize(
    ("error", "status", "words", "leads"),
    [
        (TryLater("x"), 503, "Not now", "/settings/calendar"),
        (Forbidden("x"), 403, "A right is missing", "/settings/calendar"),
        (OperatorFault("x"), 503, "not set up", "/settings/calendar"),
        (failing(ConsentFailure.NO_CALENDAR), 409, "no calendar", "/settings/calendar"),
    ],
)
def test_trouble_while_choosing_has_its_page(
    bench: Bench, connected: Browser, error: Exception, status: int, words: str, leads: str
) -> None:
    form = connected.get("/settings/calendar")
    bench.account("ada").fail("calendars", error)
    page = connected.send(form)
    assert page.status_code == status
    assert words in page.text
    assert f'href="{leads}"' in page.text
    bench.account("ada").fail("calendars", error)
    assert connected.get("/settings/calendar").status_code == status


@pytest.mark.parametrize("error", [AccessRevoked("invalid_grant"), SignInAgain("invalid_rapt")])
def test_a_lost_access_leads_to_signing_in_again(bench: Bench, connected: Browser, error: AccessRevoked) -> None:
    bench.sign_in["google"].token_fails.append(error)
    page = connected.get("/settings/calendar")
    assert page.status_code == 409
    assert 'href="/settings"' in page.text
    link = connected.send(connected.get("/settings"))
    assert link.headers["Location"].startswith("/connect/")
    assert connected.get(link.headers["Location"]).status_code == 200


def test_an_account_without_calendars_has_its_page(bench: Bench, connected: Browser) -> None:
    bench.account("ada").drop_calendar("primary")
    stands(bench, ConnectionStatus.CHOOSING)
    with bench.store.begin() as uow:
        uow.connections.save(replace(bench.connection(), calendar_id=None))
        uow.commit()
    page = connected.get("/settings/calendar")
    assert page.status_code == 409
    assert "no calendar" in page.text


def test_b20_what_will_happen_is_said_first(bench: Bench, connected: Browser) -> None:
    page = connected.get("/settings/disconnect")
    assert all(words in page.text for words in ("stay, as copies", "switched off", "given back"))
    assert bench.connection().status == "connected"
    after = connected.follow(connected.send(page))
    assert "Disconnected" in after.text
    assert bench.connection().status == "disconnected"
    assert connected.follow(connected.send(page)).status_code == 200  # twice does no harm
    assert connected.get("/settings/disconnect").status_code == 404


def test_choosing_after_leaving_is_refused(bench: Bench, connected: Browser) -> None:
    form = connected.get("/settings/calendar")
    connected.send(connected.get("/settings/disconnect"))
    assert connected.send(form, calendar_id="primary").status_code == 404
    assert bench.connection().status == "disconnected"


def test_done_is_shown_only_when_it_is(bench: Bench, browser: Browser) -> None:
    browser.come_back(browser.start(bench.link(), mode="existing"))
    assert browser.get("/connected").headers["Location"] == "/settings"
    assert "still to be chosen" in browser.get("/settings").text


def test_our_own_calendar_can_be_made_again(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    bench.account("ada").drop_calendar("calendar-2")
    stands(bench, ConnectionStatus.CALENDAR_GONE)
    page = browser.get("/settings/calendar")
    assert "the only one that can be seen from here" in page.text
    assert browser.follow(browser.send(page)).status_code == 200
    assert bench.account("ada").count("create_calendar") == 2
    assert bench.connection().status == "connected"


# --- moving


def with_events(bench: Bench, count: int) -> None:
    """So many tasks have their event in the calendar chosen now."""
    connection = bench.connection()
    for number in range(count):
        link = bench.task(f"t-{number}")
        place = Place(connection.id, connection.calendar_id or "", EventId(f"e{number}"))
        with bench.store.begin() as uow:
            now = uow.links.get(bench.acme.id, link.id)
            assert now is not None
            uow.links.save(replace(now, place=place), read_task_seq=now.task_seq, read_event_seq=now.event_seq)
            uow.commit()


def test_b19_what_moves_is_shown_first_then_how_far_it_is(bench: Bench, connected: Browser) -> None:
    calendar(bench.account("ada"), "work")
    with_events(bench, 3)
    preview = connected.send(connected.get("/settings/calendar"), calendar_id="work")
    assert "3 events move from <b>Primary</b> to <b>Work</b>" in preview.text
    assert bench.connection().calendar_id == "primary"
    settings = connected.follow(connected.send(preview))
    assert bench.connection().calendar_id == "work"
    assert "Catching up" in settings.text
    assert "0 of 3 events are in the new calendar" in settings.text
    assert '<progress max="3" value="0"' in settings.text


def test_b19_a_new_calendar_just_for_tasks(bench: Bench, connected: Browser) -> None:
    page = connected.get("/settings/calendar")
    assert page.text.index("A new calendar") < page.text.index("Primary")
    connected.follow(connected.send(page, calendar_id="new"))
    assert bench.account("ada").count("create_calendar") == 1
    assert bench.connection().calendar_name == "Acme"


def test_b19_the_preview_names_only_what_is_offered(bench: Bench, connected: Browser) -> None:
    with_events(bench, 1)
    assert connected.send(connected.get("/settings/calendar"), calendar_id="foreign").status_code == 400


def test_b20_events_from_before_are_taken_up(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), mode="existing")
    with_events(bench, 2)
    browser.send(browser.get("/settings/disconnect"))
    assert "from before" not in browser.get("/settings").text
    back = browser.connect(bench.link(), mode="existing")
    assert "2 events from before are still there" in back.text
    bench.rings.clear()
    assert browser.follow(browser.send(back)).status_code == 200
    assert any(mailbox.startswith("crm:") for _inst, mailbox, _lane, _after in bench.rings)
    bench.link()
    assert "2 events from before are still there" in browser.get("/settings").text  # their switches are off still


# --- many changes at once


def a_batch(bench: Bench, user: str = ADA) -> str:
    connection = bench.connection()
    with bench.store.begin() as uow:
        made = uow.held.open(bench.acme.id, connection.id, UserId(user), bench.clock.now())
        for link in uow.links.of_connection(bench.acme.id, connection.id):
            uow.links.save(replace(link, held=made), read_task_seq=link.task_seq, read_event_seq=link.event_seq)
        uow.commit()
    return made


def state_of(bench: Bench, batch: str) -> str:
    with bench.store.begin() as uow:
        found = uow.held.get(bench.acme.id, batch)
    assert found is not None
    return found.state.value


@pytest.mark.parametrize(("word", "state"), [("yes", "approved"), ("no", "dropped")])
def test_b24_a_person_decides_about_many_changes(bench: Bench, connected: Browser, word: str, state: str) -> None:
    with_events(bench, 1)
    batch = a_batch(bench)
    page = connected.get("/settings")
    assert "1 event vanished or moved at once" in page.text
    after = connected.follow(connected.send(page, word=word))
    assert state_of(bench, batch) == state
    assert "vanished or moved" not in after.text


def test_b24_nobody_decides_for_others_or_for_the_operator(bench: Bench, connected: Browser) -> None:
    with_events(bench, 2)
    disconnect = connected.get("/settings/disconnect")
    proof = {"form_token": first_form(disconnect.text, HERE).values["form_token"]}
    theirs = a_batch(bench, "u-8")
    connected.post("/settings/held", {**proof, "word": "yes", "held": theirs})
    assert state_of(bench, theirs) == "open"
    bench.change(held_decided_by="operator")
    with bench.store.begin() as uow:
        uow.held.decide(bench.acme.id, theirs, HeldState.DROPPED, "operator", bench.clock.now())
        uow.commit()
    mine = a_batch(bench)
    assert "Your administrator decides" in connected.get("/settings").text
    connected.post("/settings/held", {**proof, "word": "yes", "held": mine})
    assert state_of(bench, mine) == "open"


# --- in a frame of the CRM


class Framed(Browser):
    """The same pages in a frame: known by a token, without a cookie."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        made = bench.api("POST", "/v1/embed-tokens", {"user_id": ADA, "ttl": 900})
        self.token = made.get_json()["token"]
        self.client = bench.app.test_client(use_cookies=False)

    def home(self) -> TestResponse:
        return self.get(f"/embed/settings?token={self.token}")


def test_in_a_frame_the_calendar_is_changed_and_left_without_a_cookie(bench: Bench, connected: Browser) -> None:
    calendar(bench.account("ada"), "work")
    with_events(bench, 2)
    framed = Framed(bench)
    home = framed.home()
    assert home.status_code == 200
    assert "Set-Cookie" not in home.headers
    (there,) = re.findall(r'href="(/embed/settings/calendar[^"]*)"', home.text)
    preview = framed.send(framed.get(html.unescape(there)), calendar_id="work")
    moving = framed.follow(framed.send(preview))
    assert "0 of 2 events are in the new calendar" in moving.text
    (leave,) = re.findall(r'href="(/embed/settings/disconnect[^"]*)"', moving.text)
    left = framed.follow(framed.send(framed.get(html.unescape(leave))))
    assert "Disconnected" in left.text
    assert bench.connection().status == "disconnected"
    assert 'target="_blank"' in left.text  # signing in again opens a window of its own
    opened = framed.send(left)
    assert opened.headers["Location"].startswith("/connect/")
    assert "Set-Cookie" not in opened.headers


def test_a_frame_needs_its_token_and_its_own_forms(bench: Bench, connected: Browser) -> None:
    framed = Framed(bench)
    assert framed.get("/embed/settings").status_code == 403
    assert connected.get("/embed/settings").status_code == 403  # a cookie does not open it
    path = f"/embed/settings/disconnect?token={framed.token}"
    form = first_form(framed.get(path).text, HERE)
    wrong = {**form.values, "form_token": "0" * 64}
    assert framed.post("/embed/settings/disconnect", wrong).status_code == 403
    foreign = framed.client.post("/embed/settings/disconnect", data=form.values, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert bench.connection().status == "connected"


def test_a_tasks_token_does_not_open_a_persons_pages(bench: Bench, connected: Browser) -> None:
    made = bench.api("POST", "/v1/embed-tokens", {"user_id": ADA, "task_id": "t-1", "ttl": 900}).get_json()["token"]
    for path in ("/embed/settings", "/embed/settings/calendar", "/embed/settings/disconnect"):
        answer = connected.get(f"{path}?token={made}")
        assert answer.status_code == 403
        assert "This view is closed" in answer.text


def test_after_fifteen_minutes_the_frame_is_closed(bench: Bench, connected: Browser) -> None:
    framed = Framed(bench)
    bench.clock.advance(timedelta(minutes=15, seconds=1))
    assert "This view is closed" in framed.home().text


def test_the_settings_keep_themselves_up_to_date(bench: Bench, connected: Browser) -> None:
    part = connected.get("/settings", headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith('<main id="live"')
    again = {"HX-Request": "true", "If-None-Match": part.headers["ETag"]}
    assert connected.get("/settings", headers=again).status_code == 304
    stands(bench, ConnectionStatus.SUSPECT)
    assert connected.get("/settings", headers=again).status_code == 200
