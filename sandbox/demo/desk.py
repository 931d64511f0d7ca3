"""The desk: one page with the CRM's tasks on the left and two people's calendars on the right.

Its server side acts for the people through the stand-ins' public APIs, as a CRM's and a calendar's own apps would, and
calls the gateway only where a CRM would (conflict banner, timeline). The browser never sees a token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.demo import views
from sandbox.demo.calendars import CalendarApp, Span
from sandbox.demo.mischief import Mischief
from sandbox.demo.outside import Api, CrmApp, OutsideError
from sandbox.demo.settings import STAND_IN
from sandbox.demo.wire import LANES, Wire

_DAYS_BACK, _DAYS_AHEAD = 2, 21
_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass
class Desk:
    """What the page needs: the CRM as the first person uses it, everybody's calendar, the gateway, and the time."""

    crm: CrmApp
    calendars: tuple[CalendarApp, ...]
    gateway: Api
    now: Callable[[], datetime]
    mischief: Mischief
    wire: Wire

    @property
    def zone(self) -> ZoneInfo:
        """The first person's time zone, in which everything here is shown and typed."""
        return ZoneInfo(self.crm.person.time_zone)

    def calendar(self, user_id: str) -> CalendarApp:
        """The calendar of one of the people. Raises LookupError for a stranger."""
        return {one.person.user_id: one for one in self.calendars}[user_id]

    def state(self) -> dict[str, Any]:
        """Everything that the page shows, as of now."""
        now, zone = self.now().astimezone(self.zone), self.zone
        first, last = now - timedelta(days=_DAYS_BACK), now + timedelta(days=_DAYS_AHEAD)
        tasks = [views.task_view(task, zone) for task in self.crm.tasks()]
        return {
            "persons": [views.person_view(one.person) for one in self.calendars],
            "zone": zone.key,
            "today": now.date().isoformat(),
            "now": now.strftime("%Y-%m-%dT%H:%M:%S"),
            "broken": self.mischief.state(),
            "tasks": sorted(tasks, key=_by_due),
            "events": [
                views.event_view(event, zone) | {"person": one.person.user_id}
                for one in self.calendars
                for event in one.events(first, last)
            ],
        }


def create_app(desk: Desk) -> Flask:
    """The page and the calls behind it."""
    app = Flask(__name__, static_folder="static", static_url_path="/static")
    _guard(app)
    _add_reading(app, desk)
    _add_task_calls(app, desk)
    _add_event_calls(app, desk)
    _add_breaking(app, desk)
    return app


def _guard(app: Flask) -> None:
    @app.before_request
    def only_from_this_page() -> ResponseReturnValue | None:
        """No other site may drive the desk, by a form or by a name of its own for this address."""
        if urlsplit(f"//{request.host}").hostname not in _LOOPBACK:
            return _refused("This page answers on 127.0.0.1 only.", 403)
        if request.method not in ("GET", "HEAD") and not request.is_json:
            return _refused("JSON expected.", 415)
        return None

    @app.after_request
    def tell_the_browser(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.errorhandler(OutsideError)
    def outside(error: OutsideError) -> ResponseReturnValue:
        return _refused(str(error), 502)

    @app.errorhandler(KeyError)
    def nobody(_error: KeyError) -> ResponseReturnValue:
        return _refused("There is no such thing here.", 404)

    @app.errorhandler(ValueError)
    def not_understood(_error: ValueError) -> ResponseReturnValue:
        return _refused("That is not a date or time.", 400)


def _add_reading(app: Flask, desk: Desk) -> None:
    @app.get("/")
    def page() -> ResponseReturnValue:
        return app.send_static_file("desk.html")

    @app.get("/api/state")
    def state() -> ResponseReturnValue:
        return jsonify(desk.state())

    @app.get("/api/tasks/<task_id>/timeline")
    def timeline(task_id: str) -> ResponseReturnValue:
        found = desk.gateway.call("GET", f"/v1/tasks/{quote(task_id, safe='')}/timeline")
        return jsonify(hops=[views.hop_view(hop, desk.zone) for hop in _rows(found)])

    @app.get("/api/wire")
    def wire() -> ResponseReturnValue:
        lines = desk.wire.since(request.args.get("since", 0, type=int))
        return jsonify(lines=[line.shown(desk.zone) for line in lines], lanes=list(LANES.items()))

    @app.post("/api/conflicts/<conflict_id>")
    def resolve(conflict_id: str) -> ResponseReturnValue:
        keep = "calendar" if request.get_json().get("keep") == "calendar" else "crm"
        path = f"/v1/conflicts/{quote(conflict_id, safe='')}/resolve"
        desk.gateway.call("POST", path, json={"keep": keep})
        return "", 204


def _add_task_calls(app: Flask, desk: Desk) -> None:
    @app.post("/api/tasks")
    def create_task() -> ResponseReturnValue:
        return jsonify(id=desk.crm.create(_task_from(request.get_json(), desk.zone))["id"]), 201

    @app.patch("/api/tasks/<task_id>")
    def change_task(task_id: str) -> ResponseReturnValue:
        desk.crm.change(quote(task_id, safe=""), _task_from(request.get_json(), desk.zone))
        return "", 204

    @app.delete("/api/tasks/<task_id>")
    def delete_task(task_id: str) -> ResponseReturnValue:
        desk.crm.delete(quote(task_id, safe=""))
        return "", 204


def _add_event_calls(app: Flask, desk: Desk) -> None:
    @app.patch("/api/people/<user_id>/events/<event_id>")
    def change_event(user_id: str, event_id: str) -> ResponseReturnValue:
        form = request.get_json()
        desk.calendar(user_id).change(event_id, form.get("title"), _span_from(form, desk.zone))
        return "", 204

    @app.delete("/api/people/<user_id>/events/<event_id>")
    def delete_event(user_id: str, event_id: str) -> ResponseReturnValue:
        desk.calendar(user_id).delete(event_id)
        return "", 204


def _add_breaking(app: Flask, desk: Desk) -> None:
    mischief = desk.mischief

    @app.put("/api/hold")
    def hold() -> ResponseReturnValue:
        held = request.get_json().get("held") is True
        mischief.hold(held)
        desk.wire.note("holds the webhooks and pushes" if held else "lets them go", desk.now())
        return "", 204

    @app.post("/api/break/<what>")
    def break_something(what: str) -> ResponseReturnValue:
        acts = {
            "push": (mischief.lose_next_push, "Google's next push will be lost"),
            "busy": (mischief.busy, "the providers ask for patience, for a minute"),
            "queue": (mischief.machinery.empty_queue, "Redis was emptied"),
            "worker": (mischief.machinery.kill_worker, "the worker was killed; it is started again"),
        }
        act, words = acts[what]
        act()
        desk.wire.note(words, desk.now())
        return "", 204

    @app.put("/api/people/<user_id>/access")
    def access(user_id: str) -> ResponseReturnValue:
        person, given = desk.calendar(user_id).person, request.get_json().get("given") is True
        if given:
            mischief.connect(person)
        else:
            mischief.revoke(person, STAND_IN[person.provider])
        desk.wire.note(f"{person.name} {'gives access again' if given else 'takes access away'}", desk.now())
        return "", 204


def _task_from(form: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Only the fields that the form names."""
    task: dict[str, Any] = {name: form[name] for name in ("title", "description", "priority", "status") if name in form}
    if "on" in form:
        task["calendar_sync"] = form["on"] is True
    if "owner" in form:
        task["owner"] = {"id": form["owner"]}
    if "day" in form:
        task["due"] = views.due_from(form["day"], form.get("time", ""), zone)
    return task


def _span_from(form: dict[str, Any], zone: ZoneInfo) -> Span | None:
    if "day" not in form:
        return None
    return views.span_from(form["day"], form.get("time", ""), int(form.get("minutes") or views.DEFAULT_MINUTES), zone)


def _by_due(task: dict[str, Any]) -> tuple[bool, str, str]:
    """Open ones first, then by due date; without one last."""
    due = task["due"]
    return task["status"] != "open", f"{due['day']} {due['time']}" if due else "~", task["id"]


def _rows(answer: Any) -> list[dict[str, Any]]:
    """The hops of a timeline answer, which is a list or an object with one list in it."""
    if isinstance(answer, dict):
        answer = next((value for value in answer.values() if isinstance(value, list)), [])
    return [row for row in answer if isinstance(row, dict)]


def _refused(why: str, status: int) -> ResponseReturnValue:
    return jsonify(error=why), status
