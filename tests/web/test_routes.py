"""What the interface's document says is what the gateway serves."""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway.web.openapi import GATEWAY_OPERATIONS
from tests.web.bench import Bench


def test_every_documented_call_is_served(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    served = {
        (method, re.sub(r"<[^>]*>", "{}", rule.rule))
        for rule in bench.app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    told = {(op.method.upper(), re.sub(r"{[^}]*}", "{}", op.path)) for op in GATEWAY_OPERATIONS}
    assert told - served == set()


def test_every_call_of_the_api_is_documented(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    told = {(op.method.upper(), re.sub(r"{[^}]*}", "{}", op.path)) for op in GATEWAY_OPERATIONS}
    served = {
        (method, re.sub(r"<[^>]*>", "{}", rule.rule))
        for rule in bench.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }
    assert served - told == set()
