"""Who stands in a person's own pages, by one of two ways: the cookie of a sign-in, or the token of a frame in the CRM.

The pages are the same; they differ in how the visitor is known, how forms are proven, and where links lead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from flask import Response, g, request, url_for

from gateway.services.consent import SESSION, SpentError, Ticket, read_ticket
from gateway.web import embed, security
from gateway.web.door import context

FRAMED: Final = "framed"
"""The name under which the pages are registered for frames."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """``secret``: what this visit is known by; forms are keyed to it."""

    ticket: Ticket
    secret: str = field(repr=False)
    framed: bool

    def link(self, name: str) -> str:
        """Where one of the pages is, for this visitor."""
        kept: dict[str, Any] = {"token": self.secret, "locale": request.args.get("locale")} if self.framed else {}
        return url_for(f".{name}", **kept)

    def values(self) -> dict[str, Any]:
        """What every template needs to know of the visitor."""
        if self.framed:
            return {**embed.known(), "framed": True, "link": self.link}
        form_token = security.form_token(self.secret)
        return {"form_token": form_token, "token": "", "parents": "", "framed": False, "link": self.link}


def come_in() -> Response | None:
    """Find out who it is, before any of the pages. Raises ``SpentError``, ``NotFromHere``."""
    if request.blueprint != FRAMED:
        if request.method == "POST":
            security.check_form(security.cookie(security.SESSION))
        known = security.cookie(security.SESSION)
        g.visitor = Visitor(read_ticket(context(), SESSION, known, use=False), known, framed=False)
        return None
    try:
        embed.begin_person()
    except SpentError as spent:
        return embed.closed(spent)
    seen = embed.reader()
    g.visitor = Visitor(Ticket(seen.installation_id, seen.user_id), embed.token(), framed=True)
    return None


def visitor() -> Visitor:
    """Who it is."""
    found: Visitor = g.visitor
    return found
