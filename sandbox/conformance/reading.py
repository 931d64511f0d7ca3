"""Checks of what the gateway reads: who may, one task, lists, existence."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from sandbox.conformance.bench import Answer, Bench, Broken, Check, NotTried, an_instant, an_object, expect, must

STATUSES = ("open", "completed", "canceled")
PRIORITIES = ("none", "low", "normal", "high", "urgent")
TITLE_LIMIT = 255
_MOST_PAGES = 50


def trusts_only_its_token(bench: Bench) -> None:
    """Without a token, and with a wrong one."""
    for token, what in (("", "without a token"), ("not-the-token", "with a wrong token")):
        expect(bench.call("GET", "/tasks?limit=1", token=token), 401, what=f"GET /tasks {what}")


def lists_tasks(bench: Bench) -> None:
    """The list's form; the task that may be changed is chosen here."""
    tasks, _ = _page(bench, "/tasks?limit=100")
    on = [task for task in tasks if task.get("calendar_sync") is True]
    if bench.task_id is None and on:
        bench.task_id = str(on[0].get("id"))
    for task in tasks:
        _listed(task)
    times = [an_instant(task["updated_at"], "updated_at") for task in on]
    must(times == sorted(times), "tasks are not in ascending order of updated_at")


def lists_in_pages(bench: Bench) -> None:
    """Pages of one task each tell the same as one page."""
    whole, _ = _page(bench, "/tasks?limit=100")
    if len(whole) < 2:
        raise NotTried("fewer than two tasks are there")
    seen: list[Any] = []
    cursor: str | None = None
    for _ in range(min(len(whole), _MOST_PAGES)):
        tasks, cursor = _page(bench, "/tasks?limit=1" + (f"&cursor={quote(cursor, safe='')}" if cursor else ""))
        must(len(tasks) <= 1, f"limit=1 gave {len(tasks)} tasks")
        seen += [task["id"] for task in tasks]
        if cursor is None:
            break
    wanted = [task["id"] for task in whole][: len(seen)]
    must(seen == wanted, f"one by one they are {seen[:5]}, in one page {wanted[:5]}")
    must(len(seen) >= min(len(whole), _MOST_PAGES), f"next_cursor ended after {len(seen)} of {len(whole)} tasks")


def lists_what_changed(bench: Bench) -> None:
    """``updated_since`` lets through what is new, and only that."""
    ahead = (datetime.now(UTC) + timedelta(days=365)).isoformat().replace("+00:00", "Z")
    tasks, _ = _page(bench, f"/tasks?limit=100&updated_since={quote(ahead, safe='')}")
    must(not tasks, f"{len(tasks)} tasks are said to have changed since {ahead}")
    found = _task(bench)
    since = quote(str(found["updated_at"]), safe="")
    tasks, _ = _page(bench, f"/tasks?limit=100&updated_since={since}")
    must(bench.task_id in [task["id"] for task in tasks], f"the task that changed at {found['updated_at']} is missing")


def tells_which_exist(bench: Bench) -> None:
    """Known ids come back, unknown ones do not."""
    known, unknown = bench.path().removeprefix("/tasks/"), f"never-was-{uuid.uuid4().hex}"
    tasks, _ = _page(bench, f"/tasks?ids={known},{unknown}")
    found = [task.get("id") for task in tasks]
    must(found == [bench.task_id], f"asked for {bench.task_id} and an id that never was, it lists {found}")


def reads_a_task(bench: Bench) -> None:
    """Every field in its form, and the version as the ETag."""
    answer = bench.call("GET", bench.path())
    expect(answer, 200)
    task = an_object(answer)
    _full(task)
    must(task["calendar_sync"] is True, "its switch is off: name one that is on with --task")
    tag = answer.headers.get("etag")
    must(tag == f'"{task["version"]}"', f'the ETag is {tag!r} instead of "{task["version"]}" in quotes')
    bench.task = task


def says_what_is_gone(bench: Bench) -> None:
    """404 or 410, with a problem document."""
    answer = bench.call("GET", bench.path(f"never-was-{uuid.uuid4().hex}"))
    expect(answer, 404, 410, what="an id that never was")
    _problem(answer)


def _task(bench: Bench) -> dict[str, Any]:
    if bench.task is None:
        bench.task = bench.read()
    return bench.task


def _page(bench: Bench, path: str) -> tuple[list[dict[str, Any]], str | None]:
    answer = bench.call("GET", path)
    expect(answer, 200, what=f"GET {path}")
    page = an_object(answer)
    tasks, cursor = page.get("tasks"), page.get("next_cursor")
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise Broken(f"tasks is no list of objects: {answer.text!r}")
    if cursor is not None and not isinstance(cursor, str):
        raise Broken(f"next_cursor is {cursor!r}, neither a text nor null")
    return tasks, cursor


def _listed(task: dict[str, Any]) -> None:
    """Full where it is on, thin where it is off."""
    switch = task.get("calendar_sync")
    must(isinstance(switch, bool), f"calendar_sync is {switch!r}, not true or false")
    must(isinstance(task.get("id"), str) and bool(task["id"]), f"id is {task.get('id')!r}, not a text")
    _version(task)
    if switch:
        _full(task)
        return
    told = [name for name in ("title", "description", "due") if task.get(name)]
    must(not told, f"a task that is off is listed with its {', '.join(told)}")


def _version(task: dict[str, Any]) -> None:
    version = task.get("version")
    fine = isinstance(version, int) and not isinstance(version, bool) and version >= 0
    must(fine, f"version is {version!r}, not a whole number")


def _full(task: dict[str, Any]) -> None:
    _version(task)
    title = task.get("title")
    must(isinstance(title, str) and 0 < len(title) <= TITLE_LIMIT, f"title is {title!r}, not 1 to 255 characters")
    must(task.get("status") in STATUSES, f"status is {task.get('status')!r}, not one of {', '.join(STATUSES)}")
    must(
        task.get("priority") in PRIORITIES, f"priority is {task.get('priority')!r}, not one of {', '.join(PRIORITIES)}"
    )
    owner = task.get("owner")
    must(
        owner is None or isinstance(owner.get("id"), str), f"owner is {owner!r}, neither null nor an object with an id"
    )
    must(str(task.get("url", "")).startswith("https://"), f"url is {task.get('url')!r}, not an absolute https address")
    an_instant(task.get("updated_at"), "updated_at")
    _due(task.get("due"))


def _due(due: Any) -> None:
    if due is None:
        return
    must(isinstance(due, dict), f"due is {due!r}, neither null nor an object")
    day, moment = due.get("date"), due.get("date_time")
    must((day is None) != (moment is None), f"due is {due!r}: it must hold either date or date_time")
    if moment is not None:
        an_instant(moment, "due.date_time")


def _problem(answer: Answer) -> None:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    must(kind == "application/problem+json", f"the refusal is {kind or 'of no type'}, not application/problem+json")
    code = an_object(answer).get("code")
    must(isinstance(code, str) and bool(code), f"the problem document's code is {code!r}")


CHECKS = (
    Check(
        "token", "only the gateway's token opens the API; else 401", "anybody could read tasks", trusts_only_its_token
    ),
    Check(
        "list",
        "GET /tasks lists tasks, oldest change first: full where on, thin where off",
        "text of tasks that nobody opted in would leave the CRM, or a catch-up would not understand them",
        lists_tasks,
    ),
    Check("pages", "limit and next_cursor lead through the whole list", "a catch-up would miss tasks", lists_in_pages),
    Check(
        "read",
        "GET /tasks/{id} gives the whole task, its version as the ETag",
        "no write could be conditional on that version, and edits would be lost",
        reads_a_task,
    ),
    Check("since", "updated_since lists what changed since then", "lost webhooks would stay lost", lists_what_changed),
    Check(
        "ids",
        "GET /tasks?ids= lists those that still exist",
        "events of deleted tasks would stay in calendars, or events of living ones would be looked at for nothing",
        tells_which_exist,
    ),
    Check(
        "gone",
        "an unknown task is 404 or 410 with a problem document",
        "deletions could not be told",
        says_what_is_gone,
    ),
)
