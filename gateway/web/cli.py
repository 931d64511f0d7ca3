"""The operator's commands: ``flask --app wsgi installations ...``, ``rotate-keys``, ``parked``, ``replay``.

Secrets come from the environment and are printed once, to standard output alone.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, Final, ParamSpec, TypeVar

import click
from flask.cli import with_appcontext

from gateway.core.errors import Forbidden, GatewayError, NotReadable, TryLater, Unauthorised
from gateway.core.installing import Outcome, Step
from gateway.core.records import Parked
from gateway.core.repositories import StoreDown
from gateway.services import installations as use
from gateway.services.context import door_url
from gateway.settings import named
from gateway.web import installation_settings
from gateway.web.api import told_time
from gateway.web.door import context, gateway

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

P = ParamSpec("P")
R = TypeVar("R")

_WORDS: Final[dict[type[Exception], str]] = {
    use.NoSuchInstallationError: "There is no installation with this key.",
    StoreDown: "The database does not answer. Is DATABASE_URL right, and has `alembic upgrade head` been run?",
    Unauthorised: "The CRM does not accept the credentials.",
    Forbidden: "The CRM does not allow this with the credentials it was given.",
    TryLater: "The CRM does not answer as it should just now.",
}


def _plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Failures as one line and exit status 1, without a trace."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (GatewayError, StoreDown, use.NoSuchInstallationError, use.SecretByCrmError) as error:
            words = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), str(error))
            raise click.ClickException(words) from error

    return run


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
@_plainly
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
        steps = [{"what": step.what, "outcome": step.outcome.value, "says": step.says} for step in added.steps]
        _print({**shown, "steps": steps}, as_json=True)
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
    for step in steps:
        click.echo(f"{_OUTCOMES[step.outcome]} {step.what}" + (f": {step.says}" if step.says else ""))


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
@_plainly
def install(key: str, admin_env: str | None) -> None:
    """Make the CRM's fields and webhooks, or what is missing of them. Run again it changes nothing."""
    steps = use.install(context(), key, _secret_in(admin_env))
    _print_steps(steps)
    _fail_if_broken(steps)


def _fail_if_broken(steps: Sequence[Step]) -> None:
    if any(step.outcome is Outcome.BROKEN for step in steps):
        raise click.ClickException("Something is missing or broken.")


@installations.command("set")
@click.argument("key")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=VALUE...")
@with_appcontext
@_plainly
def change(key: str, pairs: tuple[str, ...]) -> None:
    """Change settings; an empty value takes one away.

    crm_name, default_minutes, busy (true or false), colours.<priority>, done_colour, frame_origins, return_urls,
    pages_url (where its pages are, if not at the base URL), priorities.<its word>, statuses.<its word>.
    """
    changed = use.change_settings(context(), key, installation_settings.read(pairs))
    _print(dict(sorted(changed.settings.items())), as_json=True)


@installations.command("list")
@with_appcontext
@_plainly
def show_all() -> None:
    """One line each: key, status, adapter, base URL, name."""
    with context().store.begin() as uow:
        found = uow.installations.all()
    for one in found:
        status = f"{one.status.value} ({one.paused_reason})" if one.paused_reason else one.status.value
        click.echo(f"{one.key}\t{status}\t{one.adapter}\t{one.base_url}\t{one.name}")


@installations.command("check")
@click.argument("key")
@with_appcontext
@_plainly
def check(key: str) -> None:
    """Look in the CRM for what is missing or broken; nothing is changed."""
    steps = use.check(context(), key)
    _print_steps(steps)
    _fail_if_broken(steps)


@installations.command("rotate-secret")
@click.argument("key")
@with_appcontext
@_plainly
def rotate_secret(key: str) -> None:
    """Make a new webhook secret; the one before stays valid for 24 hours."""
    rotated = use.rotate_secret(context(), key)
    if rotated.secret is not None:
        click.echo(rotated.secret)
    for step in rotated.steps:
        click.echo(f"{_OUTCOMES[step.outcome]} {step.what}" + (f": {step.says}" if step.says else ""), err=True)


@installations.command("pause")
@click.argument("key")
@with_appcontext
@_plainly
def pause(key: str) -> None:
    """Let changes wait."""
    use.pause(context(), key)
    click.echo("Paused: changes wait.")


@installations.command("resume")
@click.argument("key")
@with_appcontext
@_plainly
def resume(key: str) -> None:
    """Go on with what waited."""
    use.resume(context(), key)
    click.echo("Resumed.")


@installations.command("remove")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
@_plainly
def remove(key: str, *, yes: bool) -> None:
    """Disconnect everybody and take no webhooks any more."""
    found = use.by_key(context(), key)
    if not yes:
        click.confirm(f"Remove {found.name}? Everybody is disconnected, events stay as copies.", abort=True)
    ended = use.remove(context(), key)
    click.echo(f"Removed; {ended} connections ended.")


# --- keys and parked work -------------------------------------------------------------------------------------------


@click.command("rotate-keys")
@with_appcontext
@_plainly
def rotate_keys() -> None:
    """Encrypt everything anew under the first of TOKEN_KEYS; says how much is left. Safe to stop and begin again."""
    progress = (0, 0, 0)
    for progress in gateway().rotate_keys():
        click.echo(f"done {progress[0]}, left {progress[2]}", err=True)
    _, failed, left = progress
    click.echo(f"rows left: {left}")
    if failed:
        raise click.ClickException(f"{failed} rows open with none of TOKEN_KEYS. Add the key they were made with.")
    if left == 0:
        click.echo("The older keys may be taken out of TOKEN_KEYS.")


@click.command("parked")
@click.option("--installation", "key", metavar="KEY", help="Only this one's.")
@with_appcontext
@_plainly
def parked(key: str | None) -> None:
    """Work set aside after it kept failing, one line each: installation, topic, key, attempts, since, reason."""
    for one in use.parked(context(), key):
        since = told_time(one.parked_at) or ""
        click.echo("\t".join([one.installation_id, one.topic.value, one.key, str(one.attempts), since, one.reason]))


@click.command("replay")
@click.option("--installation", "key", metavar="KEY", help="Only this one's.")
@click.option("--topic", help="Only this kind of work.")
@click.option("--key", "work_key", help="Only the work about this link, connection or installation.")
@click.option("--reason", help="Only what was parked for this reason.")
@click.option("--all", "everything", is_flag=True, help="All of it.")
@with_appcontext
@_plainly
def replay(key: str | None, topic: str | None, work_key: str | None, reason: str | None, *, everything: bool) -> None:
    """Try parked work again; what is done is decided from the present state."""
    wanted = {"topic": topic, "key": work_key, "reason": reason}
    if not everything and key is None and not any(wanted.values()):
        raise NotReadable("replay", "say which work: --installation, --topic, --key, --reason, or --all")
    chosen = [one for one in use.parked(context(), key) if _fits(one, wanted)]
    click.echo(f"{use.replay(context(), chosen)} taken up again.")


def _fits(one: Parked, wanted: dict[str, str | None]) -> bool:
    return all(value is None or str(getattr(one, name)) == value for name, value in wanted.items())


GROUPS: Final[tuple[click.Command, ...]] = (installations, rotate_keys, parked, replay)
"""What ``flask --app wsgi`` gets beside Flask's own."""
