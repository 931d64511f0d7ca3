"""Style sheets, scripts and pictures: our own out of ``static``, others' out of ``static/vendor`` (``bin/assets.py``).

A page names a file by :func:`address`, which carries the file's fingerprint: browsers keep it for a year, and a deploy
changes the address. Files travel compressed where the browser allows it. All of them are public and small, so each is
read once.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, abort, request, url_for
from werkzeug.security import safe_join

log = logging.getLogger(__name__)

assets = Blueprint("assets", __name__)

FOLDER: Final = Path(__file__).parent / "static"
VENDOR: Final = ("vendor/htmx.min.js", "vendor/uPlot.iife.min.js", "vendor/uPlot.min.css")
"""What others wrote and the pages use."""
_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}
_KEPT: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served. ``small``: the same, compressed; ``None`` where that gains nothing."""

    content: bytes
    small: bytes | None
    kind: str
    fingerprint: str


@cache
def load(name: str) -> Asset | None:
    """The file of this name below ``static``; ``None``: there is none that may be served."""
    path = safe_join(str(FOLDER), name)
    kind = _KINDS.get(Path(name).suffix)
    if path is None or kind is None or not Path(path).is_file():
        return None
    content = Path(path).read_bytes()
    small = gzip.compress(content, mtime=0)
    gains = len(small) < len(content) and kind != "image/png"
    return Asset(content, small if gains else None, kind, hashlib.sha256(content).hexdigest()[:16])


def address(name: str) -> str:
    """Where a page finds a file; in templates: ``asset(name)``."""
    found = load(name)
    return url_for("assets.serve", name=name, v=found.fingerprint if found else None)


@assets.get("/static/<path:name>")
def serve(name: str) -> Response:
    """A file. Kept for ever under its fingerprint, asked for again under any other."""
    found = load(name)
    if found is None:
        abort(404)
    compressed = found.small is not None and request.accept_encodings.quality("gzip") > 0
    answer = Response(found.small if compressed else found.content, mimetype=found.kind)
    if compressed:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    answer.headers["Cache-Control"] = _KEPT if request.args.get("v") == found.fingerprint else "no-cache"
    answer.set_etag(f"{found.fingerprint}-gzip" if compressed else found.fingerprint)
    answer.make_conditional(request)
    return answer


def missing() -> list[str]:
    """Which of others' files are not there. Pages work without them, less quickly; the log tells the operator."""
    gone = [name for name in VENDOR if load(name) is None]
    if gone:
        log.warning("run `python bin/assets.py --production`: there is no %s", ", ".join(gone))
    return gone
