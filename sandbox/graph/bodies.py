"""How Outlook keeps the text of an event: as one HTML document, rewritten, whatever was sent.

https://learn.microsoft.com/graph/api/event-get (``Prefer: outlook.body-content-type``) and, for the rewriting,
https://github.com/microsoftgraph/microsoft-graph-docs/issues/8215
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Final

PREVIEW: Final = 255
"""Characters in ``bodyPreview``: https://learn.microsoft.com/graph/api/resources/event."""
_DROPPED: Final = frozenset({"script", "style", "iframe", "object", "embed", "form"})
_BREAKS: Final = frozenset({"br", "p", "div", "li", "tr"})
_HEAD: Final = '<html>\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\r\n'


def stored(body: Mapping[str, str]) -> str:
    """The HTML document that is kept of a body as sent."""
    content = body.get("content") or ""
    if body.get("contentType") == "text":
        text = html.escape(content, quote=False).replace("\r\n", "\n").replace("\n", "<br>\r\n")
        return (
            f"{_HEAD}<!-- converted from text -->\r\n</head>\r\n<body>\r\n"
            f'<div class="PlainText">{text}</div>\r\n</body>\r\n</html>\r\n'
        )
    inner = re.sub(r"(?is)^.*?<body[^>]*>|</body>.*$", "", content)
    for tag in _DROPPED:
        inner = re.sub(rf"(?is)<{tag}\b.*?</{tag}>|<{tag}\b[^>]*/?>", "", inner)
    return f"{_HEAD}</head>\r\n<body>\r\n{inner}\r\n</body>\r\n</html>\r\n"


def as_text(document: str) -> str:
    """The document's text, as ``outlook.body-content-type="text"`` gives it."""
    reader = _Text()
    reader.feed(document)
    reader.close()
    return "".join(reader.parts).strip()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parent's
        if tag in _BREAKS and self.parts:
            self.parts.append("\r\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data.replace("\r\n", ""))
