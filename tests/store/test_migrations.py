"""Migrations and tables say the same, and every migration has a way back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from gateway.core.model import ConnectionId, Field, FieldConflict, TaskId
from gateway.core.records import Arrival, Entry, Topic
from gateway.store.engine import is_migrated, make_engine
from gateway.store.schema import REVISION, metadata
from gateway.store.unit_of_work import PgStore
from gateway.store.vault import Vault
from tests.fakes_store import HandClock
from tests.store.rows import CAL, HERE, NOW, THERE, a_link, a_place, a_subscription, furnish, must_lease

REPOSITORY = Path(__file__).parents[2]

SHAPE = """
SELECT 'column', table_name || '.' || column_name, data_type || ' ' || is_nullable || ' ' || is_identity || ' '
    || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
UNION ALL
SELECT 'options', relname, array_to_string(reloptions, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relname NOT LIKE 'alembic_version%'
UNION ALL
SELECT 'sequence', sequencename::text, increment_by::text FROM pg_sequences WHERE schemaname = 'public'
ORDER BY 1, 2
"""


def shape(url: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(SHAPE).fetchall()


def alembic(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *words],
        cwd=REPOSITORY,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_migrations_make_exactly_the_tables(database_url: str, empty_database_url: str):
    engine = make_engine(empty_database_url)
    metadata.create_all(engine)
    engine.dispose()
    assert shape(database_url) == shape(empty_database_url)


def test_alembic_finds_no_difference(database_url: str):
    done = alembic(database_url, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No new upgrade operations detected" in done.stdout


def test_there_and_back_and_there_again(database_url: str):
    first = shape(database_url)
    assert alembic(database_url, "downgrade", "base").returncode == 0
    assert shape(database_url) == []
    assert alembic(database_url, "upgrade", "head").returncode == 0
    assert shape(database_url) == first


@pytest.mark.parametrize("back_to", ["0001", "0003", "0005"])
def test_there_and_back_with_data_in_it(database_url: str, back_to: str):
    """What people wrote and what is owed comes through; the code of today works with it afterwards (fault 37)."""
    engine = make_engine(database_url)
    store = PgStore(engine, Vault((b"k" * 32,)), HandClock(NOW))
    furnish(store, HERE, THERE)
    arrival = Arrival("crm", "d1", b"digest", NOW, raw=b"body", tasks=(TaskId("t-l1"),))
    story = Entry(NOW, "gateway", "event_created", {})
    what = FieldConflict(Field.TITLE, calendar="Call Bob", kept="Call Ada")
    with store.begin() as uow:
        link = uow.links.add(a_link(place=a_place()))
        uow.subscriptions.add(a_subscription())
        uow.inbox.record(HERE, arrival)
        uow.timeline.add(HERE, link.task_id, story)
        uow.conflicts.open(link, what, version=7, at=NOW)
        uow.outbox.request(HERE, Topic.SYNC, link.id, mailbox=CAL, now=NOW)
        uow.commit()
    with store.begin() as uow:
        before = (uow.links.get(HERE, link.id), uow.connections.get(THERE, ConnectionId("c1")))
    engine.dispose()
    for words in (("downgrade", back_to), ("upgrade", "head")):
        done = alembic(database_url, *words)
        assert done.returncode == 0, done.stderr
    with store.begin() as uow:
        assert (uow.links.get(HERE, link.id), uow.connections.get(THERE, ConnectionId("c1"))) == before
        assert uow.inbox.record(HERE, arrival) is None, "still known"
        assert [entry.code for entry in uow.timeline.of_task(HERE, link.task_id, 9)] == ["event_created"]
        assert [one.what for one in uow.conflicts.of_link(HERE, link.id)] == [what]
        assert uow.subscriptions.get("google", a_subscription().id) is not None
    assert must_lease(store).key == link.id
    engine.dispose()


def test_two_releases_at_once_do_no_harm(empty_database_url: str):
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    env = {**os.environ, "DATABASE_URL": empty_database_url}
    both = [subprocess.Popen(command, cwd=REPOSITORY, env=env, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [release.communicate()[1] for release in both]
    assert [release.returncode for release in both] == [0, 0], said


def test_older_spelling_of_the_address(empty_database_url: str):
    done = alembic(empty_database_url.replace("postgresql://", "postgres://"), "upgrade", "head")
    assert done.returncode == 0, done.stderr


def test_without_address_it_names_the_setting():
    done = alembic("", "upgrade", "head")
    assert done.returncode != 0
    assert "DATABASE_URL" in done.stderr
    assert "postgresql://" in done.stderr


def test_the_code_knows_its_revision(database_url: str, empty_database_url: str):
    assert ScriptDirectory.from_config(Config(REPOSITORY / "alembic.ini")).get_current_head() == REVISION
    for url, migrated in ((database_url, True), (empty_database_url, False)):
        engine = make_engine(url)
        assert is_migrated(engine) is migrated
        engine.dispose()


@pytest.mark.parametrize("url", ["mysql://x", "", "dbname=x", "sqlite:///x"])
def test_only_postgresql(url: str):
    with pytest.raises(ValueError, match="postgresql://"):
        make_engine(url)
