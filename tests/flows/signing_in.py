"""A person's way through the connect pages and the provider's consent, in the steps that tests look at."""

from __future__ import annotations

from typing import Any

import requests

from tests.flows.house import Browser, House, Person


def link_page(house: House, who: Person, browser: Browser) -> requests.Response:
    """The first page of a fresh connect link."""
    link = house.api.call("POST", f"/v1/users/{who.user_id}/connect-links", json={"provider": "google"})
    return browser.get(link["url"])


def go(house: House, who: Person, mode: str = "own", **consent: Any) -> requests.Response:
    """As far as the page after the consent; where somebody is connected, the confirmation is given."""
    house.consent(consent.pop("email", who.email), **consent)
    browser = Browser()
    page = browser.submit(link_page(house, who, browser), mode=mode)
    return browser.submit(page) if 'name="confirm"' in page.text else page


def calendars(who: Person) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = who.calendar.call("GET", "/users/me/calendarList")["items"]
    return listed


def own_calendars(who: Person) -> list[str]:
    return [one["id"] for one in calendars(who) if not one.get("primary")]


def reconnect(house: House, who: Person) -> None:
    """The same account, the same calendar."""
    browser = Browser()
    house.consent(who.email)
    page = browser.submit(link_page(house, who, browser), mode="existing")
    if 'name="confirm"' in page.text:
        page = browser.submit(page)
    page = browser.submit(page, calendar_id=who.calendar_id)
    assert page.status_code == 200, page.text
    house.settle()
