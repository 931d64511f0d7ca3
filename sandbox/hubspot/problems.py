"""Refusals in the shape that HubSpot gives them: a JSON object with `status`, `message`, `correlationId`, `category`.

Source: https://developers.hubspot.com/docs/api-reference/latest/error-handling
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify


class Problem(Exception):
    """An answer other than success."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {category}: {message}")
        self.status, self.category, self.message = status, category, message
        self.extra, self.headers = dict(extra or {}), dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        body = {"status": "error", "message": self.message, "correlationId": str(uuid.uuid4())}
        answer = jsonify({**body, "category": self.category, **self.extra})
        answer.status_code = self.status
        answer.headers.update(self.headers)
        return answer


def invalid(name: str, error: str) -> Problem:
    """A property's value that is not taken, or no property at all."""
    said = f'Property values were not valid: [{{"isValid":false,"error":"{error}","name":"{name}"}}]'
    return Problem(400, "VALIDATION_ERROR", said)


def not_found() -> Problem:
    """Unknown and archived objects look alike."""
    return Problem(404, "OBJECT_NOT_FOUND", "resource not found")
