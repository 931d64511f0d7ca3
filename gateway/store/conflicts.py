"""What both sides changed at once. Both values are encrypted, and gone once the task's text was wiped."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Row, bindparam, insert, select, text, tuple_, update

from gateway.core.errors import NotReadable
from gateway.core.model import Field, FieldConflict, InstallationId, LinkId, TaskId, UserId
from gateway.core.records import Conflict, Link
from gateway.store.codec import FIELD_CONFLICT
from gateway.store.ids import new_id
from gateway.store.schema import CONFLICTS
from gateway.store.vault import Vault

SUPERSEDED = "superseded"
EXPIRED = "expired"

_CONTENT = "conflicts.content"
_C = CONFLICTS.c
_SELECT = select(CONFLICTS)
_OURS = _SELECT.where(_C.installation_id == bindparam("installation"))
_OPEN = _C.closed_at.is_(None)

_ADD = insert(CONFLICTS)
_CLOSE = text("""
UPDATE conflicts SET closed_at = :at, closed_by = :how
WHERE installation_id = :installation AND link_id = :link AND closed_at IS NULL AND field = ANY(:fields)
""")
_GET = _OURS.where(_C.id == bindparam("conflict"))
_OF_LINK = _OURS.where(_C.link_id == bindparam("link"), _OPEN).order_by(_C.detected_at, _C.id)
_PAGE = (
    _OURS.where(tuple_(_C.detected_at, _C.id) > tuple_(bindparam("after_at"), bindparam("after_id")))
    .order_by(_C.detected_at, _C.id)
    .limit(bindparam("limit"))
)
_PAGE_OF_USER = _PAGE.where(_C.user_id == bindparam("user"))
_EXPIRE = (
    update(CONFLICTS)
    .where(
        tuple_(_C.installation_id, _C.id).in_(
            select(_C.installation_id, _C.id)
            .where(_OPEN, _C.detected_at < bindparam("before"))
            .order_by(_C.detected_at)
            .limit(bindparam("limit"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(closed_at=bindparam("at"), closed_by=EXPIRED)
    .returning(CONFLICTS)
)
_BEGINNING = (datetime.fromisoformat("0001-01-01T00:00:00+00:00"), "")


class PgConflicts:
    """The port ``Conflicts``."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._vault = vault

    def open(self, link: Link, what: FieldConflict, *, version: int, at: datetime) -> str:
        """Record one; an open one of the same link and field is superseded. Gives its id."""
        self.close(link.installation_id, link.id, [what.field], SUPERSEDED, at)
        id_ = new_id(at)
        self._transaction.execute(
            _ADD,
            {
                "installation_id": link.installation_id,
                "id": id_,
                "link_id": link.id,
                "task_id": link.task_id,
                "user_id": link.owner_id,
                "field": what.field.value,
                "content": self._vault.encrypt(FIELD_CONFLICT.dump(what), link.installation_id, id_, _CONTENT),
                "version": version,
                "detected_at": at,
            },
        )
        return id_

    def close(
        self, installation_id: InstallationId, link_id: LinkId, fields: Sequence[Field] | None, how: str, at: datetime
    ) -> int:
        """Close a link's open ones in these fields (``None``: all). Gives how many."""
        which = {"installation": installation_id, "link": link_id, "how": how, "at": at}
        named = [field.value for field in (Field if fields is None else fields)]
        return self._transaction.execute(_CLOSE, {**which, "fields": named}).rowcount

    def get(self, installation_id: InstallationId, conflict_id: str) -> Conflict | None:
        """By id."""
        which = {"installation": installation_id, "conflict": conflict_id}
        row = self._transaction.execute(_GET, which).one_or_none()
        return None if row is None else self._conflict(row)

    def of_link(self, installation_id: InstallationId, link_id: LinkId) -> Sequence[Conflict]:
        """A link's open ones, oldest first."""
        which = {"installation": installation_id, "link": link_id}
        return [self._conflict(row) for row in self._transaction.execute(_OF_LINK, which)]

    def search(
        self,
        installation_id: InstallationId,
        *,
        user_id: UserId | None,
        open_only: bool,
        cursor: str | None,
        limit: int,
        closed_only: bool = False,
    ) -> tuple[Sequence[Conflict], str | None]:
        """Oldest first, with a cursor where there are more. Raises ``NotReadable`` for a cursor that is not ours."""
        statement = _PAGE if user_id is None else _PAGE_OF_USER
        if open_only or closed_only:
            statement = statement.where(_OPEN if open_only else ~_OPEN)
        after_at, after_id = _BEGINNING if cursor is None else _read_cursor(cursor)
        which = {"installation": installation_id, "after_at": after_at, "after_id": after_id, "limit": limit + 1}
        rows = self._transaction.execute(statement, which if user_id is None else {**which, "user": user_id}).all()
        found = [self._conflict(row) for row in rows[:limit]]
        return found, _cursor(found[-1]) if len(rows) > limit and found else None

    def expire(self, before: datetime, at: datetime, limit: int) -> Sequence[Conflict]:
        """Close those open since before then, in every installation."""
        rows = self._transaction.execute(_EXPIRE, {"before": before, "at": at, "limit": limit})
        return [self._conflict(row) for row in rows]

    def _conflict(self, row: Row[Any]) -> Conflict:
        return Conflict(
            id=row.id,
            installation_id=InstallationId(row.installation_id),
            link_id=LinkId(row.link_id),
            task_id=TaskId(row.task_id),
            user_id=row.user_id,
            what=self._opened(row),
            version=row.version,
            detected_at=row.detected_at,
            closed_at=row.closed_at,
            closed_by=row.closed_by,
        )

    def _opened(self, row: Row[Any]) -> FieldConflict:
        if row.content is None:
            return FieldConflict(Field(row.field), calendar="", kept="")
        return FIELD_CONFLICT.load(self._vault.decrypt(row.content, row.installation_id, row.id, _CONTENT))


def _cursor(conflict: Conflict) -> str:
    plain = json.dumps([conflict.detected_at.isoformat(), conflict.id])
    return base64.urlsafe_b64encode(plain.encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, id_ = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        after = datetime.fromisoformat(at)
    except (binascii.Error, ValueError, TypeError):
        after, id_ = None, None
    if after is None or after.tzinfo is None or not isinstance(id_, str) or "\0" in id_:
        raise NotReadable("cursor", "send the cursor of the answer before, unchanged")
    return after, id_
