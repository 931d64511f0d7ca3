"""Commands for the day something is the matter: parked work, held mass changes."""

from __future__ import annotations

from typing import Final

import click
from flask.cli import with_appcontext

from gateway.core.errors import NotReadable
from gateway.core.records import Parked
from gateway.services import held as batches
from gateway.services import installations as use
from gateway.web.api import told_time
from gateway.web.door import context
from gateway.web.plainly import plainly


@click.command("parked")
@click.option("--installation", "key", metavar="KEY", help="Only this one's.")
@with_appcontext
@plainly
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
@plainly
def replay(key: str | None, topic: str | None, work_key: str | None, reason: str | None, *, everything: bool) -> None:
    """Try parked work again; what is done is decided from the present state."""
    wanted = {"topic": topic, "key": work_key, "reason": reason}
    if not everything and key is None and not any(wanted.values()):
        raise NotReadable("replay", "say which work: --installation, --topic, --key, --reason, or --all")
    chosen = [one for one in use.parked(context(), key) if _fits(one, wanted)]
    click.echo(f"{use.replay(context(), chosen)} taken up again.")


def _fits(one: Parked, wanted: dict[str, str | None]) -> bool:
    return all(value is None or str(getattr(one, name)) == value for name, value in wanted.items())


# --- mass changes ---------------------------------------------------------------------------------------------------


@click.group("held")
def held() -> None:
    """Mass changes in a calendar that wait for a yes or a no."""


@held.command("list")
@click.option("--installation", "key", metavar="KEY", help="Only this one's.")
@with_appcontext
@plainly
def list_held(key: str | None) -> None:
    """One line each: id, installation, user, since, how many tasks."""
    inst = use.by_key(context(), key).id if key is not None else None
    for one in batches.waiting(context(), inst):
        since = told_time(one.made_at) or ""
        click.echo("\t".join([one.id, one.installation_id, one.user_id, since, str(len(one.tasks))]))


@held.command("approve")
@click.argument("key")
@click.argument("held_id")
@with_appcontext
@plainly
def approve_held(key: str, held_id: str) -> None:
    """Let it through: switches go off, tasks follow. KEY: the installation's."""
    batch = batches.approve(context(), use.by_key(context(), key).id, held_id, batches.OPERATOR)
    click.echo(f"Approved: {len(batch.tasks)} tasks follow their calendar.")


@held.command("drop")
@click.argument("key")
@click.argument("held_id")
@with_appcontext
@plainly
def drop_held(key: str, held_id: str) -> None:
    """Undo it: the tasks stay, events are made anew and put back. KEY: the installation's."""
    batch = batches.drop(context(), use.by_key(context(), key).id, held_id, batches.OPERATOR)
    click.echo(f"Dropped: {len(batch.tasks)} events are put back.")


COMMANDS: Final[tuple[click.Command, ...]] = (parked, replay, held)
"""All of them."""
