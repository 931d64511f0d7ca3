"""The two texts that Twenty derives of its own: the search vector, and the editor's blocks behind a Markdown body."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable

_WORD = re.compile(r"\w+")
_PLAIN = {"backgroundColor": "default", "textColor": "default", "textAlignment": "left"}


def search_vector(*texts: str) -> str:
    """A tsvector of the words in order, as text.

    https://www.postgresql.org/docs/current/datatype-textsearch.html
    """
    places: dict[str, list[str]] = defaultdict(list)
    for place, word in enumerate(_WORD.findall(" ".join(texts).lower()), 1):
        places[word].append(str(place))
    return " ".join(f"'{word}':{','.join(places[word])}" for word in sorted(places))


def blocks(markdown: str, new_id: Callable[[], str]) -> str | None:
    """The body as the editor keeps it: one paragraph for each part between blank lines, as compact JSON."""
    parts = [part for part in markdown.split("\n\n") if part]
    if not parts:
        return None
    return compact([_paragraph(part, new_id()) for part in parts])


def compact(value: object) -> str:
    """JSON as JavaScript writes it: no blanks, text unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _paragraph(text: str, block_id: str) -> dict[str, object]:
    content = [{"type": "text", "text": text, "styles": {}}]
    return {"id": block_id, "type": "paragraph", "props": _PLAIN, "content": content, "children": []}
