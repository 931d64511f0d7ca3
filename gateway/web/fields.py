"""Fields and faults that all schemas share: text a database can store, ids, times with an offset, named errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields

from gateway.core.errors import NotReadable
from gateway.core.reading import a_flag, a_text, an_id, an_instant, read_object


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong. ``field``: the path of the value at fault; ``code``: for programs; ``hint``: the way out."""

    field: str
    code: str
    hint: str


class Strict(Schema):
    """A request's body: unknown fields are refused, so that a misspelt one is not silently without effect."""

    class Meta:
        """How marshmallow reads it."""

        unknown = RAISE


class Open(Schema):
    """An answer, or what a CRM tells: further fields may be there, now or later."""

    class Meta:
        """How marshmallow reads it."""

        unknown = INCLUDE


class _Read(fields.Field[Any]):
    """A field read by one of the readers of ``core.reading``: their hints, and the same bytes refused."""

    reader: Callable[[Any, str], Any] = staticmethod(a_text)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Any:  # noqa: ARG002
        try:
            return type(self).reader(value, attr or "")
        except NotReadable as error:
            raise ValidationError(error.hint) from error


class Text(_Read, fields.String):
    """A text without NUL and lone surrogates."""


class Id(_Read, fields.String):
    """An opaque id of the CRM's."""

    reader = staticmethod(an_id)


class Flag(_Read, fields.Boolean):
    """True or false, and nothing that merely looks like it."""

    reader = staticmethod(a_flag)


class Instant(_Read, fields.DateTime):
    """A time with an offset; naive times are refused. Written in UTC with a ``Z``."""

    reader = staticmethod(an_instant)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> str | None:  # noqa: ARG002
        if not isinstance(value, datetime):
            return None
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_body(schema: Schema, raw: bytes) -> dict[str, Any]:
    """A request's body as the schema reads it. Raises ``NotReadable`` (no JSON) and ``ValidationError`` (not this).

    No body at all counts as ``{}``, so that a call whose fields are all optional needs none.
    """
    loaded: dict[str, Any] = schema.load(read_object(raw) if raw else {})
    return loaded


def faults_of(error: ValidationError | NotReadable) -> tuple[Fault, ...]:
    """What is wrong, field by field, in the order of the fields' names."""
    if isinstance(error, NotReadable):
        return (Fault(error.field, "not_readable", error.hint),)
    return tuple(_flattened(error.messages, ""))


def problem(status: int, code: str, title: str, faults: tuple[Fault, ...] = (), detail: str = "") -> dict[str, Any]:
    """A problem document, https://www.rfc-editor.org/rfc/rfc9457. One type for all; ``code`` tells them apart."""
    body: dict[str, Any] = {"type": "/docs#Problem", "title": title, "status": status, "code": code}
    if detail:
        body["detail"] = detail
    if faults:
        body["errors"] = [asdict(fault) for fault in faults]
    return body


def _flattened(messages: Any, path: str) -> list[Fault]:
    if isinstance(messages, dict):
        return [
            fault
            for name in sorted(messages, key=str)
            for fault in _flattened(messages[name], path if name == "_schema" else _below(path, name))
        ]
    return [Fault(path or "body", _code(text), text) for text in map(str, messages)]


def _below(path: str, name: Any) -> str:
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else str(name)


def _code(text: str) -> str:
    return {"Missing data for required field.": "required", "Unknown field.": "unknown_field"}.get(text, "invalid")
