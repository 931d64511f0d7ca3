"""How commands tell what came out: lines for people, one line of JSON for programs (``--json``), and examples."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, ParamSpec

import click

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Told:
    """``data``: for programs; ``lines``: for people. ``failed``: one line, where the exit status is to be 1."""

    data: Any
    lines: Sequence[str]
    failed: str = ""


def words(said: str, **facts: Any) -> Told:
    """One sentence."""
    return Told({"said": said, **facts}, [said])


def rows(found: Sequence[Mapping[str, Any]]) -> Told:
    """A list: a line each, with tabs."""
    lines = ["\t".join("" if one is None else str(one) for one in row.values()) for row in found]
    return Told([dict(row) for row in found], lines)


def telling(command: Callable[P, Told]) -> Callable[..., None]:
    """The command gets ``--json``, and what it gives is printed."""

    @functools.wraps(command)
    def run(*args: Any, as_json: bool, **more: Any) -> None:
        told = command(*args, **more)
        for line in [json.dumps(told.data)] if as_json else told.lines:
            click.echo(line)
        if told.failed:
            raise click.ClickException(told.failed)

    return click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")(run)


EXAMPLES: Final[Mapping[str, str]] = {
    "installations add": "--name Acme --adapter generic --base-url https://crm.example --credentials-env CRM_TOKEN",
    "installations install": "$KEY --admin-env CRM_ADMIN",
    "installations set": "$KEY default_minutes=45 crm_name='Acme CRM'",
    "installations list": "--json",
    "installations check": "$KEY",
    "installations rotate-secret": "$KEY",
    "installations credentials": "$KEY --credentials-env CRM_TOKEN",
    "installations pause": "$KEY",
    "installations resume": "$KEY",
    "installations remove": "$KEY --yes",
    "connections list": "--installation $KEY --json",
    "subscriptions list": "--json",
    "links find": "task-42",
    "outbox list": "--json",
    "rotate-keys": "",
    "doctor": "--json --offline",
    "parked": "--installation $KEY",
    "replay": "--installation $KEY --user u-7",
    "held list": "--json",
    "held approve": "$KEY $HELD_ID",
    "held drop": "$KEY $HELD_ID",
    "pause-all": "",
    "resume-all": "",
    "users pause": "$KEY u-7",
    "users resume": "$KEY u-7",
    "users export": "$KEY u-7",
    "users erase": "$KEY u-7 --yes",
}
"""One for each command, as it is typed after its name."""


def with_examples(commands: Sequence[click.Command], above: str = "") -> None:
    """Put each command's example under its help; a command without one is left as it is."""
    for command in commands:
        name = f"{above} {command.name}".strip()
        if isinstance(command, click.Group):
            with_examples(list(command.commands.values()), name)
        elif name in EXAMPLES and not command.epilog:
            command.epilog = f"\b\nExample:\n  flask --app wsgi {name} {EXAMPLES[name]}".rstrip()
