"""Holds recorded traffic against the discovery document, both ways.

The gateway's requests must be ones that the real API understands, and the stand-in's answers ones that it could have
given: https://www.googleapis.com/discovery/v1/apis/calendar/v3/rest
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sandbox.google import errors, validation
from sandbox.google.discovery import Method, document

_ROOT: Final = "/calendar/v3/"


def check(entry: Mapping[str, Any]) -> list[str]:
    """What in one exchange the document does not know; empty when all is well, and for traffic of other kinds.

    ``entry`` is one of the ledger's or of ``Recorder.entries``; only the latter has an ``answer`` to look at.
    A request that the stand-in refused may be wrong: of such an exchange only the error's shape is looked at.
    """
    path, status = str(entry["path"]), entry.get("status")
    if entry["direction"] != "in" or not path.startswith(_ROOT) or status is None:
        return []
    if status >= 400:
        return _error_problems(entry)
    found = document().find(str(entry["method"]), path.removeprefix(_ROOT))
    if found is None:
        return [f"{entry['method']} {path}: no such method"]
    method = found[0]
    wrong = [*_request_problems(method, entry), *_answer_problems(method, entry)]
    return [f"{method.id}: {text}" for text in wrong]


def _request_problems(method: Method, entry: Mapping[str, Any]) -> list[str]:
    pairs = [
        (name, str(value))
        for name, values in entry.get("query", {}).items()
        for value in (values if isinstance(values, list) else [values])
    ]
    try:
        validation.read_query(method, pairs)
    except errors.ApiError as error:
        return [error.message]
    if method.request is not None and entry.get("body") is not None:
        return validation.problems(method.request, entry["body"], "request")
    return []


def _answer_problems(method: Method, entry: Mapping[str, Any]) -> list[str]:
    if "answer" not in entry or entry["status"] == 304:
        return []
    return validation.answer_problems(method, entry["answer"])


def _error_problems(entry: Mapping[str, Any]) -> list[str]:
    if "answer" not in entry:
        return []
    answer = entry["answer"]
    error = answer.get("error") if isinstance(answer, Mapping) else None
    if not isinstance(error, Mapping) or error.get("code") != entry["status"]:
        return [f"{entry['path']}: an error without the API's error body"]
    details = error.get("errors") or [{}]
    return [f"an error without {name}" for name in ("domain", "reason", "message") if name not in details[0]]
