"""Every command of the operator has an example that could be typed, and says its result to programs as well."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import click
import click.testing
import pytest

from gateway.web import cli
from gateway.web.telling import EXAMPLES
from tests.web.bench import Bench

JSON_ALREADY = {"installations set", "users export"}


def leaves(commands: Sequence[click.Command], above: str = "") -> Iterator[tuple[str, click.Command]]:
    for command in commands:
        name = f"{above} {command.name}".strip()
        if isinstance(command, click.Group):
            assert command.help
            yield from leaves(list(command.commands.values()), name)
        else:
            yield name, command


ALL = dict(leaves(cli.GROUPS))


@pytest.mark.parametrize("name", ALL)
def test_help_has_words_and_an_example_that_could_be_typed(name: str) -> None:
    command = ALL[name]
    shown = click.testing.CliRunner().invoke(command, ["--help"])
    assert shown.exit_code == 0
    assert command.help
    assert f"flask --app wsgi {name}" in shown.output
    command.make_context(name, shlex.split(EXAMPLES[name]))
    assert all(isinstance(one, click.Argument) or one.help for one in command.params)


def test_every_command_speaks_json() -> None:
    silent = {name for name, command in ALL.items() if "as_json" not in {one.name for one in command.params}}
    assert silent == JSON_ALREADY


def test_no_example_is_left_over() -> None:
    assert set(EXAMPLES) == set(ALL)


def told(bench: Bench, *args: str) -> Any:
    done = bench.app.test_cli_runner().invoke(args=[*args, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_lists_and_acts_as_json(bench: Bench) -> None:
    listed = told(bench, "installations", "list")
    assert isinstance(listed, list)
    assert {one["key"] for one in listed} == {bench.acme.key, bench.other.key}
    assert told(bench, "installations", "pause", bench.acme.key) == {"said": "Paused: changes wait."}
    assert told(bench, "parked") == told(bench, "held", "list") == told(bench, "connections", "list") == []
    assert told(bench, "subscriptions", "list") == []
    assert told(bench, "replay", "--all") == {"said": "0 taken up again.", "taken": 0}
    assert told(bench, "rotate-keys") == {"left": 0, "failed": 0}


def test_a_task_is_found_and_what_is_owed_is_counted(bench: Bench) -> None:
    bench.task("t-1")
    bench.api("POST", "/v1/tasks/t-1/resync")
    (found,) = told(bench, "links", "find", "t-1")
    assert (found["task_id"], found["installation_id"], found["event_id"]) == ("t-1", bench.acme.id, None)
    topics = {one["topic"]: one["count"] for one in told(bench, "outbox", "list")}
    assert topics["sync"] == 1
    assert told(bench, "outbox", "list", "--installation", bench.other.key) != told(bench, "outbox", "list")
    lines = bench.app.test_cli_runner().invoke(args=["links", "find", "t-1"]).output
    assert lines.split("\t")[1] == "t-1"
