"""``flask --app wsgi doctor``: each finding says what, why and the fix; the exit status is for CI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from gateway.core.errors import Unauthorised
from gateway.core.installing import Outcome, Step
from gateway.core.vitals import DatabaseVitals, KeyState, Pulse
from gateway.services import doctor, pausing
from gateway.services.doctor import Weight
from gateway.settings import SettingsError
from gateway.web.app import create_app
from gateway.web.cli_doctor import without_settings
from tests.web.bench import HERE, Bench

REPOSITORY = Path(__file__).parents[2]
PROBLEM = "application/problem+json"


@pytest.fixture
def world() -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def reachable(world: responses.RequestsMock) -> None:
    world.get(f"{HERE}/healthz", body='{"status":"ok"}\n')
    world.post(f"{HERE}/webhooks/crm/doctor", status=401, content_type=PROBLEM)


def findings(bench: Bench, *args: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    done = bench.app.test_cli_runner().invoke(args=["doctor", "--json", *args])
    told: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(done.output)["findings"]:
        told.setdefault(one["check"], []).append(one)
    assert json.loads(done.output)["well"] is (done.exit_code == 0)
    return done.exit_code, told


def heavy(told: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {check: one["weight"] for check, found in told.items() for one in found if one["weight"] != "well"}


def test_all_is_well(bench: Bench, world: responses.RequestsMock) -> None:
    reachable(world)
    code, told = findings(bench)
    assert (code, heavy(told)) == (0, {"ops page": "doubtful"})
    asked = {"settings", "redis", "workers", "clock", "google", "public url", "webhook paths", "migrations", "database"}
    assert asked | {"keys", "work owed", "subscriptions", "installation Acme"} <= told.keys()
    done = bench.app.test_cli_runner().invoke(args=["doctor"])
    assert (done.exit_code, "ok      clock: it went its rounds" in done.output) == (0, True)


def test_offline_calls_nobody(bench: Bench, world: responses.RequestsMock) -> None:
    code, told = findings(bench, "--offline")
    assert (code, len(world.calls), "public url" in told, "installation Acme" in told) == (0, 0, False, False)


def test_each_that_is_broken_is_told_with_its_fix(bench: Bench, world: responses.RequestsMock) -> None:
    reachable(world)
    bench.pulse = Pulse(bench.clock.now() + timedelta(minutes=2), {"now": 2}, False, 10, 0, "allkeys-lru")
    bench.crm.fail(Unauthorised("no"), "check")
    pausing.pause_all(bench.ctx)
    bench.task()
    bench.api("POST", "/v1/tasks/t-1/resync")
    code, told = findings(bench)
    broken = ("workers", "clock", "clock skew (redis)", "pause")
    assert code == 1
    assert {check for check, weight in heavy(told).items() if weight == "broken"} >= set(broken)
    assert heavy(told)["redis"] == "doubtful"
    assert told["workers"][0]["what"] == "nobody listens to backfill"
    assert all(one["why"] and one["fix"] for found in told.values() for one in found if one["weight"] != "well")


def test_a_crm_that_refuses_or_lacks_something(
    bench: Bench, world: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable(world)
    monkeypatch.setattr(bench.crm, "check", lambda _door: [Step("webhooks", Outcome.BROKEN, "there is none")])
    code, told = findings(bench)
    assert (code, told["installation Acme"][0]["what"]) == (1, "webhooks: there is none")
    assert f"installations install {bench.acme.key}" in told["installation Acme"][0]["fix"]


@pytest.mark.parametrize(
    ("live", "door", "check"),
    [
        ({"body": requests.exceptions.SSLError()}, {}, "public url"),
        ({"body": requests.exceptions.ConnectTimeout()}, {}, "public url"),
        ({"status": 301}, {}, "public url"),
        ({"body": "another site"}, {}, "public url"),
        ({"body": '{"status":"ok"}'}, {"status": 403, "body": "<html>are you a robot?"}, "webhook paths"),
    ],
)
def test_the_world_does_not_reach_us(
    bench: Bench, world: responses.RequestsMock, live: dict[str, Any], door: dict[str, Any], check: str
) -> None:
    world.get(f"{HERE}/healthz", **live)
    world.post(f"{HERE}/webhooks/crm/doctor", **door)
    code, told = findings(bench)
    assert (code, told[check][0]["weight"]) == (1, "broken")


def test_without_stores_it_still_answers(bench: Bench) -> None:
    bench.pulse = None
    down: dict[str, Callable[[], str | None]] = {"database": lambda: "does not answer", "migrations": lambda: "unknown"}
    gateway = replace(bench.gateway, probes=down, vitals=replace(bench.gateway.vitals, queue=lambda: None))
    bench.app = create_app(gateway)
    code, told = findings(bench, "--offline")
    assert code == 1
    assert {"redis", "database"} <= heavy(told).keys()


def test_tables_of_another_version(bench: Bench) -> None:
    probes = {**bench.gateway.probes, "migrations": lambda: "missing: run `alembic upgrade head`"}
    bench.app = create_app(replace(bench.gateway, probes=probes))
    code, told = findings(bench, "--offline")
    assert (code, told["migrations"][0]["fix"], "keys" in told) == (1, "alembic upgrade head", False)


def test_a_wrong_setting_is_a_finding_too_and_stops_every_other_command() -> None:
    runner = without_settings(SettingsError("TOKEN_KEYS", "is missing", "abc")).test_cli_runner()
    told = runner.invoke(args=["doctor", "--json"])
    assert told.exit_code == 1
    assert json.loads(told.output)["findings"][0]["fix"] == "set it, for example: TOKEN_KEYS=abc"
    other = runner.invoke(args=["installations", "list"])
    assert (other.exit_code, other.output) == (1, "Error: TOKEN_KEYS is missing. Example: TOKEN_KEYS=abc\n")


def test_the_database_is_judged(bench: Bench) -> None:
    now = bench.clock.now()
    tight = doctor.judge_database(DatabaseVitals(now - timedelta(seconds=30), 130004, 18, 17), now, 18)
    assert [one.weight for one in tight] == [Weight.BROKEN] * 3
    # Heroku's small plan allows 20: one process of each kind fits with the default settings.
    small = doctor.judge_database(DatabaseVitals(now, 160002, 5, 17), now, 3 * 2 + 8 + 1)
    assert [one.weight for one in small] == [Weight.WELL] * 3


@pytest.mark.parametrize(
    ("state", "weight"), [(KeyState(0, 0), "well"), (KeyState(4, 0), "doubtful"), (KeyState(4, 1), "broken")]
)
def test_the_keys_are_judged(state: KeyState, weight: str) -> None:
    assert [one.weight for one in doctor.judge_keys(state)] == [weight]


def test_a_full_queue_is_doubtful(bench: Bench) -> None:
    now = bench.clock.now()
    full = doctor.judge_queue(Pulse(now, {"now": 1, "backfill": 1}, True, 95, 100, "noeviction"), now)
    assert next(one.weight for one in full if one.check == "redis") is Weight.DOUBTFUL


def test_no_provider_at_all(make_bench: Callable[..., Bench]) -> None:
    code, told = findings(make_bench(providers=()), "--offline")
    assert (code, told["providers"][0]["weight"]) == (1, "broken")


def test_a_client_that_does_not_look_right(bench: Bench) -> None:
    odd = replace(bench.ctx.providers["google"], doubts=("GOOGLE_CLIENT_ID is cut: copy it whole",))
    bench.app = create_app(replace(bench.gateway, ctx=replace(bench.ctx, providers={"google": odd})))
    _, told = findings(bench, "--offline")
    assert (told["google"][0]["weight"], told["google"][0]["fix"]) == ("doubtful", "copy it whole")


@pytest.mark.process
def test_as_typed_without_any_setting() -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "doctor", "--json"]
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    (one,) = json.loads(done.stdout)["findings"]
    assert (one["check"], one["weight"]) == ("settings", "broken")
    assert one["fix"].startswith("set it, for example: DATABASE_URL=postgresql://")
