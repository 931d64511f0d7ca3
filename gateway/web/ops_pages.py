"""The operator's pages: is it well, and from there to an installation, a connection, a task. Without scripts too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gateway.core.model import Day, InstallationId, Moment
from gateway.core.records import ParkReason, Topic
from gateway.core.stories import sentence
from gateway.core.survey import Counted
from gateway.services import lookout, operator, pausing
from gateway.services.lookout import Overview
from gateway.services.parked import Choice
from gateway.services.preview import Plan
from gateway.web import ops_pictures, ops_words
from gateway.web.door import context, gateway
from gateway.web.ops_door import ops

UNHEARD: Final = timedelta(seconds=60)
"""Due work that is older has not found a worker: the sweep rings within that time."""

TOPICS: Final[Mapping[str, Topic]] = {topic.value: topic for topic in Topic}
REASONS: Final[Mapping[str, ParkReason]] = {reason.value: reason for reason in ParkReason}
_SAID: Final[Mapping[str, str]] = {
    "replayed": "{n} taken up again. What is done is decided from how things stand now.",
    "dropped": "{n} dropped.",
    "approved": "Approved. The tasks follow their calendar.",
    "undone": "Undone. The events are put back.",
    "paused": "Paused. Changes wait.",
    "resumed": "Goes on. What was missed meanwhile is looked for.",
    "resynced": "Both sides are being read. The timeline tells what comes of it.",
    "late": "Somebody has answered differently already.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not well, and where to look. ``tone``: ``bad`` or ``warn``."""

    tone: str
    words: str
    href: str


def render(template: str, **values: Any) -> Response:
    """A page, with what all of them use."""
    said = _SAID.get(request.args.get("said", ""), "")
    number = request.args.get("n", "")
    page = render_template(
        template,
        now=context().clock.now(),
        words=ops_words,
        labels=_labels(),
        language=lambda: "en",  # these pages speak as the log does
        direction=lambda: "ltr",
        said=said.format(n=int(number) if number.isdecimal() and len(number) < 8 else 0),
        **values,
    )
    return Response(page, mimetype="text/html")


def _labels() -> dict[str, str]:
    return {name: one.label for name, one in context().providers.items()}


# --- is it well? ----------------------------------------------------------------------------------------------------


@ops.get("")
def home() -> ResponseReturnValue:
    """One screen."""
    return render("ops/home.html", **_home(lookout.overview(context())))


@ops.get("/now")
def now() -> ResponseReturnValue:
    """The upper part of it, which looks again every few seconds."""
    return render("ops/now.html", **_home(lookout.overview(context())))


def _home(seen: Overview) -> dict[str, Any]:
    return {
        "seen": seen,
        "findings": _findings(seen),
        "ways": ops_pictures.ways(seen.slots, _labels(), seen.at),
        "line": ops_pictures.time_line(seen.expiring, seen.at),
        "statuses": _by_name(seen.connections),
        "waiting": sum(one.count for one in seen.waiting),
        "running": sum(one.running for one in seen.waiting),
        "retrying": sum(one.retrying for one in seen.waiting),
        "parked": sum(one.count for one in seen.parked),
        "names": {one.id: one for one in seen.installations},
        "halt": pausing.halted(context()),
    }


def _by_name(counts: Any) -> dict[str, list[Counted]]:
    found: dict[str, list[Counted]] = {}
    for one in counts:
        found.setdefault(one.name, []).append(one)
    return found


def _findings(seen: Overview) -> list[Finding]:
    """What is not well, the gravest first; nothing: it is well."""
    home = url_for("ops.home")
    found = [
        Finding("bad" if name != "queue" else "warn", f"{name.capitalize()}: {why}.", home)
        for name, why in ((name, probe()) for name, probe in gateway().probes.items())
        if why is not None
    ]
    halt = pausing.halted(context())
    if halt is not None:
        found.append(Finding("bad", f"Everything is paused: {ops_words.reason(halt.reason)}.", f"{home}#everything"))
    if seen.oldest > UNHEARD and not seen.paused and halt is None:
        words = f"Work has been due for {ops_words.length(seen.oldest)}. Does a worker run, and the clock?"
        found.append(Finding("bad", words, f"{home}#waiting"))
    if seen.clock_silent is not None and seen.clock_silent > UNHEARD:
        words = f"No clock has been at work for {ops_words.length(seen.clock_silent)}: renewals and sweeps wait."
        found.append(Finding("bad", words, home))
    for one in seen.paused:
        why = ops_words.reason(one.paused_reason)
        found.append(Finding("bad", f"{one.name} is paused: {why}.", url_for("ops.installation", inst=one.id)))
    parked = sum(one.count for one in seen.parked)
    if parked:
        found.append(Finding("bad", f"{ops_words.count(parked)} parked.", f"{home}#parked"))
    if seen.held:
        many = len(seen.held)
        words = "One mass change waits" if many == 1 else f"{many} mass changes wait"
        found.append(Finding("warn", f"{words} for a yes.", f"{home}#held"))
    for status in ("reauthorize", "calendar_gone", "suspect"):
        many = sum(one.count for one in seen.connections if one.name == status)
        if many:
            whose = "One connection" if many == 1 else f"{ops_words.count(many)} connections"
            found.append(Finding("warn", f"{whose}: {ops_words.STATUSES[status][1]}.", f"{home}#connections"))
    return found


# --- closer ---------------------------------------------------------------------------------------------------------


@ops.get("/parked")
def parked() -> ResponseReturnValue:
    """Parked work of one kind, row by row."""
    asked = {name: request.args.get(name, "") for name in ("installation", "topic", "reason")}
    choice = Choice(topic=TOPICS.get(asked["topic"]), reason=REASONS.get(asked["reason"]))
    inst = InstallationId(asked["installation"]) if asked["installation"] else None
    rows = operator.chosen(context(), inst, choice, lookout.SHOWN)
    return render("ops/parked.html", rows=rows, asked=asked, most=lookout.SHOWN)


@ops.get("/search")
def search() -> ResponseReturnValue:
    """By task, person, event id."""
    text = request.args.get("q", "")[:400]
    return render("ops/search.html", q=text, found=lookout.search(context(), text))


@ops.get("/installations/<inst>")
def installation(inst: str) -> ResponseReturnValue:
    """One CRM tenant."""
    look = lookout.installation(context(), inst)
    return render("ops/installation.html", look=look, statuses=_by_name(look.connections))


@ops.get("/installations/<inst>/connections/<connection_id>")
def connection(inst: str, connection_id: str) -> ResponseReturnValue:
    """One person's consent: what was seen of their calendar, its channels, its last errors."""
    return render("ops/connection.html", look=lookout.connection(context(), inst, connection_id))


@ops.get("/installations/<inst>/tasks/<path:task_id>")
def task(inst: str, task_id: str) -> ResponseReturnValue:
    """One task: its story, what both sides last agreed on, what is owed."""
    return show_task(inst, task_id)


def show_task(inst: str, task_id: str, plan: Plan | None = None) -> Response:
    """A task's page. ``plan``: what a dry run has found."""
    look = lookout.task(context(), inst, task_id)
    return render("ops/task.html", look=look, sentence=sentence, told=told, plan=plan)


def told(value: str | Day | Moment | None) -> str:
    """A field's value, in words."""
    match value:
        case Day(date):
            return f"{date.isoformat()}, all day"
        case Moment(at, zone):
            return f"{ops_words.clock(at)}" + (f" ({zone})" if zone else "")
        case None:
            return "\N{EN DASH}"
        case text:
            return text or "(empty)"
