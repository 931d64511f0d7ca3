"""Rich text made plain: HTML and Markdown bodies as the text that goes into an event's description. Pure.

What is lost is looks; what a reader needs stays: paragraphs, lists, and where links lead.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from markdown_it import MarkdownIt

_BLANK_AROUND: Final = frozenset(
    ("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr")
)
_LINE_AROUND: Final = frozenset(("div", "li", "tr", "section", "article", "dt", "dd"))
_UNSEEN: Final = frozenset(("script", "style", "head", "title", "template"))
_SPACES: Final = re.compile(r"[ \t\r\n\f]+")
_MARKDOWN: Final = MarkdownIt("commonmark", {"breaks": True, "html": False})


def from_markdown(text: str) -> str:
    """A Markdown text as a reader would see it, without its looks. HTML in it is text like any other."""
    return from_html(_MARKDOWN.render(text)) if text else ""


def from_html(text: str) -> str:
    """An HTML fragment as a reader would see it, without its looks. Never fails: what is broken is read as it comes."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._breaks = 0
        self._unseen = 0
        self._pre = 0
        self._nested = 0
        self._links: list[tuple[str, int]] = []

    def text(self) -> str:
        return "".join(self._parts).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._around(tag)
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "br":
            self._breaks = 0
            self._parts.append("\n")
        elif tag == "pre":
            self._pre += 1
        elif tag in ("ul", "ol"):
            self._nested += 1
        elif tag == "li":
            self._say("  " * (self._nested - 1) + "- ")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self._parts)))
        elif tag == "img":
            self._say(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "pre":
            self._pre = max(0, self._pre - 1)
        elif tag in ("ul", "ol"):
            self._nested = max(0, self._nested - 1)
        elif tag == "a" and self._links:
            href, begin = self._links.pop()
            said = "".join(self._parts[begin:]).strip()
            if href.startswith(("https://", "http://")) and said != href:
                self._say(f" ({href})" if said else href)
        self._around(tag)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._pre:
            self._say(data)
            return
        plain = _SPACES.sub(" ", data)
        if plain == " " and (self._breaks or not self._parts):
            return
        self._say(plain.lstrip(" ") if self._is_at_line_start() else plain)

    def _around(self, tag: str) -> None:
        """A block begins or ends here: what is said next stands on a line of its own. Items of a list, and lists within
        lists, stand close."""
        if tag in ("ul", "ol") and self._nested > (1 if tag else 0):
            self._breaks = max(self._breaks, 1)
        elif tag in _BLANK_AROUND:
            self._breaks = max(self._breaks, 1 if self._nested else 2)
        elif tag in _LINE_AROUND:
            self._breaks = max(self._breaks, 1)

    def _say(self, text: str) -> None:
        if not text or self._unseen:
            return
        if self._breaks and self._parts:
            said = "".join(self._parts[-2:])
            had = len(said) - len(said.rstrip("\n"))
            if self._parts[-1].endswith("- "):
                had = self._breaks  # a paragraph within an item goes on behind its dash
            self._parts.append("\n" * max(0, self._breaks - had))
        self._breaks = 0
        self._parts.append(text)

    def _is_at_line_start(self) -> bool:
        return bool(self._breaks) or not self._parts or self._parts[-1].endswith("\n")
