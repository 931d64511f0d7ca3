"""Refusals as EspoCRM gives them: often no body, the reason in `X-Status-Reason` (`Core/Api/ErrorOutput.php`)."""

from __future__ import annotations

import json
from typing import Any

from flask import Response


class Problem(Exception):
    """An answer other than success."""

    def __init__(self, status: int, reason: str, body: Any = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason, self.body = status, reason, body

    def response(self) -> Response:
        """The answer."""
        content = "" if self.body is None else json.dumps(self.body)
        headers = {"X-Status-Reason": self.reason} if self.reason else {}
        return Response(content, self.status, headers, content_type="application/json")


def invalid(field: str, kind: str) -> Problem:
    """A validation failure (`Core/FieldValidation/Exceptions/ValidationError.php`)."""
    data = {"field": field, "type": kind}
    return Problem(
        400, "validationFailure", {"messageTranslation": {"label": "validationFailure", "scope": None, "data": data}}
    )


def not_found() -> Problem:
    """Unknown and deleted records look alike."""
    return Problem(404, "Record does not exist.")
