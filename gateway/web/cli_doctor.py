"""``flask --app wsgi doctor``: everything that can be known about this deployment from a command line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from gateway.core.repositories import StoreDown
from gateway.deployment import Gateway
from gateway.services import doctor as use
from gateway.services.doctor import Finding, Weight, broken, doubtful, well
from gateway.settings import Settings, SettingsError
from gateway.web.door import gateway
from gateway.web.reach import look_from_outside

_MARKS: Final = {Weight.WELL: "ok      ", Weight.DOUBTFUL: "LOOK    ", Weight.BROKEN: "BROKEN  "}
_EXAMPLES: Final = """\b
Examples:
  flask --app wsgi doctor
  flask --app wsgi doctor --json --offline   # in CI, before anything is reachable

Exit status: 0 nothing is broken, 1 something is."""
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
_OFFLINE: Final = click.option("--offline", is_flag=True, help="Call neither our own public address nor any CRM.")


@click.command("doctor", epilog=_EXAMPLES)
@_JSON
@_OFFLINE
@with_appcontext
def doctor(*, as_json: bool, offline: bool) -> None:
    """Look at everything: what is found, why it matters, the exact fix. Changes nothing."""
    _tell(list(_findings(gateway(), offline=offline)), as_json=as_json)


def _findings(of: Gateway, *, offline: bool) -> Iterator[Finding]:
    yield well("settings", "all are there and readable")
    yield from _unset(of.settings)
    yield from use.judge_queue(of.vitals.queue(), of.ctx.clock.now())
    yield from use.judge_providers(of.ctx)
    if not offline:
        yield from look_from_outside(of.settings.public_url)
    why = of.probes["database"]()
    if why is not None:
        yield broken("database", f"it {why}", "nothing works without it", "check DATABASE_URL and the server")
        return
    if (unready := of.probes["migrations"]()) is not None:
        yield broken("migrations", unready, "this code needs tables that are not there", "alembic upgrade head")
        return
    yield well("migrations", "the tables are those of this version")
    try:
        yield from _in_the_database(of, offline=offline)
    except StoreDown:
        yield broken("database", "it stopped answering", "nothing works without it", "see its log, then run this again")


def _in_the_database(of: Gateway, *, offline: bool) -> Iterator[Finding]:
    settings, vitals = of.settings, of.vitals
    wanted = 3 * settings.web_concurrency + settings.worker_concurrency + 1
    yield from use.judge_database(vitals.database(), of.ctx.clock.now(), wanted)
    yield from use.judge_keys(vitals.keys())
    yield from use.look_at_work(of.ctx)
    if not offline:
        yield from use.look_at_installations(of.ctx)


def _unset(settings: Settings) -> Iterator[Finding]:
    """What may be left out, but is missed on the day something is the matter."""
    if not settings.admin_password_hash:
        why = "the operator's page /ops cannot be opened"
        yield doubtful("ops page", "ADMIN_PASSWORD_HASH is not set", why, "see .env.example for how to make it")
    if settings.allow_loopback and settings.secure_cookies:
        why = "addresses of this machine are accepted from the outside"
        yield broken("settings", "ALLOW_LOOPBACK is set on a public deployment", why, "take ALLOW_LOOPBACK away")


def _tell(findings: Sequence[Finding], *, as_json: bool) -> None:
    well_all = all(one.weight is not Weight.BROKEN for one in findings)
    if as_json:
        click.echo(json.dumps({"well": well_all, "findings": [one.told() for one in findings]}))
    else:
        for one in findings:
            click.echo(f"{_MARKS[one.weight]}{one.check}: {one.what}")
            if one.why:
                click.echo(f"          why: {one.why}\n          fix: {one.fix}")
    if not well_all:
        raise SystemExit(1)


# --- when the settings themselves are wrong -------------------------------------------------------------------------


class _Unset(AppGroup):
    """The commands of an application that could not be built: ``doctor`` says why, and so does any other."""

    error: SettingsError

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """``doctor``, or one line."""
        if cmd_name != "doctor":
            raise click.ClickException(str(self.error))
        return click.Command("doctor", params=_options(), callback=self._doctor)

    def _doctor(self, *, as_json: bool, offline: bool) -> None:  # noqa: ARG002 - nobody is called
        what, _, fix = str(self.error).partition(" Example: ")
        _tell([broken("settings", what, "no process starts", f"set it, for example: {fix}")], as_json=as_json)


def _options() -> list[click.Parameter]:
    return list(doctor.params)


def without_settings(error: SettingsError) -> Flask:
    """What ``flask --app wsgi`` is given when a setting is missing or wrong."""
    app = Flask("gateway.web", static_folder=None)
    app.cli = _Unset()
    app.cli.error = error
    return app
