"""The plain task list at `/`: what a person of this CRM would see, with the banner that a conflict report asks for."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template_string
from flask.typing import ResponseReturnValue

from sandbox.crm.book import Book
from sandbox.crm.model import Task

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Stand-in CRM: tasks</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; background: #fff; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #bbb; vertical-align: top; }
</style>
</head>
<body>
<h1>Tasks</h1>
{% if rows %}
<table>
<thead><tr><th scope="col">Task</th><th scope="col">Due</th><th scope="col">Priority</th><th scope="col">Status</th>
<th scope="col">Owner</th><th scope="col">Sync to calendar</th><th scope="col">State</th></tr></thead>
<tbody>
{% for row in rows %}
<tr id="{{ row.task.id }}"><td>{{ row.task.title or "(no title)" }}</td><td>{{ row.due }}</td>
<td>{{ row.task.priority }}</td><td>{{ row.task.status }}</td><td>{{ row.owner }}</td>
<td>{{ "on" if row.task.calendar_sync else "off" }}</td>
<td>{{ row.state }}{% for field in row.conflict %}
<br><strong>Changed on both sides:</strong> {{ field.name }} kept {{ field.kept }}, calendar had {{ field.calendar }}
{% endfor %}</td></tr>
{% endfor %}
</tbody>
</table>
{% else %}
<p>No tasks yet.</p>
{% endif %}
</body>
</html>
"""


def blueprint(book: Book) -> Blueprint:
    """The route `/`."""
    page = Blueprint("crm_page", __name__)

    @page.get("/")
    def tasks() -> ResponseReturnValue:
        rows = [_row(book, task) for task in reversed(book.tasks()) if task.gone is None]
        return render_template_string(_PAGE, rows=rows)

    return page


def _row(book: Book, task: Task) -> dict[str, Any]:
    reports = book.task_reports(task.id)
    latest = reports[-1] if reports else {}
    due = task.due.shown() if task.due else {}
    words = [latest.get("state"), latest.get("reason")]
    return {
        "task": task,
        "due": due.get("date") or due.get("date_time") or "",
        "owner": book.person(task.owner_id).email,
        "state": ", ".join(word for word in words if word),
        "conflict": (latest.get("conflict") or {}).get("fields", []),
    }
