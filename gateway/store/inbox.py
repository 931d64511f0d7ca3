"""What was said to us: recorded once per id that its sender promises unique. Raw bodies are encrypted."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from datetime import datetime

from sqlalchemy import Connection as Transaction
from sqlalchemy import text

from gateway.core.model import InstallationId
from gateway.core.records import Arrival
from gateway.store.ids import new_id
from gateway.store.vault import Vault

_RAW = "inbox.raw"

# Rows go in as JSON, which has lists of any length and costs the client least; bodies, which may be large, as bytes.
_RECORD = text("""
WITH said AS (
    SELECT row.*, body.raw
    FROM jsonb_to_recordset(CAST(:said AS jsonb)) AS row (
        place int, id text, installation_id text, door text, dedupe_id text, digest text, at timestamptz, tasks text[],
        detail jsonb
    )
    JOIN unnest(CAST(:raws AS bytea[])) WITH ORDINALITY AS body (raw, place) USING (place)
), new AS (
    INSERT INTO inbox (id, installation_id, door, dedupe_id, digest, at, tasks, detail, raw)
    SELECT id, installation_id, door, dedupe_id, decode(digest, 'hex'), at, tasks, detail, raw
    FROM said ORDER BY installation_id, door, dedupe_id, id
    ON CONFLICT (installation_id, door, dedupe_id) WHERE dedupe_id IS NOT NULL DO NOTHING
    RETURNING installation_id, id, tasks, raw IS NOT NULL AS has_body
), bodies AS (
    INSERT INTO inbox_bodies (installation_id, task_id, inbox_id)
    SELECT DISTINCT new.installation_id, task_id, new.id FROM new, unnest(new.tasks) AS task_id WHERE new.has_body
)
SELECT id FROM new
""")

_DROP_BODIES = text("""
WITH old AS (
    UPDATE inbox SET raw = NULL
    WHERE id IN (
        SELECT id FROM inbox WHERE raw IS NOT NULL AND at < :before ORDER BY at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING installation_id, id, tasks
), gone AS (
    DELETE FROM inbox_bodies WHERE (installation_id, task_id, inbox_id) IN (
        SELECT b.installation_id, b.task_id, b.inbox_id
        FROM inbox_bodies AS b JOIN (SELECT installation_id, id, unnest(tasks) AS task_id FROM old) AS o
            ON b.installation_id = o.installation_id AND b.task_id = o.task_id AND b.inbox_id = o.id
        FOR UPDATE OF b SKIP LOCKED -- who has locked one is wiping its task, in the other direction
    )
)
SELECT count(*) FROM old
""")

_DROP_ROWS = text("""
DELETE FROM inbox WHERE id IN (
    SELECT id FROM inbox WHERE at < :before AND raw IS NULL LIMIT :limit FOR UPDATE SKIP LOCKED
)
""")


class PgInbox:
    """The port ``Inbox``."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._vault = vault

    def record(self, installation_id: InstallationId | None, arrival: Arrival) -> str | None:
        """Store one; ``None``: this dedupe id was seen before at this door (nothing stored). Of two at once the second
        waits for the first one's commit."""
        id_ = new_id(arrival.at)
        return id_ if id_ in self._record([(id_, installation_id or "", arrival)]) else None

    def record_all(self, arrivals: Sequence[tuple[InstallationId, Arrival]]) -> Sequence[bool]:
        """Store several; ``False`` for those that were seen before."""
        if not arrivals:
            return []
        said = [(new_id(arrival.at), installation_id, arrival) for installation_id, arrival in arrivals]
        new = self._record(said)
        return [id_ in new for id_, _tenant, _arrival in said]

    def _record(self, said: Sequence[tuple[str, str, Arrival]]) -> Container[str]:
        rows = self._transaction.execute(
            _RECORD,
            {
                "said": json.dumps([_row(place, *one) for place, one in enumerate(said, 1)], default=str),
                "raws": [self._sealed(*one) for one in said],
            },
        )
        return set(rows.scalars())

    def _sealed(self, id_: str, tenant: str, arrival: Arrival) -> bytes | None:
        return None if arrival.raw is None else self._vault.encrypt(arrival.raw, tenant, id_, _RAW)

    def drop_old(self, bodies_before: datetime, rows_before: datetime, limit: int) -> int:
        """Retention: raw bodies first, whole rows later, at most ``limit`` of each. Gives the number touched."""
        bodies: int = self._transaction.execute(_DROP_BODIES, {"before": bodies_before, "limit": limit}).scalar_one()
        rows = self._transaction.execute(_DROP_ROWS, {"before": rows_before, "limit": limit}).rowcount
        return bodies + rows


def _row(place: int, id_: str, tenant: str, arrival: Arrival) -> dict[str, object]:
    return {
        "place": place,
        "id": id_,
        "installation_id": tenant,
        "door": arrival.door,
        "dedupe_id": arrival.dedupe_id,
        "digest": arrival.digest.hex(),
        "at": arrival.at.isoformat(),
        "tasks": list(arrival.tasks),
        "detail": dict(arrival.detail),
    }
