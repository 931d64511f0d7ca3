"""Where a browser may be sent back to: only addresses on an installation's own list, exact ones or whole origins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.core.records import Installation

LONGEST = 2048
# Browsers read a backslash as a slash and drop tabs and line ends: https://url.spec.whatwg.org/#concept-basic-url-parser
_ODD = re.compile(r"[\x00-\x20\x7f\\]")


def parsed(url: str) -> SplitResult | None:
    """The parts of an absolute http(s) address without a user name; ``None`` for anything else."""
    if len(url) > LONGEST or _ODD.search(url) or not url.isascii():
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    plain = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    return parts if plain and url.lower().startswith(f"{parts.scheme}://") else None


def is_origin(url: str) -> bool:
    """Whether an address is a bare origin, such as ``https://crm.example``."""
    parts = parsed(url)
    return parts is not None and not (parts.path.strip("/") or parts.query or parts.fragment)


def may_return(installation: Installation, url: str) -> bool:
    """Whether the browser may be sent there: it equals an entry of ``return_urls``, or lies in an origin listed."""
    parts = parsed(url)
    if parts is None:
        return False
    listed: Any = installation.settings.get("return_urls", ())
    entries: Sequence[str] = [entry for entry in listed if isinstance(entry, str)] if isinstance(listed, list) else []
    return any(url == entry or (is_origin(entry) and _origin(entry) == _origin(url)) for entry in entries)


def back(installation: Installation, url: str | None, status: str) -> str | None:
    """The address to go back to with ``?status=``; ``None`` where there is none, or it is not on the list any more."""
    if url is None or not may_return(installation, url):
        return None
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "status"]
    return urlunsplit(parts._replace(query=urlencode([*kept, ("status", status)])))


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
