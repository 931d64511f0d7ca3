"""Keeps Graph's traffic, requests and answers, so that tests can hold both against the types."""

from __future__ import annotations

import threading
from typing import Any

from flask import Response, request

from sandbox.kit.plane import readable

_API = "/v1.0/"


class Recorder:
    """A list of exchanges: ledger-like entries with the answer's body under ``answer``."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []

    def note(self, response: Response) -> Response:
        """Remember the present request and its answer, if recording and if it is a call of Graph."""
        if self._on and request.path.startswith(_API):
            entry = {
                "direction": "in",
                "method": request.method,
                "path": request.path,
                "query": request.args.to_dict(),
                "body": readable(request.get_data()),
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
