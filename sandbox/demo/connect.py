"""Connects a person's calendar the way a person does: a one-use link, the provider's consent, a calendar chosen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urljoin

import requests

from sandbox.demo.outside import Api, OutsideError, Person

_PAGES_AT_MOST = 8
_SECONDS = 30


@dataclass
class Form:
    """A form on a page: where it goes, and what it sends when its first button is pressed."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


def connect(gateway: Api, provider_url: str, person: Person) -> None:
    """Take the person from "none" to "connected". Raises OutsideError with the step that did not work."""
    user = f"/v1/users/{quote(person.user_id, safe='')}"
    link = gateway.call("POST", f"{user}/connect-links", json={"provider": person.provider})
    consent = {"email": person.email, "decision": "allow", "untick": []}
    Api(provider_url).call("POST", "/_sandbox/consent", json=consent)

    def status() -> str:
        return str(gateway.call("GET", f"{user}/connection")["status"])

    _walk(link["url"], person.calendar_id, until=lambda: status() == "connected")
    deadline = time.monotonic() + _SECONDS
    while (stands := status()) != "connected":
        if stands == "choosing_calendar":
            gateway.call("PUT", f"{user}/calendar", json={"calendar_id": person.calendar_id})
        if time.monotonic() > deadline:
            raise OutsideError(f"The calendar of {person.email} did not get connected; it is {stands}.")
        time.sleep(0.1)


def _walk(url: str, calendar_id: str, until: Callable[[], bool]) -> None:
    """Open the link as a browser would and press on, until it is done or a page has nothing left to press."""
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(url, timeout=_SECONDS)
        for _ in range(_PAGES_AT_MOST):
            if not page.ok:
                raise OutsideError(f"The connect flow ended at a page with status {page.status_code}.")
            form = None if until() else _first_form(page.text, calendar_id)
            if form is None:
                return
            target = urljoin(page.url, form.action)
            if form.method == "post":
                page = browser.post(target, data=form.fields, timeout=_SECONDS)
            else:
                page = browser.get(target, params=form.fields, timeout=_SECONDS)
    raise OutsideError(f"The connect flow did not come to an end within {_PAGES_AT_MOST} pages.")


def _first_form(page: str, calendar_id: str) -> Form | None:
    reader = _Forms(calendar_id)
    reader.feed(page)
    return reader.forms[0] if reader.forms else None


class _Forms(HTMLParser):
    """Reads a page's forms as a person would fill them in: the calendar wanted, everything else as proposed."""

    def __init__(self, calendar_id: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._calendar_id = calendar_id
        self._open = False
        self._pressed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect a form and its fields."""
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(has.get("action", ""), has.get("method", "get").lower()))
            self._open, self._pressed = True, False
        elif tag in ("input", "button") and self._open and has.get("name"):
            self._fill_in(tag, has)

    def handle_endtag(self, tag: str) -> None:
        """A field after the form's end is not its own."""
        if tag == "form":
            self._open = False

    def _fill_in(self, tag: str, has: dict[str, str]) -> None:
        fields, kind = self.forms[-1].fields, has.get("type", "submit" if tag == "button" else "text")
        if kind == "submit":
            if not self._pressed:
                fields[has["name"]] = has.get("value", "")
            self._pressed = True
        elif kind == "radio":
            wanted = has.get("value") in (self._calendar_id, "existing")  # who wants a calendar of theirs says so first
            if wanted or ("checked" in has and has["name"] not in fields):
                fields[has["name"]] = has.get("value", "")
        elif kind != "checkbox" or "checked" in has:
            fields[has["name"]] = has.get("value", "on" if kind == "checkbox" else "")
