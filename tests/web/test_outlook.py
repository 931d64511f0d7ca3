"""Connecting over real HTTP: the pages, Microsoft's consent by MSAL, the way back by a form, against the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from werkzeug.test import TestResponse

from gateway.core.ports import Mode
from gateway.providers import outlook as product
from gateway.providers.outlook import OutlookConfig
from tests.fakes_store import HandClock
from tests.sandbox.conftest import graph, graph_server  # noqa: F401 - fixtures
from tests.sandbox.graph_world import GraphWorld, form_of
from tests.web.bench import ADA, HERE, Bench, Browser

EMAIL = "ada@example.com"
CALLBACK = f"{HERE}/oauth/microsoft/callback"


@pytest.fixture
def bench(make_bench: Callable[..., Bench], clock: HandClock, graph: GraphWorld) -> Bench:  # noqa: F811
    clock.at = datetime.now(UTC)  # the stand-in's tokens live by the machine's clock
    client = graph.admin("clients", redirect_uris=[CALLBACK])
    config = OutlookConfig(
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        now=clock.now,
        authority=f"{graph.url}/common",
        graph_endpoint=graph.stand_in.endpoint,
    )
    graph.admin("persons", email=EMAIL)
    return make_bench(providers=(), real={"outlook": product.provider(config)})


def at_microsoft(bench: Bench, browser: Browser, graph: GraphWorld, **choice: Any) -> dict[str, str]:  # noqa: F811
    """The link, the form, Microsoft's consent; the form that Microsoft has the browser send."""
    values = {"mode": choice.pop("mode", Mode.EXISTING).value}
    if choice.pop("extras", False):
        values["extras"] = "yes"
    graph.admin("consent", **{"email": EMAIL, "decision": "allow", **choice})
    link = bench.link(provider="outlook", return_url="https://crm.example/back")
    answer = browser.send(browser.get(link), **values)
    assert answer.status_code == 303
    with requests.Session() as outside:
        outside.trust_env = False
        said = outside.get(answer.headers["Location"], allow_redirects=False, timeout=10)
    action, form = form_of(said.text)
    assert action == CALLBACK
    return form


def through_microsoft(bench: Bench, browser: Browser, graph: GraphWorld, **choice: Any) -> TestResponse:  # noqa: F811
    """A person's whole way. The form is sent from Microsoft's page, so it brings no cookie of ours."""
    form = at_microsoft(bench, browser, graph, **choice)
    answer = Browser(bench).post("/oauth/microsoft/callback", form, Origin=graph.url)
    assert answer.status_code == 303
    assert urlsplit(answer.headers["Location"]).path == "/oauth/microsoft/finish"
    return browser.follow(browser.get(answer.headers["Location"]))


def test_one_of_your_calendars(bench: Bench, browser: Browser, graph: GraphWorld) -> None:  # noqa: F811
    page = through_microsoft(bench, browser, graph)
    assert page.status_code == 200
    assert "Calendar" in page.text
    done = browser.follow(browser.send(page))
    assert "https://crm.example/back?status=connected" in done.text
    found = bench.connection()
    assert (found.status, found.email, found.calendar_name) == ("connected", EMAIL, "Calendar")
    assert found.issuer.startswith("https://login.microsoftonline.com/")


def test_a_calendar_of_its_own(bench: Bench, browser: Browser, graph: GraphWorld) -> None:  # noqa: F811
    page = through_microsoft(bench, browser, graph, mode=Mode.OWN)
    assert "Connected" in page.text
    assert (bench.connection().status, bench.connection().calendar_name) == ("connected", "Acme")
    told = bench.api("GET", f"/v1/users/{ADA}/calendars").get_json()
    assert [one["name"] for one in told if one["selected"]] == ["Acme"]


def test_the_page_says_what_the_permission_is(bench: Bench, browser: Browser) -> None:
    page = browser.get(bench.link(provider="outlook"))
    assert "nothing can be seen" not in page.text
    assert "Outlook knows only one permission, for all your calendars" in page.text


def test_colours_are_asked_for_only_when_wished(bench: Bench, browser: Browser, graph: GraphWorld) -> None:  # noqa: F811
    plain = at_microsoft(bench, browser, graph)
    wished = at_microsoft(bench, browser, graph, extras=True)
    assert plain["code"] != wished["code"]
    asked = [entry["query"].get("scope", "") for entry in graph.ledger() if entry["path"].endswith("/authorize")]
    assert ["MailboxSettings" in scope for scope in asked] == [False, True]


@pytest.mark.parametrize(
    ("choice", "status", "words"),
    [
        ({"decision": "deny"}, 403, "You said no"),
        ({"decision": "needs_admin"}, 403, "Your organisation must allow this first"),
        ({"decision": "needs_admin", "form": "consent_required"}, 403, "Your organisation must allow this first"),
        ({"decision": "needs_admin", "form": "cancel"}, 403, "Your organisation must allow this first"),
        ({"untick": ["Calendars.ReadWrite"]}, 403, "Missing: Calendars.ReadWrite"),
    ],
)
def test_what_goes_wrong_at_microsoft_has_its_page_and_another_try(
    bench: Bench,
    browser: Browser,
    graph: GraphWorld,  # noqa: F811
    choice: dict[str, Any],
    status: int,
    words: str,
) -> None:
    page = through_microsoft(bench, browser, graph, **choice)
    assert (page.status_code, words in page.text) == (status, True), page.text
    assert ("/organizations/v2.0/adminconsent?" in page.text) == (choice.get("decision") == "needs_admin")
    assert bench.api("GET", f"/v1/users/{ADA}/connection").get_json()["status"] == "none"
    assert through_microsoft(bench, browser, graph).status_code == 200


def test_an_administrator_approves_and_the_person_connects(bench: Bench, browser: Browser, graph: GraphWorld) -> None:  # noqa: F811
    page = through_microsoft(bench, browser, graph, decision="needs_admin")
    link = page.text.split('<a href="')[1].split('"')[0].replace("&amp;", "&")
    graph.admin("consent", email=EMAIL, decision="allow")
    with requests.Session() as outside:
        outside.trust_env = False
        said = outside.get(link, allow_redirects=False, timeout=10)
    back = said.headers["Location"]
    assert back.startswith(CALLBACK)
    assert "begin again" in browser.get(back.removeprefix(HERE)).text
    assert through_microsoft(bench, browser, graph, decision="needs_admin").status_code == 200


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("account", "words"),
    [({"mailbox": False}, "This account has no calendar"), ({"licence": False}, "may not use its calendar")],
)
def test_an_account_without_calendar_or_licence_has_its_page(
    bench: Bench,
    browser: Browser,
    graph: GraphWorld,  # noqa: F811
    account: dict[str, bool],
    words: str,
    mode: Mode,
) -> None:
    graph.admin("persons", email=EMAIL, **account)
    page = through_microsoft(bench, browser, graph, mode=mode)
    assert (page.status_code, words in page.text) == (409, True), page.text


def test_a_personal_account(bench: Bench, browser: Browser, graph: GraphWorld) -> None:  # noqa: F811
    graph.admin("persons", email="eve@outlook.example", account="personal")
    page = through_microsoft(bench, browser, graph, email="eve@outlook.example")
    assert page.status_code == 200
    assert bench.connection().email == "eve@outlook.example"


def test_an_answer_is_used_once_and_by_the_browser_that_began(
    bench: Bench,
    browser: Browser,
    graph: GraphWorld,  # noqa: F811
) -> None:
    form = at_microsoft(bench, browser, graph)
    where = Browser(bench).post("/oauth/microsoft/callback", form).headers["Location"]
    assert form["code"] not in where
    assert Browser(bench).post("/oauth/microsoft/callback", form).status_code == 400
    assert browser.follow(browser.get(where)).status_code == 200
    assert browser.get(where).status_code == 400
    exchanges = [entry for entry in graph.ledger() if entry["path"].endswith("/oauth2/v2.0/token")]
    assert len(exchanges) == 1


def test_microsoft_down_at_the_exchange(bench: Bench, browser: Browser, graph: GraphWorld) -> None:  # noqa: F811
    graph.admin("faults", match={"method": "POST", "path": "/token$"}, do="status", status=502, times=1)
    page = through_microsoft(bench, browser, graph, mode=Mode.OWN)
    assert page.status_code == 503
    assert 'href="/connect/' in page.text


def test_b22_connecting_reads_no_event(bench: Bench, browser: Browser, graph: GraphWorld) -> None:  # noqa: F811
    through_microsoft(bench, browser, graph)
    asked = [entry for entry in graph.ledger() if entry["direction"] == "in" and entry["caller"] == "gateway"]
    assert asked
    assert not [entry for entry in asked if "/events" in entry["path"]]
