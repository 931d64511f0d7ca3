"""What may not stand in a log is taken out of it: tokens, secrets, people's words, one-use paths. Pure: text in, out.

The first wall is that nobody logs such things; this is the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

GONE: Final = "[redacted]"

_LEAST = 6
"""A known secret shorter than this would take too many ordinary words along."""

_HEADERS = "authorization|proxy-authorization|cookie|set-cookie|webhook-signature|x-goog-channel-token"
_NAMES = (
    "code_verifier|access_token|refresh_token|id_token|client_secret|client_info|token|secret|password|passwd|api_key"
    "|signature|clientstate|validationtoken|title|summary|description|subject|notes"
)
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_VALUE = rf"(?:{_QUOTED}|[^\s&,;}}\]]+)"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"(?i)(\b(?:{_HEADERS})[\"']?\s*[:=]\s*)(?:{_QUOTED}|[^\r\n]+)"), rf"\1{GONE}"),
    (re.compile(rf"(?i)(\b(?:{_NAMES})[\"']?\s*[:=]\s*){_VALUE}"), rf"\1{GONE}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {GONE}"),
    # An OAuth answer's, in a query or as JSON; the words alone are too common to be taken out everywhere.
    (re.compile(r"(?i)([?&](?:code|state)=)[^\s&\"']+"), rf"\1{GONE}"),
    (re.compile(rf"(?i)([\"'](?:code|state)[\"']\s*:\s*)(?=[\"']){_VALUE}"), rf"\1{GONE}"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), GONE),
    (re.compile(r"\bya29\.[\w.-]+|\b1//[\w-]{8,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*"), GONE),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@]*@"), rf"\1{GONE}@"),
)
# Not a route's own name of the part, such as <key>.
_SECRET_PATHS = re.compile(r"(/connect/|/webhooks/crm/)[^/?#\s\"'<][^/?#\s\"']*")


class Redactor:
    """Takes out what looks like a secret, and the known secrets themselves."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        longest_first = sorted({text for text in known if len(text) >= _LEAST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, said: str) -> str:
        """The text without them."""
        if self._known is not None:
            said = self._known.sub(GONE, said)
        for rule, instead in _RULES:
            said = rule.sub(instead, said)
        return _SECRET_PATHS.sub(rf"\1{GONE}", said)

    def value(self, found: Any) -> Any:
        """The same for the texts in a plain value; what is no plain value is told by its kind alone."""
        if found is None or isinstance(found, bool | int | float):
            return found
        if isinstance(found, str):
            return self.text(found)
        if isinstance(found, Mapping):
            return {self.text(str(key)): self.value(one) for key, one in found.items()}
        if isinstance(found, list | tuple | set | frozenset):
            return [self.value(one) for one in found]
        return f"<{type(found).__name__}>"
