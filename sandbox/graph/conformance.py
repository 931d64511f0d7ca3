"""Holds recorded traffic against Graph's types, both ways.

The gateway's bodies must be ones that Graph understands, and the stand-in's answers ones that it could have given:
every property of the type, and no other. https://learn.microsoft.com/graph/api/resources/event and its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sandbox.graph import schema
from sandbox.graph.errors import GraphError

_ROOT: Final = "/v1.0/"
_KINDS: Final = {
    "events": schema.EVENT,
    "calendars": schema.CALENDAR,
    "calendar": schema.CALENDAR,
    "masterCategories": schema.CATEGORY,
    "subscriptions": schema.SUBSCRIPTION,
}
_NOT_ALWAYS: Final = frozenset({"singleValueExtendedProperties", "originalStart"})
"""Shown only where they were asked for, or only for parts of a series."""


def check(entry: Mapping[str, Any]) -> list[str]:
    """What in one exchange the types do not know; empty when all is well, and for traffic of other kinds.

    ``entry`` is one of the ledger's or of ``Recorder.entries``; only the latter has an ``answer`` to look at.
    A request that the stand-in refused may be wrong: of such an exchange only the error's shape is looked at.
    """
    path, status = str(entry["path"]), entry.get("status")
    if entry["direction"] != "in" or not path.startswith(_ROOT) or status is None:
        return []
    if status >= 400:
        return list(_error_problems(entry))
    kind = next((_KINDS[part] for part in reversed(path.split("/")) if part in _KINDS), None)
    if kind is None or path.endswith("/reauthorize"):
        return []
    body = entry.get("body")
    try:
        schema.check(kind, body if isinstance(body, Mapping) else {})
        wrong = []
    except GraphError as error:
        wrong = [f"sent: {error.message}"]
    return [f"{entry['method']} {path}: {text}" for text in (*wrong, *_answer_problems(kind, entry))]


def _answer_problems(kind: schema.Complex, entry: Mapping[str, Any]) -> Iterator[str]:
    answer = entry.get("answer")
    if not isinstance(answer, Mapping):
        return
    if "@odata.context" not in answer:
        yield "an answer without @odata.context"
    whole = "$select" not in entry.get("query", {})
    for one in answer.get("value", [answer]):
        for error in schema.problems(kind, one):
            yield f"answered: {error.message}"
        missing = set(kind.properties) - _NOT_ALWAYS - set(one)
        if whole and missing:
            yield f"answered without {', '.join(sorted(missing))}"
        if kind is schema.EVENT and "@odata.etag" not in one:
            yield "an event without @odata.etag"


def _error_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    answer = entry.get("answer")
    if answer is None:
        return
    error = answer.get("error") if isinstance(answer, Mapping) else None
    if not isinstance(error, Mapping):
        yield f"{entry['path']}: an error without Graph's error body"
        return
    inner = error.get("innerError")
    if not error.get("code") or "message" not in error or not isinstance(inner, Mapping) or "request-id" not in inner:
        yield f"{entry['path']}: an error without code, message or innerError"
