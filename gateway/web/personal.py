"""A person's own pages: how it stands, choose a calendar, change it, disconnect, say yes to many changes at once.

For half an hour after signing in, by a cookie; or in a frame of the CRM, by its token (``visitor``).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gateway.core.errors import GatewayError, NotReadable
from gateway.core.model import ConnectionStatus
from gateway.core.ports import CalendarInfo, ConsentFailed, ConsentFailure
from gateway.core.reading import a_word
from gateway.core.records import Connection
from gateway.services import connect as use
from gateway.services import consent, held, personal_data, standing, target
from gateway.services.context import style_of
from gateway.services.standing import Standing
from gateway.web import live, states, words
from gateway.web.connect import LARGEST_FORM, failed, installation_of
from gateway.web.door import context
from gateway.web.failures import failure_of
from gateway.web.returns import back
from gateway.web.visitor import come_in, visitor
from gateway.web.words import gettext as _

personal = Blueprint("personal", __name__)

NEW: Final = "new"
"""Instead of a calendar's id: make one just for tasks."""
_ALL_SET: Final = frozenset({ConnectionStatus.CONNECTED, ConnectionStatus.SUSPECT})
_WORDS: Final = {"yes": held.approve, "no": held.drop}


@personal.before_request
def enter() -> Response | None:
    """No form here is large; somebody stands before it."""
    request.max_content_length = LARGEST_FORM
    return come_in()


def _stands() -> Standing:
    ticket = visitor().ticket
    return standing.of_user(context(), ticket.installation_id, ticket.user_id)


def _connected() -> Connection:
    ticket = visitor().ticket
    return standing.connected(context(), ticket.installation_id, ticket.user_id)


def _values(**more: Any) -> dict[str, Any]:
    own, ticket = installation_of(visitor().ticket), visitor().ticket
    shared = {"crm": style_of(own).crm_name, "back": back(own, ticket.return_url, "connected")}
    return {**shared, **visitor().values(), **more}


def _page(template: str, **more: Any) -> str:
    return render_template(template, **_values(**more))


def _label(connection: Connection) -> str:
    provider = context().providers.get(connection.provider)
    return provider.label if provider else connection.provider


def _see(name: str) -> ResponseReturnValue:
    return redirect(visitor().link(name), 303)


# --- choosing -------------------------------------------------------------------------------------------------------


@personal.get("/settings/calendar")
def calendar() -> ResponseReturnValue:
    """The calendars to choose from; for a grant that sees none but our own, making that one."""
    connection = _connected()
    if not target.needs_a_choice(connection):
        return _page("own_calendar.html", connection=connection, label=_label(connection))
    try:
        found = target.offered(context(), connection)
    except (GatewayError, ConsentFailed) as error:
        return _did_not_work(error)
    if not found:
        return _did_not_work(ConsentFailed(ConsentFailure.NO_CALENDAR))
    return _choice(connection, found)


def _choice(connection: Connection, found: Sequence[CalendarInfo], wrong: str = "") -> str:
    """The page; the only calendar there is, or the one in use, is chosen already."""
    chosen = found[0].id if len(found) == 1 else connection.calendar_id
    ordered = sorted(found, key=lambda one: (not one.primary, one.name.casefold()))
    moves = connection.status in _ALL_SET and connection.calendar_id is not None
    shown = {"calendars": ordered, "chosen": chosen, "moves": moves, "wrong": wrong, "new": NEW}
    return _page("calendar.html", connection=connection, label=_label(connection), **shown)


@personal.post("/settings/calendar")
def choose_calendar() -> ResponseReturnValue:
    """The person has chosen: where events have to move, they are told what will happen first (B19)."""
    connection, wanted = _connected(), request.form.get("calendar_id", "")
    try:
        if not target.needs_a_choice(connection):
            target.keep_or_make_own(context(), installation_of(visitor().ticket), connection)
        elif (preview := _preview(connection, wanted)) is not None:
            return preview
        elif wanted == NEW:
            target.make_own(context(), installation_of(visitor().ticket), connection)
        else:
            target.choose_existing(context(), connection, wanted)
    except NotReadable:
        found = target.offered(context(), connection)
        return _choice(connection, found, _("Choose one of these calendars.")), 400
    except (GatewayError, ConsentFailed) as error:
        return _did_not_work(error)
    return _see("connected")


def _preview(connection: Connection, wanted: str) -> str | None:
    """What moves where, if anything does and the person has not seen it yet. Raises ``NotReadable``."""
    events = _stands().events
    if request.form.get("seen") == "yes" or not events or wanted == connection.calendar_id:
        return None
    name = style_of(installation_of(visitor().ticket)).crm_name
    if wanted != NEW:
        named = {one.id: one.name for one in target.offered(context(), connection)}
        if wanted not in named:
            raise NotReadable("calendar_id", "choose one of these")
        name = named[wanted]
    return _page("move.html", connection=connection, wanted=wanted, name=name, events=events)


def _did_not_work(error: GatewayError | ConsentFailed) -> Response:
    failure = failure_of(error)
    if failure is None:
        raise error
    again = visitor().link("settings" if failure.code == "reconnect" else "calendar")
    ticket = visitor().ticket
    leads_back = None if visitor().framed else back(installation_of(ticket), ticket.return_url, "error")
    return failed(failure, again=again, leads_back=leads_back, framed=visitor().framed)


# --- looking --------------------------------------------------------------------------------------------------------


@personal.get("/connected")
def connected() -> ResponseReturnValue:
    """Done; or, in a frame and while events move, on to how it stands."""
    stands = _stands()
    if stands.connection is None or stands.status not in _ALL_SET or stands.moving or visitor().framed:
        return _see("settings")
    return _page("connected.html", stands=stands, connection=stands.connection, label=_label(stands.connection))


@personal.get("/settings")
def settings() -> ResponseReturnValue:
    """How it stands, and what can be done about it; keeps itself up to date."""
    stands, now = _stands(), context().clock.now()
    connection, ticket = stands.connection, visitor().ticket
    zone = words.zone_of(connection.calendar_zone if connection else None)
    looked = words.moment(connection.read_at, zone, now) if connection and connection.read_at else ""
    batches = held.waiting(context(), ticket.installation_id, ticket.user_id) if stands.is_live else ()
    return live.shown(
        "settings.html",
        "settings_body.html",
        **_values(
            stands=stands,
            standing=stands.status.value,
            said=states.of_connection(stands.status, moving=stands.moving, looked=looked),
            label=_label(connection) if connection else "",
            batches=batches,
            may_decide=held.person_decides(installation_of(ticket)),
            zone=zone,
            now=now,
        ),
    )


@personal.post("/settings/held")
def decide() -> ResponseReturnValue:
    """A word on many changes at once (B24): only on one's own, and only where people are asked."""
    ticket = visitor().ticket
    word = a_word(request.form.get("word"), "word", {name: name for name in _WORDS})
    mine = {one.id for one in held.waiting(context(), ticket.installation_id, ticket.user_id)}
    batch = request.form.get("held", "")
    if batch in mine and held.person_decides(installation_of(ticket)):
        with suppress(held.DecidedError):  # the page shows what was said
            _WORDS[word](context(), ticket.installation_id, batch, held.PERSON)
    return _see("settings")


@personal.post("/settings/adopt")
def adopt() -> ResponseReturnValue:
    """Tasks that are on again take their events from before up, now (B20)."""
    ticket = visitor().ticket
    with suppress(use.NoConnectionError):
        personal_data.to_take_up(context(), installation_of(ticket), ticket.user_id)
    return _see("settings")


@personal.post("/settings/reconnect")
def reconnect() -> ResponseReturnValue:
    """Sign in, again or with another account: a new connect link; from a frame, in a window of its own."""
    token, _until = consent.keep_ticket(context(), consent.CONNECT, visitor().ticket, consent.LINK_LASTS)
    return redirect(url_for("connect.choose", token=token), 303)


# --- leaving --------------------------------------------------------------------------------------------------------


@personal.get("/settings/disconnect")
def before_leaving() -> ResponseReturnValue:
    """What will happen, before it does."""
    connection = _connected()
    return _page("disconnect.html", connection=connection, label=_label(connection), events=_stands().events)


@personal.post("/settings/disconnect")
def disconnect() -> ResponseReturnValue:
    """It happens. Sent twice, the second finds it done."""
    with suppress(use.NoConnectionError):
        use.disconnect(context(), installation_of(visitor().ticket), visitor().ticket.user_id)
    return _see("settings")
