"""Pages that keep themselves up to date: whole for a browser, the changing part for ``live.js``, which asks often.

The part comes under an ETag of its own bytes, so that asking again costs next to nothing, and no connection is held.
What is rendered must therefore not depend on the minute: how long ago something was is reckoned in the browser.
"""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, render_template, request


def is_part() -> bool:
    """Whether a script asks for the changing part of the page alone."""
    return "HX-Request" in request.headers


def shown(page: str, part: str, status: int = 200, **values: Any) -> Response:
    """The page, or its changing part."""
    text = render_template(part if is_part() else page, **values)
    answer = Response(text, status, mimetype="text/html")
    if is_part() and request.method == "GET":
        answer.set_etag(hashlib.sha256(text.encode()).hexdigest()[:32])
        answer.make_conditional(request)
    return answer
