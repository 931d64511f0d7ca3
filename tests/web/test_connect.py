"""A connect link's page and what it leads to (B18); faults 75 and 77 of the test plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.core.model import ConnectionStatus
from gateway.services import installations
from tests.flows.forms import first_form
from tests.web.bench import ADA, HERE, Bench, Browser

RETURN = "https://crm.example/settings?x=1"


# --- the link's page ------------------------------------------------------------------------------------------------


def test_looking_at_a_link_does_not_use_it_up(bench: Bench) -> None:
    link = bench.link()
    for _ in range(3):
        page = Browser(bench).get(link)
        assert page.status_code == 200
    assert "Connect your calendar to Acme" in page.text
    assert page.text.index('value="own"') < page.text.index('value="existing"')
    assert "Your other events are never read" in page.text
    assert "<script" not in page.text


def test_starting_uses_it_up(bench: Bench, browser: Browser) -> None:
    link = bench.link()
    form = browser.get(link)
    first, second = browser.send(form), browser.send(form)
    assert (first.status_code, second.status_code) == (303, 410)
    assert first.headers["Location"].startswith("https://google.example/auth")
    assert Browser(bench).get(link).status_code == 410


def test_a_link_ends_after_ten_minutes(bench: Bench, browser: Browser) -> None:
    link = bench.link()
    page = browser.get(link)
    bench.clock.advance(timedelta(minutes=10, seconds=1))
    assert browser.get(link).status_code == browser.send(page).status_code == 410
    assert "This link is too old" in browser.get(link).text


@pytest.mark.parametrize("token", ["x", "%00", "a" * 5000, "..%2f", "ü", "%C3%28"])
def test_an_unknown_link_is_a_plain_page(bench: Bench, browser: Browser, token: str) -> None:
    assert browser.get(f"/connect/{token}").status_code in (404, 410)


def test_the_link_of_a_removed_installation_is_dead(bench: Bench, browser: Browser) -> None:
    link = bench.link()
    installations.remove(bench.ctx, bench.acme.key)
    assert browser.get(link).status_code == 410


def test_only_providers_that_are_set_up_can_be_chosen(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(providers=("google", "outlook"))
    browser = Browser(bench)
    page = browser.get(bench.link(provider="outlook"))
    assert first_form(page.text, HERE).values["provider"] == "outlook"
    state = browser.start(bench.link(provider="outlook"), provider="google")  # the link decides
    assert browser.come_back(state, door="microsoft").status_code == 303
    assert bench.connection().provider == "outlook"


@pytest.mark.parametrize("mode", ["", "both", "OWN"])
def test_a_mode_that_there_is_not(bench: Bench, browser: Browser, mode: str) -> None:
    assert browser.send(browser.get(bench.link()), mode=mode).status_code == 400


# --- forms: fault 77 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8081"},
    ],
)
def test_a_form_from_elsewhere_is_refused(bench: Bench, browser: Browser, headers: dict[str, str]) -> None:
    link = bench.link()
    form = first_form(browser.get(link).text, HERE + link)
    answer = browser.post(link, form.values, **headers)
    assert answer.status_code == 403
    assert browser.get(link).status_code == 200  # not used up


@pytest.mark.parametrize(
    "headers",
    [{"Origin": HERE}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Sec-Fetch-Site": "same-origin"}],
)
def test_our_own_form_is_taken(bench: Bench, browser: Browser, headers: dict[str, str]) -> None:
    link = bench.link()
    form = first_form(browser.get(link).text, HERE + link)
    assert browser.post(link, form.values, **headers).status_code == 303


@pytest.mark.parametrize("token", [None, "", "0" * 64, "ü", "\udcff"])
def test_a_form_without_its_token_is_refused(bench: Bench, browser: Browser, token: str | None) -> None:
    link = bench.link()
    values = first_form(browser.get(link).text, HERE + link).values
    values = {name: value for name, value in values.items() if name != "form_token"}
    if token is not None:
        values["form_token"] = token.encode("utf-8", "replace").decode()
    assert browser.post(link, values).status_code == 403


def test_a_form_of_another_browser_is_refused(bench: Bench, browser: Browser) -> None:
    link = bench.link()
    values = first_form(browser.get(link).text, HERE + link).values
    stranger = Browser(bench)
    assert stranger.post(link, values).status_code == 403
    stranger.get(link)
    assert stranger.post(link, values).status_code == 403


@pytest.mark.parametrize("path", ["/settings/disconnect", "/settings/calendar", "/settings/reconnect"])
def test_no_change_without_the_pages_own_cookie(bench: Bench, browser: Browser, path: str) -> None:
    browser.connect(bench.link(), mode="existing")
    token = first_form(browser.get("/settings/disconnect").text, HERE).values["form_token"]
    assert Browser(bench).post(path, {"form_token": token}).status_code == 403
    assert browser.post(path, {"form_token": "x"}).status_code == 403
    assert browser.post(path, {"form_token": token}, Origin="https://evil.example").status_code == 403
    assert bench.connection().status == "connected"


def test_nothing_changes_by_looking(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), mode="existing")
    rules = {rule.rule for rule in bench.app.url_map.iter_rules() if rule.rule.startswith("/settings")}
    deeds = {"/settings/reconnect", "/settings/held", "/settings/adopt"}
    before = bench.connection()
    assert {browser.get(rule).status_code for rule in rules - deeds} == {200}
    assert {browser.get(rule).status_code for rule in deeds} == {405}
    assert bench.connection() == before


# --- another account ------------------------------------------------------------------------------------------------


def test_b18_another_account_takes_over_after_one_confirmation(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link(), account="ada")
    before = bench.connection()
    bench.task()
    link = bench.link(return_url=RETURN)
    question = browser.send(browser.get(link))
    assert question.status_code == 200
    assert "ada@example.com is disconnected" in question.text
    assert "status=denied" in question.text
    answer = browser.send(question)
    assert answer.status_code == 303
    state = parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]
    browser.follow(browser.come_back(state, account="bob"))
    now = bench.connection()
    assert (now.email, now.status) == ("bob@example.com", "connected")
    with bench.store.begin() as uow:
        left = uow.connections.get(bench.acme.id, before.id)
        live = uow.links.ids_of_owner(bench.acme.id, ADA, [bench.task().status])
    assert left is not None
    assert left.status == ConnectionStatus.DISCONNECTED
    assert len(live) == 1  # the switch stays on, and the task is the new account's
    assert {f"cal:{before.id}", f"cal:{now.id}"} <= bench.owed()


def test_the_same_account_again_keeps_its_calendar(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    before = bench.connection()
    answer = browser.send(browser.send(browser.get(bench.link())))
    assert bench.sign_in["google"].hints == [None, "ada@example.com"]
    state = parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]
    browser.follow(browser.come_back(state))
    now = bench.connection()
    assert (now.id, now.calendar_id, now.status) == (before.id, before.calendar_id, "connected")
    assert bench.account("ada").count("create_calendar") == 1


def test_a_calendar_deleted_meanwhile_is_made_anew(bench: Bench, browser: Browser) -> None:
    browser.connect(bench.link())
    bench.account("ada").drop_calendar("calendar-2")
    answer = browser.send(browser.send(browser.get(bench.link())))
    state = parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]
    browser.follow(browser.come_back(state))
    assert bench.account("ada").count("create_calendar") == 2
    assert bench.connection().status == "connected"


def test_a_next_in_the_address_leads_nowhere(bench: Bench, browser: Browser) -> None:
    for path in ("/", "/settings", bench.link()):
        page = browser.get(path, query_string={"next": "//evil.example", "return_url": "\\\\evil.example"})
        assert page.status_code in (200, 403)
        assert "evil" not in page.text
        assert "Location" not in page.headers


def test_a_way_back_taken_off_the_list_is_not_offered(bench: Bench, browser: Browser) -> None:
    link = bench.link(return_url=RETURN)
    installations.change_settings(bench.ctx, bench.acme.key, {"return_urls": None})
    assert "crm.example" not in browser.connect(link).text
