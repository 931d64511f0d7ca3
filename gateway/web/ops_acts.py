"""What the operator does: replay and drop, approve and undo, pause and resume, look afresh. Forms, then back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.core.errors import NotReadable
from gateway.core.model import InstallationId, TaskId
from gateway.core.records import Installation, Parked, Topic
from gateway.services import held, installations, lookout, operator, tasks
from gateway.web.door import context
from gateway.web.ops_door import ops
from gateway.web.ops_pages import render

_TOPICS: Final[Mapping[str, Topic]] = {topic.value: topic for topic in Topic}


def _see(endpoint: str, said: str, number: int | None = None, **where: str) -> Response:
    answer = redirect(url_for(endpoint, said=said, n=number, **where), 303)
    return Response(status=303, headers={"Location": answer.headers["Location"]})


def _installation(inst: str) -> Installation:
    return lookout.installation(context(), inst).installation


# --- parked work (B26) ----------------------------------------------------------------------------------------------


@ops.post("/parked/replay")
def replay_parked() -> ResponseReturnValue:
    """Try it again: one, all of a kind, or all parked within a time."""
    count = installations.replay(context(), list(_chosen()))
    return _see("ops.home", "replayed", count)


@ops.post("/parked/drop")
def drop_parked() -> ResponseReturnValue:
    """Owe it no more, after one confirmation that says how much it is."""
    chosen = _chosen()
    if request.form.get("sure") != "yes":
        return render("ops/drop.html", form={k: v for k, v in request.form.items() if k != "form_token"}, chosen=chosen)
    return _see("ops.home", "dropped", operator.drop(context(), chosen))


def _chosen() -> Sequence[Parked]:
    """What the form names. Raises ``NotReadable`` for a form that names nothing."""
    form = request.form
    topic = _TOPICS.get(form.get("topic", ""))
    after, before = _time("from"), _time("to")
    if topic is None and after is None and before is None:
        raise NotReadable("topic", "say which work")
    inst = form.get("installation") or None
    found = operator.parked(
        context(),
        installation_id=InstallationId(inst) if inst else None,
        topic=topic,
        reason=form.get("reason"),
        after=after,
        before=before,
    )
    return [one for one in found if one.key == form["key"]] if form.get("key") else found


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
    installations.pause(context(), _installation(inst).key)
    return _see("ops.installation", "paused", inst=inst)


@ops.post("/installations/<inst>/resume")
def resume(inst: str) -> ResponseReturnValue:
    """They go on."""
    installations.resume(context(), _installation(inst).key)
    return _see("ops.installation", "resumed", inst=inst)


@ops.post("/installations/<inst>/resync/<path:task_id>")
def resync(inst: str, task_id: str) -> ResponseReturnValue:
    """Read both sides of one task and bring them in step."""
    tasks.resync(context(), _installation(inst), TaskId(task_id))
    return _see("ops.task", "resynced", inst=inst, task_id=task_id)
