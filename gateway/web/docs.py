"""The readable page of the public interface, made from the OpenAPI document alone: no script, no other host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")
_PREFIX: Final = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Group:
    """A tag with its operations: ``(method, path, operation)``."""

    name: str
    anchor: str
    says: str
    operations: tuple[tuple[str, str, Mapping[str, Any]], ...]


def page(document: Mapping[str, Any], stylesheet: str) -> str:
    """The page as HTML. ``stylesheet``: where its one file of style is served."""
    return _TEMPLATE.render(
        info=document["info"],
        groups=_groups(document),
        schemas=dict(sorted(document["components"]["schemas"].items())),
        stylesheet=stylesheet,
    )


def _groups(document: Mapping[str, Any]) -> list[Group]:
    called = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    calls = [
        (method.upper(), _called_path(operation), operation)
        for methods in document["webhooks"].values()
        for method, operation in methods.items()
    ]
    return [
        Group(
            tag["name"],
            tag["name"].lower().replace(" ", "-"),
            tag["description"],
            tuple(found for found in (*called, *calls) if tag["name"] in found[2]["tags"]),
        )
        for tag in document["tags"]
    ]


def _called_path(operation: Mapping[str, Any]) -> str:
    """The path in a webhook's description, which begins with the method and the path in backquotes."""
    found = _CODE.search(operation["description"])
    return found[1].partition(" ")[2].removeprefix("{your base URL}") if found else ""


def _prose(text: str | None) -> Markup:
    """Plain text with `code` in backquotes, escaped; blank lines part paragraphs."""
    return Markup("").join(
        Markup("<p>{}</p>").format(Markup(_CODE.sub(r"<code>\1</code>", str(escape(part)))))  # noqa: S704
        for part in (text or "").split("\n\n")
        if part
    )


def _type(schema: Mapping[str, Any]) -> Markup:
    """A schema in a few words, with a link to a named one."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_PREFIX)
        return Markup('<a href="#{0}">{0}</a>').format(name)
    if "anyOf" in schema:
        return Markup(" or ").join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return Markup("list of {}").format(_type(schema["items"]))
    words = schema.get("type", "any value")
    named = " or ".join(words) if isinstance(words, list) else str(words)
    return escape(f"{named}, {schema['format']}" if "format" in schema else named)


def _limits(schema: Mapping[str, Any]) -> str:
    """The values or range that a schema allows."""
    if "enum" in schema:
        return ", ".join("null" if value is None else str(value).lower() for value in schema["enum"])
    bounds = ((word, schema[key]) for key, word in _BOUNDS.items() if key in schema)
    return ", ".join(f"{word} {value}" for word, value in bounds)


def _title(status: str) -> str:
    return HTTPStatus(int(status)).phrase


_BOUNDS: Final = {
    "minLength": "characters from",
    "maxLength": "characters to",
    "minimum": "from",
    "maximum": "to",
}
_ENVIRONMENT = Environment(loader=PackageLoader("gateway.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.filters.update(prose=_prose, type=_type, limits=_limits, title_of=_title)
_TEMPLATE = _ENVIRONMENT.get_template("docs.html")
