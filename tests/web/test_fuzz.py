"""Any body, any header, at both doors and at every call of the API: never a 5xx, and never a write where the answer is
a refusal (fault rows 12, 13, 18, 24; I4). ``HYPOTHESIS_PROFILE=deep`` tries many more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from gateway.providers.google import notifications as google
from gateway.providers.outlook import notifications as outlook
from gateway.web.openapi import GATEWAY_OPERATIONS
from gateway.web.operations import Operation
from tests.store.test_tenants import rows_of
from tests.web.bench import Bench

ALLOWED = {200, 201, 202, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 431, 503}
NAMES = sorted(
    {"id", "type", "data", "task", "version", "calendar_sync", "due", "date_time", "user_id", "ttl", "provider", "keep"}
    | {
        "calendar_id",
        "settings",
        "enabled",
        "dry_run",
        "from",
        "to",
        "reason",
        "user",
        "return_url",
        "task_id",
        "token",
    }
)
ODD = st.sampled_from(["", "\0", "\ud800", "../", "%00", "'; --", "a" * 300, "1e999", "NaN", "2026-02-30T25:00:00Z"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20) | ODD
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner),
    max_leaves=12,
)
RAW = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.integers(1, 3000).map(lambda depth: b"[" * depth),
    st.integers(1, 3000).map(lambda depth: b'{"data":' * depth + b"1" + b"}" * depth),
    st.sampled_from([b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}', b"9" * 5000, b'"\\ud800"', b"null"]),
)
TYPES = st.sampled_from(["application/json", "text/plain", "", "application/json; charset=utf-16", "x/y+json"])
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
OPERATIONS = [one for one in GATEWAY_OPERATIONS if one.path.startswith("/v1/")]
# One bench serves many examples: each leaves it as it was, which is what is tried.
# Each is a whole request, and there are many routes: only the long profiles try very many.
_PROFILE = settings().max_examples
MANY = settings(
    max_examples=_PROFILE if _PROFILE > 500 else min(_PROFILE, 60),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)


@pytest.fixture
def look(bench: Bench, store_engine: Engine) -> Callable[[], Any]:
    """All that is stored of both tenants, and what belongs to nobody."""
    return lambda: [rows_of(store_engine, tenant) for tenant in (bench.acme.id, bench.other.id, "")]


@MANY
@given(raw=RAW, kind=TYPES, said=st.tuples(HEADER, HEADER, HEADER), path=st.sampled_from(["own", "unknown", "a%00b"]))
def test_24_a_crms_door(
    bench: Bench, look: Callable[[], Any], raw: bytes, kind: str, said: tuple[str, str, str], path: str
) -> None:
    key = bench.acme.key if path == "own" else path
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    headers = dict(zip(names, (one.strip() for one in said), strict=True))
    before = look()
    answer = bench.app.test_client().post(f"/webhooks/crm/{key}", data=raw, content_type=kind, headers=headers)
    assert answer.status_code in (400, 401, 415), (answer.status_code, raw)
    assert look() == before


@pytest.fixture
def doors(make_bench: Callable[..., Bench]) -> Bench:
    """Both calendars' doors with their own readers."""
    readers = {"google": google, "outlook": outlook}
    faked = make_bench(providers=tuple(readers)).ctx.providers
    real = {name: replace(faked[name], read_notification=readers[name].read) for name in readers}
    return make_bench(providers=tuple(readers), real=real)


@MANY
@given(raw=RAW, said=st.tuples(HEADER, HEADER, HEADER), query=st.text(max_size=30), token=st.booleans())
def test_24_the_calendars_doors(
    doors: Bench, store_engine: Engine, raw: bytes, said: tuple[str, str, str], query: str, token: bool
) -> None:
    names = ("X-Goog-Channel-ID", "X-Goog-Channel-Token", "X-Goog-Resource-State")
    headers = dict(zip(names, (one.strip() for one in said), strict=True))
    asked = f"{'validationToken=' if token else ''}{quote(query)}"
    for path in ("google", "outlook", "outlook/lifecycle", "unknown"):
        answer = doors.app.test_client().post(f"/webhooks/calendar/{path}?{asked}", data=raw, headers=headers)
        assert answer.status_code in (200, 202, 400, 401, 404, 413), (answer.status_code, raw)
        if answer.status_code == 200:
            assert answer.mimetype == "text/plain"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert rows_of(store_engine, "") == rows_of(store_engine, "nobody")
    assert rows_of(store_engine, doors.acme.id)["inbox"] == []


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body is not None], ids=lambda one: one.name)
@MANY
@given(raw=RAW, kind=TYPES, odd=st.text(min_size=1, max_size=20) | ODD)
def test_24_a_body_of_the_api(
    bench: Bench, look: Callable[[], Any], operation: Operation, raw: bytes, kind: str, odd: str
) -> None:
    path = re.sub(r"{(\w+)}", lambda _: quote(odd or "x", safe="", errors="replace"), operation.path)
    headers = {"Authorization": f"Bearer {bench.token}", "Content-Type": kind}
    before = look()
    answer = bench.app.test_client().open(path, method=operation.method.upper(), data=raw, headers=headers)
    assert answer.status_code in ALLOWED, (answer.status_code, answer.text, raw)
    assert answer.status_code != 500
    if answer.status_code >= 400:
        assert look() == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
@MANY
@given(odd=st.text(min_size=1, max_size=20) | ODD, query=st.dictionaries(st.sampled_from(NAMES), st.text(max_size=9)))
def test_18_any_id_and_any_query(bench: Bench, operation: Operation, odd: str, query: dict[str, str]) -> None:
    if operation.name in ("pause", "resume"):
        return
    path = re.sub(r"{(\w+)}", lambda _: quote(odd or "x", safe="", errors="replace"), operation.path)
    headers = {"Authorization": f"Bearer {bench.token}"}
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
    answer = bench.app.test_client().open(path, method=operation.method.upper(), headers=headers, query_string=clean)
    assert answer.status_code in ALLOWED, (answer.status_code, answer.text)
