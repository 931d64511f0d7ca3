"""Problem documents (RFC 9457): how the stand-in CRM says no, always naming the field or header at fault."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Response

_TYPE = "https://crm.example/problems/"


@dataclass(frozen=True)
class FieldError:
    """One thing wrong: the field, header or query parameter, and a code for the reason."""

    field: str
    code: str


@dataclass
class Problem(Exception):
    """Raised by a handler; answered as `application/problem+json`. `extra` are further members, `headers` go along."""

    status: int
    code: str
    errors: Sequence[FieldError] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """The answer for this problem."""
        body: dict[str, Any] = {
            "type": _TYPE + self.code,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = [{"field": error.field, "code": error.code} for error in self.errors]
            body["detail"] = ", ".join(f"{error.field}: {error.code}" for error in self.errors)
        answer = Response(json.dumps(body | dict(self.extra)), self.status, content_type="application/problem+json")
        answer.headers.update(self.headers)
        return answer


def refuse(status: int, name: str, code: str) -> Problem:
    """A problem about exactly one field, header or query parameter."""
    return Problem(status, code, (FieldError(name, code),))
