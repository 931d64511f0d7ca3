"""``$filter``: the part of OData's language that Outlook's lists are asked with here.

Comparisons, ``startswith``, ``contains``, ``and``, ``or``, ``not``, brackets, and ``Any`` on extended properties:
https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get and
https://learn.microsoft.com/graph/filter-query-parameter
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sandbox.graph import errors, times
from sandbox.graph.content import normal_id
from sandbox.graph.schema import Complex

_TOKEN: Final = re.compile(r"\s*('(?:[^']|'')*'|\d{4}-\d\d-[^\s()',]+|[()=,:]|[^\s()',:]+)")
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_PROPERTIES: Final = "singleValueExtendedProperties"
_OUTER_FUNCTIONS: Final = frozenset({"startswith", "contains", "endswith"})
_PROPERTY_OPERATORS: Final = frozenset({"eq", "ne", "startswith", "contains"})
"""What an extended property's value may be asked with."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a filter looks at: ``field`` gives the value at a path such as ``start/dateTime``."""

    field: Callable[[str], Any]
    properties: Mapping[str, str]


Test = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that was understood. ``property_id``: only rows with this extended property can pass, if not None."""

    test: Test
    property_id: str | None


def parse(text: str, kind: Complex) -> Filter:
    """The filter behind the text. Raises 400 for what cannot be read, or names what ``kind`` does not have."""
    reader = _Reader(_tokens(text), kind)
    test = reader.either()
    if reader.left():
        raise _unreadable(reader.peek())
    return Filter(test, reader.only_property())


class _Reader:
    """Recursive descent over the tokens. Inside ``Any`` the variable stands for one extended property."""

    def __init__(self, tokens: list[str], kind: Complex) -> None:
        self._tokens, self._at, self._kind = tokens, 0, kind
        self._variable: str | None = None
        self._ids: list[str] = []
        self._alternatives = False

    def left(self) -> bool:
        return self._at < len(self._tokens)

    def peek(self) -> str:
        return self._tokens[self._at] if self.left() else ""

    def only_property(self) -> str | None:
        return self._ids[0] if len(set(self._ids)) == 1 and not self._alternatives else None

    def either(self) -> Test:
        tests = [self._both()]
        while self._takes("or"):
            self._alternatives = True
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._takes("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._takes("not"):
            self._alternatives = True
            inner = self._one()
            return lambda row: not inner(row)
        if self._takes("("):
            inner = self.either()
            self._want(")")
            return inner
        word = self._word()
        if word.lower() == f"{_PROPERTIES}/any".lower():
            return self._any()
        if word in _OUTER_FUNCTIONS:
            return self._function(word)
        return self._comparison(word)

    def _any(self) -> Test:
        self._want("(")
        self._variable, before = self._word(), len(self._ids)
        self._want(":")
        inner = self.either()
        self._want(")")
        self._variable = None
        if len(self._ids) == before:
            raise errors.bad_request("A filter on extended properties has to name the property's id.")
        return lambda row: any(
            inner(Row({"id": property_id, "value": value}.__getitem__, {}))
            for property_id, value in row.properties.items()
        )

    def _function(self, name: str) -> Test:
        self._want("(")
        path = self._path(self._word(), name)
        self._want(",")
        wanted = self._literal(path)
        self._want(")")
        if not isinstance(wanted, str):
            raise _unreadable(str(wanted))
        match name:
            case "startswith":
                return lambda row: str(row.field(path) or "").startswith(wanted)
            case "endswith":
                return lambda row: str(row.field(path) or "").endswith(wanted)
        return lambda row: wanted in str(row.field(path) or "")

    def _comparison(self, word: str) -> Test:
        sign = self._word()
        if sign not in _COMPARE:
            raise _unreadable(sign)
        path, compare = self._path(word, sign), _COMPARE[sign]
        wanted = self._literal(path)
        if self._variable is not None and path == "id":
            if sign != "eq" or not isinstance(wanted, str):
                raise errors.bad_request("The id of an extended property can only be compared with eq.")
            wanted = normal_id(wanted)
            self._ids.append(wanted)
        return lambda row: _compared(compare, row.field(path), wanted, path)

    def _path(self, word: str, sign: str) -> str:
        if self._variable is None:
            if word.partition("/")[0] not in self._kind.properties or word == _PROPERTIES:
                raise errors.not_selectable(word, self._kind.name)
            return word
        owner, _, name = word.partition("/")
        if owner != self._variable or name not in ("id", "value"):
            raise errors.not_selectable(word, "microsoft.graph.singleValueLegacyExtendedProperty")
        if sign not in _PROPERTY_OPERATORS:
            raise errors.bad_request(f"The operator '{sign}' is not supported for extended properties.")
        return name

    def _literal(self, path: str) -> Any:
        word = self._word()
        if word.startswith("'"):
            text = word[1:-1].replace("''", "'")
            return _moment(text) if path.endswith("dateTime") else text
        if word in ("true", "false"):
            return word == "true"
        if word == "null":
            return None
        return int(word) if word.lstrip("-").isdigit() else _moment(word)

    def _word(self) -> str:
        if not self.left():
            raise _unreadable("the end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, word: str) -> bool:
        if self.peek() != word:
            return False
        self._at += 1
        return True

    def _want(self, word: str) -> None:
        if not self._takes(word):
            raise _unreadable(self.peek() or "the end")


def _compared(compare: Callable[[Any, Any], bool], found: Any, wanted: Any, path: str) -> bool:
    if path.lower().endswith("datetime") and isinstance(found, str):
        found = _moment(found)
    if found is None or wanted is None:
        return compare is operator.eq if found is wanted else compare is operator.ne
    return compare(found, wanted)


def _moment(text: str) -> Any:
    """A point in time as comparable text: seconds since 1970. A text without offset is in UTC, as lists give it."""
    try:
        return times.read(text, times.WINDOWS_UTC).timestamp()
    except ValueError as error:
        raise _unreadable(text) from error


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text[at:])
        found.append(match[1])
        at = match.end()
    return found


def _unreadable(where: str) -> errors.GraphError:
    return errors.bad_request(f"Invalid filter clause: syntax error at '{where}'.")
