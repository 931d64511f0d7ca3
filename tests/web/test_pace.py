"""Rate limits per installation and at the pages of connecting; never at the webhooks' doors."""

from __future__ import annotations

import pytest

from gateway.web import api
from gateway.web import connect as pages
from gateway.web.pace import MOST_CALLERS, Pace, TooFastError
from tests.web.bench import Bench


def test_a_burst_then_the_long_run() -> None:
    pace = Pace(per_second=2, burst=3)
    for _call in range(3):
        pace.take("a", 10.0)
    with pytest.raises(TooFastError) as refused:
        pace.take("a", 10.0)
    assert refused.value.after == pytest.approx(0.5)
    pace.take("b", 10.0)
    pace.take("a", 10.6)
    with pytest.raises(TooFastError):
        pace.take("a", 10.7)


def test_memory_is_bounded_and_a_clock_that_jumps_back_does_no_harm() -> None:
    pace = Pace(per_second=1, burst=1)
    pace.take("first", 5.0)
    with pytest.raises(TooFastError):
        pace.take("first", 1.0)
    for number in range(MOST_CALLERS):
        pace.take(str(number), 5.0)
    pace.take("first", 5.0)


def test_one_installation_that_floods_the_api_is_told_to_wait_and_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PACE", Pace(per_second=0.01, burst=2))
    for _call in range(2):
        assert bench.api("GET", "/v1/held").status_code == 200
    refused = bench.api("GET", "/v1/held")
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_fast")
    assert int(refused.headers["Retry-After"]) >= 1
    assert bench.api("GET", "/v1/held", token=bench.other_token).status_code == 200
    path = f"/webhooks/crm/{bench.acme.key}"
    for _delivery in range(5):
        assert bench.app.test_client().post(path, json={}).status_code == 401, "never 429 to a CRM"


def test_the_pages_of_connecting_have_a_pace_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PACE", Pace(per_second=0.01, burst=2))
    client = bench.app.test_client()
    found = [client.get("/connect/guess").status_code for _try in range(4)]
    assert found[2:] == [429, 429]
    assert 429 not in found[:2]
