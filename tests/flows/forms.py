"""HTML forms as a browser without scripts fills them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin


@dataclass
class Form:
    """Where a form goes, and what it sends if nobody touches it."""

    action: str
    values: dict[str, str] = field(default_factory=dict)


class _Parser(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._base = base
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(urljoin(self._base, given.get("action") or self._base)))
            self._inside = True
        elif self._inside and tag in ("input", "button") and given.get("name"):
            chosen = given.get("type") not in ("radio", "checkbox") or "checked" in given
            if chosen and given["name"] not in self.forms[-1].values:
                self.forms[-1].values[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def first_form(page: str, base: str) -> Form:
    """The first form of a page; fails when there is none."""
    parser = _Parser(base)
    parser.feed(page)
    assert parser.forms, page
    return parser.forms[0]
