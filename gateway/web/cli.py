"""The operator's commands: ``flask --app wsgi installations ...``, ``rotate-keys``; more in ``cli_operating``.

Secrets come from the environment and are printed once, to standard output alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import click
from flask.cli import with_appcontext

from gateway.core.installing import Outcome, Step
from gateway.services import installations as use
from gateway.services import pausing
from gateway.services.context import door_url
from gateway.settings import named
from gateway.web import installation_settings
from gateway.web.cli_doctor import doctor
from gateway.web.cli_looking import LOOKING
from gateway.web.cli_operating import COMMANDS
from gateway.web.door import context, gateway
from gateway.web.plainly import plainly
from gateway.web.telling import Told, rows, telling, with_examples, words

_OUTCOMES: Final = {
    Outcome.DONE: "done:",
    Outcome.ALREADY: "already there:",
    Outcome.BY_HAND: "by hand:",
    Outcome.BROKEN: "BROKEN:",
}
_ADMIN: Final = click.option(
    "--admin-env",
    metavar="NAME",
    help="The variable with an administrator's credentials in the CRM: used once, for its fields, and not kept.",
)


@click.group("installations")
def installations() -> None:
    """The CRMs that this deployment serves."""


@installations.command("add")
@click.option("--name", required=True, help="What people call this CRM; shown on their pages.")
@click.option("--adapter", required=True, help="Which kind of CRM it is: generic, ...")
@click.option("--base-url", required=True, help="Where the CRM's API begins.")
@click.option("--credentials-env", required=True, metavar="NAME", help="The variable with the CRM's token or JSON.")
@_ADMIN
@click.option("--door", metavar="KEY", help="For a CRM whose app has one webhook URL for all accounts: the key in it.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@with_appcontext
@plainly
def add(
    name: str,
    adapter: str,
    base_url: str,
    credentials_env: str,
    admin_env: str | None,
    door: str | None,
    *,
    as_json: bool,
) -> None:
    """Add a CRM and install in it what can be installed. Prints its key, webhook URL and secret, and API token (shown
    only now), then what was done and what a person still has to do."""
    credentials, admin = _secret_in(credentials_env), _secret_in(admin_env)
    added = use.add(context(), name, adapter, base_url, credentials, admin, door)
    shown = {
        "key": added.installation.key,
        "webhook_url": door_url(context(), added.installation),
        "webhook_secret": added.secret,
        "api_token": added.api_token,
    }
    if as_json:
        _print({**shown, "steps": _told(added.steps).data}, as_json=True)
        return
    _print({name: value for name, value in shown.items() if value is not None}, as_json=False)
    _print_steps(added.steps)


def _secret_in(variable: str | None) -> str:
    """What the environment holds under this name; empty where no name was given."""
    if variable is None:
        return ""
    found = named(variable, os.environ)
    if not found:
        raise click.ClickException(f"{variable} is not set. Put the CRM's token into it; it is not a parameter.")
    return found


def _print_steps(steps: Sequence[Step]) -> None:
    for line in _told(steps).lines:
        click.echo(line)


def _told(steps: Sequence[Step], *more: str) -> Told:
    """Fails where something is broken."""
    data = [{"what": step.what, "outcome": step.outcome.value, "says": step.says} for step in steps]
    lines = [f"{_OUTCOMES[step.outcome]} {step.what}" + (f": {step.says}" if step.says else "") for step in steps]
    is_broken = any(step.outcome is Outcome.BROKEN for step in steps)
    return Told(data, [*lines, *more], "Something is missing or broken." if is_broken else "")


def _print(shown: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(shown))
        return
    for name, value in shown.items():
        click.echo(f"{name}: {value}")


@installations.command("install")
@click.argument("key")
@_ADMIN
@with_appcontext
@plainly
@telling
def install(key: str, admin_env: str | None) -> Told:
    """Make the CRM's fields and webhooks, or what is missing of them. Run again it changes nothing."""
    return _told(use.install(context(), key, _secret_in(admin_env)))


@installations.command("set")
@click.argument("key")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=VALUE...")
@with_appcontext
@plainly
def change(key: str, pairs: tuple[str, ...]) -> None:
    """Change settings; an empty value takes one away.

    crm_name, default_minutes, busy (true or false), colours.<priority>, done_colour, frame_origins, return_urls,
    pages_url (where its pages are, if not at the base URL), priorities.<its word>, statuses.<its word>,
    held_decided_by (person or operator).
    """
    changed = use.change_settings(context(), key, installation_settings.read(pairs))
    _print(dict(sorted(changed.settings.items())), as_json=True)


@installations.command("list")
@with_appcontext
@plainly
@telling
def show_all() -> Told:
    """One line each: key, status, adapter, base URL, name."""
    with context().store.begin() as uow:
        found = uow.installations.all()
    return rows(
        [
            {
                "key": one.key,
                "status": f"{one.status.value} ({one.paused_reason})" if one.paused_reason else one.status.value,
                "adapter": one.adapter,
                "base_url": one.base_url,
                "name": one.name,
            }
            for one in found
        ]
    )


@installations.command("check")
@click.argument("key")
@_ADMIN
@with_appcontext
@plainly
@telling
def check(key: str, admin_env: str | None) -> Told:
    """Look in the CRM for what is missing or broken; nothing is changed."""
    return _told(use.check(context(), key, _secret_in(admin_env)))


@installations.command("rotate-secret")
@click.argument("key")
@with_appcontext
@plainly
@telling
def rotate_secret(key: str) -> Told:
    """Make a new webhook secret; the one before stays valid for 24 hours."""
    rotated = use.rotate_secret(context(), key)
    steps = _told(rotated.steps)
    for line in steps.lines:  # the secret stands alone on standard output
        click.echo(line, err=True)
    return Told({"webhook_secret": rotated.secret, "steps": steps.data}, [rotated.secret] if rotated.secret else [])


@installations.command("credentials")
@click.argument("key")
@click.option("--credentials-env", required=True, metavar="NAME", help="The variable with the CRM's new token or JSON.")
@with_appcontext
@plainly
@telling
def credentials(key: str, credentials_env: str) -> Told:
    """Call the CRM with new credentials, if it accepts them. An installation that was paused for the old ones goes
    on."""
    steps = use.renew_credentials(context(), key, _secret_in(credentials_env))
    return replace(_told(steps, "Taken."), failed="")


@installations.command("pause")
@click.argument("key")
@with_appcontext
@plainly
@telling
def pause(key: str) -> Told:
    """Let changes wait."""
    pausing.pause(context(), use.by_key(context(), key))
    return words("Paused: changes wait.")


@installations.command("resume")
@click.argument("key")
@with_appcontext
@plainly
@telling
def resume(key: str) -> Told:
    """Go on with what waited."""
    pausing.resume(context(), use.by_key(context(), key))
    return words("Resumed.")


@installations.command("remove")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
@plainly
@telling
def remove(key: str, *, yes: bool) -> Told:
    """Disconnect everybody and take no webhooks any more."""
    found = use.by_key(context(), key)
    if not yes:
        click.confirm(f"Remove {found.name}? Everybody is disconnected, events stay as copies.", abort=True)
    ended = use.remove(context(), key)
    return words(f"Removed; {ended} connections ended.", ended=ended)


# --- keys ------------------------------------------------------------------------------------------------------------


@click.command("rotate-keys")
@with_appcontext
@plainly
@telling
def rotate_keys() -> Told:
    """Encrypt everything anew under the first of TOKEN_KEYS; says how much is left. Safe to stop and begin again."""
    progress = (0, 0, 0)
    for progress in gateway().rotate_keys():
        click.echo(f"done {progress[0]}, left {progress[2]}", err=True)
    _, failed, left = progress
    lines = [f"rows left: {left}"]
    if left == 0:
        lines.append("The older keys may be taken out of TOKEN_KEYS.")
    lost = f"{failed} rows open with none of TOKEN_KEYS. Add the key they were made with." if failed else ""
    return Told({"left": left, "failed": failed}, lines, lost)


GROUPS: Final[tuple[click.Command, ...]] = (installations, rotate_keys, doctor, *LOOKING, *COMMANDS)
"""What ``flask --app wsgi`` gets beside Flask's own."""

with_examples(GROUPS)
