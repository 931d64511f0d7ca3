"""Requests and answers against the discovery document: unknown and mistyped parameters and fields.

The document (https://www.googleapis.com/discovery/v1/apis/calendar/v3/rest) is the only source of these rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sandbox.google import errors, times
from sandbox.google.discovery import Method, Node, Param

Value = str | int | bool | list[str]
_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "object": Mapping,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def read_query(method: Method, query: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """The query as typed values. Raises 400 for a parameter that is unknown, repeated, missing or mistyped."""
    values: dict[str, Value] = {}
    for name, text in query:
        param = method.params.get(name)
        if param is None:
            cannot = f"Cannot bind query parameter. Field '{name}' could not be found in request message."
            raise errors.bad_parameter(name, f'Invalid JSON payload received. Unknown name "{name}": {cannot}')
        value = _coerce(param, text)
        if param.repeated:
            before = values.get(name, [])
            values[name] = [*(before if isinstance(before, list) else ()), str(value)]
        elif name in values:
            raise errors.bad_parameter(name, f"Parameter '{name}' may be given once only.")
        else:
            values[name] = value
    for param in method.params.values():
        if param.required and param.name not in values:
            raise errors.ApiError(
                400, "required", f"Required parameter: {param.name}", location=("parameter", param.name)
            )
    return values


def check_body(node: Node, body: object) -> None:
    """Raises 400 at the first field of a request body that the schema lacks or types otherwise."""
    for problem in problems(node, body):
        raise errors.bad_body(f"Invalid JSON payload received. {problem}")


def problems(node: Node, value: object, where: str = "") -> list[str]:
    """What in ``value`` the schema does not allow; empty when all is well. ``null`` is allowed for any field."""
    found: list[str] = []
    _collect(node, value, where, found)
    return found


def _collect(node: Node, value: object, where: str, found: list[str]) -> None:
    if not _fits(node.kind, value):
        found.append(f"Invalid value at '{where or 'body'}': want {node.kind}, not {type(value).__name__}.")
    elif isinstance(value, Mapping):
        _collect_fields(node, value, where, found)
    elif isinstance(value, list) and node.item is not None:
        for index, one in enumerate(value):
            _collect(node.item, one, f"{where}[{index}]", found)


def _fits(kind: str, value: object) -> bool:
    if kind == "any":
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, int):
        return -(2**31) <= value < 2**31
    return isinstance(value, _TYPES[kind])


def _collect_fields(node: Node, value: Mapping[str, object], where: str, found: list[str]) -> None:
    fields = node.fields or {}
    for name, inner in value.items():
        inner_node = fields.get(name) or node.rest
        if inner_node is None:
            found.append(f"Unknown name \"{name}\" at '{where or 'body'}': Cannot find field.")
        elif inner is not None:
            _collect(inner_node, inner, f"{where}.{name}" if where else name, found)


def _coerce(param: Param, text: str) -> Value:
    if param.enum and text not in param.enum:
        raise errors.bad_parameter(param.name, f"Invalid value '{text}'. Allowed values: {sorted(param.enum)}")
    match param.kind:
        case "boolean":
            if text not in ("true", "false"):
                raise errors.bad_parameter(param.name, f"Invalid boolean value: '{text}'.")
            return text == "true"
        case "integer":
            return _integer(param, text)
    if param.format == "date-time":
        at = times.parse_stamp(text)
        if at is None or at.tzinfo is None:
            raise errors.bad_parameter(param.name, f"Invalid value for {param.name}: want RFC 3339 with an offset.")
    return text


def _integer(param: Param, text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise errors.bad_parameter(param.name, f"Invalid integer value: '{text}'.")
    number = int(text)
    low = param.minimum if param.minimum is not None else -(2**31)
    high = param.maximum if param.maximum is not None else 2**31 - 1
    if not low <= number <= high:
        text = f"Invalid value '{text}'. Values must be within the range: [{low}, {high}]"
        raise errors.bad_parameter(param.name, text)
    return number


def answer_problems(method: Method, answer: Any) -> list[str]:
    """What in a successful answer's body the document does not know."""
    if method.response is None:
        return [] if answer in (None, "") else ["a body where the document has none"]
    return problems(method.response, answer, method.id)
