"""What arrivals leave behind: hints at links, the runs owed to them, the timeline. One statement for any number.

Rows go in as JSON: one value is told faster than a dozen of the client library's arrays.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection as Transaction
from sqlalchemy import text

from gateway.core.boxes import Note
from gateway.core.model import InstallationId, TaskId
from gateway.core.records import Entry, Topic
from gateway.core.schedule import COALESCE
from gateway.store.link_rows import LinkRows
from gateway.store.outbox_sql import ASKED_AGAIN
from gateway.store.vault import Vault

# The links are locked by whoever calls this (``Links.by_tasks``); outbox rows follow in the order of their keys.
_LEAVE = text(f"""
WITH note AS (
    SELECT n.*, coalesce((
        SELECT 'cal:' || c.id FROM connections AS c
        WHERE c.installation_id = n.installation_id AND c.user_id = n.told ORDER BY c.seq DESC LIMIT 1
    ), n.otherwise) AS mailbox
    FROM jsonb_to_recordset(CAST(:notes AS jsonb)) AS n (
        installation_id text, link_id text, hint text, version bigint, owner_id text, status text, told text,
        otherwise text
    )
), hinted AS (
    UPDATE links SET
        task_hint = decode(note.hint, 'base64'), task_seq = task_seq + 1, status = note.status,
        task_version = coalesce(note.version, task_version), owner_id = coalesce(note.owner_id, links.owner_id)
    FROM note WHERE links.installation_id = note.installation_id AND links.id = note.link_id
), told AS (
    INSERT INTO timeline (installation_id, task_id, at, actor, code, detail)
    SELECT installation_id, task_id, at, actor, code, detail
    FROM jsonb_to_recordset(CAST(:entries AS jsonb)) AS entry (
        place int, installation_id text, task_id text, at timestamptz, actor text, code text, detail jsonb
    )
    ORDER BY place
)
INSERT INTO outbox AS o (installation_id, topic, key, mailbox, lane, generation, due_at, first_owed_at)
SELECT installation_id, :topic, link_id, mailbox, 'now', 1, :now, :now FROM note ORDER BY link_id
{ASKED_AGAIN}
RETURNING o.key, o.mailbox, coalesce(again_at, due_at) AS due
""")  # noqa: S608 - from a constant of ours


class PgIntake:
    """The port ``Intake``."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._rows = LinkRows(vault)

    def leave(
        self, notes: Sequence[Note], entries: Sequence[tuple[InstallationId, TaskId, Entry]], now: datetime
    ) -> Sequence[tuple[str, datetime]]:
        """Leave hints, owe runs, write the timeline; see the port."""
        if not notes and not entries:
            return ()
        rows = self._transaction.execute(
            _LEAVE,
            {
                "notes": json.dumps([self._note(note) for note in notes]),
                "entries": json.dumps([_entry(place, *one) for place, one in enumerate(entries)], default=str),
                "topic": Topic.SYNC.value,
                "now": now,
                "soon": now + COALESCE,
            },
        ).all()
        owed = {row.key: (row.mailbox, row.due) for row in rows}
        return [owed[note.link.id] for note in notes]

    def _note(self, note: Note) -> dict[str, object]:
        link, hint = note.link, note.link.task_hint
        sealed = None if hint is None else self._rows.task_hint(link.installation_id, link.id, hint)
        return {
            "installation_id": link.installation_id,
            "link_id": link.id,
            "hint": sealed and base64.b64encode(sealed).decode(),
            "version": link.task_version,
            "owner_id": link.owner_id,
            "status": link.status.value,
            "told": note.owner,
            "otherwise": note.mailbox,
        }


def _entry(place: int, installation_id: InstallationId, task_id: TaskId, entry: Entry) -> dict[str, object]:
    return {
        "place": place,
        "installation_id": installation_id,
        "task_id": task_id,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "code": entry.code,
        "detail": dict(entry.detail),
    }
