"""``/metrics`` (B27): the whole deployment's numbers, for who has the token."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.counts import Series
from gateway.core.reflecting import Direction
from tests.web.bench import ADA, Bench

TOKEN = "metrics-token-0123456789"
MONITORING = Path(__file__).parents[2] / "docs/monitoring"
COUNTED = ("arrivals", "calls", "deliveries", "drains", "pushes", "rings", "work")


@pytest.fixture
def watched(make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench(variables={"METRICS_TOKEN": TOKEN})
    now = bench.clock.now()
    bench.task("t-1")
    bench.api("POST", "/v1/tasks/t-1/resync")
    with bench.store.begin() as uow:
        uow.counts.add({Series("deliveries", (("status", "202"),)): 3})
        uow.counts.add({Series("calls", (("status", "200"), ("to", "crm"))): 2})
        for milliseconds in (40, 50, 60, 900):
            uow.reflections.add("google", Direction.TO_CRM, timedelta(milliseconds=milliseconds), now)
        uow.reflections.add("google", Direction.TO_CRM, timedelta(days=1), now - timedelta(hours=2))
        uow.commit()
    return bench


def told(bench: Bench) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = bench.app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return {
        (sample.name.removeprefix("calendar_gateway_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_deployments_numbers(watched: Bench):
    found = told(watched)
    assert found["deliveries_total", (("status", "202"),)] == 3
    assert found["calls_total", (("status", "200"), ("to", "crm"))] == 2
    assert found["work_waiting", (("stands", "due"), ("topic", "sync"))] == 1
    kind = (("direction", "to_crm"), ("provider", "google"))
    assert found["reflected", kind] == 4
    assert found["reflect_seconds", (*kind, ("quantile", "0.5"))] == pytest.approx(0.05, rel=0.2)
    assert found["reflect_seconds", (*kind, ("quantile", "0.99"))] == pytest.approx(0.9, rel=0.2)
    assert ADA not in str(found)


@pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", "Bearer ä"])
def test_not_for_everybody(watched: Bench, sent: str):
    answer = watched.app.test_client().get("/metrics", headers={"Authorization": sent})
    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_without_the_setting_there_is_nothing(bench: Bench):
    assert bench.app.test_client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("name", ["dashboard.json", "alerts.yaml"])
def test_what_is_looked_at_is_told(watched: Bench, name: str):
    """Every metric that the dashboard and the alerts name is one that there is."""
    words = (MONITORING / name).read_text()
    if name.endswith(".json"):
        assert json.loads(words)["panels"]
    asked = {each.removeprefix("calendar_gateway_") for each in re.findall(r"calendar_gateway_\w+", words)}
    answer = watched.app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    there = set(re.findall(r"# TYPE calendar_gateway_(\w+)", answer.text)) | {f"{each}_total" for each in COUNTED}
    assert asked
    assert asked <= there
