"""Frames inside a CRM's own pages: who looks, who may frame them, and a task's panel.

A token of at most 15 minutes says for whom. No cookie is read or set here: the token comes in the frame's address, then
in a header or a form's field. Other sites may frame these pages only where the installation lists them
(``frame_origins``). Signing in opens a window of its own.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, g, request, url_for
from flask.typing import ResponseReturnValue

from gateway.core.errors import GatewayError
from gateway.core.model import State, TaskId
from gateway.core.reading import a_word
from gateway.core.records import Conflict, Installation, InstallationStatus
from gateway.services import conflicts, consent, panel, tasks
from gateway.services.consent import CONNECT, SpentError, Ticket
from gateway.services.context import style_of
from gateway.services.embedding import EMBED, Viewer, viewer
from gateway.services.panel import Panel
from gateway.services.reports import report_of
from gateway.services.tasks import NoSuchTaskError
from gateway.web import live, security, states, story, words
from gateway.web.connect import LARGEST_FORM, see
from gateway.web.door import context
from gateway.web.failures import failure_of
from gateway.web.words import gettext as _

embed = Blueprint("embed", __name__, url_prefix="/embed")

TOKEN: Final = "token"  # noqa: S105 - the name of a field
_DEEDS: Final = {word: word for word in ("off", conflicts.CRM, conflicts.CALENDAR)}
_ASKS_THE_OWNER: Final = frozenset({"owner_not_connected", "reauthorize", "disconnected", "revoked", "calendar_gone"})


# --- who looks ------------------------------------------------------------------------------------------------------


@embed.before_request
def begin() -> None:
    """Whose frame this is, and that its forms are its own. Raises ``SpentError``, ``NotFromHere``."""
    request.max_content_length = LARGEST_FORM
    seen = viewer(context(), token())
    with context().store.begin() as uow:
        own = uow.installations.get(seen.installation_id)
    if own is None or own.status is InstallationStatus.REMOVED:
        raise SpentError(EMBED)
    g.viewer, g.framing = seen, own
    security.let_frame(own.settings.get("frame_origins", ()))
    if request.method == "POST":
        security.check_form(token(), framed=True)


def begin_person() -> None:
    """The same for the pages of a person: a task's token does not open them."""
    begin()
    if reader().task_id is not None:
        raise SpentError(EMBED)


def token() -> str:
    """The frame's token, from where this request carries it."""
    scheme, _space, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip()
    return str(request.form.get(TOKEN, "") or request.args.get(TOKEN, ""))


def reader() -> Viewer:
    """For whom the frame was opened."""
    seen: Viewer = g.viewer
    return seen


def installation() -> Installation:
    """In whose CRM the frame stands."""
    own: Installation = g.framing
    return own


@embed.errorhandler(SpentError)
def closed(_spent: SpentError) -> Response:
    """The token is over. Nobody knows whose frame it was, so anybody may show these words: nothing to press."""
    security.let_frame(["*"])
    return live.shown("closed.html", "closed_body.html", 403)


def known() -> dict[str, Any]:
    """What every template in a frame is given."""
    return {
        "crm": style_of(installation()).crm_name,
        "token": token(),
        "form_token": security.form_token(token()),
        "parents": " ".join(installation().settings.get("frame_origins", ())),
        "locale": request.args.get("locale"),
    }


# --- a task's panel -------------------------------------------------------------------------------------------------


def _task(tid: str) -> TaskId:
    """The one task that this token may show. Raises ``SpentError``."""
    if reader().task_id is None or reader().task_id != tid:
        raise SpentError(EMBED)
    return TaskId(tid)


@embed.get("/task/<path:tid>")
def task(tid: str) -> ResponseReturnValue:
    """How the task stands, and what happened."""
    return _panel(panel.of_task(context(), installation(), _task(tid)))


@embed.post("/task/<path:tid>")
def act(tid: str) -> ResponseReturnValue:
    """The switch goes off, or a question is answered."""
    looked = panel.of_task(context(), installation(), _task(tid))
    deed = a_word(request.form.get("do"), "do", _DEEDS)
    try:
        if deed == "off":
            tasks.switch(context(), installation(), looked.task_id, enabled=False)
        else:
            one = panel.conflict_of(looked, request.form.get("conflict", ""))
            conflicts.resolve(context(), installation(), one.id, deed)
    except (GatewayError, NoSuchTaskError, conflicts.MovedOnError, conflicts.NoSuchConflictError) as error:
        failure = failure_of(error)
        again = panel.of_task(context(), installation(), looked.task_id)
        return _panel(again, failure.status if failure else 503, wrong=_what_went_wrong(error))
    done = _("Switching off; the event leaves the calendar.") if deed == "off" else _("Settled.")
    return _panel(panel.of_task(context(), installation(), looked.task_id), done=done, going_off=deed == "off")


def _what_went_wrong(error: Exception) -> str:
    match error:
        case conflicts.MovedOnError() | conflicts.NoSuchConflictError():
            return _("The task has changed since, so nothing was done. This is how it stands now.")
        case NoSuchTaskError():
            return _("The task does not exist any more.")
        case _:
            return _("That did not work just now. Nothing was changed; try again in a moment.")


def _panel(looked: Panel, status: int = 200, **more: Any) -> Response:
    """What the template needs, in words."""
    own, link = installation(), looked.link
    now, zone = context().clock.now(), words.zone_of(looked.zone)
    crm = style_of(own).crm_name
    state = report_of(link, looked.conflicts, None).state if link else State.OFF
    reason = link.reason.value if link and link.reason else ""
    provider = context().providers.get(looked.connection.provider) if looked.connection else None
    calendar = provider.label if provider else _("the calendar")
    is_owner = looked.owner is not None and looked.owner == reader().user_id
    who = looked.connection.email if looked.connection else _("Somebody")
    scene = story.Scene(crm, calendar, who, is_owner, zone, now)
    return live.shown(
        "panel.html",
        "panel_body.html",
        status,
        **known(),
        look=looked,
        state=state.value,
        reason=reason,
        said=states.of_task(state, reason, crm),
        questions=[_question(one, zone, now) for one in looked.conflicts],
        lines=story.told(looked.entries, scene),
        calendar=calendar,
        event_url=link.event_url if link and looked.is_on else None,
        offers_connect=is_owner and reason in _ASKS_THE_OWNER,
        zone=zone,
        now=now,
        **more,
    )


def _question(one: Conflict, zone: Any, now: Any) -> dict[str, str]:
    """A conflict with both values as they are to be read."""
    what = one.what
    return {
        "id": one.id,
        "field": what.field.value,
        "crm": words.value(what.kept, zone, now),
        "calendar": words.value(what.calendar, zone, now),
    }


# --- signing in -----------------------------------------------------------------------------------------------------


@embed.post("/connect")
def connect() -> ResponseReturnValue:
    """On to the connect pages in a window of its own, where cookies are first-hand."""
    ticket = Ticket(reader().installation_id, reader().user_id)
    made, _until = consent.keep_ticket(context(), CONNECT, ticket, consent.LINK_LASTS)
    return see(url_for("connect.choose", token=made))
