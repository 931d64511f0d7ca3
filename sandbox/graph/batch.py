"""``$batch``: up to twenty calls in one.

https://learn.microsoft.com/graph/json-batching: the outer 200 says nothing of the parts, which are answered in any
order; ``dependsOn`` makes one wait for others, and fail with 424 when they fail. Faults meet the parts one by one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.graph import errors
from sandbox.graph.call import Answer, Asked
from sandbox.graph.door import Door
from sandbox.kit.faults import Fault

MOST: Final = 20


def serve(door: Door, asked: Asked, ids: Mapping[str, str]) -> Answer:
    """The answer to a whole batch."""
    try:
        with door.world.lock:
            _, person = door.identify(asked.headers)
        parts = _parts(asked)
    except errors.GraphError as error:
        return door.refused(error, ids)
    if asked.crowded:
        return door.refused(errors.mailbox_concurrency(), ids)
    answers: dict[str, Answer] = {}
    for number, part in enumerate(parts):
        crowd = door.world.quirks.crowded_batches
        answers[part["id"]] = _part(door, asked, part, ids, answers, crowded=0 < crowd <= number, person=person.email)
    responses = [_response(part_id, answer) for part_id, answer in answers.items()]
    with door.world.lock:
        door.world.random.shuffle(responses)
    events = tuple(event for answer in answers.values() for event in answer.events)
    return Answer({"responses": responses}, events=events)


def _parts(asked: Asked) -> list[dict[str, Any]]:
    try:
        parts = json.loads(asked.body)["requests"]
    except (ValueError, KeyError, TypeError) as error:
        raise errors.bad_request("Invalid batch payload format.") from error
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise errors.bad_request("Invalid batch payload format.")
    if not 1 <= len(parts) <= MOST:
        raise errors.bad_request(f"Number of batch request steps exceeds the maximum value of {MOST}.")
    known: set[str] = set()
    for part in parts:
        part_id, wanted = part.get("id"), part.get("dependsOn") or []
        if not isinstance(part_id, str) or part_id in known or not part.get("method") or not part.get("url"):
            raise errors.bad_request("Each step of a batch needs an id of its own, a method and a url.")
        if not set(wanted) <= known:
            raise errors.bad_request(f"Step '{part_id}' depends on a step that does not come before it.")
        known.add(part_id)
    return parts


def _part(
    door: Door,
    outer: Asked,
    part: Mapping[str, Any],
    ids: Mapping[str, str],
    before: Mapping[str, Answer],
    *,
    crowded: bool,
    person: str,
) -> Answer:
    if any(before[one].status >= 400 for one in part.get("dependsOn") or []):
        text = "A step that this one depends on has failed."
        return door.refused(errors.GraphError(424, "FailedDependency", text), ids)
    asked = replace(_asked(outer, part), crowded=crowded)
    fault = door.world.faults.match("in", asked.verb, f"/v1.0/{asked.path}", person)
    return door.serve(asked, ids) if fault is None else _misbehave(door, asked, ids, fault)


def _asked(outer: Asked, part: Mapping[str, Any]) -> Asked:
    url = urlsplit(str(part["url"]))
    headers = {str(name).lower(): str(value) for name, value in (part.get("headers") or {}).items()}
    body = part.get("body")
    return Asked(
        verb=str(part["method"]).upper(),
        path=unquote(url.path).lstrip("/"),
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers={**headers, "authorization": outer.headers.get("authorization", "")},
        body=b"" if body is None else json.dumps(body).encode(),
        root=outer.root,
    )


def _misbehave(door: Door, asked: Asked, ids: Mapping[str, str], fault: Fault) -> Answer:
    """A fault inside a batch: no connection can break here, so what would be no answer is a 504 of the part."""
    match fault.do:
        case "status":
            body = fault.body if isinstance(fault.body, dict) else {"error": {"code": "UnknownError", "message": ""}}
            return Answer(body, fault.status, headers=fault.headers)
        case "delay" | "hold":
            time.sleep(fault.delay_s)
        case "drop":
            return door.refused(_no_answer(), ids)
        case "duplicate":
            door.serve(asked, ids)
    answer = door.serve(asked, ids)
    return door.refused(_no_answer(), ids) if fault.do == "cut_after_write" else answer


def _no_answer() -> errors.GraphError:
    return errors.GraphError(504, "GatewayTimeout", "The request timed out.")


def _response(part_id: str, answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": part_id, "status": answer.status, "headers": dict(answer.headers)}
    if answer.body is not None:
        shown["headers"]["Content-Type"] = "application/json"
        shown["body"] = answer.body
    return shown
