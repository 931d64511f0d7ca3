"""B1, B22: what nobody may find, looked for everywhere: in every column of every table, in every line of the log, in
every representation of a record."""

from __future__ import annotations

import base64
import dataclasses
import logging

import psycopg
import pytest
from psycopg import sql

from gateway.core.model import UserId
from gateway.services import work
from gateway.services.context import link_id
from tests.flows import trouble
from tests.flows.acts import LATER, edit_task, new_task, synced_task
from tests.flows.house import House, Person

WORD = "Zyzzyva"
"""A word that stands in every text that a person writes here, and nowhere else."""


def everything_stored(house: House) -> dict[str, str]:
    """Every table, column by column, as text; bytes also as what they spell."""
    found: dict[str, str] = {}
    with psycopg.connect(house.environment["DATABASE_URL"]) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()
            values = [value for row in rows for value in row]
            spelled = [value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in values]
            found[table] = "\n".join(spelled)
    return found


def secrets_of(house: House, *people: Person) -> list[str]:
    """All that opens a door: the installation's, the deployment's, the people's."""
    inst = house.gateway_installation()
    with house.ctx.store.begin() as uow:
        held = [uow.connections.of_user(inst, UserId(who.user_id)) for who in people]
        installation = uow.installations.get(inst)
    assert installation is not None
    credentials = [c.credential.decode("latin-1") for c in held if c is not None]
    own = [house.installation["webhook_secret"], house.installation["api_token"]]
    environment = [house.environment[name] for name in ("SECRET_KEY", "TOKEN_KEYS", "GOOGLE_CLIENT_SECRET")]
    raw = base64.b64decode(own[0].removeprefix("whsec_")).decode("latin-1")
    return [*credentials, *own, *environment, raw, own[0].removeprefix("whsec_")]


def a_busy_week(house: House, who: Person) -> str:
    """Edits on both sides, a conflict, refusals, outages, rubbish: everything that might make somebody talk."""
    task = synced_task(house, who, title=f"{WORD} one", description=f"{WORD} two")
    edit_task(who, task, title=f"{WORD} three")
    house.edit_event(who, house.event(who), summary=f"{WORD} four")
    house.settle()
    trouble.google(house, method="PATCH", status=400, body={"error": {"code": 400, "message": f"{WORD} is bad"}})
    edit_task(who, task, title=f"{WORD} five", due=LATER)
    house.settle()
    house.edit_event(who, house.event(who), summary=f"{WORD} both")
    house.settle()
    trouble.crm(house, method="PATCH", status=500, body=f"{WORD} went wrong")
    trouble.crm(house, method="POST", path="/sync-state", status=502, body=f"<p>{WORD}")
    house.edit_event(who, house.event(who), summary=f"{WORD} six")
    house.settle()
    trouble.well(house)
    trouble.google(house, "cut_after_write", method="PATCH")
    edit_task(who, task, title=f"{WORD} seven")
    trouble.until_quiet(house)
    return task


def test_b1_no_text_and_no_secret_is_in_the_log_or_plain_in_the_database(
    house: House, ada: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for name in ("urllib3", "requests", "googleapiclient", "werkzeug"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        a_busy_week(house, ada)
    said = "\n".join(
        [
            logging.Formatter("%(message)s").format(record) + repr(sorted(map(str, record.__dict__.items())))
            for record in caplog.records
            if record.name.split(".")[0] not in ("sandbox", "werkzeug", "urllib3")
        ]
    )
    stored = everything_stored(house)
    for hidden in [WORD, *secrets_of(house, ada)]:
        assert hidden not in said
        assert [table for table, text in stored.items() if hidden in text] == []


def test_b1_of_a_task_that_is_off_no_text_is_kept_not_even_encrypted(house: House, ada: Person) -> None:
    task = a_busy_week(house, ada)
    edit_task(ada, task, calendar_sync=False, title=f"{WORD} eight")
    house.settle()
    edit_task(ada, task, title=f"{WORD} nine")
    never = new_task(ada, title=f"{WORD} ten")
    house.settle()
    inst = house.gateway_installation()
    with house.ctx.store.begin() as uow:
        link = uow.links.get(inst, link_id(inst, task))  # type: ignore[arg-type]
        assert uow.links.get(inst, link_id(inst, never)) is None  # type: ignore[arg-type]
    assert link is not None
    assert WORD not in repr(dataclasses.asdict(link))
    with psycopg.connect(house.environment["DATABASE_URL"]) as connection:
        kept = connection.execute("SELECT count(*) FROM inbox WHERE raw IS NOT NULL").fetchone()
        said = connection.execute("SELECT count(*) FROM conflicts WHERE content IS NOT NULL").fetchone()
    assert (kept, said) == ((0,), (0,))


def test_no_record_shows_its_secrets(house: House, ada: Person) -> None:
    synced_task(house, ada)
    inst = house.gateway_installation()
    with house.ctx.store.begin() as uow:
        installation = uow.installations.get(inst)
        connection = uow.connections.of_user(inst, UserId(ada.user_id))
        assert connection is not None
        subscriptions = uow.subscriptions.of_connection(inst, connection.id)
    shown = repr([installation, connection, *subscriptions, house.ctx, house.gateway, work.HANDLERS])
    shown += str([installation, connection, house.gateway.settings])
    for secret in secrets_of(house, ada):
        assert secret not in shown
        assert repr(secret)[1:-1] not in shown
