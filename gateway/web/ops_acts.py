"""What the operator does: replay and drop, approve and undo, pause and resume, look afresh. Forms, then back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue

from gateway.core.errors import NotReadable
from gateway.core.model import InstallationId, TaskId
from gateway.core.records import Installation
from gateway.services import held, lookout, operator, parked, pausing, preview, tasks
from gateway.services.parked import Choice
from gateway.web.door import context
from gateway.web.ops_door import ops
from gateway.web.ops_pages import REASONS, TOPICS, render, show_task
from gateway.web.security import FORM_TOKEN

__all__: Final = ["ops"]
"""With all its pages, since these import each other in a row."""


def _see(endpoint: str, said: str, number: int | None = None, **where: str) -> Response:
    values: dict[str, Any] = {"said": said, "n": number, **where}
    return Response(status=303, headers={"Location": url_for(endpoint, **values)})


def _installation(inst: str) -> Installation:
    return lookout.installation(context(), inst).installation


# --- parked work (B26) ----------------------------------------------------------------------------------------------


@ops.post("/parked/replay")
def replay_parked() -> ResponseReturnValue:
    """Try it again: one, all of a kind, or all parked within a time."""
    inst, choice = _choice()
    return _see("ops.home", "replayed", parked.replay(context(), inst, choice))


@ops.post("/parked/drop")
def drop_parked() -> ResponseReturnValue:
    """Owe it no more, after one confirmation that says how much it is."""
    inst, choice = _choice()
    chosen = operator.chosen(context(), inst, choice)
    if request.form.get("sure") != "yes":
        kept = {name: value for name, value in request.form.items() if name != FORM_TOKEN}
        return render("ops/drop.html", form=kept, chosen=chosen)
    return _see("ops.home", "dropped", operator.drop(context(), chosen))


def _choice() -> tuple[InstallationId | None, Choice]:
    """What the form names. Raises ``NotReadable`` for a form that names nothing."""
    form = request.form
    choice = Choice(
        topic=TOPICS.get(form.get("topic", "")),
        reason=REASONS.get(form.get("reason", "")),
        key=form.get("key") or None,
        since=_time("from"),
        until=_time("to"),
    )
    if choice.topic is None and choice.until is None:
        raise NotReadable("topic", "say which work")
    inst = form.get("installation") or None
    return InstallationId(inst) if inst else None, choice


def _time(name: str) -> datetime | None:
    """A field of the form as the browser's own picker sends it, in UTC."""
    text = request.form.get(name, "")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise NotReadable(name, "give a date and time") from None


# --- held mass changes (B24) ----------------------------------------------------------------------------------------


@ops.post("/installations/<inst>/held/<held_id>/<word>")
def decide(inst: str, held_id: str, word: str) -> ResponseReturnValue:
    """The calendar's word counts (``approve``), or the tasks' (``drop``)."""
    act, said = {"approve": (held.approve, "approved")}.get(word, (held.drop, "undone"))
    try:
        act(context(), _installation(inst).id, held_id, held.OPERATOR)
    except held.DecidedError:
        said = "late"
    return _see("ops.home", said)


# --- pause, resume, look afresh (B29) -------------------------------------------------------------------------------


@ops.post("/installations/<inst>/pause")
def pause(inst: str) -> ResponseReturnValue:
    """Changes of this installation wait."""
    pausing.pause(context(), _installation(inst))
    return _see("ops.installation", "paused", inst=inst)


@ops.post("/installations/<inst>/resume")
def resume(inst: str) -> ResponseReturnValue:
    """They go on."""
    pausing.resume(context(), _installation(inst))
    return _see("ops.installation", "resumed", inst=inst)


@ops.post("/installations/<inst>/connections/<connection_id>/<word>")
def pause_person(inst: str, connection_id: str, word: str) -> ResponseReturnValue:
    """One person's changes wait (``pause``), or go on."""
    look = lookout.connection(context(), inst, connection_id)
    act, said = (pausing.pause_user, "paused") if word == "pause" else (pausing.resume_user, "resumed")
    act(context(), look.installation.id, look.connection.user_id)
    return _see("ops.connection", said, inst=inst, connection_id=connection_id)


@ops.post("/pause")
def pause_all() -> ResponseReturnValue:
    """Everything waits, in every process."""
    pausing.pause_all(context())
    return _see("ops.home", "paused")


@ops.post("/resume")
def resume_all() -> ResponseReturnValue:
    """Everything goes on. ``how``: for a database that was another deployment's (B28)."""
    how = request.form.get("how", "")
    pausing.resume_all(context(), take_over=how == "take_over", forget=how == "forget")
    return _see("ops.home", "resumed")


# --- dry runs (B30) -------------------------------------------------------------------------------------------------


@ops.post("/installations/<inst>/preview/connections/<connection_id>")
def preview_person(inst: str, connection_id: str) -> ResponseReturnValue:
    """What a fresh look at all of a person's tasks would do."""
    look = lookout.connection(context(), inst, connection_id)
    plan = preview.of_resync(context(), look.installation, look.connection.user_id)
    return render("ops/connection.html", look=look, plan=plan)


@ops.post("/installations/<inst>/preview/tasks/<path:task_id>")
def preview_task(inst: str, task_id: str) -> ResponseReturnValue:
    """What a fresh look at one task would do."""
    plan = preview.of_task(context(), _installation(inst), TaskId(task_id))
    return show_task(inst, task_id, plan)


@ops.post("/installations/<inst>/resync/<path:task_id>")
def resync(inst: str, task_id: str) -> ResponseReturnValue:
    """Read both sides of one task and bring them in step."""
    tasks.resync(context(), _installation(inst), TaskId(task_id))
    return _see("ops.task", "resynced", inst=inst, task_id=task_id)
