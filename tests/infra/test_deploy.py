"""What platforms are told agrees with itself and with the settings: Procfile, app.json, Dockerfile, compose.yaml."""

from __future__ import annotations

import ast
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # ships no types
from redis import Redis

from gateway import settings
from gateway.core.vitals import DatabaseVitals
from gateway.services import doctor
from tests.fakes_store import HandClock
from tests.patience import until
from tests.workers.conftest import Bench, bench, environment
from workers import alive
from workers.queue import CLOCK_KEY

__all__ = ["bench"]

REPOSITORY = Path(__file__).parents[2]
GENERATED = "0123456789abcdef" * 4
"""What Heroku's generator gives: 64 hexadecimal digits."""
HEROKU = {
    "DATABASE_URL": "postgres://u:p@db.example:5432/d",
    "REDIS_URL": "rediss://:p@redis.example:6380",
    "PORT": "5000",
}
HEROKU_SMALLEST = 20
"""Connections of the smallest plan: https://devcenter.heroku.com/articles/heroku-postgres-plans."""


def read(name: str) -> str:
    return (REPOSITORY / name).read_text()


def procfile() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in read("Procfile").splitlines())


def app() -> dict[str, Any]:
    return dict(json.loads(read("app.json")))


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(read("compose.yaml")))


def known() -> set[str]:
    return set(re.findall(r"^#?([A-Z_]+)=", read(".env.example"), re.MULTILINE))


def given(env: dict[str, Any]) -> dict[str, str]:
    """What the button sets where nothing is typed in."""
    told = {name: GENERATED if one.get("generator") else one.get("value", "") for name, one in env.items()}
    return {name: value for name, value in told.items() if value}


def ours() -> dict[str, dict[str, Any]]:
    """The services of compose.yaml that run our image."""
    return {name: one for name, one in compose()["services"].items() if "build" in one}


# --- Heroku ---------------------------------------------------------------------------------------------------------


def test_the_button_sets_settings_that_there_are_and_starts() -> None:
    env = app()["env"]
    assert set(env) <= known()
    assert all(one.get("description") for one in env.values())
    read_ = settings.load(HEROKU | given(env))
    assert (read_.redis_tls_verify, read_.google, read_.microsoft) == (False, None, None)
    assert read_.database_url.startswith("postgresql://")


def test_a_review_app_has_keys_of_its_own_and_no_clients() -> None:
    env, review = app()["env"], app()["environments"]["review"]["env"]
    assert set(review) <= set(env)
    read_ = settings.load(HEROKU | given({**env, **review}))
    assert read_.deployment_id != env["DEPLOYMENT_ID"]["value"]
    assert all(review[name].get("value") == "" for name in env if "CLIENT" in name)
    assert {name for name, one in review.items() if one.get("generator")} == {"SECRET_KEY", "TOKEN_KEYS"}


def test_the_smallest_database_has_room_for_one_of_each() -> None:
    read_ = settings.load(HEROKU | given(app()["env"]))
    wanted = 3 * read_.web_concurrency + read_.worker_concurrency + 1
    now = HandClock().now()
    found = doctor.judge_database(DatabaseVitals(now, 160000, 1, HEROKU_SMALLEST - 1), now, wanted)  # one to look with
    assert {one.weight for one in found} == {doctor.Weight.WELL}


def test_every_process_that_is_scaled_is_in_the_procfile() -> None:
    assert set(app()["formation"]) | {"release"} == set(procfile())
    assert {one["plan"].split(":")[0] for one in app()["addons"]} == {"heroku-postgresql", "heroku-redis"}


def test_one_version_of_python_everywhere() -> None:
    version = read(".python-version").strip()
    assert set(re.findall(r"^FROM python:(\S+)", read("Dockerfile"), re.MULTILINE)) == {f"{version}-slim"}
    assert f'python_version = "{version}"' in read("pyproject.toml")


# --- compose --------------------------------------------------------------------------------------------------------


def test_compose_runs_what_the_procfile_runs() -> None:
    assert {name: one["command"] for name, one in ours().items()} == procfile()


def test_compose_sets_settings_that_there_are_and_they_are_read() -> None:
    for one in ours().values():
        assert one["env_file"] == ".env"
        variables = {name: re.sub(r"\$\{[^}]*\}", "p", value) for name, value in one["environment"].items()}
        assert set(variables) <= known()
        settings.load(HEROKU | given(app()["env"]) | variables)
    assert set(re.findall(r"\$\{([A-Z_]+)", read("compose.yaml"))) <= known()


def test_every_service_that_stays_has_a_health_check_and_waits_for_its_own() -> None:
    services = compose()["services"]
    assert {name for name, one in services.items() if "healthcheck" not in one} == {"release"}
    for name in ("web", "worker", "clock"):
        assert services[name]["depends_on"] == {
            "release": {"condition": "service_completed_successfully"},
            "queue": {"condition": "service_healthy"},
        }
    assert services["release"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert all("ports" not in services[name] for name in ("database", "queue"))
    # SIGTERM is answered within 25 s.
    assert {one["stop_grace_period"] for one in ours().values()} == {"30s"}


def test_the_health_checks_name_programs_that_there_are() -> None:
    services = compose()["services"]
    ast.parse(services["web"]["healthcheck"]["test"][3])
    for name in ("worker", "clock"):
        assert services[name]["healthcheck"]["test"][1:] == ["python", "-m", "workers.alive", name]


def test_alive_asks_what_the_processes_told(redis_url: str, database_url: str, bench: Bench) -> None:
    variables = environment(database_url, redis_url) | {"WORKER_CONCURRENCY": "3"}
    assert [alive.main([name], variables) for name in ("worker", "clock")] == [1, 1]
    bench.bell.went_round()
    bench.pool.start()
    until(lambda: alive.main(["worker"], variables) == 0)
    assert alive.main(["clock"], variables) == 0
    assert bench.bell.pulse("another host").threads == {}
    with Redis.from_url(redis_url) as redis:
        redis.delete(CLOCK_KEY)
    assert alive.main(["clock"], variables) == 1


def test_alive_without_a_queue_restarts_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    variables = environment("postgresql://nobody@/none?host=/nowhere", "redis://127.0.0.1:1")
    assert alive.main(["worker"], variables) == 0
    assert "does not answer" in capsys.readouterr().err
    assert (alive.main(["demo"], variables), alive.main(["clock"], {})) == (2, 2)


# --- the image ------------------------------------------------------------------------------------------------------


def test_the_image_is_built_in_steps_and_runs_as_nobody() -> None:
    text = read("Dockerfile")
    _, first, last = text.split("\nFROM ")
    assert "bin/assets.py --production" in first
    assert "--from=build" in last
    assert "pip install" not in last
    assert last.index("USER gateway") < last.index("CMD")
    assert json.loads(last.rsplit("CMD ", 1)[1]) == procfile()["web"].split()


def test_what_goes_into_the_image_is_enough_to_run_and_no_more(tmp_path: Path) -> None:
    """The context as .dockerignore leaves it, without what the Dockerfile removes again."""
    lines = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    kept = [line[1:] for line in lines if line.startswith("!")]
    for name in kept:
        ignore = shutil.ignore_patterns("__pycache__", "vendor")
        source, target = REPOSITORY / name, tmp_path / name
        target.parent.mkdir(exist_ok=True)
        shutil.copytree(source, target, ignore=ignore) if source.is_dir() else shutil.copy(source, target)
    removed = re.findall(r"rm -r (.+)", read("Dockerfile"))[0].split()
    for path in list(tmp_path.iterdir()):
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in removed):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    code = (
        "import importlib, pathlib, gateway.wiring, gateway.web.app, workers.__main__, workers.clock, workers.alive\n"
        "here = pathlib.Path.cwd()\n"
        "print(here in pathlib.Path(gateway.web.app.__file__).parents, pathlib.Path('migrations/env.py').exists())"
    )
    env = {**os.environ, **HEROKU, **given(app()["env"])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True True\n", "")
    assert not any((tmp_path / name).exists() for name in ("tests", "sandbox", ".env", ".git", "bin"))
