"""Keeps the Calendar API's traffic, requests and answers, so that tests can hold both against the document."""

from __future__ import annotations

import threading
from typing import Any

from flask import Response, request

from sandbox.google.api import verb_and_query
from sandbox.kit.plane import readable

_API = "/calendar/v3/"


class Recorder:
    """A list of exchanges: ledger-like entries with the answer's body under ``answer``."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []

    def note(self, response: Response) -> Response:
        """Remember the present request and its answer, if recording and if it is a call of the API."""
        if self._on and request.path.startswith(_API):
            verb, pairs = verb_and_query(request)
            query: dict[str, list[str]] = {}
            for name, value in pairs:
                query.setdefault(name, []).append(value)
            entry = {
                "direction": "in",
                "method": verb,
                "path": request.path,
                "query": query,
                "body": None if verb == "GET" else readable(request.get_data()),
                "status": response.status_code,
                "answer": readable(response.get_data()),
            }
            with self._lock:
                self._entries.append(entry)
        return response

    def entries(self) -> list[dict[str, Any]]:
        """Everything recorded so far, oldest first."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget what was recorded."""
        with self._lock:
            self._entries.clear()
