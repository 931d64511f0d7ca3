"""The API's own discovery document, compiled once: which methods there are, their parameters, bodies and scopes.

The document is the one bundled with google-api-python-client
(https://www.googleapis.com/discovery/v1/apis/calendar/v3/rest); nothing of the client is imported.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

SCOPE_PREFIX: Final = "https://www.googleapis.com/auth/"
_DOCUMENT: Final = "discovery_cache/documents/calendar.v3.json"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One place in a schema: its type, and what may be inside. ``rest`` is for maps with free keys."""

    kind: str
    format: str = ""
    fields: Mapping[str, Node] | None = None
    rest: Node | None = None
    item: Node | None = None


@dataclass(frozen=True, slots=True)
class Param:
    """One query parameter of a method."""

    name: str
    kind: str
    format: str
    enum: frozenset[str]
    minimum: int | None
    maximum: int | None
    repeated: bool
    required: bool


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the API. ``scopes`` are short names (``calendar.events``); ``path`` is split at its slashes."""

    id: str
    verb: str
    path: tuple[str, ...]
    params: Mapping[str, Param]
    request: Node | None
    response: Node | None
    scopes: frozenset[str]


class Document:
    """The compiled document."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw_schemas: Mapping[str, Any] = raw["schemas"]
        self._nodes: dict[str, Node] = {}
        common = {name: _param(name, spec) for name, spec in raw["parameters"].items()}
        self.methods: dict[str, Method] = {}
        self._by_shape: dict[tuple[str, int], list[Method]] = {}
        for spec in _methods(raw["resources"]):
            method = self._method(spec, common)
            self.methods[method.id] = method
            self._by_shape.setdefault((method.verb, len(method.path)), []).append(method)
        self.scopes = frozenset(_short(scope) for scope in raw["auth"]["oauth2"]["scopes"])

    def schema(self, name: str) -> Node:
        """The schema of that name, compiled."""
        if name not in self._nodes:
            self._nodes[name] = self._node(self._raw_schemas[name])
        return self._nodes[name]

    def find(self, verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """The method that answers ``verb`` on ``path`` (below ``/calendar/v3/``, decoded) and its path parameters."""
        parts = path.split("/")
        best: tuple[Method, dict[str, str]] | None = None
        for method in self._by_shape.get((verb, len(parts)), ()):
            found = _match(method.path, parts)
            if found is not None and (best is None or len(found) < len(best[1])):
                best = (method, found)
        return best

    def _method(self, spec: Mapping[str, Any], common: Mapping[str, Param]) -> Method:
        own = {n: _param(n, p) for n, p in spec.get("parameters", {}).items() if p["location"] == "query"}
        return Method(
            id=spec["id"].removeprefix("calendar."),
            verb=spec["httpMethod"],
            path=tuple(spec["path"].split("/")),
            params={**common, **own},
            request=self.schema(spec["request"]["$ref"]) if "request" in spec else None,
            response=self.schema(spec["response"]["$ref"]) if "response" in spec else None,
            scopes=frozenset(_short(scope) for scope in spec["scopes"]),
        )

    def _node(self, raw: Mapping[str, Any]) -> Node:
        if "$ref" in raw:
            return self.schema(raw["$ref"])
        kind = raw.get("type", "any")
        fields = {k: self._node(v) for k, v in raw["properties"].items()} if "properties" in raw else None
        rest = self._node(raw["additionalProperties"]) if "additionalProperties" in raw else None
        item = self._node(raw["items"]) if "items" in raw else None
        return Node(kind, raw.get("format", ""), fields, rest, item)


@lru_cache(maxsize=1)
def document() -> Document:
    """The Calendar v3 document. Raises ``RuntimeError`` if google-api-python-client is not installed."""
    spec = importlib.util.find_spec("googleapiclient")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("google-api-python-client is not installed: its discovery document is the rule book here")
    path = Path(spec.submodule_search_locations[0]) / _DOCUMENT
    return Document(json.loads(path.read_text(encoding="utf-8")))


def _methods(resources: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from _methods(resource.get("resources", {}))


def _param(name: str, spec: Mapping[str, Any]) -> Param:
    return Param(
        name=name,
        kind=spec["type"],
        format=spec.get("format", ""),
        enum=frozenset(spec.get("enum", ())),
        minimum=int(spec["minimum"]) if "minimum" in spec else None,
        maximum=int(spec["maximum"]) if "maximum" in spec else None,
        repeated=bool(spec.get("repeated", False)),
        required=bool(spec.get("required", False)),
    )


def _short(scope: str) -> str:
    return scope.removeprefix(SCOPE_PREFIX)


def _match(template: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for want, have in zip(template, parts, strict=True):
        if want.startswith("{"):
            if not have:
                return None
            found[want[1:-1]] = have
        elif want != have:
            return None
    return found
