"""The pages from a connect link to a connected calendar: choose, sign in at the provider, come back.

They work without scripts. The link is used up by the POST that starts the sign-in, not by looking at it: mail programs
and chat previews look at links too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gateway.core.errors import GatewayError
from gateway.core.model import ConnectionStatus
from gateway.core.ports import ConsentFailed, Mode, Provider
from gateway.core.reading import a_word
from gateway.core.records import Installation, InstallationStatus
from gateway.services import consent, standing, target
from gateway.services.consent import CONNECT, Finished, SpentError, Ticket, read_ticket
from gateway.services.context import style_of
from gateway.services.standing import Standing
from gateway.web import security
from gateway.web.door import context, gateway
from gateway.web.failures import UNWELL, Failure, failure_of
from gateway.web.pace import Pace
from gateway.web.returns import back

log = logging.getLogger(__name__)

connect = Blueprint("connect", __name__)

PACE = Pace(per_second=200, burst=1000)
"""How fast one address may call, in each process of the web server."""

LARGEST_FORM: Final = 16 * 1024
_MODES: Final = {mode.value: mode for mode in Mode}
_SAFE_TO_REPLACE: Final = frozenset({ConnectionStatus.NONE, ConnectionStatus.CHOOSING})


@connect.before_request
def limit() -> None:
    """No form here is large."""
    PACE.take(request.remote_addr or "", time.monotonic())
    request.max_content_length = LARGEST_FORM


# --- choosing -------------------------------------------------------------------------------------------------------


@connect.get("/connect/<token>")
def choose(token: str) -> ResponseReturnValue:
    """Which provider, and how much it may see."""
    ticket = read_ticket(context(), CONNECT, token, use=False)
    security.know_browser()
    return _page("connect.html", token, ticket)


@connect.post("/connect/<token>")
def start(token: str) -> ResponseReturnValue:
    """Off to the provider; where somebody is connected already, after one confirmation."""
    security.check_form(security.know_browser())
    ticket = read_ticket(context(), CONNECT, token, use=False)
    providers = context().providers
    provider = ticket.provider or a_word(request.form.get("provider"), "provider", {name: name for name in providers})
    mode = a_word(request.form.get("mode"), "mode", _MODES)
    if provider not in providers:
        raise SpentError(CONNECT)
    stands = standing.of_user(context(), ticket.installation_id, ticket.user_id)
    if _would_replace(stands) and request.form.get("confirm") != "yes":
        told = {"provider": provider, "mode": mode, "extras": request.form.get("extras") == "yes"}
        return _page("confirm.html", token, ticket, connection=stands.connection, **told)
    back_to = f"{gateway().settings.public_url}/oauth/{_door(providers[provider])}/callback"
    extras = request.form.get("extras") == "yes"
    url = consent.begin(context(), ticket, provider, mode, security.know_browser(), back_to, extras=extras)
    read_ticket(context(), CONNECT, token, use=True)
    security.let_forms_leave()
    return security.keep_browser(see(url))


def _would_replace(stands: Standing) -> bool:
    return stands.is_live and stands.status not in _SAFE_TO_REPLACE


def _page(template: str, token: str, ticket: Ticket, **more: object) -> Response:
    """A page whose form leads on to the provider."""
    own = installation_of(ticket)
    providers = context().providers
    choices = [one for name, one in providers.items() if ticket.provider in (None, name)]
    if not choices:
        raise SpentError(CONNECT)
    security.let_forms_leave()
    page = render_template(
        template,
        crm=style_of(own).crm_name,
        providers={one.name: one.label for one in choices},
        open_ones=[one.label for one in choices if not one.walled],
        walled_ones=[one.label for one in choices if one.walled],
        extras_offered=[(one.label, one.extras) for one in choices if one.extras],
        action=url_for("connect.start", token=token),
        form_token=security.form_token(security.know_browser()),
        back=back(own, ticket.return_url, "denied"),
        **more,
    )
    return security.keep_browser(Response(page, mimetype="text/html"))


def installation_of(ticket: Ticket) -> Installation:
    """The installation a ticket was made for. Raises ``SpentError`` where it was removed meanwhile."""
    with context().store.begin() as uow:
        found = uow.installations.get(ticket.installation_id)
    if found is None or found.status is InstallationStatus.REMOVED:
        raise SpentError(CONNECT)
    return found


# --- coming back ----------------------------------------------------------------------------------------------------


@connect.get("/oauth/<door>/callback")
def callback(door: str) -> ResponseReturnValue:
    """The browser is back from the provider; or an administrator is, who has approved the app for everybody there."""
    if "admin_consent" in request.args:
        _provider(door)
        return Response(render_template("approved.html"), mimetype="text/html")
    return _finish(_provider(door), request.args.to_dict())


@connect.post("/oauth/<door>/callback")
def callback_by_form(door: str) -> ResponseReturnValue:
    """The same by a form of the provider's. A cross-site POST brings no cookie of ours, so the browser is known only
    at the next step."""
    _provider(door)
    answer = request.form.to_dict()
    consent.hold_answer(context(), answer)
    return see(url_for("connect.finish_form", door=door, state=answer["state"]))


@connect.get("/oauth/<door>/finish")
def finish_form(door: str) -> ResponseReturnValue:
    """Here the browser shows its cookie."""
    return _finish(_provider(door), consent.held_answer(context(), request.args.get("state", "")))


def _door(provider: Provider) -> str:
    """Under which name in the path a provider sends the browser back."""
    return provider.door or provider.name


def _provider(door: str) -> str:
    found = next((name for name, one in context().providers.items() if _door(one) == door), None)
    return found if found is not None else abort(404)


def _finish(provider: str, answer: Mapping[str, str]) -> ResponseReturnValue:
    finished = consent.finish(context(), provider, answer, security.cookie(security.BROWSER))
    if finished.connection is None:
        return _not_connected(finished)
    where = _settled(finished)
    token, _ = consent.keep_ticket(context(), consent.SESSION, finished.ticket, consent.SESSION_LASTS)
    response = where if isinstance(where, Response) else see(where)
    security.set_cookie(response, security.SESSION, token, consent.SESSION_LASTS)
    security.drop_cookie(response, security.BROWSER)
    return response


def _settled(finished: Finished) -> str | Response:
    """Where to go now: to the choice of a calendar, or, with one of our own, to the end."""
    connection = finished.connection
    if connection is None or target.needs_a_choice(connection):
        return url_for("personal.calendar")
    own = installation_of(finished.ticket)
    try:
        target.keep_or_make_own(context(), own, connection)
    except (GatewayError, ConsentFailed) as error:
        log.warning("a calendar of our own could not be made: %s", type(error).__name__)
        failure = failure_of(error) or UNWELL
        return failed(failure, again=url_for("personal.calendar"), leads_back=_back(finished.ticket, "error"))
    return url_for("personal.connected")


def _not_connected(finished: Finished) -> Response:
    """Each way to fail has its page; a new link goes with it, since this browser has shown whose it is."""
    failure = failure_of(ConsentFailed(finished.failure)) if finished.failure else UNWELL
    token, _ = consent.keep_ticket(context(), CONNECT, finished.ticket, consent.LINK_LASTS)
    status = "denied" if failure is not None and failure.code == "denied" else "error"
    code = failure.code if failure is not None else ""
    detail = finished.detail if code == "scope_missing" else ""
    approve = finished.detail if code == "needs_admin" and finished.detail.startswith("http") else ""
    again = url_for("connect.choose", token=token)
    leads_back = _back(finished.ticket, status)
    return failed(failure or UNWELL, again=again, leads_back=leads_back, detail=detail, approve=approve)


def _back(ticket: Ticket, status: str) -> str | None:
    return back(installation_of(ticket), ticket.return_url, status)


def failed(
    failure: Failure,
    *,
    again: str | None,
    leads_back: str | None,
    detail: str = "",
    approve: str = "",
    framed: bool = False,
) -> Response:
    """A failure as a page, with the next step. ``approve``: where an administrator can say yes."""
    shown = {"again": again, "back": leads_back, "detail": detail, "approve": approve, "framed": framed}
    page = render_template("failure.html", failure=failure, **shown)
    response = Response(page, failure.status, mimetype="text/html")
    response.headers.update(failure.retry_after)
    return response


def see(url: str) -> Response:
    """Go there with a GET."""
    return Response(status=303, headers={"Location": url})
