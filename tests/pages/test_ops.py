"""The operator's screen in a real browser (B24, B26, B27, B29): it looks again by itself, and anybody can read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.security import generate_password_hash

from gateway.core.model import ConnectionStatus, State, SubscriptionId
from gateway.core.ports import Lane
from gateway.core.records import ParkReason, Subscription, Topic
from gateway.core.reflecting import Direction
from gateway.core.stories import Story
from gateway.store.unit_of_work import PgStore
from sandbox.kit.server import serve
from tests.browsing import DESKTOP, PHONE, accessible, fits, picture, visit
from tests.fakes_store import HandClock
from tests.pages.conftest import Site
from tests.web.bench import Bench

pytestmark = pytest.mark.browser

PASSWORD = "correct horse"
HASH = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")


@pytest.fixture
def site(store: PgStore, clock: HandClock) -> Iterator[Site]:
    clock.at = datetime.now(UTC)
    front = Flask("in front")
    server = serve(front)
    variables = {"PUBLIC_URL": server.url, "ADMIN_PASSWORD_HASH": HASH}
    bench = Bench(clock, store, variables, providers=("google", "outlook"))
    front.wsgi_app = bench.app.wsgi_app  # type: ignore[method-assign]
    yield Site(bench, server)
    server.stop()


def a_busy_day(site: Site) -> None:
    """Changes all day long, two people of whom one must sign in again, work set aside, subscriptions on their way."""
    bench, now = site.bench, site.bench.clock.now()
    site.connect()
    site.connect("eve", "u-9")
    eve = bench.connection("u-9")
    own = bench.connection()
    with bench.store.begin() as uow:
        for number in range(140):
            at = now - timedelta(minutes=10 * number)
            for provider, direction, milliseconds in (
                ("google", Direction.TO_CALENDAR, 240 + 37 * (number % 9)),
                ("google", Direction.TO_CRM, 310 + 3000 * (number % 17 == 0)),
                ("outlook", Direction.TO_CALENDAR, 420 + 20 * (number % 5)),
            ):
                uow.reflections.add(provider, direction, timedelta(milliseconds=milliseconds), at)
        uow.connections.save(replace(eve, status=ConnectionStatus.REAUTHORIZE, since=now - timedelta(hours=5)))
        for number, whose in enumerate((own, own, eve)):
            uow.subscriptions.add(a_subscription(f"s{number}", whose.id, bench, now, days=6 + 9 * number))
        uow.commit()
    link = site.stands(state=State.ERROR)
    site.tell("t-1", (Story.TASK_CHANGED, {}), (Story.PARKED, {"topic": "sync"}))
    with bench.store.begin() as uow:
        uow.outbox.request(bench.acme.id, Topic.SYNC, link.id, mailbox="cal:c", now=now)
        uow.commit()
    with bench.store.begin() as uow:
        lease = uow.outbox.lease(bench.acme.id, "cal:c", Lane.NOW, now)
        uow.commit()
    assert lease is not None
    with bench.store.begin() as uow:
        uow.outbox.park(lease, ParkReason.FORBIDDEN, now)
        uow.commit()


def a_subscription(name: str, connection_id: str, bench: Bench, now: datetime, days: int) -> Subscription:
    return Subscription(
        id=SubscriptionId(name),
        installation_id=bench.acme.id,
        connection_id=connection_id,  # type: ignore[arg-type]
        provider="google",
        calendar_id="primary",
        secret_hash=name.encode(),
        state="live",
        created_at=now - timedelta(days=1),
        renew_at=now + timedelta(days=days * 2 / 3),
        expires_at=now + timedelta(days=days),
        verified_at=now - timedelta(days=1),
    )


def sign_in(page: Page, site: Site, path: str = "/ops") -> None:
    page.goto(site.url + path)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "size", "colours"), [("light", DESKTOP, "light"), ("dark", DESKTOP, "dark"), ("phone", PHONE, "light")]
)
def test_the_screen_is_readable(
    chrome: Browser, site: Site, name: str, size: tuple[int, int], colours: Literal["light", "dark"]
) -> None:
    a_busy_day(site)
    with visit(chrome, size=size, colours=colours) as page:
        page.goto(f"{site.url}/ops")
        accessible(page)
        sign_in(page, site)
        expect(page.locator(".plot canvas")).to_have_count(3)
        expect(page.get_by_role("heading", name="2 things need a look")).to_be_visible()
        accessible(page)
        fits(page)
        picture(page, f"ops-{name}")


def test_each_page_is_readable_and_leads_on(chrome: Browser, site: Site) -> None:
    a_busy_day(site)
    with visit(chrome) as page:
        sign_in(page, site)
        page.get_by_role("searchbox").fill("t-1")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1, name="Found for")).to_be_visible()
        for link, heading in (("t-1", "Task t-1"), ("ada@example.com", "ada@example.com"), ("Acme", "Acme")):
            accessible(page)
            fits(page)
            page.get_by_role("link", name=link, exact=True).first.click()
            expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
            picture(page, f"ops-{heading.split()[0].split('@')[0].lower()}")
        page.get_by_role("button", name="Drop").first.click()
        expect(page.get_by_role("heading", name="Drop parked work?")).to_be_visible()
        accessible(page)
        page.get_by_role("link", name="Keep it parked").click()
        page.get_by_role("link", name="Parked work").click()
        expect(page.get_by_role("heading", level=1, name="Parked work")).to_be_visible()
        accessible(page)
        page.get_by_role("button", name="Replay").first.press("Enter")
        expect(page.get_by_text("1 taken up again.")).to_be_visible()


def test_it_looks_again_by_itself(chrome: Browser, site: Site) -> None:
    with visit(chrome) as page:
        sign_in(page, site)
        expect(page.get_by_role("heading", name="All is well.")).to_be_visible()
        a_busy_day(site)
        expect(page.get_by_role("heading", name="2 things need a look")).to_be_visible(timeout=12_000)


def test_an_ended_session_leads_to_the_door(chrome: Browser, site: Site) -> None:
    with visit(chrome, tolerates=("401",)) as page:
        sign_in(page, site)
        site.bench.clock.advance(timedelta(hours=9))
        expect(page.get_by_label("Password")).to_be_visible(timeout=12_000)
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        accessible(page)
