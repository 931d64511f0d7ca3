"""Refusals in the shape that Twenty gives them: `{"statusCode", "error", "messages"}` (seen on the wire, 2.21)."""

from __future__ import annotations

from flask import Response, jsonify


class Problem(Exception):
    """An answer other than success. `error` is the server's own word for it."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(f"{status} {error}: {message}")
        self.status, self.error, self.message = status, error, message

    def response(self) -> Response:
        """The answer."""
        answer = jsonify(statusCode=self.status, error=self.error, messages=[self.message])
        answer.status_code = self.status
        return answer


def bad(message: str) -> Problem:
    """A request called wrong."""
    return Problem(400, "BadRequestException", message)


def not_found() -> Problem:
    """Unknown and soft-deleted records look alike."""
    return Problem(404, "NotFoundException", "Record not found")
