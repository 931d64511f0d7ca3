"""The OpenAPI 3.1 document of the gateway, built from the schemas and the table of operations.

What the gateway calls at a CRM stands under ``webhooks``: requests that this API makes and others answer
(https://spec.openapis.org/oas/v3.1.0#fixed-fields, "webhooks").
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, class_registry

from gateway.web import operations as table
from gateway.web.contract import FullTask, ThinTask
from gateway.web.crm_operations import CRM_OPERATIONS
from gateway.web.operations import Answer, Operation, Parameter
from gateway.web.schemas import Problem

VERSION: Final = "1.0.0"
INTRODUCTION: Final = (
    "Calendar Gateway keeps a CRM task, while its switch is on, in step with exactly one event in the owner's Google "
    "or Outlook calendar, both ways. Server calls carry `Authorization: Bearer <installation token>`. Every refusal "
    "is a problem document (RFC 9457) with a `code` and, where a field is at fault, `errors` that name it."
)
GATEWAY_OPERATIONS: Final = (
    *table.DELIVERY_OPERATIONS,
    *table.USER_OPERATIONS,
    *table.TASK_OPERATIONS,
    *table.CONFLICT_OPERATIONS,
    *table.OPERATING_OPERATIONS,
)

_IN_PATH = re.compile(r"{(\w+)}")
_PATH_PARAMETERS: Final = {
    "key": "The installation's key.",
    "uid": "The CRM's id of a user.",
    "tid": "The CRM's id of a task.",
    "cid": "A conflict's id.",
    "hid": "The id of a held batch.",
    "id": "Its id.",
}
_MEANINGS: Final = {
    400: "Not readable, or a value is wrong: `errors` names the fields.",
    401: "Not trusted: no token or signature, or the wrong one.",
    403: "A right is missing.",
    404: "There is none, or it is not this installation's.",
    409: "It has moved on in between, or is being worked on.",
    410: "It is gone for good.",
    413: "Too large.",
    415: "Not JSON.",
    422: "A value is refused: `errors` names the fields.",
    429: "Too many requests: `Retry-After` is honoured.",
    503: "Not now: try again, `Retry-After` is honoured.",
}


def document(server_url: str) -> dict[str, Any]:
    """The whole document for a gateway at ``server_url``. Built once; treat it as read-only below its top level."""
    return {**_built(), "servers": [{"url": server_url}]}


@cache
def _built() -> dict[str, Any]:
    spec = APISpec(
        title="Calendar Gateway",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
        info={"description": INTRODUCTION, "license": {"name": "MIT", "identifier": "MIT"}},
        tags=[{"name": name, "description": says} for name, says in table.TAGS.items()],
    )
    _add_components(spec)
    for path in dict.fromkeys(operation.path for operation in GATEWAY_OPERATIONS):
        spec.path(path, operations=_methods(op for op in GATEWAY_OPERATIONS if op.path == path))
    built: dict[str, Any] = spec.to_dict()
    for name, component in built["components"]["schemas"].items():
        component["description"] = inspect.getdoc(_class_named(name)) or ""
    return {**built, "webhooks": {op.name: _webhook(op) for op in CRM_OPERATIONS}}


def _class_named(name: str) -> type[Schema]:
    """The schema class behind a component; names are unique, or marshmallow refuses to say."""
    found: type[Schema] = class_registry.get_class(name)
    return found


def _add_components(spec: APISpec) -> None:
    for schema in _schemas():
        # A nested schema brings itself along the first time it is met.
        if _name(schema) not in spec.components.schemas:
            spec.components.schema(_name(schema), schema=schema)
    spec.components.security_scheme(
        "installation", {"type": "http", "scheme": "bearer", "description": "The installation's API token."}
    )
    spec.components.security_scheme(
        "crm", {"type": "http", "scheme": "bearer", "description": "The token that the CRM gave to the gateway."}
    )


def _schemas() -> list[type[Schema]]:
    every = (*GATEWAY_OPERATIONS, *CRM_OPERATIONS)
    bodies = [operation.body for operation in every]
    answers = [answer.body for operation in every for answer in operation.answers.values()]
    found = [schema for schema in (*bodies, *answers, Problem, FullTask, ThinTask) if schema is not None]
    return list(dict.fromkeys(found))


def _name(schema: Any) -> str:
    """A schema's own name, be it given as a class, an object or a name."""
    if isinstance(schema, str):
        return schema.rpartition(".")[2]
    return schema.__name__ if isinstance(schema, type) else type(schema).__name__


def _methods(operations: Iterable[Operation]) -> dict[str, Any]:
    return {operation.method: _described(operation) for operation in operations}


def _webhook(operation: Operation) -> dict[str, Any]:
    described = _described(operation)
    where = f"`{operation.method.upper()} {{your base URL}}{operation.path}`"
    described["description"] = f"{where}\n\n{described.get('description', '')}".strip()
    return {operation.method: described}


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": _security(operation),
        "responses": _responses(operation),
    }
    if operation.says:
        described["description"] = operation.says
    if operation.body is not None:
        content = {operation.media: {"schema": _reference(operation.body)}}
        described["requestBody"] = {"required": operation.body_needed, "content": content}
    parameters = [*_path_parameters(operation.path), *map(_parameter, operation.parameters)]
    return described | ({"parameters": parameters} if parameters else {})


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.tag == table.DELIVERIES:
        return []  # Signed: see the headers.
    return [{"crm": []}] if operation.tag == table.CRM_SIDE else [{"installation": []}]


def _responses(operation: Operation) -> dict[str, Any]:
    refusals = {
        str(status): {
            "description": _MEANINGS[status],
            "content": {"application/problem+json": {"schema": _reference(Problem)}},
        }
        for status in operation.refusals
    }
    answers = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    return dict(sorted((refusals | answers).items()))


def _answer(answer: Answer) -> dict[str, Any]:
    if answer.body is None:
        return {"description": answer.says}
    schema = _reference(answer.body)
    listed: Mapping[str, Any] = {"type": "array", "items": schema} if answer.many else schema
    return {"description": answer.says, "content": {"application/json": {"schema": listed}}}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS[name],
            "schema": {"type": "string"},
        }
        for name in _IN_PATH.findall(path)
    ]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "description": parameter.says,
        "schema": dict(parameter.schema),
    }


def _reference(schema: type[Schema]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{_name(schema)}"}
