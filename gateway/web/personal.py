"""A person's own pages for half an hour after signing in: choose the calendar, look, change it, disconnect."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gateway.core.errors import GatewayError, NotReadable
from gateway.core.model import ConnectionStatus
from gateway.core.ports import CalendarInfo, ConsentFailed, ConsentFailure
from gateway.core.records import Connection
from gateway.services import connect as use
from gateway.services import consent, standing, target
from gateway.services.consent import SESSION, Ticket, read_ticket
from gateway.services.context import style_of
from gateway.web import security
from gateway.web.connect import LARGEST_FORM, failed, installation_of
from gateway.web.door import context
from gateway.web.failures import failure_of
from gateway.web.returns import back

personal = Blueprint("personal", __name__)

_ALL_SET = frozenset({ConnectionStatus.CONNECTED, ConnectionStatus.SUSPECT})


@personal.before_request
def limit() -> None:
    """No form here is large."""
    request.max_content_length = LARGEST_FORM


def _person() -> Ticket:
    """Who looks, by the cookie. Raises ``SpentError``."""
    return read_ticket(context(), SESSION, security.cookie(security.SESSION), use=False)


def _sender() -> Ticket:
    """The same for a form: it must be ours."""
    security.check_form(security.cookie(security.SESSION))
    return _person()


def _page(template: str, ticket: Ticket, **more: Any) -> str:
    own = installation_of(ticket)
    return render_template(
        template,
        crm=style_of(own).crm_name,
        form_token=security.form_token(security.cookie(security.SESSION)),
        back=back(own, ticket.return_url, "connected"),
        **more,
    )


def _label(connection: Connection) -> str:
    provider = context().providers.get(connection.provider)
    return provider.label if provider else connection.provider


def _see(endpoint: str, **values: Any) -> ResponseReturnValue:
    return redirect(url_for(endpoint, **values), 303)


# --- choosing -------------------------------------------------------------------------------------------------------


@personal.get("/settings/calendar")
def calendar() -> ResponseReturnValue:
    """The calendars to choose from; for a grant that sees none but our own, making that one."""
    ticket = _person()
    connection = standing.connected(context(), ticket.installation_id, ticket.user_id)
    if not target.needs_a_choice(connection):
        return _page("own_calendar.html", ticket, connection=connection, label=_label(connection))
    try:
        found = target.offered(context(), connection)
    except (GatewayError, ConsentFailed) as error:
        return _did_not_work(error, ticket)
    if not found:
        return _did_not_work(ConsentFailed(ConsentFailure.NO_CALENDAR), ticket)
    return _choice(ticket, connection, found)


def _choice(ticket: Ticket, connection: Connection, found: Any, wrong: str = "") -> str:
    """The page; the only calendar there is, or the one in use, is chosen already."""
    chosen = found[0].id if len(found) == 1 else connection.calendar_id
    ordered: list[CalendarInfo] = sorted(found, key=lambda one: (not one.primary, one.name.casefold()))
    moves = connection.status in _ALL_SET and connection.calendar_id is not None
    return _page(
        "calendar.html",
        ticket,
        calendars=ordered,
        chosen=chosen,
        connection=connection,
        label=_label(connection),
        moves=moves,
        wrong=wrong,
    )


@personal.post("/settings/calendar")
def choose_calendar() -> ResponseReturnValue:
    """The person has chosen."""
    ticket = _sender()
    connection = standing.connected(context(), ticket.installation_id, ticket.user_id)
    try:
        if not target.needs_a_choice(connection):
            target.keep_or_make_own(context(), installation_of(ticket), connection)
        else:
            target.choose_existing(context(), connection, request.form.get("calendar_id", ""))
    except NotReadable:
        found = target.offered(context(), connection)
        return _choice(ticket, connection, found, "Choose one of these calendars."), 400
    except (GatewayError, ConsentFailed) as error:
        return _did_not_work(error, ticket)
    return _see("personal.connected")


def _did_not_work(error: GatewayError | ConsentFailed, ticket: Ticket) -> Response:
    failure = failure_of(error)
    if failure is None:
        raise error
    again = url_for("personal.settings" if failure.code == "reconnect" else "personal.calendar")
    return failed(failure, again=again, leads_back=back(installation_of(ticket), ticket.return_url, "error"))


# --- looking --------------------------------------------------------------------------------------------------------


@personal.get("/connected")
def connected() -> ResponseReturnValue:
    """Done."""
    ticket = _person()
    stands = standing.of_user(context(), ticket.installation_id, ticket.user_id)
    if stands.connection is None or stands.status not in _ALL_SET:
        return _see("personal.settings")
    return _page("connected.html", ticket, connection=stands.connection, label=_label(stands.connection))


@personal.get("/settings")
def settings() -> ResponseReturnValue:
    """How it stands, and what can be done about it."""
    ticket = _person()
    stands = standing.of_user(context(), ticket.installation_id, ticket.user_id)
    label = _label(stands.connection) if stands.connection else ""
    return _page("settings.html", ticket, stands=stands, status=stands.status.value, label=label)


@personal.post("/settings/reconnect")
def reconnect() -> ResponseReturnValue:
    """Sign in again, or with another account: a new connect link."""
    ticket = _sender()
    token, _ = consent.keep_ticket(context(), consent.CONNECT, ticket, consent.LINK_LASTS)
    return _see("connect.choose", token=token)


# --- leaving --------------------------------------------------------------------------------------------------------


@personal.get("/settings/disconnect")
def before_leaving() -> ResponseReturnValue:
    """What will happen, before it does."""
    ticket = _person()
    connection = standing.connected(context(), ticket.installation_id, ticket.user_id)
    return _page("disconnect.html", ticket, connection=connection, label=_label(connection))


@personal.post("/settings/disconnect")
def disconnect() -> ResponseReturnValue:
    """It happens. Sent twice, the second finds it done."""
    ticket = _sender()
    with suppress(use.NoConnectionError):
        use.disconnect(context(), installation_of(ticket), ticket.user_id)
    return _see("personal.settings")
