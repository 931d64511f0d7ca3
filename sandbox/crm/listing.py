"""`GET /tasks`: the catch-up list, page by page in the order of change, and the existence check by ids."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.crm import checks
from sandbox.crm.book import Book
from sandbox.crm.checks import Invalid
from sandbox.crm.model import Task, stamp
from sandbox.crm.problems import Problem, refuse
from sandbox.kit.plane import served

LIMIT, MOST = 100, 200
MOST_IDS = 100


def existing(book: Book, ids: str) -> dict[str, Any]:
    """Those of the comma-separated ids (at most 100) that are still there, thin."""
    wanted = ids.split(",")
    if not all(wanted) or len(wanted) > MOST_IDS:
        raise refuse(400, "ids", f"one_to_{MOST_IDS}_ids")
    there = {task.id: task for task in book.tasks() if task.gone is None}
    found = [there[task_id] for task_id in dict.fromkeys(wanted) if task_id in there]
    served((task.id, False) for task in found)
    return {"tasks": [task.thin() for task in found], "next_cursor": None}


def page(book: Book, args: Mapping[str, str], all_full: bool) -> dict[str, Any]:
    """One page, ascending by `updated_at`: tasks that are on (or all, for a person) full, the others thin.

    `next_cursor` is null on the last page. Raises a 400 problem naming the parameter that cannot be used.
    """
    try:
        since = checks.instant(args["updated_since"], "updated_since") if "updated_since" in args else None
    except Invalid as error:
        raise Problem(400, "bad_query", error.errors) from error
    after = _read_cursor(args["cursor"]) if "cursor" in args else None
    limit = _limit(args.get("limit", str(LIMIT)))
    wanted = [task for task in book.tasks() if task.gone is None and _is_due(task, since, after)]
    shown = wanted[:limit]
    served((task.id, False) for task in shown)
    return {
        "tasks": [book.show(task) if all_full or task.calendar_sync else task.thin() for task in shown],
        "next_cursor": _cursor(shown[-1]) if len(wanted) > limit else None,
    }


def _is_due(task: Task, since: datetime | None, after: datetime | None) -> bool:
    return (since is None or task.updated_at >= since) and (after is None or task.updated_at > after)


def _limit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise refuse(400, "limit", f"one_to_{MOST}")
    return int(text)


def _cursor(task: Task) -> str:
    # No two tasks share an updated_at (see Book), so it alone says where the next page begins.
    return base64.urlsafe_b64encode(json.dumps([stamp(task.updated_at)]).encode()).decode()


def _read_cursor(cursor: str) -> datetime:
    try:
        return checks.instant(json.loads(base64.urlsafe_b64decode(cursor))[0], "cursor")
    except (ValueError, LookupError, TypeError) as error:
        raise refuse(400, "cursor", "not_one_of_ours") from error
