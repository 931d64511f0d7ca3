"""``$batch``: events read by their ids, up to twenty in one call (https://learn.microsoft.com/graph/json-batching).

The outer 200 says nothing of the parts: each has a status, headers and a body of its own, in any order. Exchange works
on a few of them at a time, so that a mailbox's limit can meet some parts and spare others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from gateway.core.errors import EventGone, GatewayError, StaleWrite, TryLater
from gateway.providers.outlook.errors import failure
from gateway.providers.outlook.transport import PREFER, Client, asking

MOST: Final = 20
"""How many parts Graph takes."""

Resource = dict[str, Any]
_Outcome = Resource | GatewayError


def read(client: Client, paths: Sequence[str], query: Mapping[str, str]) -> list[Resource | None]:
    """What is at each of these paths, in their order; ``None`` where nothing is. One batch after the other.

    A part that failed otherwise fails all: with the longest wait that a part asked for, where one asked to be patient.
    """
    found: list[Resource | None] = []
    for begin in range(0, len(paths), MOST):
        outcomes = _exchange(client, paths[begin : begin + MOST], query)
        failed = [one for one in outcomes if isinstance(one, GatewayError) and not isinstance(one, EventGone)]
        if failed:
            raise _gravest(failed)
        found += [one if isinstance(one, dict) else None for one in outcomes]
    return found


def _exchange(client: Client, paths: Sequence[str], query: Mapping[str, str]) -> list[_Outcome]:
    """What is wished for in a header is wished for in each part: the outer request's are not theirs."""
    wishes = {"Prefer": ", ".join(PREFER)}
    parts = [
        {"id": str(number), "method": "GET", "url": f"/{asking(path, query)}", "headers": wishes}
        for number, path in enumerate(paths)
    ]
    told = client.call("POST", "$batch", body={"requests": parts}).get("responses")
    answers = [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []
    by_id = {str(one.get("id")): one for one in answers}
    return [_outcome(client, by_id.get(str(number))) for number in range(len(paths))]


def _outcome(client: Client, answer: Mapping[str, Any] | None) -> _Outcome:
    status, body = (answer.get("status"), answer.get("body")) if answer is not None else (None, None)
    if answer is None or not isinstance(status, int):
        return TryLater("a batch of Microsoft Graph's lacks an answer")
    if 200 <= status < 300:
        return body if isinstance(body, dict) else TryLater("a batch of Microsoft Graph's holds no JSON object")
    told = answer.get("headers")
    headers = {str(name).lower(): str(value) for name, value in told.items()} if isinstance(told, Mapping) else {}
    error = failure(status, headers, json.dumps(body).encode(), client.now())
    return TryLater(str(error)) if isinstance(error, StaleWrite) else error  # nothing was written: a busy item


def _gravest(failed: Sequence[GatewayError]) -> GatewayError:
    patient = [one for one in failed if isinstance(one, TryLater)]
    if not patient:
        return failed[0]
    longest: timedelta | None = max((one.after for one in patient if one.after is not None), default=None)
    return TryLater(str(patient[0]), after=longest, everyone=any(one.everyone for one in patient))
