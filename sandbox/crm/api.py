"""The stand-in CRM's public API: the contract's calls for the gateway, and full access to tasks for persons."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from sandbox.crm import auth, checks, listing, reports
from sandbox.crm.answers import Answer
from sandbox.crm.book import Book
from sandbox.crm.model import Person, Task
from sandbox.crm.problems import refuse
from sandbox.kit.plane import served

# https://www.rfc-editor.org/rfc/rfc9110#name-if-match: a star, or quoted tags; a bare version is none.
_ENTITY_TAGS = re.compile(r'\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*')

_LONGEST_KEY = 255


def blueprint(book: Book) -> Blueprint:
    """The routes `/tasks` and `/users`."""
    api = Blueprint("crm_api", __name__)
    _add_reading(api, book)
    _add_writing(api, book)
    _add_reports(api, book)
    return api


def _add_reading(api: Blueprint, book: Book) -> None:
    @api.get("/tasks")
    def list_tasks() -> ResponseReturnValue:
        person = auth.person_or_gateway(book)
        if "ids" in request.args:
            auth.only_query("ids")
            return listing.existing(book, request.args["ids"])
        auth.only_query("updated_since", "cursor", "limit")
        return listing.page(book, request.args, all_full=person is not None)

    @api.get("/tasks/<task_id>")
    def get_task(task_id: str) -> ResponseReturnValue:
        auth.person_or_gateway(book)
        auth.only_query()
        return _shown(_answer(book, book.task(task_id)), task_id)


def _add_writing(api: Blueprint, book: Book) -> None:
    @api.post("/tasks")
    def create_task() -> ResponseReturnValue:
        person = auth.only_person(book)
        auth.only_query()
        task = book.create(auth.object_sent(auth.JSON), person)
        return _shown(_answer(book, task), task.id, status=201)

    @api.patch("/tasks/<task_id>")
    def patch_task(task_id: str) -> ResponseReturnValue:
        person = auth.person_or_gateway(book)
        auth.only_query()
        return _patch_by_person(book, task_id, person) if person else _patch_by_gateway(book, task_id)

    @api.delete("/tasks/<task_id>")
    def delete_task(task_id: str) -> ResponseReturnValue:
        person = auth.only_person(book)
        auth.only_query("cause")
        cause = request.args.get("cause", "deleted")
        if cause not in checks.CAUSES:
            raise refuse(400, "cause", "unknown_value")
        book.remove(task_id, cause, person)
        return "", 204

    @api.post("/tasks/<task_id>/restore")
    def restore_task(task_id: str) -> ResponseReturnValue:
        person = auth.only_person(book)
        auth.only_query()
        return _shown(_answer(book, book.restore(task_id, person)), task_id)


def _add_reports(api: Blueprint, book: Book) -> None:
    @api.put("/tasks/<task_id>/calendar-sync")
    def report_state(task_id: str) -> ResponseReturnValue:
        auth.only_gateway(book)
        auth.only_query()
        report = auth.object_sent(auth.JSON)
        book.task(task_id)
        reports.check_state(report)
        book.report_task(task_id, report)
        return "", 204

    @api.put("/users/<user_id>/calendar-connection")
    def report_connection(user_id: str) -> ResponseReturnValue:
        auth.only_gateway(book)
        auth.only_query()
        report = auth.object_sent(auth.JSON)
        book.person(user_id)
        reports.check_connection(report)
        book.report_user(user_id, report)
        return "", 204


def _patch_by_person(book: Book, task_id: str, person: Person) -> Response:
    patch = auth.object_sent(auth.MERGE_PATCH, auth.JSON)
    task = book.edit(task_id, patch, person, _if_match_fits)
    return _shown(_answer(book, task), task_id)


def _patch_by_gateway(book: Book, task_id: str) -> Response:
    patch = auth.object_sent(auth.MERGE_PATCH)
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > _LONGEST_KEY:
        raise refuse(400, "Idempotency-Key", "required" if not key else "too_long")
    if "If-Match" not in request.headers:
        raise refuse(428, "If-Match", "required")
    if _ENTITY_TAGS.fullmatch(request.headers["If-Match"].strip()) is None:
        raise refuse(400, "If-Match", "not_an_entity_tag")
    answers = book.answers
    before = answers.begin("gateway", key, request.path, patch, book.clock.now())
    if before is not None:
        replayed = _shown(before, task_id)
        replayed.headers["Idempotency-Replayed"] = "true"
        return replayed
    answer = None
    try:
        if book.announcer.behaviour.write_ms:
            time.sleep(book.announcer.behaviour.write_ms / 1000)
        answer = _answer(book, book.edit(task_id, patch, None, _if_match_fits))
    finally:
        answers.finish("gateway", key, answer)
    return _shown(answer, task_id)


def _if_match_fits(task: Task) -> bool:
    """Strong comparison of If-Match with the task's version; true when the header is absent or `*`."""
    wanted = request.if_match
    return "If-Match" not in request.headers or wanted.contains(str(task.version))


def _answer(book: Book, task: Task) -> Answer:
    shown: dict[str, Any] = book.show(task)
    return Answer(json.dumps(shown, ensure_ascii=False), task.etag)


def _shown(answer: Answer, task_id: str, status: int = 200) -> Response:
    served([(task_id, False)])
    return Response(answer.body, status, {"ETag": answer.etag}, content_type="application/json")
