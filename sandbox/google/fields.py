"""Partial responses: the ``fields`` parameter, as ``a,b(c,d),e/f,*``.

https://developers.google.com/workspace/calendar/api/guides/performance#partial-response
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from sandbox.google import errors
from sandbox.google.discovery import Node

Mask = Mapping[str, "Mask"]
"""What to keep, by field name; an empty mask keeps all of it."""

ALL: Final[Mask] = {}
_TOKEN: Final = re.compile(r"[A-Za-z0-9_\-]+|[(),/*]")


@lru_cache(maxsize=512)
def parse(node: Node, text: str) -> Mask:
    """The mask that ``text`` describes for answers of that schema. Raises 400 for a name the schema lacks."""
    return _Parser(node, text).parse()


def keep(value: Any, mask: Mask) -> Any:
    """``value`` with only what the mask names; lists are masked item by item."""
    if not mask:
        return value
    if isinstance(value, list):
        return [keep(one, mask) for one in value]
    if not isinstance(value, Mapping):
        return value
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        if name in mask:
            kept[name] = keep(inner, mask[name])
        elif "*" in mask:
            kept[name] = keep(inner, mask["*"])
    return kept


class _Parser:
    def __init__(self, node: Node, text: str) -> None:
        self._node = node
        self._text = text
        self._tokens = _TOKEN.findall(text)
        self._at = 0
        if "".join(self._tokens) != text.replace(" ", ""):
            raise self._refuse(text)

    def parse(self) -> Mask:
        mask = self._list(self._node)
        if self._at != len(self._tokens):
            raise self._refuse(self._text)
        return mask

    def _list(self, node: Node) -> Mask:
        mask: dict[str, Mask] = {}
        while True:
            name, inner = self._path(node)
            mask[name] = _merge(mask[name], inner) if name in mask else inner
            if self._peek() != ",":
                return mask
            self._at += 1

    def _path(self, node: Node) -> tuple[str, Mask]:
        name = self._peek()
        if not name or name in "(),/":
            raise self._refuse(self._text)
        self._at += 1
        inner_node = self._inside(node, name)
        match self._peek():
            case "/":
                self._at += 1
                below, mask = self._path(inner_node)
                return name, {below: mask}
            case "(":
                self._at += 1
                listed = self._list(inner_node)
                if self._peek() != ")":
                    raise self._refuse(self._text)
                self._at += 1
                return name, listed
        return name, ALL

    def _inside(self, node: Node, name: str) -> Node:
        while node.item is not None:
            node = node.item
        if name == "*":
            return Node("any")
        inner = (node.fields or {}).get(name) or node.rest
        if inner is None and node.kind != "any":
            raise self._refuse(name)
        return inner or Node("any")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _refuse(self, what: str) -> errors.ApiError:
        return errors.bad_parameter("fields", f"Invalid field selection {what}")


def _merge(one: Mask, two: Mask) -> Mask:
    if not one or not two:
        return ALL
    merged = dict(one)
    for name, inner in two.items():
        merged[name] = _merge(merged[name], inner) if name in merged else inner
    return merged
