"""Commands for the day something is the matter: parked work, held mass changes, pauses, one user's data."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

import click
from flask.cli import with_appcontext

from gateway.core.errors import NotReadable
from gateway.core.model import InstallationId, TaskId, UserId
from gateway.core.reading import an_instant
from gateway.core.records import ParkReason, Topic
from gateway.services import held as batches
from gateway.services import installations as use
from gateway.services import parked as parking
from gateway.services import pausing, personal_data
from gateway.web.api import told_time
from gateway.web.door import context
from gateway.web.plainly import plainly
from gateway.web.telling import Told, rows, telling, words


@click.command("parked")
@click.option("--installation", "key", metavar="KEY", help="Only this one's.")
@with_appcontext
@plainly
@telling
def parked(key: str | None) -> Told:
    """Work set aside after it kept failing, one line each: installation, topic, key, attempts, since, reason."""
    found = parking.waiting(context(), _installation(key))
    return rows(
        [
            {
                "installation_id": one.installation_id,
                "topic": one.topic.value,
                "key": one.key,
                "attempts": one.attempts,
                "since": told_time(one.parked_at),
                "reason": one.reason.value,
            }
            for one in found
        ]
    )


@click.command("replay")
@click.option("--installation", "key", metavar="KEY", help="Only this one's.")
@click.option("--topic", type=click.Choice([topic.value for topic in Topic]), help="Only this kind of work.")
@click.option("--key", "work_key", help="Only the work about this link, connection or installation.")
@click.option("--task", help="Only the work about this task (with --installation).")
@click.option("--user", help="Only the work about this user (with --installation).")
@click.option("--reason", type=click.Choice([why.value for why in ParkReason]), help="Only what was parked for this.")
@click.option("--from", "since", help="Only what was parked at or after this time, as 2026-03-01T12:00:00Z.")
@click.option("--to", "until", help="Only what was parked before this time.")
@click.option("--all", "everything", is_flag=True, help="All of it.")
@with_appcontext
@plainly
@telling
def replay(key: str | None, work_key: str | None, *, everything: bool, **which: str | None) -> Told:
    """Try parked work again; what is done is decided from the present state."""
    if not everything and not any([key, work_key, *which.values()]):
        raise NotReadable("replay", "say which work: --installation, --task, --user, --reason, --from, ..., or --all")
    task, user, topic, reason = which["task"], which["user"], which["topic"], which["reason"]
    if key is None and (task or user):
        raise NotReadable("installation", "say whose task or user it is: --installation KEY")
    choice = parking.Choice(
        task=TaskId(task) if task else None,
        user=UserId(user) if user else None,
        topic=Topic(topic) if topic else None,
        key=work_key,
        reason=ParkReason(reason) if reason else None,
        since=_time(which["since"], "from"),
        until=_time(which["until"], "to"),
    )
    taken = parking.replay(context(), _installation(key), choice)
    return words(f"{taken} taken up again.", taken=taken)


def _installation(key: str | None) -> InstallationId | None:
    return use.by_key(context(), key).id if key is not None else None


def _time(text: str | None, name: str) -> datetime | None:
    return an_instant(text, name) if text else None


# --- mass changes ---------------------------------------------------------------------------------------------------


@click.group("held")
def held() -> None:
    """Mass changes in a calendar that wait for a yes or a no."""


@held.command("list")
@click.option("--installation", "key", metavar="KEY", help="Only this one's.")
@with_appcontext
@plainly
@telling
def list_held(key: str | None) -> Told:
    """One line each: id, installation, user, since, how many tasks."""
    found = batches.waiting(context(), _installation(key))
    return rows(
        [
            {
                "id": one.id,
                "installation_id": one.installation_id,
                "user_id": one.user_id,
                "since": told_time(one.made_at),
                "tasks": len(one.tasks),
            }
            for one in found
        ]
    )


@held.command("approve")
@click.argument("key")
@click.argument("held_id")
@with_appcontext
@plainly
@telling
def approve_held(key: str, held_id: str) -> Told:
    """Let it through: switches go off, tasks follow. KEY: the installation's."""
    batch = batches.approve(context(), use.by_key(context(), key).id, held_id, batches.OPERATOR)
    return words(f"Approved: {len(batch.tasks)} tasks follow their calendar.", tasks=len(batch.tasks))


@held.command("drop")
@click.argument("key")
@click.argument("held_id")
@with_appcontext
@plainly
@telling
def drop_held(key: str, held_id: str) -> Told:
    """Undo it: the tasks stay, events are made anew and put back. KEY: the installation's."""
    batch = batches.drop(context(), use.by_key(context(), key).id, held_id, batches.OPERATOR)
    return words(f"Dropped: {len(batch.tasks)} events are put back.", tasks=len(batch.tasks))


# --- everything -----------------------------------------------------------------------------------------------------


@click.command("pause-all")
@with_appcontext
@plainly
@telling
def pause_all() -> Told:
    """Let everything wait, in all processes; deliveries are recorded as ever."""
    pausing.pause_all(context())
    return words("Everything is paused.")


@click.command("resume-all")
@click.option("--take-over", is_flag=True, help="The other deployment is no more: its events are this one's now.")
@click.option("--forget", is_flag=True, help="It lives on: its tokens and events are forgotten here.")
@with_appcontext
@plainly
@telling
def resume_all(*, take_over: bool, forget: bool) -> Told:
    """Go on with everything. In a database that another deployment has filled, say how."""
    halt = pausing.halted(context())
    if halt is not None and halt.reason == pausing.RESTORED and take_over == forget:
        raise click.ClickException(
            f"This database belongs to the deployment {halt.owner}. Is that one no more? --take-over. Does it live on, "
            "and this is a copy? --forget: tokens are erased here, and everybody connects anew."
        )
    pausing.resume_all(context(), take_over=take_over, forget=forget)
    return words("Resumed.")


# --- one user -------------------------------------------------------------------------------------------------------


@click.group("users")
def users() -> None:
    """One CRM user. KEY is the installation's, UID the CRM's id of the user."""


@users.command("pause")
@click.argument("key")
@click.argument("uid")
@with_appcontext
@plainly
@telling
def pause_user(key: str, uid: str) -> Told:
    """Leave the calendar alone for now; switches stay on."""
    pausing.pause_user(context(), use.by_key(context(), key).id, UserId(uid))
    return words("Paused: changes wait.")


@users.command("resume")
@click.argument("key")
@click.argument("uid")
@with_appcontext
@plainly
@telling
def resume_user(key: str, uid: str) -> Told:
    """Go on, after a look at both sides."""
    pausing.resume_user(context(), use.by_key(context(), key).id, UserId(uid))
    return words("Resumed.")


@users.command("export")
@click.argument("key")
@click.argument("uid")
@with_appcontext
@plainly
def export_user(key: str, uid: str) -> None:
    """Print everything held about the user, but secrets, as JSON."""
    found = personal_data.export(context(), use.by_key(context(), key).id, UserId(uid))
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@users.command("erase")
@click.argument("key")
@click.argument("uid")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
@plainly
@telling
def erase_user(key: str, uid: str, *, yes: bool) -> Told:
    """Disconnect, give the tokens back, then delete everything held about the user."""
    installation = use.by_key(context(), key)
    if not yes:
        click.confirm(f"Erase all that is held about {uid}? Events stay in the calendar as copies.", abort=True)
    personal_data.ask_to_erase(context(), installation, UserId(uid))
    return words("It is under way: tokens first.")


COMMANDS: Final[tuple[click.Command, ...]] = (parked, replay, held, pause_all, resume_all, users)
"""All of them."""
